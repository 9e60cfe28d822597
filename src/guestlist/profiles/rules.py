"""The rules of identity: which values count, which identifiers weigh more, how many a profile may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

DEVICE_TYPES = ("ios.idfa", "android.idfa", "anonymous_id")
"""They tell a device, not a person: a person may go through a great many."""

BLOCKED_VALUES = frozenset(
    (
        *("-1", "null", "nil", "none", "nan", "undefined", "anonymous", "guest", "unknown", "n/a", "na"),
        *("true", "false", "[object object]", "(not set)", "not set", "test", "optout", "opt-out"),
    )
)
BLOCKED_PATTERNS = (r"^[\s0-]*$",)
"""Nothing but blanks, zeros and dashes: empty fields, and the mobile id of people who opted out. Must stay within RE2."""


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """Values that point at nobody. Compared in lower case, after normalising."""

    values: frozenset[str] = BLOCKED_VALUES
    patterns: tuple[str, ...] = BLOCKED_PATTERNS
    values_by_type: Mapping[str, frozenset[str]] = field(default_factory=dict)
    patterns_by_type: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Hubs:
    """When a value of `types` joins nobody: it meets more than so many different values of one other type.

    Devices have a limit of their own, as one person's cookies are many and prove no second person.
    """

    types: tuple[str, ...] = ("email", "phone")
    people: int = 10
    devices: int = 100

    def limit(self, other_type: str) -> int:
        """How many values of that type a value may meet."""
        return self.devices if other_type in DEVICE_TYPES else self.people


@dataclass(frozen=True, kw_only=True)
class Normaliser:
    """How values of one type are brought to their normal form.

    `rule` is given the value and the country it came with, "" if none.
    Where the pattern `plain` (within RE2) holds, the value must be its own normal form: the engine then skips `rule`.
    """

    rule: Callable[[str, str], str | None]
    plain: str | None = None


@dataclass(frozen=True, kw_only=True)
class IdentityRules:
    """Rules of one space. `salt` keeps profile ids from being guessed from an e-mail."""

    salt: str
    normalisers: Mapping[str, Normaliser] = field(default_factory=dict)
    blocked: Blocked = field(default_factory=Blocked)
    hubs: Hubs = field(default_factory=Hubs)
    limits: Mapping[str, int] = field(default_factory=lambda: {"user_id": 1})
    strongest: tuple[str, ...] = ("user_id", "email", "phone")
    weakest: tuple[str, ...] = DEVICE_TYPES
    """Types that are neither, the custom ones, come between, all alike."""

"""The rules of identity: which values count, which identifiers weigh more, how many a profile may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa

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
class Limit:
    """How many identifiers of one type a profile may have: ever, or first seen within any span of time so long."""

    count: int
    within: timedelta | None = None

    def words(self, kind: str) -> str:
        """What it allows of a type, such as `5 email, ever`."""
        span = ", ever" if self.within is None else f" first seen within {self.within.days} days"
        return f"{self.count:,} {kind}{span}"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """By type; `others` is for types that are not named. None: no limit."""

    by_type: Mapping[str, Limit | None] = field(
        default_factory=lambda: {"user_id": Limit(count=1), **dict.fromkeys(DEVICE_TYPES)}
    )
    others: Limit | None = Limit(count=5)

    def of(self, kind: str) -> Limit | None:
        """The limit of a type."""
        return self.by_type.get(kind, self.others)


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What no profile grows beyond, whatever the types: identifiers, and merges of profiles that were there before."""

    identifiers: int = 1000
    merges: int = 100


@dataclass(frozen=True, kw_only=True)
class Priorities:
    """Types from the strongest to the weakest; all that are in neither list come between, by name."""

    strongest: tuple[str, ...] = ("user_id", "email", "phone")
    weakest: tuple[str, ...] = DEVICE_TYPES

    def order(self, kinds: set[str]) -> tuple[str, ...]:
        """These types, the strongest first."""
        named = {*self.strongest, *self.weakest}
        ordered = (*self.strongest, *sorted(kinds - named), *self.weakest)
        return tuple(kind for kind in ordered if kind in kinds)


@dataclass(frozen=True, kw_only=True)
class Normaliser:
    """How values of one type are brought to their normal form.

    `rule` is given the value and the country it came with, "" if none. Where the pattern `plain` (within RE2) holds for
    the value in lower case, that must be its normal form: the engine then skips `rule`. `columns` does what `rule` does
    for whole columns of values and countries, null where it is not sure.
    """

    rule: Callable[[str, str], str | None]
    plain: str | None = None
    columns: Callable[[pa.Array, pa.Array], pa.Array] | None = None


@dataclass(frozen=True, kw_only=True)
class IdentityRules:
    """Rules of one space. `salt` keeps profile ids from being guessed from an e-mail."""

    salt: str
    normalisers: Mapping[str, Normaliser] = field(default_factory=dict)
    configured: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Types that are read from traits, properties or the context of messages: paths such as `traits.loyalty_id`."""
    blocked: Blocked = field(default_factory=Blocked)
    hubs: Hubs | None = field(default_factory=Hubs)
    limits: Limits = field(default_factory=Limits)
    caps: Caps = field(default_factory=Caps)
    priorities: Priorities = field(default_factory=Priorities)
    pepper: str = ""
    alone: frozenset[str] = frozenset()
    """Tokens, made with `pepper`, of identifiers that were split off: they join nobody."""
    split_from: tuple[tuple[str, str], ...] = ()
    """The own id of each, and an id of the profile that it was split off from."""

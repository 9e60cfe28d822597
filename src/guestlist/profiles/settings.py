"""What `identity:` in `guestlist.yaml` may say; every mistake is told with its path, and what was probably meant."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from guestlist.errors import GuestlistError
from guestlist.misread import in_words
from guestlist.profiles.rules import BLOCKED_PATTERNS, BLOCKED_VALUES, Blocked, Caps, Hubs, Limit, Limits, Priorities
from guestlist.values.email import BLOCKED as MADE_UP_ADDRESSES

BUILT_IN = ("user_id", "email", "phone", "ios.idfa", "android.idfa", "anonymous_id")
_TYPE = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_PATH = re.compile(r"(traits|properties|context)(\.[A-Za-z0-9_$-]+)+")
_LIMIT = re.compile(r"([0-9]{1,6}) *(?:(?:per|a|/) *(week|month|year)|ever)?")
_SPANS = {"week": timedelta(days=7), "month": timedelta(days=30), "year": timedelta(days=365)}
_LIMIT_HELP = "write a number, such as 5, 5 ever, 5 per week, 5 per month or 5 per year, or none"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomSettings(_Part):
    """Where an identifier of one type is read."""

    from_: tuple[str, ...] = Field(alias="from", min_length=1)

    @field_validator("from_", mode="before")
    @classmethod
    def _one_or_more(cls, written: Any) -> Any:
        return [written] if isinstance(written, str) else written

    @field_validator("from_")
    @classmethod
    def _paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if not _PATH.fullmatch(path):
                message = "write a path such as traits.loyalty_id, properties.loyaltyId or context.device.id"
                raise ValueError(message)
        return paths


class BlockedOfType(_Part):
    """Values of one type that point at nobody."""

    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    @field_validator("values", "patterns", mode="before")
    @classmethod
    def _texts(cls, written: Any) -> Any:
        return _as_texts(written)

    @field_validator("patterns")
    @classmethod
    def _readable(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return _checked_patterns(patterns)


class BlockedSettings(BlockedOfType):
    """Values of every type that point at nobody, beside the usual ones."""

    usual: bool = True
    by_type: dict[str, BlockedOfType] = {}

    @field_validator("by_type")
    @classmethod
    def _types(cls, by_type: dict[str, Any]) -> dict[str, Any]:
        return _checked_types(by_type)


class HubSettings(_Part):
    """When a value that many people share joins nobody."""

    types: tuple[str, ...] = Hubs().types
    people: int = Field(default=Hubs().people, ge=1)
    devices: int = Field(default=Hubs().devices, ge=1)


class CapSettings(_Part):
    """What no profile grows beyond."""

    identifiers: int = Field(default=Caps().identifiers, ge=1)
    merges: int = Field(default=Caps().merges, ge=0)


class IdentitySettings(_Part):
    """The rules of a space, where they differ from the usual ones."""

    identifiers: dict[str, CustomSettings] = {}
    blocked: BlockedSettings = BlockedSettings()
    hubs: HubSettings | Literal[False] = HubSettings()
    limits: dict[str, Limit | None] = {}
    caps: CapSettings = CapSettings()
    priorities: tuple[str, ...] = ()

    @field_validator("identifiers")
    @classmethod
    def _custom_types(cls, identifiers: dict[str, CustomSettings]) -> dict[str, CustomSettings]:
        return _checked_types(identifiers)

    @field_validator("hubs", mode="before")
    @classmethod
    def _off(cls, written: Any) -> Any:
        return False if written == "off" else written

    @field_validator("limits", mode="before")
    @classmethod
    def _limits(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        return {kind: _limit(str(kind), limit) for kind, limit in _checked_types(dict(written)).items()}

    @field_validator("priorities")
    @classmethod
    def _once(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        _checked_types(dict.fromkeys(order))
        twice = sorted({kind for kind in order if order.count(kind) > 1})
        if twice:
            message = f"{twice[0]} stands there twice"
            raise ValueError(message)
        return order

    @property
    def configured(self) -> dict[str, tuple[str, ...]]:
        """Paths by type."""
        return {kind: custom.from_ for kind, custom in self.identifiers.items()}

    @property
    def blocked_values(self) -> Blocked:
        """The usual values, unless switched off, and the space's own."""
        usual, own = self.blocked.usual, self.blocked
        by_type = {kind: frozenset(some.values) for kind, some in own.by_type.items()}
        if usual:
            by_type["email"] = by_type.get("email", frozenset()) | MADE_UP_ADDRESSES
        return Blocked(
            values=frozenset(own.values) | (BLOCKED_VALUES if usual else frozenset()),
            patterns=(*(BLOCKED_PATTERNS if usual else ()), *own.patterns),
            values_by_type=by_type,
            patterns_by_type={kind: some.patterns for kind, some in own.by_type.items() if some.patterns},
        )

    @property
    def hub_rules(self) -> Hubs | None:
        """None: switched off."""
        if not self.hubs:
            return None
        return Hubs(types=self.hubs.types, people=self.hubs.people, devices=self.hubs.devices)

    @property
    def limit_rules(self) -> Limits:
        """The usual limits, the space's own in their place; `others` stands for types that are not named."""
        usual = Limits()
        own = {kind: limit for kind, limit in self.limits.items() if kind != "others"}
        return Limits(by_type={**usual.by_type, **own}, others=self.limits.get("others", usual.others))

    @property
    def cap_rules(self) -> Caps:
        """The caps as rules."""
        return Caps(identifiers=self.caps.identifiers, merges=self.caps.merges)

    @property
    def priority_rules(self) -> Priorities:
        """The types that are named come first, all others after them in the usual order."""
        usual = Priorities()
        strongest = (*self.priorities, *(kind for kind in usual.strongest if kind not in self.priorities))
        return Priorities(
            strongest=strongest, weakest=tuple(kind for kind in usual.weakest if kind not in self.priorities)
        )


def read_identity(written: Mapping[str, Any], place: str = "guestlist.yaml") -> IdentitySettings:
    """The section as values; `place` is what an error names."""
    try:
        return IdentitySettings.model_validate(dict(written))
    except ValidationError as error:
        told = "; ".join(dict.fromkeys(_mistake(one) for one in error.errors(include_input=False, include_url=False)))
        raise GuestlistError(
            "identity_settings",
            f"{place} cannot be used: {told}.",
            nothing_lost="Nothing was changed or sent.",
            next_step="Correct it and try again.",
        ) from None


def left_out(now: Mapping[str, Any], other: Mapping[str, Any], path: str = "identity") -> Iterator[str]:
    """The paths that one writing of the section has and another has not, so that the usual rules hold there."""
    for key, rule in now.items():
        if key not in other:
            yield f"{path}.{key}"
        elif isinstance(rule, Mapping) and isinstance(other[key], Mapping):
            yield from left_out(rule, other[key], f"{path}.{key}")


_KNOWN: Mapping[str, type[BaseModel]] = {
    "identity": IdentitySettings,
    "identity.blocked": BlockedSettings,
    "identity.hubs": HubSettings,
    "identity.caps": CapSettings,
}


def _mistake(error: Any) -> str:
    loc = [str(part) for part in error["loc"] if part not in {"HubSettings", "literal[False]", "[key]"}]
    path = ".".join(["identity", *loc])
    names: list[str] = []
    if error["type"] == "extra_forbidden":
        above, _, _ = path.rpartition(".")
        model = _KNOWN.get(above) or (CustomSettings if above.startswith("identity.identifiers") else BlockedOfType)
        names = ["from" if name == "from_" else name for name in model.model_fields]
    if error["type"] == "literal_error":
        return f"{path}: write off, or people and devices with their numbers"
    return f"{path}: {in_words(error, noun='setting', known=names)}"


def _limit(kind: str, written: Any) -> Limit | None:
    if written is None or written == "none":
        return None
    read = None if isinstance(written, bool) else _LIMIT.fullmatch(str(written).strip().lower())
    if read is None or int(read[1]) == 0:
        message = f"{kind}: {_LIMIT_HELP}"
        raise ValueError(message)
    return Limit(count=int(read[1]), within=_SPANS.get(read[2] or ""))


def _checked_types(by_type: dict[str, Any]) -> dict[str, Any]:
    for kind in by_type:
        if _TYPE.fullmatch(str(kind)):
            continue
        near = get_close_matches(re.sub(r"(?<!^)([A-Z])", r"_\1", str(kind)).lower(), BUILT_IN, n=1)
        hint = f"did you mean {near[0]}?" if near else "lower-case letters, digits, _ . and - only"
        message = f"{kind} is not a type of identifiers; {hint}"
        raise ValueError(message)
    return by_type


def _as_texts(written: Any) -> Any:
    # A number in YAML is a value all the same: 0 is typed more often than "0".
    listed = written if isinstance(written, list) else [written]
    return [str(one) if isinstance(one, int | float) and not isinstance(one, bool) else one for one in listed]


def _checked_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error:
            message = f"{pattern} is not a pattern"
            raise ValueError(message) from None
        if re.search(r"\(\?[=!<]|\\[1-9]", pattern):
            message = f"{pattern} looks around or back, which the engine's patterns cannot"
            raise ValueError(message)
    return patterns

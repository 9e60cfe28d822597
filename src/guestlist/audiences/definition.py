"""A definition as values: the condition tree every other module of this stage reads.

Nothing here knows YAML or an engine. `document` makes these values, `compile` turns them into expressions.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Scalar = str | int | float | bool
Unit = Literal["minutes", "hours", "days", "weeks", "months", "years"]
TextComparator = Literal["equals", "not_equals", "one_of", "none_of", "contains", "omits", "starts_with", "ends_with"]
NumberComparator = Literal["greater_than", "at_least", "less_than", "at_most"]
DateComparator = Literal["before", "after"]
RelativeComparator = Literal["within_last", "within_next", "before_last", "after_next"]
PresenceComparator = Literal["exists", "absent"]
CountComparator = Literal["at_least", "exactly", "at_most"]
Reducer = Literal["sum", "average", "min", "max", "distinct"]
Mode = Literal["mirror", "add_only", "remove_only"]

# True only where a value exists and differs, so people without the value are in neither `equals` nor `not_equals`.
DENYING: frozenset[str] = frozenset({"not_equals", "none_of", "omits"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """An amount of time; hours and minutes elapse, longer units follow the calendar of the space's zone."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit[:-1] if self.amount == 1 else self.unit}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """The value is, holds, begins or ends with one of `values` (or none of them, when denying)."""

    comparator: TextComparator
    values: tuple[Scalar, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    comparator: NumberComparator
    number: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A date means its whole day in the space's zone; a time without an offset is a time in that zone."""

    comparator: DateComparator
    moment: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Relative:
    comparator: RelativeComparator
    duration: Duration


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    comparator: PresenceComparator


Test = Matches | Amount | Moment | Relative | Presence


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyTest:
    """`path` is dotted; a literal dot is written `\\.`."""

    path: str
    test: Test


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Which events count: by name, by properties, by source."""

    event: str
    where: tuple[PropertyTest, ...] = ()
    source: Matches | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Within:
    last: Duration


@dataclass(frozen=True, kw_only=True, slots=True)
class Between:
    newest: Duration
    oldest: Duration


@dataclass(frozen=True, kw_only=True, slots=True)
class Dates:
    """Both ends belong to the window: a date as `end` takes in that whole day."""

    start: date | None = None
    end: date | None = None


Window = Within | Between | Dates


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    comparator: CountComparator = "at_least"
    number: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregate:
    reducer: Reducer
    property: str
    test: Amount | Matches


@dataclass(frozen=True, kw_only=True, slots=True)
class Then:
    """What the same person did (or did not do) after each single event of the parent."""

    step: Step
    happened: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    step: Step
    measure: Count | Aggregate = field(default_factory=Count)
    window: Window | None = None
    then: Then | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trait:
    trait: str
    test: Test


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    audience: str
    inside: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class All:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyOf:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    condition: "Condition"


Condition = All | AnyOf | Not | Event | Trait | Member


@dataclass(frozen=True, kw_only=True, slots=True)
class Sync:
    """`every` None: as soon as something changes. `adopt`: an audience id at Meta, or False to make a new one."""

    to: str
    every: Duration | None = Duration(amount=15, unit="minutes")
    mode: Mode = "mirror"
    adopt: str | Literal[False] | None = None
    rename: Literal["follow", "keep"] = "follow"


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    key: str
    name: str
    who: Condition
    description: str = ""
    syncs: tuple[Sync, ...] = ()
    owner: Literal["files", "page"] = "files"


def references(condition: Condition) -> frozenset[str]:
    """The audiences a condition asks about."""
    match condition:
        case Member(audience=audience):
            return frozenset({audience})
        case All(conditions=parts) | AnyOf(conditions=parts):
            return frozenset().union(*(references(part) for part in parts))
        case Not(condition=part):
            return references(part)
        case _:
            return frozenset()

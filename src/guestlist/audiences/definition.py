"""A definition as values: the condition tree every other module of this stage reads.

Nothing here knows YAML or an engine. `document` makes these values, `compile` turns them into expressions.
"""

from collections.abc import Callable, Iterable, Iterator
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
LikeComparator = Literal["equals", "not_equals", "greater_than", "at_least", "less_than", "at_most"]
CountComparator = Literal["at_least", "exactly", "at_most"]
Reducer = Literal["sum", "average", "min", "max", "distinct", "first", "last", "most_frequent"]
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
class Cron:
    """Times on the wall clock of the space's zone, in the five fields of a crontab."""

    line: str


Schedule = Duration | Cron | Literal["on_change", "manual"]


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A property of the event that a next step follows, or a trait of the person."""

    of: Literal["parent", "trait"]
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Like:
    """A property beside another value of the same person, instead of one that is written down."""

    comparator: LikeComparator
    reference: Reference


Test = Matches | Amount | Moment | Relative | Presence


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyTest:
    """`path` is dotted; a literal dot is written `\\.`, and `$` is any element of a list."""

    path: str
    test: Test | Like


@dataclass(frozen=True, kw_only=True, slots=True)
class EveryTest:
    tests: tuple["Filter", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyTest:
    tests: tuple["Filter", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoTest:
    """True where `test` is not, also where there is nothing to test."""

    test: "Filter"


@dataclass(frozen=True, kw_only=True, slots=True)
class Then:
    """How often the same person did a step after one event, its parent. The same instant is not after.

    `within` elapses from the parent on: a day is 24 hours here.
    """

    step: "Step"
    count: "Count"
    within: Duration | None = None

    @property
    def happened(self) -> bool:
        """Whether the step has to have been done: otherwise it may, or must, be missing."""
        return self.count.comparator != "at_most" and self.count.number > 0


Filter = PropertyTest | EveryTest | AnyTest | NoTest | Then


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Which events count: by name, by source, and by filters that each single event must pass."""

    event: str
    where: tuple[Filter, ...] = ()
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
    """`minimum`: so often the most frequent value must be there, or there is none."""

    reducer: Reducer
    property: str
    test: Test
    minimum: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    step: Step
    measure: Count | Aggregate = field(default_factory=Count)
    window: Window | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trait:
    trait: str
    test: Test


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    audience: str
    inside: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentifierList:
    """Identifiers of one type in a column: of a file, by its path from the space's folder, or of what a query gives.

    `place`: where it stands in its document, for mistakes; it is the same list wherever it stands.
    """

    identifier: str
    column: str
    file: str | None = None
    query: str | None = None
    place: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    list: IdentifierList
    inside: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class External:
    """What another system (Segment) said last of a person and one of its audiences, by the key that it has there."""

    audience: str


@dataclass(frozen=True, kw_only=True, slots=True)
class All:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyOf:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    condition: "Condition"


Leaf = Event | Trait | Member | Listed | External
Condition = All | AnyOf | Not | Leaf


@dataclass(frozen=True, kw_only=True, slots=True)
class Sync:
    """`when`: how often it runs by itself. `adopt`: an audience id at Meta, or False to make a new one.

    `groups`: only these are sent; empty means everybody who is not held out.
    """

    to: str
    when: Schedule = Duration(amount=15, unit="minutes")
    mode: Mode = "mirror"
    adopt: str | Literal[False] | None = None
    rename: Literal["follow", "keep"] = "follow"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A share of the members, drawn by lot: the same people at every evaluation."""

    name: str
    percent: float


HOLDOUT = "holdout"
"""The group that no sync sends: its people are members, and are left alone to see what the others do differently."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """`since`: events before that date do not count; "now" means before the definition was first evaluated.

    `anonymous`: whether people count who are known by nothing that an ad platform or a person would call them.
    `sample`: only so many percent of those for whom `who` is true are members.
    """

    key: str
    name: str
    who: Condition
    description: str = ""
    syncs: tuple[Sync, ...] = ()
    owner: Literal["files", "page"] = "files"
    anonymous: bool = True
    since: date | Literal["now"] | None = None
    sample: float = 100
    split: tuple[Group, ...] = ()


def parts(condition: Condition) -> tuple[Condition, ...]:
    """The conditions directly inside one."""
    match condition:
        case All(conditions=inside) | AnyOf(conditions=inside):
            return inside
        case Not(condition=inside):
            return (inside,)
        case _:
            return ()


def every(condition: Condition) -> Iterator[Condition]:
    """The condition and all that are inside it, outermost first."""
    yield condition
    for part in parts(condition):
        yield from every(part)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The conditions that are no groups."""
    for one in every(condition):
        if not isinstance(one, All | AnyOf | Not):
            yield one


def holds(condition: Condition, told: Callable[[Leaf], bool]) -> bool:
    """Whether a condition is true, given whether each of those that are no groups is."""
    match condition:
        case All(conditions=inside):
            return all(holds(part, told) for part in inside)
        case AnyOf(conditions=inside):
            return any(holds(part, told) for part in inside)
        case Not(condition=inside):
            return not holds(inside, told)
        case _:
            return told(condition)


def references(condition: Condition) -> frozenset[str]:
    """The audiences a condition asks about."""
    return frozenset(one.audience for one in every(condition) if isinstance(one, Member))


def external_keys(condition: Condition) -> frozenset[str]:
    """The audiences of another system that a condition asks about."""
    return frozenset(one.audience for one in every(condition) if isinstance(one, External))


def nexts(filters: Iterable[Filter]) -> Iterator[Then]:
    """The next steps among filters, those inside groups too, but not those of the steps themselves."""
    for one in filters:
        match one:
            case Then():
                yield one
            case EveryTest(tests=tests) | AnyTest(tests=tests):
                yield from nexts(tests)
            case NoTest(test=test):
                yield from nexts((test,))


def property_tests(filters: Iterable[Filter]) -> Iterator[PropertyTest]:
    """The tests of properties among filters, those inside groups too, but not those of next steps."""
    for one in filters:
        match one:
            case PropertyTest():
                yield one
            case EveryTest(tests=tests) | AnyTest(tests=tests):
                yield from property_tests(tests)
            case NoTest(test=test):
                yield from property_tests((test,))


def steps(step: Step) -> Iterator[Step]:
    """The step and every step that may follow it, at any depth."""
    yield step
    for then in nexts(step.where):
        yield from steps(then.step)


def compared_traits(step: Step) -> frozenset[str]:
    """The traits that events of a step, or of one that may follow it, are compared with."""
    tests = (one.test for each in steps(step) for one in property_tests(each.where))
    likes = (test.reference for test in tests if isinstance(test, Like))
    return frozenset(reference.path for reference in likes if reference.of == "trait")


def asked_traits(condition: Condition) -> frozenset[str]:
    """The traits a condition asks about."""
    found: set[str] = set()
    for one in every(condition):
        match one:
            case Trait(trait=trait):
                found.add(trait)
            case Event(step=step):
                found |= compared_traits(step)
    return frozenset(found)


def asked_lists(condition: Condition) -> frozenset[IdentifierList]:
    """The lists a condition asks about."""
    return frozenset(one.list for one in every(condition) if isinstance(one, Listed))

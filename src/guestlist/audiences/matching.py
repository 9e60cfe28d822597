"""The events that a step means, as an expression: by name, by what they tell, and by what came after each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import Value, as_number, finite, passes, property_value, trait_value
from guestlist.audiences.question import Question, stamp, trait_rows
from guestlist.audiences.times import span
from guestlist.store.functions import overlap

EVENT_KEY = ["source", "message_id"]
_HOURS = {"hours": 1, "days": 24, "weeks": 168}
Leaf = d.PropertyTest | d.Then


def event_rows(condition: d.Event, question: Question) -> ir.Table:
    """The events that count: right name, properties and source, in the window, followed as asked."""
    stretch = span(condition.window, question.as_of, question.zone)
    after = stretch.after
    if question.floor is not None:
        after = question.floor if after is None else max(after, question.floor)
    return step_rows(condition.step, question, after=after, until=stretch.until)


def step_rows(step: d.Step, question: Question, *, after: datetime | None, until: datetime) -> ir.Table:
    """The events that a step means, in (after, until]."""
    return _passing(_named(step, question, after=after, until=until), step.where, question)


def _named(step: d.Step, question: Question, *, after: datetime | None, until: datetime) -> ir.Table:
    event = question.events(step.event)
    tests = [event.at <= stamp(event.at, until)]
    if after is not None:
        tests.append(event.at > stamp(event.at, after))
    if step.source is not None:
        tests.append(_from(event.source, step.source, question))
    return event.filter(*tests)


def _passing(events: ir.Table, filters: Iterable[d.Filter], question: Question) -> ir.Table:
    """The events that pass all filters, none of which names a parent."""
    simple = [one for one in filters if isinstance(one, d.PropertyTest) and not isinstance(one.test, d.Like)]
    rest = [one for one in filters if one not in simple]
    found = events.filter(*(_plain(one, events, question) for one in simple)) if simple else events
    if not rest:
        return found
    leaves = _Leaves.of(found, rest, question)
    tested = leaves.events
    return tested.filter(*(holds(one, leaves.column) for one in rest)).select(*events.columns)


def holds(one: d.Filter, leaf: Callable[[Leaf], ir.BooleanValue]) -> ir.BooleanValue:
    """Whether an event passes a filter, given whether it passes what the filter is made of."""
    match one:
        case d.EveryTest(tests=tests):
            return ibis.and_(*(holds(test, leaf) for test in tests))
        case d.AnyTest(tests=tests):
            return ibis.or_(*(holds(test, leaf) for test in tests))
        case d.NoTest(test=test):
            return ~holds(test, leaf)
        case d.PropertyTest() | d.Then():
            return leaf(one)


def _plain(one: d.PropertyTest, events: ir.Table, question: Question) -> ir.BooleanValue:
    assert not isinstance(one.test, d.Like)
    value = property_value(events, one.path)
    return passes(value, one.test, question.as_of, question.zone).fill_null(False)


@dataclass(frozen=True, kw_only=True)
class _Leaves:
    """Events with a column for each test and next step of some filters, but for tests that name a parent."""

    events: ir.Table
    names: dict[Leaf, str]

    @classmethod
    def of(cls, events: ir.Table, filters: Sequence[d.Filter], question: Question) -> "_Leaves":
        tests = [one for one in d.property_tests(filters) if not _is_linked(one)]
        steps = list(d.nexts(filters))
        leaves: dict[Leaf, None] = dict.fromkeys(tests) | dict.fromkeys(steps)
        names: dict[Leaf, str] = {leaf: f"leaf_{n}" for n, leaf in enumerate(leaves)}
        kept = list(events.columns)
        known = _with_traits(events, tests, question)
        tested = known.select(*kept, **{names[one]: _tested(one, known, question) for one in tests})
        for then in dict.fromkeys(steps):
            tested = _followed(tested, then, names[then], question)
        return cls(events=tested, names=names)

    def column(self, leaf: Leaf) -> ir.BooleanValue:
        return self.events[self.names[leaf]]


def _tested(one: d.PropertyTest, events: ir.Table, question: Question) -> ir.BooleanValue:
    if not isinstance(one.test, d.Like):
        return _plain(one, events, question)
    name = one.test.reference.path
    held = trait_value(events[_trait_column(name)], events[f"{_trait_column(name)}_number"])
    return _alike(_Side.of(property_value(events, one.path)), _Side.of(held), one.test.comparator)


def _trait_column(name: str) -> str:
    return f"trait_{name}"


def _with_traits(events: ir.Table, tests: Iterable[d.PropertyTest], question: Question) -> ir.Table:
    """The events beside the traits of their people that tests compare with."""
    for name in dict.fromkeys(one.test.reference.path for one in tests if isinstance(one.test, d.Like)):
        held, column = trait_rows(name, question), _trait_column(name)
        named = held.select(holder="profile_id", **{column: held.value, f"{column}_number": held.number})
        events = events.left_join(named, events.profile_id == named.holder).drop("holder")
    return events


def names_parent(one: d.Filter) -> bool:
    """Whether a filter can be told only beside the event before."""
    return any(map(_is_linked, d.property_tests((one,))))


def _is_linked(one: d.PropertyTest) -> bool:
    return isinstance(one.test, d.Like) and one.test.reference.of == "parent"


# What came after


def _followed(events: ir.Table, then: d.Then, flag: str, question: Question) -> ir.Table:
    """The events with a column that says whether the next step was done after each, as often as asked."""
    linked = [one for one in then.step.where if names_parent(one)]
    free = [one for one in then.step.where if one not in linked]
    done = _passing(_named(then.step, question, after=None, until=question.as_of), free, question)
    ever = then.count in {d.Count(), d.Count(comparator="exactly", number=0), d.Count(comparator="at_most", number=0)}
    if ever and not linked:
        found = _ever(events, done, then.within)
        return found.mutate(**{flag: found[_DONE] if then.happened else ~found[_DONE]}).drop(_DONE)
    return _counted(events, done, linked, then, flag, question)


_DONE = "next_done"


def _ever(events: ir.Table, done: ir.Table, within: d.Duration | None) -> ir.Table:
    """Column `next_done`: whether any of `done` came after. Without a limit the last one tells, else the very next."""
    kept = list(events.columns)
    if within is None:
        last = done.group_by(follower=done.profile_id).agg(next_at=done.at.max())
        both = events.left_join(last, events.profile_id == last.follower)
        return both.select(*kept, **{_DONE: (both.next_at > both.at).fill_null(False)})
    following = done.select(follower="profile_id", next_at="at").distinct()
    both = events.asof_join(following, events.at < following.next_at, [events.profile_id == following.follower])
    in_time = both.next_at <= _until(both.at, within)
    return both.select(*kept, **{_DONE: in_time.fill_null(False)})


def _until(at: ir.TimestampColumn, within: d.Duration) -> ir.TimestampColumn:
    if within.unit == "minutes":
        return at + ibis.interval(minutes=within.amount)
    return at + ibis.interval(hours=within.amount * _HOURS[within.unit])


def _counted(
    events: ir.Table, done: ir.Table, linked: list[d.Filter], then: d.Then, flag: str, question: Question
) -> ir.Table:
    """Each event beside all that came after it: dearer, and needed to count and to compare the two."""
    pairs = _Pairs.of(events, done, linked, question)
    later = pairs.next_at > pairs.at
    if then.within is not None:
        later &= pairs.next_at <= _until(pairs.at, then.within)
    good = pairs.both.filter(later, *(holds(one, pairs.leaf) for one in linked))
    counted = good.group_by(*EVENT_KEY).agg(next_count=good.count())
    both = events.left_join(counted, EVENT_KEY)
    number = both.next_count.fill_null(0)
    wanted = then.count.number
    compared = {"at_least": number >= wanted, "exactly": number == wanted, "at_most": number <= wanted}
    return both.select(*events.columns, **{flag: compared[then.count.comparator]})


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Events of one person side by side, with what is compared between them read beforehand, once for each event."""

    both: ir.Table
    places: dict[d.PropertyTest, int]
    names: dict[Leaf, str]

    @classmethod
    def of(
        cls, events: ir.Table, done: ir.Table, linked: Sequence[d.Filter], question: Question, kept: Sequence[str] = ()
    ) -> "_Pairs":
        """`kept`: columns of what was done after that are wanted too, as `next_…`."""
        between = [one for one in dict.fromkeys(d.property_tests(linked)) if _is_linked(one)]
        places = {one: n for n, one in enumerate(between)}
        leaves = _Leaves.of(done, linked, question)
        ours = leaves.events
        right = ours.select(
            next_person="profile_id",
            next_at="at",
            **{f"next_{name}": ours[name] for name in kept},
            **{name: ours[name] for name in leaves.names.values()},
            **_read(ours, {n: one.path for one, n in places.items()}, "next"),
        )
        parents = {n: one.test.reference.path for one, n in places.items() if isinstance(one.test, d.Like)}
        left = events.select("profile_id", "at", *EVENT_KEY, **_read(events, parents, "parent"))
        both = left.join(right, left.profile_id == right.next_person)
        return cls(both=both, places=places, names=leaves.names)

    @property
    def at(self) -> ir.TimestampColumn:
        return self.both.at

    @property
    def next_at(self) -> ir.TimestampColumn:
        return self.both.next_at

    def leaf(self, leaf: Leaf) -> ir.BooleanValue:
        if leaf in self.names:
            return self.both[self.names[leaf]]
        assert isinstance(leaf, d.PropertyTest)
        assert isinstance(leaf.test, d.Like)
        place = self.places[leaf]
        return _alike(_Side.at(self.both, "next", place), _Side.at(self.both, "parent", place), leaf.test.comparator)


def _read(events: ir.Table, paths: dict[int, str], side: str) -> dict[str, ir.Value]:
    columns: dict[str, ir.Value] = {}
    for place, path in paths.items():
        columns |= _Side.of(property_value(events, path)).columns(side, place)
    return columns


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One side of a comparison of two values: its texts, its numbers all spelled one way, the least and the greatest.

    All are null where there is no value. Of a list there are as many as it has elements.
    """

    texts: ir.ArrayValue
    numbers: ir.ArrayValue
    least: ir.FloatingValue
    most: ir.FloatingValue

    @classmethod
    def of(cls, value: Value) -> "_Side":
        one = ibis.ifelse(value.present & value.text.notnull(), ibis.array([value.text]), ibis.null("array<string>"))
        texts = ibis.ifelse(value.is_list.fill_null(False), value.elements, one)
        numbers = texts.map(as_number).filter(finite)
        return cls(texts=texts, numbers=numbers.cast("array<string>"), least=numbers.mins(), most=numbers.maxs())

    @classmethod
    def at(cls, both: ir.Table, side: str, place: int) -> "_Side":
        return cls(**{part: both[f"{side}_{part}_{place}"] for part in _PARTS})

    def columns(self, side: str, place: int) -> dict[str, ir.Value]:
        return {f"{side}_{part}_{place}": getattr(self, part) for part in _PARTS}


_PARTS = ("texts", "numbers", "least", "most")


def _alike(left: _Side, right: _Side, comparator: d.LikeComparator) -> ir.BooleanValue:
    """Numbers by their size, all else as written; of a list one element is enough. Nothing is like a missing value."""
    same = overlap(left.texts, right.texts) | overlap(left.numbers, right.numbers).fill_null(False)
    compared: dict[d.LikeComparator, ir.BooleanValue] = {
        "equals": same,
        "not_equals": ~same,
        "greater_than": left.most > right.least,
        "at_least": left.most >= right.least,
        "less_than": left.least < right.most,
        "at_most": left.least <= right.most,
    }
    return compared[comparator].fill_null(False)


# Why an event counts or not

Asked = d.Filter | Literal["history", "window", "source", "in_time"]
"""What is asked of an event beside its name: a filter, or when it was and where it came from."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Events of a name with a column for each thing that is asked of them: whether they pass it."""

    events: ir.Table
    columns: Mapping[Asked, str]

    @classmethod
    def by(cls, events: ir.Table, tests: Mapping[Asked, ir.BooleanValue], kept: Mapping[str, ir.Value]) -> "Judged":
        columns = {asked: f"passes_{n}" for n, asked in enumerate(tests)}
        told = {columns[asked]: test.fill_null(False) for asked, test in tests.items()}
        return cls(events=events.select(**kept, **told), columns=columns)

    def lacks(self, line: Mapping[str, object]) -> tuple[Asked, ...]:
        """What the event of this line does not pass."""
        return tuple(asked for asked, column in self.columns.items() if not line[column])

    @property
    def counts(self) -> ir.BooleanValue:
        """Whether an event passes all."""
        passed = [self.events[column] for column in self.columns.values()]
        return ibis.and_(*passed) if passed else ibis.literal(True)


SEEN = ("event", "at", "source", "message_id", "properties")


def judged(condition: d.Event, question: Question) -> Judged:
    """Every event of the name, also those that do not count: the others are those of `event_rows`."""
    step, stretch = condition.step, span(condition.window, question.as_of, question.zone)
    named = _named(replace(step, source=None), question, after=None, until=question.as_of)
    leaves = _Leaves.of(named, step.where, question)
    events = leaves.events
    tests: dict[Asked, ir.BooleanValue] = {}
    if question.floor is not None:
        tests["history"] = events.at > stamp(events.at, question.floor)
    if condition.window is not None:
        until = events.at <= stamp(events.at, stretch.until)
        tests["window"] = until if stretch.after is None else until & (events.at > stamp(events.at, stretch.after))
    if step.source is not None:
        tests["source"] = _from(events.source, step.source, question)
    tests |= {one: holds(one, leaves.column) for one in step.where}
    return Judged.by(events, tests, {name: events[name] for name in ("profile_id", *SEEN)})


PARENT = {"parent_source": "source", "parent_message_id": "message_id"}


def followers(parents: ir.Table, then: d.Then, question: Question) -> Judged:
    """Every event of a next step's name that came after one of `parents`, also those that do not count."""
    done = _named(replace(then.step, source=None), question, after=None, until=question.as_of)
    pairs = _Pairs.of(parents, done, then.step.where, question, kept=[name for name in SEEN if name != "at"])
    both = pairs.both.filter(pairs.next_at > pairs.at)
    pairs = replace(pairs, both=both)
    tests: dict[Asked, ir.BooleanValue] = {}
    if then.within is not None:
        tests["in_time"] = pairs.next_at <= _until(pairs.at, then.within)
    if then.step.source is not None:
        tests["source"] = _from(both.next_source, then.step.source, question)
    tests |= {one: holds(one, pairs.leaf) for one in then.step.where}
    kept = {name: both[of] for name, of in PARENT.items()} | {name: both[f"next_{name}"] for name in SEEN}
    return Judged.by(both, tests, kept)


def _from(source: ir.StringColumn, test: d.Matches, question: Question) -> ir.BooleanValue:
    return passes(trait_value(source, ibis.null("float64")), test, question.as_of, question.zone)

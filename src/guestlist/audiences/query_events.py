"""The events of a query: which count, in which window, what came after each, and what they come to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import PRESENCE
from guestlist.audiences.events import NUMBER_COMPARATORS, OF_NUMBERS, read_measure, read_window
from guestlist.audiences.query_comparisons import (
    Asked,
    as_in_documents,
    read_asked,
    read_comparison,
    read_name,
    read_property,
    read_trait_name,
    read_value,
    tell_refused,
    tell_unknown,
)
from guestlist.audiences.query_syntax import (
    Array,
    Call,
    Joined,
    Named,
    Negated,
    Number,
    Quantified,
    Record,
    Telling,
    Typed,
    Written,
    bare,
    calls_of,
)
from guestlist.audiences.query_words import (
    COMPARATORS,
    COUNT,
    FILTERS,
    IN_WHERE,
    REDUCERS,
    SOURCES,
    WINDOWS,
)
from guestlist.audiences.reading import read_whole
from guestlist.audiences.steps import DEEPEST, LIKE, read_elapsing, read_source

REFUSED_TYPES = {
    ("min", "string"): "compares by alphabet; here `min` is of numbers.",
    ("max", "string"): "compares by alphabet; here `max` is of numbers.",
    ("mode", "array"): "takes a list for one value; here each of its elements is one.",
}
TYPES = {"min": ("number",), "max": ("number",), "mode": ("string", "number")}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Happened:
    """A chain of calls taken apart: the step, its windows as they are written, what is made of it in the end."""

    step: d.Step
    windows: tuple[Call, ...]
    reducer: Call
    counted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """`but`: any other count than this."""

    count: d.Count
    but: bool = False


def read_happening(asked: Asked, telling: Telling) -> d.Condition | None:
    """A condition on the events of a person."""
    found = _happened(asked.calls, telling, depth=0, follows=False)
    if found is None:
        return None
    window = _window(found.windows, asked.subject, telling)
    if found.reducer.name != COUNT:
        measure = _aggregate(found, asked, telling)
        return None if measure is None else d.Event(step=found.step, measure=measure, window=window)
    counted = _counted(asked, telling)
    if counted is None:
        return None
    event = d.Event(step=found.step, measure=counted.count, window=window)
    return d.Not(condition=event) if counted.but else event


def _happened(calls: tuple[Call, ...], telling: Telling, *, depth: int, follows: bool) -> _Happened | None:
    event = read_name(calls[0], telling)
    filters = [call for call in calls[1:] if call.name in FILTERS]
    rest = [call for call in calls[1:] if call.name not in FILTERS]
    if not rest or rest[0].name not in (COUNT, *REDUCERS):
        _tell_not_reduced(calls[0], rest, telling)
        return None
    reducer, *after = rest
    counted = reducer.name == "unique" and [call.name for call in after] == [COUNT]
    late = [call for call in calls[calls.index(reducer) + 1 :] if call in filters or not counted]
    for call in late:
        told = f"`{call.name}` cannot stand after `{reducer.name}`, which comes last."
        telling.tell(call.at, told)
    where = _Where(telling=telling, depth=depth, follows=follows)
    tests = tuple(one for call in filters if call.name == "where" for one in where.read(call))
    source = _source([call for call in filters if call.name == "sources"], telling)
    if event is None or late:
        return None
    step = d.Step(event=event, where=tests, source=source)
    windows = tuple(call for call in filters if call.name in WINDOWS)
    return _Happened(step=step, windows=windows, reducer=reducer, counted=counted)


def _tell_not_reduced(event: Call, rest: Sequence[Call], telling: Telling) -> None:
    if not rest:
        told = "this does not say what of these events is compared."
        telling.tell(event.at, told, "Add `.count()`, as in event('Order Completed').count() >= 1.")
    elif rest[0].name in COMPARATORS:
        telling.tell(rest[0].at, f"`{rest[0].name}` compares, so it comes last.")
    else:
        tell_unknown(rest[0], (*FILTERS, COUNT, *REDUCERS), telling)


# How many


def _counted(asked: Asked, telling: Telling) -> Counted | None:
    counts: dict[str, tuple[d.CountComparator, int]] = {
        "equals": ("exactly", 0),
        "not_equals": ("exactly", 0),
        "at_least": ("at_least", 0),
        "at_most": ("at_most", 0),
        "greater_than": ("at_least", 1),
        "less_than": ("at_most", -1),
    }
    if asked.comparator not in counts:
        telling.tell(asked.at, f"`{asked.word}` cannot compare a count.", "Use one of = != > >= < <=.")
        return None
    if asked.calls[-1].arguments:
        telling.tell(asked.calls[-1].at, "`count` takes nothing in its parentheses.", "Filter with where(...) before.")
        return None
    value = read_value(asked.values, telling)
    if value is None:
        return None
    number = as_in_documents(telling, asked.at, "the count", lambda inner: read_whole(value, "", inner))
    if number is None:
        return None
    comparator, more = counts[asked.comparator]
    if number + more < 0:
        telling.tell(asked.at, "a count is never less than 0.", "For none at all, use `= 0`.")
        return None
    count = d.Count(comparator=comparator, number=number + more)
    return Counted(count=count, but=asked.comparator == "not_equals")


def _aggregate(found: _Happened, asked: Asked, telling: Telling) -> d.Aggregate | None:
    reducer = found.reducer
    if reducer.name == "unique" and not found.counted:
        told = "`unique` gives a list, which nothing can be compared with."
        telling.tell(reducer.at, told, "Count it: unique(property('sku')).count() >= 3")
        return None
    path, minimum = _reduced_property(reducer, telling), _minimum(reducer, telling)
    ours = REDUCERS[reducer.name]
    if ours in OF_NUMBERS and asked.comparator not in NUMBER_COMPARATORS:
        told = f"`{asked.word}` cannot compare what `{reducer.name}` gives, a number."
        telling.tell(asked.at, told, "Use one of = != > >= < <=.")
        return None
    test = read_comparison(asked, telling)
    if path is None or minimum is None or test is None:
        return None
    value = True if asked.comparator in PRESENCE else read_value(asked.values, telling, times=True)
    body: dict[str, object] = {ours: path, asked.comparator: value}
    if len(reducer.arguments) > 1:
        body["minimum"] = minimum
    measure = as_in_documents(telling, asked.at, "the comparison", lambda inner: read_measure(body, "", inner))
    return measure if isinstance(measure, d.Aggregate) else None


def _reduced_property(reducer: Call, telling: Telling) -> str | None:
    """The property in the parentheses of a reducer."""
    argument = reducer.arguments[0] if reducer.arguments else None
    if isinstance(argument, Typed):
        _check_type(reducer.name, argument, telling)
        argument = argument.value
    calls = calls_of(argument) if argument is not None else ()
    if len(calls) == 1 and calls[0].name == "property":
        path = read_property(calls[0], telling)
        if isinstance(path, d.Reference):
            telling.tell(calls[0].at, f"`{reducer.name}` is of the event itself, not of the one before.")
            return None
        return path
    if calls and calls[0].name == "context":
        tell_refused(calls[0].at, "context", telling)
        return None
    told = f"`{reducer.name}` needs a property in its parentheses."
    telling.tell(reducer.at, told, f"For example: {reducer.name}(property('total'))")
    return None


def _check_type(reducer: str, typed: Typed, telling: Telling) -> None:
    if (reducer, typed.type) in REFUSED_TYPES:
        telling.tell(typed.at, f"`as {typed.type}` {REFUSED_TYPES[reducer, typed.type]}")
    elif typed.type not in TYPES.get(reducer, ()):
        telling.tell(typed.at, f"`as {typed.type}` is not possible with `{reducer}`.", "Leave it out.")


def _minimum(reducer: Call, telling: Telling) -> int | None:
    """How often the most frequent value must be there."""
    match reducer.arguments[1:]:
        case ():
            return 1
        case (Number(number=number, at=at),) if reducer.name == "mode":
            return as_in_documents(telling, at, "the minimum", lambda inner: read_whole(number, "", inner))
        case (more, *_):
            telling.tell(more.at, f"`{reducer.name}` takes no more than a property.")
    return None


# When and where from


def _window(windows: Sequence[Call], event: Call, telling: Telling) -> d.Window | None:
    body: dict[str, object] = {}
    for call in windows:
        if call.name in body:
            telling.tell(call.at, f"this is a second `{call.name}`: an event has one window.", "Keep one of them.")
        named = next((argument for argument in call.arguments if isinstance(argument, Named)), None)
        if named is not None:
            _tell_named(call, named, telling)
            return None
        body[call.name] = read_value(call.arguments, telling, times=True) if call.arguments else "nothing"
    at = windows[0].at if windows else event.at
    if None in body.values():
        return None
    return as_in_documents(telling, at, "this event", lambda inner: read_window(body, "", inner))


def _tell_named(call: Call, named: Named, telling: Telling) -> None:
    if named.name == "parent":
        told = "`parent` names the event before, and there is none: a next step stands inside where(...)."
        telling.tell(call.at, told)
    else:
        example = {"within": "within(14 days)", "between": "between(7 days, 30 days)"}.get(call.name)
        example = example or f"{call.name}('2026-01-31')"
        telling.tell(named.at, f"`{named.name}:` is not known here.", f"Leave it out, as in {example}.")


def _elapsing(windows: Sequence[Call], telling: Telling) -> d.Duration | None:
    """The window of a next step, counted from the event before it."""
    match windows:
        case ():
            return None
        case (Call(name="within", arguments=(Named(name="parent", value=written),), at=at),):
            value = read_value((written,), telling, times=True)
            if value is None:
                return None
            return as_in_documents(telling, at, "`within`", lambda inner: read_elapsing(value, "", inner))
        case (*_, last):
            told = f"`{last.name}` is not possible like this: the window of a next step counts from the event before."
            telling.tell(last.at, told, "Use one within(parent: 3 days).")
    return None


def _source(calls: Sequence[Call], telling: Telling) -> d.Matches | None:
    if len(calls) > 1:
        telling.tell(calls[1].at, "there are `sources` already.", "Name all of them in one list.")
    if not calls:
        return None
    arguments = calls[0].arguments
    if len(arguments) == 1 and isinstance(arguments[0], Record):
        arguments = arguments[0].items
    first = arguments[0] if arguments else None
    if not isinstance(first, Named) or first.name not in SOURCES:
        told = f"`sources` needs one of {', '.join(SOURCES)}."
        telling.tell(calls[0].at, told, "For example: sources({exclude: ['web']})")
        return None
    several = isinstance(first.value, Array) or len(arguments) > 1
    comparator = SOURCES[first.name][several]
    value = read_value((first.value, *arguments[1:]), telling)
    if value is None:
        return None
    return as_in_documents(telling, calls[0].at, "`sources`", lambda inner: read_source({comparator: value}, "", inner))


# What single events must pass


@dataclass(frozen=True, kw_only=True, slots=True)
class _Where:
    """`follows`: whether the event comes after another, so that properties of that one can be named."""

    telling: Telling
    depth: int
    follows: bool

    def read(self, call: Call) -> tuple[d.Filter, ...]:
        inside = call.arguments[0] if len(call.arguments) == 1 else None
        if isinstance(inside, Record) and len(inside.items) == 1:
            inside = inside.items[0]
        if inside is None:
            self.telling.tell(call.at, "`where` takes one condition.", "Put AND or OR between several.")
            return ()
        parts = inside.parts if isinstance(inside, Joined) and inside.word == "AND" else (inside,)
        return self.every(parts)

    def every(self, parts: Sequence[Written]) -> tuple[d.Filter, ...]:
        return tuple(one for one in map(self.filter, parts) if one is not None)

    def filter(self, written: Written) -> d.Filter | None:
        written = bare(written)
        if self.depth > DEEPEST:
            self.telling.tell(written.at, f"this is nested deeper than {DEEPEST} levels.")
            return None
        inside = replace(self, depth=self.depth + 1)
        match written:
            case Joined(word="AND", parts=parts):
                return d.EveryTest(tests=inside.every(parts))
            case Joined(parts=parts):
                return d.AnyTest(tests=inside.every(parts))
            case Negated(part=part):
                test = inside.filter(part)
                return None if test is None else d.NoTest(test=test)
            case Quantified(at=at, word=word):
                tell_refused(at, word, self.telling)
                return None
        asked = read_asked(written, self.telling)
        return None if asked is None else self._compared(asked)

    def _compared(self, asked: Asked) -> d.Filter | None:
        asked = self._property_first(asked)
        match asked.calls:
            case (Call(name="property"),):
                return self._property(asked)
            case (Call(name="event"), *_):
                return self._next(asked)
            case (Call(name="trait", at=at),):
                told = "a trait is not compared inside where(...), but to a property."
                self.telling.tell(at, told, "Ask for it beside the event: event(...) AND trait(...)")
            case (Call(name="property"), call, *_):
                tell_unknown(call, tuple(COMPARATORS), self.telling)
            case (call, *_):
                tell_unknown(call, IN_WHERE, self.telling)
        return None

    def _property_first(self, asked: Asked) -> Asked:
        """With the property of this event on the left."""
        other = calls_of(asked.values[0]) if len(asked.values) == 1 else ()
        if asked.comparator in LIKE and len(other) == 1 and _is_reference(asked.subject) and _is_own(other[0]):
            return asked.flipped(other)
        return asked

    def _property(self, asked: Asked) -> d.PropertyTest | None:
        path = read_property(asked.subject, self.telling)
        if isinstance(path, d.Reference):
            told = "a property of the event before is only compared with a property of this event."
            self.telling.tell(asked.subject.at, told, "For example: property('id') = property(parent: 'id')")
            return None
        other = calls_of(asked.values[0]) if len(asked.values) == 1 else ()
        is_like = len(other) == 1 and other[0].name in {"trait", "property"}
        test = self._like(asked, other[0]) if is_like else read_comparison(asked, self.telling)
        return None if path is None or test is None else d.PropertyTest(path=path, test=test)

    def _like(self, asked: Asked, other: Call) -> d.Like | None:
        if asked.comparator not in LIKE:
            self.telling.tell(asked.at, f"`{asked.word}` compares with a value that is written down only.")
            return None
        reference = self._reference(other)
        comparator = cast(d.LikeComparator, asked.comparator)
        return None if reference is None else d.Like(comparator=comparator, reference=reference)

    def _reference(self, call: Call) -> d.Reference | None:
        if call.name == "trait":
            name = read_trait_name(call, self.telling)
            return None if name is None else d.Reference(of="trait", path=name)
        reference = read_property(call, self.telling)
        if isinstance(reference, str):
            told = "two properties of one event cannot be compared."
            self.telling.tell(call.at, told, "Of the event before: property(parent: ...). Of the person: trait(...).")
            return None
        if reference is not None and not self.follows:
            told = "`parent` names the event before, and there is none: this belongs into an event inside where(...)."
            self.telling.tell(call.at, told)
            return None
        return reference

    def _next(self, asked: Asked) -> d.Filter | None:
        found = _happened(asked.calls, self.telling, depth=self.depth + 1, follows=True)
        if found is None:
            return None
        if found.reducer.name != COUNT:
            told = f"`{found.reducer.name}` is not possible in a next step, which is counted."
            self.telling.tell(found.reducer.at, told, "Use `.count()`.")
            return None
        within, counted = _elapsing(found.windows, self.telling), _counted(asked, self.telling)
        if counted is None:
            return None
        then = d.Then(step=found.step, count=counted.count, within=within)
        return d.NoTest(test=then) if counted.but else then


def _is_own(call: Call) -> bool:
    return call.name == "property" and not any(isinstance(argument, Named) for argument in call.arguments)


def _is_reference(call: Call) -> bool:
    return call.name == "trait" or (call.name == "property" and not _is_own(call))

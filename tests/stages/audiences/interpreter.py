r"""The language of audiences, told as slowly and plainly as possible: who is in, asked of one person after another.

Written from docs/audiences.md and sharing nothing with the compiler but the condition tree, so that the two can check
each other. Read it as the definition of the language: `members` at the top, values and calendar at the end.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from tests.stages.audiences.instants import MICROSECOND, elapsed, end_of, last_shown, moved, shown, start_of

from guestlist.audiences import definition as d

Value = Any
"""What JSON can say: None, text, a number, true or false, a list or an object. None is no value."""
Properties = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Happening:
    event: str
    at: datetime
    source: str | None
    message_id: str
    properties: Properties


@dataclass(frozen=True, kw_only=True)
class Held:
    """A trait from `at` on, until it is written again."""

    key: str
    value: Value
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Stay:
    audience: str
    entered: datetime
    exited: datetime | None


@dataclass(frozen=True, kw_only=True)
class Known:
    """An identifier of a person."""

    type: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Person:
    name: str = ""
    events: Sequence[Happening] = ()
    traits: Sequence[Held] = ()
    stays: Sequence[Stay] = ()
    lists: Mapping[d.IdentifierList, datetime] = field(default_factory=dict)
    """Since when the person is known by an identifier of the list."""
    identifiers: Sequence[Known] | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """As of when, on which calendar; the audiences that are worked out, and since when; the events up to `floor` and
    those after `as_of` do not count."""

    as_of: datetime
    zone: ZoneInfo
    inline: Mapping[str, d.Definition] = field(default_factory=dict)
    begun: Mapping[str, datetime] = field(default_factory=dict)
    floor: datetime | None = None


# Audiences


def members(definition: d.Definition, people: Mapping[str, Person], asked: Asked) -> set[str]:
    return {name for name, person in people.items() if is_known(person, asked) and is_member(definition, person, asked)}


def is_known(person: Person, asked: Asked) -> bool:
    """Nobody is anywhere, "not" included, before the first trace of them."""
    traces = [one.since for one in person.identifiers or ()]
    if person.identifiers is None:
        traces = [one.at for one in person.events] + [one.at for one in person.traits]
        traces += [stay.entered for stay in person.stays]
    return any(trace <= asked.as_of for trace in traces)


def is_member(definition: d.Definition, person: Person, asked: Asked) -> bool:
    named = person.identifiers is None or any(one.type != "anonymous_id" for one in person.identifiers)
    if not (named or definition.anonymous) or drawn(person, definition.key) >= definition.sample:
        return False
    return holds(definition.who, person, replace(asked, floor=floor_of(definition, asked)))


def drawn(person: Person, salt: str) -> Fraction:
    """A lot for each person, from 0 up to 100, the same whenever it is drawn with the same salt."""
    lot = hashlib.md5(f"{salt}\x1f{person.name}".encode()).hexdigest()
    return Fraction(int(lot[:8], 16) * 100, 16**8)


def group(definition: d.Definition, person: Person) -> str:
    """The group that a person draws, by a lot of its own; "" for none. The groups lie one after another."""
    lot, upto = drawn(person, f"{definition.key}\x1fsplit"), Fraction(0)
    for each in definition.split:
        upto += Fraction(each.percent)
        if lot < upto:
            return each.name
    return ""


def floor_of(definition: d.Definition, asked: Asked) -> datetime | None:
    if definition.since is None:
        return None
    if definition.since == "now":
        return asked.begun.get(definition.key, asked.as_of)
    return start_of(definition.since, asked.zone) - MICROSECOND


# Conditions


def holds(condition: d.Condition, person: Person, asked: Asked) -> bool:
    match condition:
        case d.All(conditions=parts):
            return all(holds(part, person, asked) for part in parts)
        case d.AnyOf(conditions=parts):
            return any(holds(part, person, asked) for part in parts)
        case d.Not(condition=part):
            return not holds(part, person, asked)
        case d.Event():
            return event_holds(condition, person, asked)
        case d.Trait(trait=key, test=test):
            return passes(trait_of(person, key, asked), test, asked)
        case d.Member(audience=key, inside=inside):
            return in_audience(key, person, asked) == inside
        case d.Listed(list=listed, inside=inside):
            return (listed in person.lists and person.lists[listed] <= asked.as_of) == inside
        case d.External():
            message = "audiences of Segment have an interpreter of their own, beside the tests of Engage"
            raise TypeError(message)


def trait_of(person: Person, key: str, asked: Asked) -> Value:
    """The value last written by then; null takes it away."""
    written = [one for one in person.traits if one.key == key and one.at <= asked.as_of]
    return max(written, key=lambda one: one.at).value if written else None


def in_audience(key: str, person: Person, asked: Asked) -> bool:
    """Worked out where the audience is at hand, else by what was recorded. The moment of leaving is out."""
    if key in asked.inline:
        return is_member(asked.inline[key], person, asked)
    return any(
        stay.audience == key and stay.entered <= asked.as_of and (stay.exited is None or asked.as_of < stay.exited)
        for stay in person.stays
    )


def event_holds(condition: d.Event, person: Person, asked: Asked) -> bool:
    counted = [
        one
        for one in person.events
        if in_window(one.at, condition.window, asked)
        and (asked.floor is None or one.at > asked.floor)
        and is_step(one, condition.step, None, person, asked)
    ]
    match condition.measure:
        case d.Count() as count:
            return counts(len(counted), count)
        case d.Aggregate(reducer="first" | "last" | "most_frequent") as aggregate:
            return passes(as_kept(one_value(counted, aggregate)), aggregate.test, asked)
        case d.Aggregate() as aggregate:
            return compares(one_number(counted, aggregate), aggregate.test)


def counts(number: int, count: d.Count) -> bool:
    match count.comparator:
        case "at_least":
            return number >= count.number
        case "exactly":
            return number == count.number
        case "at_most":
            return number <= count.number


def one_value(events: Sequence[Happening], aggregate: d.Aggregate) -> str | None:
    """Values as they are written. Events without the property are passed over; those of one instant go by their id."""
    in_order = sorted(events, key=lambda one: (one.at, one.message_id, one.source or ""))
    values = [value_at(one.properties, aggregate.property) for one in in_order]
    texts = [text_of(value) for value in values if value is not None]
    if aggregate.reducer == "most_frequent":
        often = {text: times for text, times in Counter(texts).items() if times >= aggregate.minimum}
        return min(often, key=lambda text: (-often[text], text.encode()), default=None)
    return (texts[0] if aggregate.reducer == "first" else texts[-1]) if texts else None


def one_number(events: Sequence[Happening], aggregate: d.Aggregate) -> float | None:
    """None where nothing was there to add up, or to choose from; sums and averages have six decimals."""
    values = [value_at(one.properties, aggregate.property) for one in events]
    if aggregate.reducer == "distinct":
        return len({text_of(value) for value in values if value is not None})
    numbers = [number for number in map(number_of, values) if number is not None]
    if not numbers:
        return None
    match aggregate.reducer:
        case "min":
            return min(numbers)
        case "max":
            return max(numbers)
        case _:
            total = sum(Fraction(number) for number in numbers)
            return round(float(total / len(numbers) if aggregate.reducer == "average" else total), 6)


def compares(number: float | None, test: d.Test) -> bool:
    if number is None:
        return False
    match test:
        case d.Amount():
            return amounts(number, test)
        case d.Matches(comparator=comparator, values=(wanted,)):
            return (number == wanted) == (comparator == "equals")
    raise AssertionError(test)


def in_window(at: datetime, window: d.Window | None, asked: Asked) -> bool:
    """The far end is left out and the near end taken in; nothing has happened after `as_of`."""
    match window:
        case None:
            return at <= asked.as_of
        case d.Within(last=last):
            return moved(asked.as_of, last, asked.zone, -1) < at <= asked.as_of
        case d.Between(newest=newest, oldest=oldest):
            return moved(asked.as_of, oldest, asked.zone, -1) < at <= moved(asked.as_of, newest, asked.zone, -1)
        case d.Dates(start=start, end=end):
            begun = start is None or start_of(start, asked.zone) <= at
            return begun and (end is None or at <= end_of(end, asked.zone)) and at <= asked.as_of


# What counts as an event


def is_step(one: Happening, step: d.Step, parent: Happening | None, person: Person, asked: Asked) -> bool:
    """Whether an event is what a step means; `parent` is the event before it, where there is one."""
    if one.event != step.event or one.at > asked.as_of:
        return False
    if step.source is not None and not passes(as_kept(one.source), step.source, asked):
        return False
    return all(filtered(one, test, parent, person, asked) for test in step.where)


def filtered(one: Happening, test: d.Filter, parent: Happening | None, person: Person, asked: Asked) -> bool:
    match test:
        case d.EveryTest(tests=tests):
            return all(filtered(one, each, parent, person, asked) for each in tests)
        case d.AnyTest(tests=tests):
            return any(filtered(one, each, parent, person, asked) for each in tests)
        case d.NoTest(test=inner):
            return not filtered(one, inner, parent, person, asked)
        case d.Then():
            return counts(len(followers(one, test, person, asked)), test.count)
        case d.PropertyTest(path=path, test=d.Like() as like):
            other = looked_up(like.reference, parent, person, asked)
            return alike(value_at(one.properties, path), other, like.comparator)
        case d.PropertyTest(path=path, test=plain):
            assert not isinstance(plain, d.Like)
            return passes(value_at(one.properties, path), plain, asked)


def followers(parent: Happening, then: d.Then, person: Person, asked: Asked) -> list[Happening]:
    """What the same person did after: the same instant is not after, the last instant of `within` is still within."""
    later = [one for one in person.events if one.at > parent.at]
    if then.within is not None:
        later = [one for one in later if one.at <= parent.at + elapsed(then.within)]
    return [one for one in later if is_step(one, then.step, parent, person, asked)]


def looked_up(reference: d.Reference, parent: Happening | None, person: Person, asked: Asked) -> Value:
    if reference.of == "trait":
        return trait_of(person, reference.path, asked)
    assert parent is not None
    return value_at(parent.properties, reference.path)


def alike(left: Value, right: Value, comparator: d.LikeComparator) -> bool:
    """Two values of the data; of a list, one element is enough. A missing value is like nothing, nor unlike."""
    if left is None or right is None:
        return False
    pairs = [(one, other) for one in elements(left) for other in elements(right)]
    if comparator in {"equals", "not_equals"}:
        return any(same(one, other) for one, other in pairs) == (comparator == "equals")
    numbers = [(number_of(one), number_of(other)) for one, other in pairs]
    return any(
        one is not None and other is not None and amounts(one, d.Amount(comparator=comparator, number=other))  # type: ignore[arg-type]
        for one, other in numbers
    )


def same(one: Value, other: Value) -> bool:
    """Numbers by their size, all else as it is written."""
    number = number_of(one)
    return text_of(one) == text_of(other) or (number is not None and number == number_of(other))


# Tests of one value


def passes(value: Value, test: d.Test, asked: Asked) -> bool:
    if isinstance(test, d.Presence):
        return (value is not None) == (test.comparator == "exists")
    if value is None:
        return False
    match test:
        case d.Matches(comparator=comparator, values=values):
            denying = {"not_equals": "equals", "none_of": "equals", "omits": "contains"}
            found = any(matches(value, denying.get(comparator, comparator), wanted) for wanted in values)
            return not found if comparator in denying else found
        case d.Amount():
            return some(value, lambda one: (number := number_of(one)) is not None and amounts(number, test))
        case d.Moment() | d.Relative():
            return some(value, lambda one: (moment := moment_of(one)) is not None and dates(moment, test, asked))


def matches(value: Value, comparator: str, wanted: d.Scalar) -> bool:
    """A written number is compared as a number, all else as text; "contains" asks a list for the whole element."""
    text = written(wanted)
    if comparator == "contains" and not isinstance(value, list):
        return text in text_of(value)
    if comparator == "starts_with":
        return some(value, lambda one: text_of(one).startswith(text))
    if comparator == "ends_with":
        return some(value, lambda one: text_of(one).endswith(text))
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return some(value, lambda one: number_of(one) == wanted)
    return some(value, lambda one: text_of(one) == text)


def amounts(number: float, test: d.Amount) -> bool:
    match test.comparator:
        case "greater_than":
            return number > test.number
        case "at_least":
            return number >= test.number
        case "less_than":
            return number < test.number
        case "at_most":
            return number <= test.number


def dates(moment: datetime, test: d.Moment | d.Relative, asked: Asked) -> bool:
    """With an offset a date is an instant; without, it is what the clocks of the space's zone show."""

    def beside(instant: datetime) -> datetime:
        return instant if moment.tzinfo else instant.astimezone(asked.zone).replace(tzinfo=None)

    match test:
        case d.Moment(comparator="before", moment=wanted):
            begin = start_of(wanted, asked.zone) if moment.tzinfo else shown(wanted, asked.zone)
            return moment < begin
        case d.Moment(moment=wanted):
            last = end_of(wanted, asked.zone) if moment.tzinfo else last_shown(wanted, asked.zone)
            return moment > last
        case d.Relative(comparator=comparator, duration=duration):
            now = asked.as_of
            ago, ahead = (moved(now, duration, asked.zone, sign) for sign in (-1, 1))
            inside = {
                "within_last": beside(ago) < moment <= beside(now),
                "before_last": moment <= beside(ago),
                "within_next": beside(now) < moment <= beside(ahead),
                "after_next": beside(ahead) < moment,
            }
            return inside[comparator]


# Values


def value_at(properties: Value, path: str) -> Value:
    r"""Dots part the path, `\.` is a dot in a name. With `$`, all values found, as one list: lists there are opened."""
    parts = [part.replace("\0", ".") for part in path.replace("\\.", "\0").split(".")]
    found = [value for value in places(properties, parts) if value is not None]
    if "$" not in parts:
        return found[0] if found else None
    opened = [inner for value in found if isinstance(value, list) for inner in value]
    return [*found, *opened] if found else None


def places(value: Value, parts: Sequence[str]) -> list[Value]:
    if not parts:
        return [value]
    first, *rest = parts
    if first == "$":
        inside = value if isinstance(value, list) else []
    elif isinstance(value, list):
        inside = [value[int(first)]] if re.fullmatch("[0-9]+", first) and int(first) < len(value) else []
    else:
        inside = [value[first]] if isinstance(value, dict) and first in value else []
    return [found for each in inside for found in places(each, rest)]


def elements(value: Value) -> list[Value]:
    """A list by its elements, without null; anything else is one."""
    return [one for one in value if one is not None] if isinstance(value, list) else [value]


def some(value: Value, test: Callable[[Value], bool]) -> bool:
    return any(test(one) for one in elements(value))


def text_of(value: Value) -> str:
    """As JSON writes it, text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def written(value: d.Scalar) -> str:
    """A value of a definition as the data would write it: 5.0 is 5 there."""
    return text_of(int(value) if isinstance(value, float) and value.is_integer() else value)


NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def number_of(value: Value) -> float | None:
    """A number, also as text, spaces around it allowed; what is too large for one is none, nor are inf and nan."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip(" ")
    number = float(text) if NUMBER.fullmatch(text) else None
    return number if number is not None and isfinite(number) else None


MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(Z|([+-])(\d{2})(?::?(\d{2}))?)?)?",
    re.ASCII,
)


def moment_of(value: Value) -> datetime | None:
    """A date as ISO 8601 writes it, without an offset in nobody's zone yet."""
    found = MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micro = int((found[7] or "0")[:6].ljust(6, "0"))
    midnight = (hour, minute, second, micro) == (24, 0, 0, 0)  # the end of the day, as ISO 8601 has it
    try:
        told = datetime(year, month, day, 0 if midnight else hour, minute, second, micro)  # noqa: DTZ001
    except ValueError:
        return None
    told += timedelta(days=midnight)
    if not found[8]:
        return told
    offset = timedelta(hours=int(found[10] or 0), minutes=int(found[11] or 0))
    return (told + (offset if found[9] == "-" else -offset)).replace(tzinfo=UTC)


def read_json(text: str | None) -> Value:
    """JSON as it came; a number that is too large to be one stays as it is spelled."""

    def real(spelled: str) -> Value:
        return float(spelled) if isfinite(float(spelled)) else spelled

    return None if text is None else json.loads(text, parse_float=real, parse_constant=_no_constant)


def _no_constant(name: str) -> Value:
    raise ValueError(name)


def as_kept(text: str | None) -> Value:
    """What is kept as text only (traits, values of events): text that is a list in JSON is that list."""
    if text is None or not text.startswith("["):
        return text
    try:
        return read_json(text)
    except ValueError:
        return text

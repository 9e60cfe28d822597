"""One value of the data against one test, as an expression: null (not true) where there is nothing to compare.

A value is text or a number, as the test asks: `equals: 5` compares numbers, `equals: "5"` compares text.
A list passes when one of its elements does; a denying test passes when none does.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from math import inf, nextafter
from typing import Literal
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from guestlist.audiences.definition import (
    DENYING,
    Amount,
    Matches,
    Moment,
    Presence,
    Relative,
    RelativeComparator,
    Scalar,
    Test,
)
from guestlist.audiences.steps import EACH, split_path
from guestlist.audiences.times import end_of, on_clocks, shifted, start_of
from guestlist.store.functions import FARTHEST, json_part, json_text, json_texts

# Keys the compiler is known to spell right in a path; any other key goes through a map.
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]*")
# Stands between joined list elements: a control character that no real value holds.
EDGE = "\x1f"
_DAY, _CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?"
WITHOUT_OFFSET = rf"^{_DAY}(?:{_CLOCK})?$"
WITH_OFFSET = rf"^{_DAY}{_CLOCK}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)$"
INSTANT = dt.Timestamp(timezone="UTC")


# Beyond these stand `inf` and `nan`, which are text, not numbers; engines sort them above all others.
LARGEST = 1.7e308
UNESCAPED = re.compile(r'[^"\\\x00-\x1f\x7f]*')


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """`json` is its JSON text, if any: engines parse that anew at every mention, so mention it little."""

    present: ir.BooleanValue
    text: ir.StringValue
    number: ir.FloatingValue
    is_list: ir.BooleanValue
    elements: ir.ArrayValue
    json: ir.StringValue | None = None


def property_value(events: ir.Table, path: str) -> Value:
    """A property by its dotted path; a whole number in the path is a place in a list, `$` each of its elements."""
    if _column("json", path) in events.columns:
        return _taken(events, path)
    parts = split_path(path)
    document = events.properties.cast("json")
    if EACH in parts:
        return _elements(json_texts(document, *parts), json_texts(document, *parts, EACH))
    if all(PLAIN_KEY.fullmatch(part) for part in parts):
        raw, text = json_part(document, *parts), json_text(document, *parts)
    else:
        for part in parts:
            document = _member(document, part)
        raw = document.cast("string")
        text = ibis.coalesce(document.str, raw.nullif("null"))
    return _value(raw, text, _number(raw))


def _value(raw: ir.StringValue, text: ir.StringValue, number: ir.FloatingValue) -> Value:
    """A value by its JSON, what that says as text, and as a number."""
    is_list = raw.startswith("[")
    # Nothing but lists is parsed once more.
    elements = ibis.ifelse(is_list, raw, ibis.null("string")).cast("json").try_cast("array<string>")
    return Value(present=raw != "null", text=text, number=number, is_list=is_list, elements=elements, json=raw)


def taken_out(events: ir.Table, kept: Sequence[str], paths: Iterable[str]) -> ir.Table:
    """Events with some properties as columns, where `property_value` finds them. No path may have a `$` in it."""
    columns: dict[str, ir.Value] = {}
    for path in paths:
        value = property_value(events, path)
        columns |= {_column("json", path): value.json, _column("text", path): value.text}
        columns |= {_column("number", path): value.number}
    return events.select(*kept, **columns)


def _taken(events: ir.Table, path: str) -> Value:
    return _value(*(events[_column(part, path)] for part in ("json", "text", "number")))


def _column(part: str, path: str) -> str:
    return f"{part}:{path}"


def _number(raw: ir.StringValue) -> ir.FloatingValue:
    return as_number(raw.replace('"', ""))


def _member(json: ir.JSONValue, part: str) -> ir.JSONValue:
    if part.isdecimal() and part.isascii():
        return ibis.ifelse(json.cast("string").startswith("["), json[min(int(part), FARTHEST)], json[part])
    return json[part] if PLAIN_KEY.fullmatch(part) else json.try_cast("map<string, json>").get(part)


def _elements(texts: ir.ArrayValue, opened: ir.ArrayValue) -> Value:
    """All that stands at the places of a path, as one list, with the elements of the lists among it."""
    joined = texts.join(EDGE)  # without what is null
    return Value(
        present=joined.notnull() & (texts.length() > 0),
        text=ibis.null("string"),
        number=ibis.null("float64"),
        is_list=joined.notnull() & (texts.length() > 0),
        elements=texts.concat(opened),
    )


def trait_value(value: ir.StringColumn, number: ir.FloatingColumn) -> Value:
    """A trait's text and number; text that is a JSON list is a list."""
    elements = ibis.ifelse(value.startswith("["), value, ibis.null("string"))
    elements = elements.try_cast("json").try_cast("array<string>")
    return Value(
        present=value.notnull(),
        text=value,
        number=ibis.coalesce(number, as_number(value)),
        is_list=value.startswith("[") & elements.notnull(),
        elements=elements,
    )


def as_number(text: ir.StringValue) -> ir.FloatingValue:
    """Engines read over a `_` in the middle of a number; here, 1_000 is a name."""
    return text.replace("_", "x").try_cast("float64")


def finite(number: ir.FloatingValue) -> ir.BooleanValue:
    return (number >= -LARGEST) & (number <= LARGEST)


def passes(value: Value, test: Test, as_of: datetime, zone: ZoneInfo) -> ir.BooleanValue:
    match test:
        case Matches():
            return _matches(value, test)
        case Amount():
            return _amount(value, test)
        case Moment(comparator=comparator, moment=moment):
            edge = _Edge.begins(moment, zone) if comparator == "before" else _Edge.ends(moment, zone)
            sign: _Sign = "<" if comparator == "before" else ">"
            return _any_date(value, lambda text: edge.compared(text, sign))
        case Relative():
            return _relative(value, test, as_of, zone)
        case Presence(comparator=comparator):
            present = value.present.fill_null(False)
            return present if comparator == "exists" else ~present


def _matches(value: Value, test: Matches) -> ir.BooleanValue:
    one, several = _pairs(value, test)
    positive = ibis.ifelse(value.is_list, several, one).fill_null(False)
    return value.present & ~positive if test.comparator in DENYING else positive


def _pairs(value: Value, test: Matches) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    """The test of a single value, and of a list."""
    joined = ibis.literal(EDGE) + value.elements.join(EDGE) + EDGE
    joined = ibis.ifelse(value.elements.length() > 0, joined, ibis.null("string"))
    texts = [as_text(part) for part in test.values]
    match test.comparator:
        case "contains" | "omits":
            _, several = _equal(value, joined, test.values)
            return _any([value.text.contains(text) for text in texts]), several
        case "starts_with":
            return _any([value.text.startswith(text) for text in texts]), _any(
                [joined.contains(EDGE + t) for t in texts]
            )
        case "ends_with":
            return _any([value.text.endswith(text) for text in texts]), _any([joined.contains(t + EDGE) for t in texts])
        case _:
            return _equal(value, joined, test.values)


def _equal(value: Value, joined: ir.StringValue, values: tuple[Scalar, ...]) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    numbers = [float(part) for part in values if _is_number(part)]
    texts = [as_text(part) for part in values if not _is_number(part)]
    floats = value.elements.map(as_number)
    one: list[ir.BooleanValue] = []
    several: list[ir.BooleanValue] = [joined.contains(EDGE + text + EDGE) for text in texts]
    if texts:
        one.append(_is_text(value, texts))
    if numbers:
        one.append(value.number.isin(numbers))
        several += [floats.contains(number) for number in numbers]
    return _any(one), _any(several)


def _is_text(value: Value, texts: list[str]) -> ir.BooleanValue:
    """Compares JSON text as it stands where no escape can hide a letter; bare, it is a number, true or false."""
    if value.json is None or not all(UNESCAPED.fullmatch(text) for text in texts):
        return value.text.isin(texts)
    bare = [text for text in texts if text != "null"]
    return value.json.isin([*(f'"{text}"' for text in texts), *bare])


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_text(value: Scalar) -> str:
    """A value as the data spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _any(tests: list[ir.BooleanValue]) -> ir.BooleanValue:
    return ibis.or_(*(test.fill_null(False) for test in tests))


def _amount(value: Value, test: Amount) -> ir.BooleanValue:
    least, most = _bounds(test)
    several = value.elements.map(as_number).filter(lambda number: number.between(least, most)).length() > 0
    return ibis.ifelse(value.is_list, several, value.number.between(least, most))


def _bounds(test: Amount) -> tuple[ir.FloatingScalar, ir.FloatingScalar]:
    """Numbers from and to which pass: one comparison, so that the number is worked out once."""
    bounds = {
        "greater_than": (nextafter(test.number, inf), LARGEST),
        "at_least": (test.number, LARGEST),
        "less_than": (-LARGEST, nextafter(test.number, -inf)),
        "at_most": (-LARGEST, test.number),
    }
    least, most = bounds[test.comparator]
    return ibis.literal(least, type="float64"), ibis.literal(most, type="float64")


def compare_number(number: ir.NumericValue, test: Amount | Matches) -> ir.BooleanValue:
    if isinstance(test, Matches):
        same = number == test.values[0]
        return ~same if test.comparator in DENYING else same
    match test.comparator:
        case "greater_than":
            return number > test.number
        case "at_least":
            return number >= test.number
        case "less_than":
            return number < test.number
        case "at_most":
            return number <= test.number


_Sign = Literal["<", "<=", ">"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Edge:
    """An instant, and what clocks in the space's zone show then: dates without an offset are compared with that."""

    instant: datetime
    clock: datetime

    @classmethod
    def at(cls, instant: datetime, zone: ZoneInfo) -> "_Edge":
        return cls(instant=instant, clock=on_clocks(instant, zone))

    @classmethod
    def begins(cls, moment: date, zone: ZoneInfo) -> "_Edge":
        """A day begins at 00:00 on its calendar, also where the clocks skip that."""
        instant = start_of(moment, zone)
        if isinstance(moment, datetime):
            return cls.at(instant, zone)
        return cls(instant=instant, clock=datetime.combine(moment, time()))

    @classmethod
    def ends(cls, moment: date, zone: ZoneInfo) -> "_Edge":
        if isinstance(moment, datetime):
            return cls.at(end_of(moment, zone), zone)
        return cls(instant=end_of(moment, zone), clock=datetime.combine(moment, time.max))

    def compared(self, text: ir.StringValue, sign: _Sign) -> ir.BooleanValue:
        at, clock = ibis.literal(self.instant.astimezone(UTC), type=INSTANT), ibis.literal(self.clock, type="timestamp")
        left, right = text.try_cast(INSTANT), text.try_cast("timestamp")
        compared = {
            "<": (left < at, right < clock),
            "<=": (left <= at, right <= clock),
            ">": (left > at, right > clock),
        }
        zoned, bare = compared[sign]
        return ibis.cases((text.re_search(WITHOUT_OFFSET), bare), (text.re_search(WITH_OFFSET), zoned), else_=False)


def _relative(value: Value, test: Relative, as_of: datetime, zone: ZoneInfo) -> ir.BooleanValue:
    forward = test.comparator in {"within_next", "after_next"}
    now, far = _Edge.at(as_of, zone), _Edge.at(shifted(as_of, test.duration, zone, sign=1 if forward else -1), zone)
    passing: dict[RelativeComparator, Callable[[ir.StringValue], ir.BooleanValue]] = {
        "within_last": lambda text: far.compared(text, ">") & now.compared(text, "<="),
        "before_last": lambda text: far.compared(text, "<="),
        "within_next": lambda text: now.compared(text, ">") & far.compared(text, "<="),
        "after_next": lambda text: far.compared(text, ">"),
    }
    return _any_date(value, passing[test.comparator])


def is_date(value: Value) -> ir.BooleanValue:
    """Whether there is a date or an instant, of which a test of dates can be true."""

    def reads(text: ir.StringValue) -> ir.BooleanValue:
        bare, zoned = text.try_cast("timestamp").notnull(), text.try_cast(INSTANT).notnull()
        return ibis.cases((text.re_search(WITHOUT_OFFSET), bare), (text.re_search(WITH_OFFSET), zoned), else_=False)

    return _any_date(value, reads)


def _any_date(value: Value, passing: Callable[[ir.StringValue], ir.BooleanValue]) -> ir.BooleanValue:
    several = value.elements.filter(passing).length() > 0
    return ibis.ifelse(value.is_list, several, passing(value.text))

"""One value of the data against one test, as an expression: null (not true) where there is nothing to compare.

A value is text or a number, as the test asks: `equals: 5` compares numbers, `equals: "5"` compares text.
A list passes when one of its elements does; a denying test passes when none does.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from guestlist.audiences.definition import DENYING, Amount, Matches, Moment, Presence, Relative, Scalar, Test
from guestlist.audiences.steps import EACH, split_path
from guestlist.audiences.times import end_of, shifted, start_of
from guestlist.store.engine import json_part, json_text, json_texts

# Keys the compiler is known to spell right in a path; any other key goes through a map.
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]*")
# Stands between joined list elements: a control character that no real value holds.
EDGE = "\x1f"
OFFSET = r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$"
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
        return _elements(json_texts(document, *parts))
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
    return raw.replace('"', "").try_cast("float64")


def _member(json: ir.JSONValue, part: str) -> ir.JSONValue:
    if part.isdecimal() and part.isascii():
        return ibis.ifelse(json.cast("string").startswith("["), json[int(part)], json[part])
    return json[part] if PLAIN_KEY.fullmatch(part) else json.try_cast("map<string, json>").get(part)


def _elements(texts: ir.ArrayValue) -> Value:
    """All that stands at the places of a path, as one list."""
    joined = texts.join(EDGE)  # without what is null
    return Value(
        present=joined.notnull() & (texts.length() > 0),
        text=ibis.null("string"),
        number=ibis.null("float64"),
        is_list=joined.notnull() & (texts.length() > 0),
        elements=texts,
    )


def trait_value(value: ir.StringColumn, number: ir.FloatingColumn) -> Value:
    """A trait's text and number; text that is a JSON list is a list."""
    elements = ibis.ifelse(value.startswith("["), value, ibis.null("string"))
    elements = elements.try_cast("json").try_cast("array<string>")
    return Value(
        present=value.notnull(),
        text=value,
        number=ibis.coalesce(number, value.try_cast("float64")),
        is_list=value.startswith("[") & elements.notnull(),
        elements=elements,
    )


def finite(number: ir.FloatingValue) -> ir.BooleanValue:
    return (number >= -LARGEST) & (number <= LARGEST)


def passes(value: Value, test: Test, as_of: datetime, zone: ZoneInfo) -> ir.BooleanValue:
    match test:
        case Matches():
            return _matches(value, test)
        case Amount():
            return _amount(value, test)
        case Moment(comparator=comparator, moment=moment):
            if comparator == "before":
                return _compared(value, "<", start_of(moment, zone), zone)
            return _compared(value, ">", end_of(moment, zone), zone)
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
            several = [joined.contains(EDGE + text + EDGE) for text in texts]
            return _any([value.text.contains(text) for text in texts]), _any(several)
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
    floats = value.elements.try_cast("array<float64>")
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
    upward = test.comparator in {"greater_than", "at_least"}
    floats = value.elements.try_cast("array<float64>")
    best = floats.maxs() if upward else floats.mins()
    number = ibis.ifelse(value.is_list, best, value.number)
    return compare_number(number, test) & finite(number)


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


def _relative(value: Value, test: Relative, as_of: datetime, zone: ZoneInfo) -> ir.BooleanValue:
    forward = test.comparator in {"within_next", "after_next"}
    far = shifted(as_of, test.duration, zone, sign=1 if forward else -1)
    match test.comparator:
        case "within_last":
            return _compared(value, ">", far, zone) & _compared(value, "<=", as_of, zone)
        case "before_last":
            return _compared(value, "<=", far, zone)
        case "within_next":
            return _compared(value, ">", as_of, zone) & _compared(value, "<=", far, zone)
        case "after_next":
            return _compared(value, ">", far, zone)


def _compared(value: Value, sign: str, instant: datetime, zone: ZoneInfo) -> ir.BooleanValue:
    """A date or a time without an offset is the zone's: it is compared with the zone's clock at `instant`."""
    zoned = value.text.re_search(OFFSET) & (value.text.length() > len("2026-01-31"))
    at = ibis.literal(instant.astimezone(UTC), type=INSTANT)
    clock = ibis.literal(instant.astimezone(zone).replace(tzinfo=None), type="timestamp")
    left, right = value.text.try_cast(INSTANT), value.text.try_cast("timestamp")
    match sign:
        case "<":
            return ibis.ifelse(zoned, left < at, right < clock)
        case "<=":
            return ibis.ifelse(zoned, left <= at, right <= clock)
        case _:
            return ibis.ifelse(zoned, left > at, right > clock)

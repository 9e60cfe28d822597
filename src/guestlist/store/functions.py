"""Functions of the engine that Ibis has no word for. Another engine gets its own here, and the same tests."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.datatypes as dt

FARTHEST = 2**31 - 1
"""No list has a place beyond this one; engines cannot read a place of any number of digits."""


@ibis.udf.scalar.builtin(name="json_merge_patch")  # type: ignore[untyped-decorator]
def _merge_patch(_whole: dt.json, _patch: dt.json) -> dt.json:
    """RFC 7396."""


@ibis.udf.scalar.builtin(name="json_extract_string")  # type: ignore[untyped-decorator]
def _text_at(_document: dt.json, _path: dt.string) -> dt.string:
    """The text of a value; of anything but a string, its JSON. Null where there is nothing, or null."""


@ibis.udf.scalar.builtin(name="json_extract_string")  # type: ignore[untyped-decorator]
def _texts_at(_document: dt.json, _path: dt.string) -> dt.Array(dt.string):  # type: ignore[valid-type]
    """The same of every value that the path leads to; an empty list where it leads nowhere."""


@ibis.udf.scalar.builtin(name="json_extract")  # type: ignore[untyped-decorator]
def _part_at(_document: dt.json, _path: dt.string) -> dt.json:
    """A part of a document."""


@ibis.udf.scalar.builtin(name="json_type")  # type: ignore[untyped-decorator]
def _kind_at(_document: dt.json, _path: dt.string) -> dt.string:
    """OBJECT, ARRAY, VARCHAR, BOOLEAN, NULL, or one of several numbers; null where there is nothing."""


@ibis.udf.scalar.builtin(name="list_has_any")  # type: ignore[untyped-decorator]
def _has_any(_one: dt.Array(dt.string), _other: dt.Array(dt.string)) -> dt.boolean:  # type: ignore[valid-type]
    """Whether two lists share an element that is not null."""


@ibis.udf.scalar.builtin(name="list_distinct")  # type: ignore[untyped-decorator]
def _distinct(_list: dt.Array(dt.string)) -> dt.Array(dt.string):  # type: ignore[valid-type]
    """The elements that are not null, each once, in no order."""


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _instant_in(_zone: dt.string, _clock: dt.Timestamp(scale=6)) -> dt.Timestamp(timezone="UTC"):  # type: ignore[valid-type]
    """The instant at which clocks in the zone show this."""


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _since_1970(_instant: dt.Timestamp(timezone="UTC")) -> dt.int64:  # type: ignore[valid-type]
    """Microseconds."""


@ibis.udf.scalar.builtin(name="make_timestamptz")  # type: ignore[untyped-decorator]
def _instant_at(_microseconds: dt.int64) -> dt.Timestamp(timezone="UTC"):  # type: ignore[valid-type]
    """The instant so many microseconds after 1970."""


def object_text(fields: Mapping[str, Any]) -> Any:
    """The values as the text of one JSON object, fields without a value left out."""
    whole = ibis.struct(dict(fields)).cast("json")
    return _merge_patch(ibis.literal("{}").cast("json"), whole).cast("string")


def with_fields(document: Any, fields: Mapping[str, Any]) -> Any:
    """The text of a JSON object with these fields set, where they have a value."""
    return _merge_patch(document.cast("json"), object_text(fields).cast("json")).cast("string")


def without_field(document: Any, name: str) -> Any:
    """The text of a JSON object without this field."""
    return _merge_patch(document.cast("json"), ibis.literal(f'{{"{name}": null}}').cast("json")).cast("string")


def json_text(document: Any, *keys: str) -> Any:
    """The text of the value at these keys, null where there is none."""
    return _text_at(document, _path(keys))


def json_text_under(document: Any, key: Any) -> Any:
    """The text of the value under a key that each line tells itself."""
    return _text_at(document.try_cast("map<string, json>").get(key), _path(()))


def json_texts(document: Any, *keys: str) -> Any:
    """The texts of all values that these keys lead to, as a list; the key `$` is every place in a list.

    Keys of digits are places, too. No key may hold a quotation mark.
    """
    steps = (
        "[*]" if key == "$" else f"[{min(int(key), FARTHEST)}]" if key.isdecimal() else f'."{key}"' for key in keys
    )
    return _texts_at(document, f"${''.join(steps)}")


def json_part(document: Any, *keys: str) -> Any:
    """The JSON at these keys, as text."""
    return _part_at(document, _path(keys)).cast("string")


def json_kind(document: Any, *keys: str) -> Any:
    """What kind of value stands at these keys: string, number, boolean, object, array, null; null where nothing is."""
    kind = _kind_at(document, _path(keys))
    plain = {"VARCHAR": "string", "OBJECT": "object", "ARRAY": "array", "BOOLEAN": "boolean", "NULL": "null"}
    return kind.isnull().ifelse(ibis.null("string"), kind.cases(*plain.items(), else_="number"))


def each_once(texts: Any) -> Any:
    """The texts of a list that are not null, each once and in order."""
    return _distinct(texts).sort()


def overlap(one: Any, other: Any) -> Any:
    """Whether two lists of texts share one; null where one of them is missing."""
    return _has_any(one, other)


def instant_in(zone: str, clock: Any) -> Any:
    """The instant at which clocks in the zone show this date and time."""
    return _instant_in(ibis.literal(zone), clock)


def microseconds_of(instant: Any) -> Any:
    """An instant as whole microseconds since 1970."""
    return _since_1970(instant)


def instant_at(microseconds: Any) -> Any:
    """The instant so many microseconds after 1970."""
    return _instant_at(microseconds)


def _path(keys: Sequence[str]) -> str:
    return "$" + "".join(f'."{key}"' for key in keys)

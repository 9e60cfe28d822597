"""Lines of a table, by its mapping, as messages: people as identify calls, events as track calls."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import ibis

from guestlist.sources.mapping import FileMapping
from guestlist.sources.messages import LONGEST_MESSAGE_ID, READ, Call, Fault, judged_by
from guestlist.sources.times import instant_of
from guestlist.store import Table
from guestlist.store.functions import json_kind, json_text, object_text

_EDGE = "\x1f"
_NESTED = ("email", "phone")


def columns_of_json(lines: Table, columns: Sequence[str]) -> Table:
    """Lines of JSON objects as text columns; `bad` where a line is no object."""
    document = lines.json.try_cast("json")
    cells = {column: json_text(document, column) for column in columns}
    return lines.select("line", json_content=lines.json, bad=(json_kind(document) != "object").fill_null(True), **cells)


def read_table(lines: Table, mapping: FileMapping, zone: str, date_order: Literal["dmy", "mdy"] | None) -> Table:
    """Text columns as messages; `reason` says why a line is none, and `field` where."""
    cells = {column: _given(lines[column]) for column in mapping.columns}
    time = mapping.at("time")
    given_time = cells[time[0]] if time else ibis.null("string")
    read = lines.select(
        "line",
        content=content_of(lines, mapping),
        bad=lines["bad"] if "bad" in lines.columns else ibis.literal(False),
        given_time=given_time,
        at=instant_of(given_time, zone, date_order),
        type=ibis.literal(_call(mapping).value),
        event=_event(mapping, cells),
        message_id=_first(cells, mapping.at("message_id")),
        previous_id=ibis.null("string"),
        group_id=ibis.null("string"),
        has_id=ibis.coalesce(*(cells[column] for column in mapping.ids())).notnull(),
        **_objects(mapping, cells),
        **{kind: _first(cells, _of_kind(mapping, kind)[:1]) for kind in ("user_id", "anonymous_id")},
    )
    return read.mutate(**judged_by(_faults(read, mapping))).select("line", "content", "reason", "field", "value", *READ)


def _call(mapping: FileMapping) -> Call:
    return Call.IDENTIFY if mapping.reading == "people" else Call.TRACK


def _given(text: Any) -> Any:
    return text.re_replace(r"^\s+|\s+$", "").nullif("")


def _first(cells: Mapping[str, Any], columns: Sequence[str]) -> Any:
    return cells[columns[0]] if columns else ibis.null("string")


def _of_kind(mapping: FileMapping, kind: str) -> list[str]:
    return [column for column, given in mapping.ids().items() if given == kind]


def _event(mapping: FileMapping, cells: Mapping[str, Any]) -> Any:
    if mapping.reading == "people":
        return ibis.null("string")
    return ibis.literal(mapping.event) if mapping.event else _first(cells, mapping.at("event"))


def _objects(mapping: FileMapping, cells: Mapping[str, Any]) -> dict[str, Any]:
    """traits, properties and context. The first e-mail and phone are traits, all others external ids."""
    first = {kind: cells[columns[0]] for kind in _NESTED if (columns := _of_kind(mapping, kind))}
    facts = {key: cells[column] for column, key in mapping.facts().items()}
    people = mapping.reading == "people"
    traits = {**first, **facts} if people else {}
    context: dict[str, Any] = {} if people or not first else {"traits": ibis.struct(first)}
    external = _external_ids(mapping, cells)
    if external is not None:
        context["externalIds"] = external
    return {
        "traits": _object(_nested(traits)),
        "properties": _object({} if people else _nested(facts)),
        "context": _object(context),
    }


def _object(fields: Mapping[str, Any]) -> Any:
    return object_text(fields) if fields else ibis.literal("{}")


def _nested(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`address.city` is the field city of the field address, unless there is a plain address too."""
    plain: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for key, value in facts.items():
        outer, dot, rest = key.partition(".")
        if dot and outer not in facts:
            inner.setdefault(outer, {})[rest] = value
        else:
            plain[key] = value
    return plain | {outer: ibis.struct(fields) for outer, fields in inner.items()}


def _external_ids(mapping: FileMapping, cells: Mapping[str, Any]) -> Any:
    named = mapping.ids()
    first = {columns[0] for kind in ("user_id", "anonymous_id", *_NESTED) if (columns := _of_kind(mapping, kind))}
    others = [column for column in named if column not in first]
    if not others:
        return None
    # Filtering one array would need a lambda, which this compiler writes in a way the engine no longer reads.
    some: Any = ibis.literal([], type="array<struct<id: string, type: string, collection: string>>")
    for column in others:
        one = ibis.array([ibis.struct({"id": cells[column], "type": named[column], "collection": "users"})])
        given = cells[column].notnull().ifelse(one, ibis.literal([], type=one.type()))
        some = some.concat(given)
    return (some.length() > 0).ifelse(some, ibis.null(some.type()))


def content_of(lines: Table, mapping: FileMapping) -> Any:
    """All that the line says, whatever the order of its columns; for people, also what we took it to mean."""
    said = lines["json_content"] if "json_content" in lines.columns else said_of(lines, list(mapping.columns))
    if mapping.reading == "events":
        # The same event, read anew under a corrected mapping, must not count twice.
        return ibis.literal((mapping.event or "") + _EDGE) + said
    meaning = _EDGE.join(f"{column}>{target}" for column, target in sorted(mapping.columns.items()))
    return ibis.literal(meaning + _EDGE) + said


def said_of(lines: Table, columns: Sequence[str]) -> Any:
    """What stands in these columns of a line, as one text."""
    parts = [ibis.literal(f"{column}=") + lines[column].fill_null("") for column in sorted(columns)]
    said = parts[0]
    for part in parts[1:]:
        said = said + _EDGE + part
    return said


def _faults(read: Table, mapping: FileMapping) -> list[tuple[Any, str, str, Any]]:
    nothing = ibis.literal("")
    time, event = "".join(mapping.at("time")), "".join(mapping.at("event"))
    faults: list[tuple[Any, str, str, Any]] = [
        (read.bad, Fault.BAD_JSON, "", nothing),
        (~read.has_id, Fault.NO_ID, ", ".join(mapping.ids()), nothing),
        (read.given_time.notnull() & read["at"].isnull(), Fault.BAD_TIME, time, read.given_time),
        (read.message_id.length() > LONGEST_MESSAGE_ID, Fault.MESSAGE_ID_TOO_LONG, "", nothing),
    ]
    if mapping.reading == "events":
        faults += [
            (read.given_time.isnull(), Fault.BAD_TIME, time, nothing),
            (read.event.isnull(), Fault.EVENT_NOT_DEFINED, event, nothing),
        ]
    return faults

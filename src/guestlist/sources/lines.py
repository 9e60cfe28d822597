"""The lines of a source as a table, for queries: what they say now, under the names that its columns have there."""

from typing import Any

import ibis

from guestlist.sources.messages import MESSAGE
from guestlist.sources.pulled import Pulled
from guestlist.store import Table, Warehouse
from guestlist.store.functions import json_text

_OWN = ("user_id", "anonymous_id", "event")
_NESTED = ("email", "phone")


def lines_of(warehouse: Warehouse, source: Pulled) -> Table | None:
    """One line for each that came in, all columns as text but `time`; None before the first load.

    Columns that are ids of other types are not among them.
    """
    if not warehouse.has("pulled_line"):
        return None
    line, message = warehouse.table("pulled_line"), warehouse.table("message")
    there = line.filter(line.source == source.name, line.message_id.notnull()).select("source", "message_id")
    if not warehouse.read(there.limit(1)).num_rows:
        return None
    said = message.semi_join(there, ["source", "message_id"]).select(*MESSAGE)
    return said.select(**_cells(source, said))


def _cells(source: Pulled, said: Table) -> dict[str, Any]:
    mapping = source.mapping
    people = mapping.reading == "people"
    facts = mapping.facts()
    spoken = said.traits if people else said.properties
    cells: dict[str, Any] = {
        column: json_text(spoken.cast("json"), *_path(key, set(facts.values()))) for column, key in facts.items()
    }
    for name in _OWN:
        cells |= dict.fromkeys(mapping.at(name)[:1], said[name])
    for name in _NESTED:
        place = (said.traits, (name,)) if people else (said.context, ("traits", name))
        cells |= {column: json_text(place[0].cast("json"), *place[1]) for column in mapping.at(name)[:1]}
    cells |= dict.fromkeys(mapping.at("time"), said["at"])
    return cells or {"message_id": ibis.literal("")}


def _path(key: str, keys: set[str]) -> tuple[str, ...]:
    """As the line was written: `address.city` is inside `address`, unless there is a plain address too."""
    outer, dot, rest = key.partition(".")
    return (outer, rest) if dot and outer not in keys else (key,)

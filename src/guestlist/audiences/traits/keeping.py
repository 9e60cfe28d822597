"""Relation `computed_trait`: what was worked out of people, kept until it changes, and set beside what they sent."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from guestlist.audiences.question import stamp
from guestlist.store.in_memory import in_memory

NAME = "computed_trait"
COMPUTED_TRAIT = {
    "profile_id": "string",
    "key": "string",
    "value": "string",
    "number": "float64",
    "at": "timestamp('UTC')",
    "source": "string",
}
"""Key (profile_id, key). `at` is the evaluation at which the value became what it is."""


DROPPED = "query_dropped"
QUERY_DROPPED = {"key": "string", "lines": "int64"}
"""Key (key): how many lines of the answer to a trait's query were too large, where any were, as it was run last."""


class Reading(Protocol):
    """What reading needs of the store."""

    def table(self, name: str) -> Any: ...
    def has(self, name: str) -> bool: ...
    def read(self, rows: Any) -> Any: ...


class Warehouse(Reading, Protocol):
    """What keeping needs of the store."""

    def create(self, name: str, schema: Mapping[str, str]) -> None: ...
    def materialise(self, name: str, rows: Any) -> Any: ...
    def append(self, name: str, rows: Any) -> Any: ...
    def merge(self, name: str, rows: Any, on: Sequence[str]) -> Any: ...
    def delete_keys(self, name: str, keys: Any, on: Sequence[str]) -> Any: ...


def keep(warehouse: Warehouse, key: str, found: ir.Table, *, source: str, at: datetime) -> None:
    """Write what changed of one trait; `found` is (profile_id, value, number), each person once, no value null."""
    found = warehouse.materialise("trait_found", found)
    kept = of_key(warehouse.table(NAME), key)
    if not warehouse.read(kept.limit(1)).num_rows:
        warehouse.append(NAME, dated(found, key, source=source, at=at))
        return
    gone = kept.anti_join(found, "profile_id").select("profile_id", "key")
    warehouse.delete_keys(NAME, warehouse.materialise("trait_gone", gone), ["profile_id", "key"])
    new = found.anti_join(kept, ["profile_id", "value"])
    changed = warehouse.materialise("trait_changed", dated(new, key, source=source, at=at))
    warehouse.merge(NAME, changed, ["profile_id", "key"])


def keep_only(warehouse: Warehouse, keys: Iterable[str]) -> None:
    """Forget the values of traits that are no longer defined."""
    kept = warehouse.table(NAME)
    others = kept.filter(kept.key.notin(sorted(keys))) if keys else kept
    warehouse.delete_keys(NAME, warehouse.materialise("trait_gone", others.select("key").distinct()), ["key"])


def note_dropped(warehouse: Warehouse, key: str, lines: int) -> None:
    """Remember how many lines of a trait's query were left out."""
    told = in_memory({"key": [key], "lines": [lines]}, schema=QUERY_DROPPED)
    warehouse.create(DROPPED, QUERY_DROPPED)
    warehouse.delete_keys(DROPPED, told.select("key"), ["key"])
    if lines:
        warehouse.append(DROPPED, told)


def forget_dropped(warehouse: Warehouse, keys: Iterable[str]) -> None:
    """Forget it of queries that are no longer there."""
    warehouse.create(DROPPED, QUERY_DROPPED)
    noted = warehouse.table(DROPPED)
    others = noted.filter(noted.key.notin(sorted(keys))) if keys else noted
    warehouse.delete_keys(DROPPED, warehouse.materialise("query_gone", others.select("key")), ["key"])


def dropped(warehouse: Reading) -> Mapping[str, int]:
    """Lines of the queries of traits that were too large, by key of the trait, as they were run last."""
    if not warehouse.has(DROPPED):
        return {}
    return {line["key"]: line["lines"] for line in warehouse.read(warehouse.table(DROPPED)).to_pylist()}


def of_key(kept: ir.Table, key: str) -> ir.Table:
    """The values that are kept of one trait."""
    return kept.filter(kept.key == key)


def dated(found: ir.Table, key: str, *, source: str, at: datetime) -> ir.Table:
    """Values as lines of the relation, as if they had become so at this instant."""
    instant = ibis.literal(at, type=COMPUTED_TRAIT["at"])
    whole = found.mutate(key=ibis.literal(key), at=instant, source=ibis.literal(source))
    return whole.select(*COMPUTED_TRAIT)


def since(fresh: ir.Table, kept: ir.Table, at: datetime) -> ir.Table:
    """The lines, each with the instant since which it is kept with the same value, if it is."""
    known = kept.filter(kept.at <= stamp(kept.at, at)).select("profile_id", "key", "value", known_at="at")
    both = fresh.left_join(known, ["profile_id", "key", "value"])
    return both.select(
        "profile_id", "key", "value", "number", at=ibis.coalesce(both.known_at, both.at), source="source"
    )


def held(warehouse: Reading) -> ir.Table:
    """All that is held of people: what they sent, and what was worked out last."""
    sent = warehouse.table("trait")
    if not warehouse.has(NAME):
        return sent
    kept = warehouse.table(NAME)
    keys = warehouse.read(kept.select("key").distinct()).column("key").to_pylist()
    return beside(sent, kept, keys) if keys else sent


def beside(sent: ir.Table, worked_out: ir.Table, keys: Iterable[str]) -> ir.Table:
    """All that is held of people. What is sent under the key of a trait that is worked out does not count."""
    own = sent.filter(sent.key.notin(sorted(keys))) if keys else sent
    same = {name: worked_out[name].cast(kind) for name, kind in own.select(*COMPUTED_TRAIT).schema().items()}
    return own.select(*COMPUTED_TRAIT).union(worked_out.select(**same))

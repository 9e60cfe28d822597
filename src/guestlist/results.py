"""Results as files that other tools read: who is in, who came and went, runs, lines that did not come in.

Parquet, each file replaced whole, so that whoever reads finds the old one or the new one; readable by its owner only.
People stand in them by their profile id. What an id is known by is written where that is asked for, and only then.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from pyarrow import parquet

from guestlist.errors import GuestlistError
from guestlist.space import Space, make_private
from guestlist.store import Table, Warehouse
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import BatchState

_AT = pa.timestamp("us", tz="UTC")
TABLES: dict[str, tuple[tuple[str, pa.DataType], ...]] = {
    "members": (("audience", pa.string()), ("profile_id", pa.string()), ("entered_at", _AT), ("group", pa.string())),
    "moves": (("audience", pa.string()), ("profile_id", pa.string()), ("at", _AT), ("change", pa.string())),
    "runs": (
        ("run", pa.string()),
        ("sync", pa.string()),
        ("audience", pa.string()),
        ("destination", pa.string()),
        ("cause", pa.string()),
        ("state", pa.string()),
        ("made_at", _AT),
        ("ended_at", _AT),
        ("rows_to_add", pa.int64()),
        ("rows_to_remove", pa.int64()),
        ("rows_added", pa.int64()),
        ("rows_removed", pa.int64()),
        ("people_leaving", pa.int64()),
    ),
    "sources": (
        ("source", pa.string()),
        ("state", pa.string()),
        ("began_at", _AT),
        ("good_at", _AT),
        ("lines", pa.int64()),
        ("came", pa.int64()),
        ("went", pa.int64()),
        ("left_out", pa.int64()),
        ("code", pa.string()),
    ),
    "rejected": (
        ("source", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("field", pa.string()),
        ("reason", pa.string()),
        ("value", pa.string()),
    ),
    "identifiers": (("profile_id", pa.string()), ("type", pa.string()), ("value", pa.string())),
}
"""Columns of each file, in order. `identifiers` is written only where it is asked for."""
IDENTIFIERS = "identifiers"
_MOST_RUNS = 100_000
_AT_ONCE = 50_000


@dataclass(frozen=True, kw_only=True)
class Written:
    """One file, and how many lines it has."""

    name: str
    path: Path
    lines: int


def write_results(
    space: Space, warehouse: Warehouse, journal: Journal, folder: Path, *, identifiers: bool = False
) -> list[Written]:
    """Write all files into the folder, which is made if it is not there."""
    try:
        if not folder.is_dir():
            make_private(folder)
        written = [
            _write(folder, "members", _read(warehouse, "members", _members(warehouse))),
            _write(folder, "moves", _read(warehouse, "moves", _moves(warehouse))),
            _write(folder, "runs", _batches("runs", _runs(journal))),
            _write(folder, "sources", _batches("sources", _sources(journal))),
            _write(folder, "rejected", _batches("rejected", _rejected(space, warehouse))),
        ]
        if identifiers:
            written.append(_write(folder, IDENTIFIERS, _read(warehouse, IDENTIFIERS, _identifiers(warehouse))))
        else:  # one of before names people who are erased by now
            for place in _places(folder, IDENTIFIERS):
                place.unlink(missing_ok=True)
    except OSError as error:
        raise GuestlistError(
            "results_unwritable",
            f"The results cannot be written into {folder}: {error.strerror}.",
            nothing_lost="Results that are there stay as they are; audiences are not touched.",
            next_step="Check the folder's rights and the free space, then run: guestlist results",
        ) from None
    return written


def renew_results(space: Space, warehouse: Warehouse, journal: Journal) -> list[Written]:
    """Write them where `guestlist.yaml` says, if it does."""
    wanted = space.settings.results
    if wanted is None:
        return []
    return write_results(space, warehouse, journal, space.folder / wanted.to, identifiers=wanted.identifiers)


def _write(folder: Path, name: str, batches: Iterable[pa.RecordBatch]) -> Written:
    place, fresh = _places(folder, name)
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    lines = 0
    with parquet.ParquetWriter(fresh, _schema(name), compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            lines += batch.num_rows
    fresh.replace(place)
    return Written(name=name, path=place, lines=lines)


def _places(folder: Path, name: str) -> tuple[Path, Path]:
    """Where a file stands, and where it is written before."""
    return folder / f"{name}.parquet", folder / f".{name}.parquet.new"


def _schema(name: str) -> pa.Schema:
    return pa.schema(list(TABLES[name]))


def _batches(name: str, rows: Iterable[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    waiting: list[dict[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _AT_ONCE:
            yield pa.RecordBatch.from_pylist(waiting, schema=_schema(name))
            waiting = []
    yield pa.RecordBatch.from_pylist(waiting, schema=_schema(name))


def _read(warehouse: Warehouse, name: str, rows: Table | None) -> Iterator[pa.RecordBatch]:
    if rows is None:
        return
    schema = _schema(name)
    for batch in warehouse.stream(rows):
        columns = [batch.column(field.name).cast(field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _members(warehouse: Warehouse) -> Table | None:
    if not warehouse.has("membership"):
        return None
    membership = warehouse.table("membership")
    inside = membership.filter(membership.exited_at.isnull()).select("audience", "profile_id", "entered_at")
    if not warehouse.has("audience_group"):
        return inside.mutate(group=ibis.null("string"))
    drawn = warehouse.table("audience_group").select("audience", "profile_id", group="name")
    beside = inside.left_join(drawn, ["audience", "profile_id"])
    return beside.select("audience", "profile_id", "entered_at", group=beside.group.nullif(""))


def _moves(warehouse: Warehouse) -> Table | None:
    if not warehouse.has("membership"):
        return None
    membership = warehouse.table("membership")
    entered = membership.select("audience", "profile_id", at="entered_at", change=ibis.literal("entered"))
    exited = membership.filter(membership.exited_at.notnull())
    exited = exited.select("audience", "profile_id", at="exited_at", change=ibis.literal("exited"))
    return entered.union(exited)


def _identifiers(warehouse: Warehouse) -> Table | None:
    if not warehouse.has("identifier"):
        return None
    return warehouse.table("identifier").select("profile_id", "type", "value")


def _runs(journal: Journal) -> Iterator[dict[str, Any]]:
    for sync in journal.syncs():
        for plan in journal.plans(sync.key, last=_MOST_RUNS):
            taken = [one for one in journal.batches(plan.id) if one.state is BatchState.APPLIED]
            yield {
                "run": plan.id,
                "sync": sync.key,
                "audience": sync.audience,
                "destination": sync.destination,
                "cause": plan.cause,
                "state": plan.state.value,
                "made_at": plan.made_at,
                "ended_at": plan.ended_at,
                "rows_to_add": plan.additions,
                "rows_to_remove": plan.removals,
                "rows_added": sum(one.rows for one in taken if one.direction == "add"),
                "rows_removed": sum(one.rows for one in taken if one.direction == "remove"),
                "people_leaving": plan.people_leaving,
            }


def _sources(journal: Journal) -> Iterator[dict[str, Any]]:
    for pull in journal.pulls().values():
        facts = {"source": pull.source, "state": pull.state, "began_at": pull.at, "good_at": pull.good_at}
        yield {**facts, "lines": pull.lines, "came": pull.came, "went": pull.went, "left_out": pull.rejected,
               "code": pull.code}  # fmt: skip


def _rejected(space: Space, warehouse: Warehouse) -> Iterator[dict[str, Any]]:
    """Of sources that are loaded, and of files that were imported; values are masked."""
    if warehouse.has("pulled_rejected"):
        told = warehouse.table("pulled_rejected").drop("key").order_by("source", "file", "line")
        for batch in warehouse.stream(told):
            yield from batch.to_pylist()
    for place in sorted(space.reports.glob("*.csv")) if space.reports.is_dir() else []:
        with place.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield {**row, "line": int(row["line"]), "source": None, "file": place.stem}

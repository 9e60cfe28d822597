"""Lines of files into the relations `message` and `identifier_use`, all of them in one transaction or none.

lines in = landed + already known + rejected; every rejected line stands in a report with field and reason.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import ibis
import pyarrow as pa

from guestlist.sources.files import DataFile, Kind
from guestlist.sources.mapping import Chosen
from guestlist.sources.masking import masked
from guestlist.sources.messages import IDENTIFIER_USE, MESSAGE, identifier_uses, read_messages
from guestlist.sources.records import LINE, Rejection
from guestlist.sources.repeats import LANDED_FILE, NO_REPEATS, Repeats, note_file
from guestlist.sources.report import Report, report_places
from guestlist.sources.tabular import columns_of_json, read_table
from guestlist.sources.times import INSTANT
from guestlist.store import Table, Warehouse

_LANDED = tuple(name for name in MESSAGE if name != "ordinal")
Progress = Callable[[int], None]
"""Told how many more lines were read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clocks:
    """How times are read, and what time it is."""

    now: datetime
    zone: str
    date_order: Literal["dmy", "mdy"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed:
    """What became of the lines of one file."""

    file: Path
    source: str
    lines: int
    landed: int
    known: int
    rejected: int
    report: Path | None
    again: str | None = None
    """The source whose events these were before."""
    places: tuple[int, int] = (0, 0)
    """The places of arrival (`ordinal`) of its messages lie behind the first and go up to the second."""
    nobody: int = 0
    """Messages that are nobody's; counted once people are found."""


@dataclass(kw_only=True, slots=True)
class _Count:
    lines: int = 0


def land(
    warehouse: Warehouse,
    files: Sequence[tuple[DataFile, Chosen]],
    clocks: Clocks,
    reports: Path,
    progress: Progress = lambda _: None,
    repeats: Repeats = NO_REPEATS,
) -> list[Landed]:
    """Land all files, or, if one of them fails as a whole, none; reports of rejected lines go into `reports`."""
    reports.mkdir(mode=0o700, parents=True, exist_ok=True)
    places = report_places(reports, [file.path for file, _ in files])
    with ExitStack() as opened:
        reporting = [opened.enter_context(Report(place)) for place in places]
        with warehouse.transaction():
            warehouse.create("message", MESSAGE)
            warehouse.create("identifier_use", IDENTIFIER_USE)
            warehouse.create("landed_file", LANDED_FILE)
            number_messages(warehouse)
            counted = [
                _land_one(warehouse, file, chosen, clocks, report, progress, repeats)
                for (file, chosen), report in zip(files, reporting, strict=True)
            ]
        # Only now is it true that these lines came in and those did not.
        published = [report.publish() for report in reporting]
    return [replace(landed, report=place) for landed, place in zip(counted, published, strict=True)]


def _land_one(
    warehouse: Warehouse,
    file: DataFile,
    chosen: Chosen,
    clocks: Clocks,
    report: Report,
    progress: Progress,
    repeats: Repeats,
) -> Landed:
    counts = _Count()
    staged = warehouse.materialise("landing_lines", _reader(file, report, counts, progress))
    again = note_file(warehouse, staged, file, chosen, repeats)
    read = warehouse.materialise("landing_read", _read(staged, file, chosen, clocks))
    fresh = warehouse.materialise("landing_fresh", _fresh(read, warehouse.table("message"), chosen.source, clocks))
    before = _last_place(warehouse)
    landed = append_messages(warehouse, fresh)
    rejected = report.finish(_rejections(warehouse, read))
    for name in ("landing_lines", "landing_read", "landing_fresh"):
        warehouse.drop(name)
    return Landed(
        file=file.path,
        source=chosen.source,
        lines=counts.lines,
        landed=landed,
        known=counts.lines - landed - rejected,
        rejected=rejected,
        report=None,
        again=again,
        places=(before, _last_place(warehouse)),
    )


def _reader(file: DataFile, report: Report, counts: _Count, progress: Progress) -> pa.RecordBatchReader:
    names = ["json"] if file.kind is Kind.JSON_LINES else list(file.columns)
    schema = pa.schema([(LINE, pa.int64()), *((name, pa.string()) for name in names)])

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in file.batches():
            size = batch.rows.num_rows + len(batch.rejections)
            counts.lines += size
            report.spool(batch.rejections)
            progress(size)
            yield batch.rows.cast(schema)

    return pa.RecordBatchReader.from_batches(schema, rows())


def _read(staged: Table, file: DataFile, chosen: Chosen, clocks: Clocks) -> Table:
    if chosen.mapping.reading == "messages":
        return read_messages(staged, clocks.zone)
    if file.kind is Kind.JSON_LINES:
        staged = columns_of_json(staged, list(chosen.mapping.columns))
    return read_table(staged, chosen.mapping, clocks.zone, clocks.date_order)


def _fresh(read: Table, known: Table, source: str, clocks: Clocks) -> Table:
    """The good lines whose message id neither the warehouse nor an earlier line of the file has."""
    good = read.filter(read.reason.isnull())
    digest = (ibis.literal(f"{source}\x1f") + good.content).hexdigest("sha256").substr(0, 32)
    good = good.mutate(digest=digest).drop("content")
    by_content = ibis.window(group_by=good.digest, order_by=good.line)
    nth = ibis.row_number().over(by_content) + 1
    named = good.mutate(
        message_id=good.message_id.fill_null((nth == 1).ifelse(good.digest, good.digest + "-" + nth.cast("string")))
    )
    first = ibis.row_number().over(ibis.window(group_by=named.message_id, order_by=named.line))
    once = named.mutate(first=first)
    once = once.filter(once.first == 0)
    received = ibis.literal(clocks.now, type=INSTANT)
    shaped = once.mutate(source=ibis.literal(source), received_at=received, at=once["at"].fill_null(received))
    return shaped.anti_join(known.filter(known.source == source), "message_id").select(LINE, *_LANDED)


def append_messages(warehouse: Warehouse, fresh: Table) -> int:
    """Append messages in the order of their `line`, numbered on, and the identifiers in them; gives how many."""
    placed = fresh.mutate(ordinal=fresh[LINE] + _last_place(warehouse))
    landed = warehouse.append("message", placed.order_by(LINE).select(*MESSAGE))
    warehouse.append("identifier_use", identifier_uses(placed).select(*IDENTIFIER_USE))
    return landed


def _last_place(warehouse: Warehouse) -> int:
    last = warehouse.read(warehouse.table("message").aggregate(last=lambda t: t.ordinal.max())).to_pylist()
    return int(last[0]["last"] or 0)


def number_messages(warehouse: Warehouse) -> None:
    """Messages of a space made before they were numbered get their places of arrival."""
    message, uses = warehouse.table("message"), warehouse.table("identifier_use")
    if "ordinal" in message.columns:
        return
    place = ibis.row_number().over(order_by=[message.received_at, message.source, message.message_id]) + 1
    warehouse.replace("message", message.mutate(ordinal=place).order_by("ordinal").select(*MESSAGE))
    numbered = warehouse.table("message").select("source", "message_id", "ordinal")
    warehouse.replace("identifier_use", uses.drop("ordinal").join(numbered, ["source", "message_id"]))


def _rejections(warehouse: Warehouse, read: Table) -> Iterator[Rejection]:
    bad = read.filter(read.reason.notnull()).order_by(LINE).select(LINE, "field", "reason", "value")
    for batch in warehouse.stream(bad):
        for row in batch.to_pylist():
            yield Rejection(line=row[LINE], field=row["field"], reason=row["reason"], value=masked(row["value"] or ""))

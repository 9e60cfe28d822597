"""The inbox lands: sealed segments into `message` and `identifier_use`, each message once per source, exactly.

The order is what keeps a crash harmless: commit, checkpoint, delete. A segment that is read again after a crash brings
nothing new, since every line has a message id.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import ibis
import pyarrow as pa

from guestlist.clock import Clock, microseconds
from guestlist.instruments import step
from guestlist.sources.arrivals import REPEATED, Arrivals
from guestlist.sources.landing import append_messages, number_messages
from guestlist.sources.messages import IDENTIFIER_USE, MESSAGE, read_messages
from guestlist.sources.records import LINE
from guestlist.sources.times import INSTANT
from guestlist.store import Table, Warehouse
from guestlist.store.functions import json_text
from guestlist.store.inbox import Inbox, Segment

BATCH_BYTES = 128 * 2**20
_LINES_AT_ONCE = 20_000
_SCHEMA = pa.schema([(LINE, pa.int64()), ("source", pa.string()), ("json", pa.string())])
_LANDED = tuple(name for name in MESSAGE if name != "ordinal")


def land_inbox(
    warehouse: Warehouse, inbox: Inbox, arrivals: Arrivals, clock: Clock, *, batch_bytes: int = BATCH_BYTES
) -> int:
    """Land all that was acknowledged so far; gives how many messages were new.

    Segments land in transactions of about `batch_bytes`, at least one segment each.
    """
    landed = 0
    for batch in _batches(inbox.seal(), batch_bytes):
        with step("landing") as looked_at:
            with warehouse.transaction():
                new = _land(warehouse, batch)
                told = _told(warehouse)
            warehouse.checkpoint()
            looked_at.note(messages=new)
        landed += new
        inbox.forget(batch)
        now = microseconds(clock.now())
        for source, outcome, field, messages in told:
            arrivals.count(source, outcome, field=field, messages=messages, at=now)
        for name in ("arriving_lines", "arriving_read", "arriving_fresh"):
            warehouse.drop(name)
    arrivals.save()
    return landed


def _batches(segments: Sequence[Segment], limit: int) -> Iterator[list[Segment]]:
    batch: list[Segment] = []
    size = 0
    for one in segments:
        if batch and size + one.size > limit:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def _land(warehouse: Warehouse, segments: Sequence[Segment]) -> int:
    warehouse.create("message", MESSAGE)
    warehouse.create("identifier_use", IDENTIFIER_USE)
    number_messages(warehouse)
    staged = warehouse.materialise("arriving_lines", _reader(segments))
    read = read_messages(staged.select(LINE, "json"), "UTC")  # times were made exact when they arrived
    received = json_text(read.content.try_cast("json"), "receivedAt").try_cast(INSTANT)
    named = read.mutate(received_at=received).join(staged.select(LINE, "source"), LINE)
    kept = warehouse.materialise("arriving_read", named.drop("content"))
    fresh = warehouse.materialise("arriving_fresh", _fresh(kept, warehouse.table("message")))
    return append_messages(warehouse, fresh)


def _fresh(read: Table, known: Table) -> Table:
    good = read.filter(read.reason.isnull())
    first = ibis.row_number().over(ibis.window(group_by=["source", "message_id"], order_by=good.line))
    once = good.mutate(first=first).filter(lambda t: t.first == 0)
    return once.anti_join(known, ["source", "message_id"]).select(LINE, *_LANDED)


def _told(warehouse: Warehouse) -> list[tuple[str, str, str, int]]:
    """Of the lines that were read: which did not land, by source, reason and field."""
    read, fresh = warehouse.temporary("arriving_read"), warehouse.temporary("arriving_fresh")
    known = read.filter(read.reason.isnull()).anti_join(fresh, LINE)
    ends = read.filter(read.reason.notnull()).select("source", "reason", "field")
    ends = ends.union(known.select("source", reason=ibis.literal(REPEATED), field=ibis.literal("")))
    counted = warehouse.read(ends.group_by("source", "reason", "field").aggregate(messages=lambda t: t.count()))
    return [(row["source"], row["reason"], row["field"], row["messages"]) for row in counted.to_pylist()]


def _reader(segments: Sequence[Segment]) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        at = 0
        for one in segments:
            lines = one.lines()
            while some := list(islice(lines, _LINES_AT_ONCE)):
                texts = _texts(some)
                numbers = pa.array(range(at + 1, at + 1 + len(some)), pa.int64())
                sources = pa.array([one.source] * len(some), pa.string())
                yield pa.record_batch([numbers, sources, texts], schema=_SCHEMA)
                at += len(some)

    return pa.RecordBatchReader.from_batches(_SCHEMA, batches())


def _texts(lines: Sequence[bytes]) -> pa.Array:
    try:
        return pa.array(lines, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:  # a disk lost power while it wrote: such a line was never acknowledged
        return pa.array([_text(line) for line in lines], pa.string())


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return ""  # no JSON: counted as that

"""A load lands, or is not applied: lines by their key, beside what was loaded before.

A line that is new or says something else lands as a message. What a line said before that, or said before it vanished,
is *withdrawn*: its message stays, for what was so on days gone by, and holds from then on no more. All of a load
happens in one transaction, the place to go on from included.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

import ibis
import pyarrow as pa

from guestlist.sources.landing import Clocks, append_messages, number_messages
from guestlist.sources.masking import masked
from guestlist.sources.messages import IDENTIFIER_USE, MESSAGE, READ
from guestlist.sources.pulled import Pulled
from guestlist.sources.records import LINE
from guestlist.sources.staging import DOCUMENTS, FILE, KEYS, LINES, MOST_REJECTIONS, OWN, Known, Mark, Staged
from guestlist.sources.tabular import columns_of_json, content_of, read_table
from guestlist.sources.times import INSTANT
from guestlist.store import Table, Warehouse
from guestlist.store.in_memory import in_memory, no_lines

WHOLE_EVERY = timedelta(days=1)
"""So often all lines are read, also where a change column or the age of files tells that they are as they were."""
PULLED_LINE = {
    "source": "string",
    "key": "string",
    "digest": "string",
    "file": "string",
    "changed": "string",
    "message_id": "string",
}
"""Key (source, key): the lines that are there. Key and content as digests; without a message it could not come in."""
PULLED_FILE = {"source": "string", "file": "string", "size": "int64", "stamp": "string"}
PULLED_LOAD = {
    "source": "string",
    "load": "int64",
    "definition": "string",
    "watermark": "string",
    "whole_at": INSTANT,
    "at": INSTANT,
    "lines": "int64",
    "repeated": "int64",
}
PULLED_REJECTED = {
    "source": "string",
    "key": "string",
    "file": "string",
    "line": "int64",
    "field": "string",
    "reason": "string",
    "value": "string",
}
WITHDRAWN = {
    "source": "string",
    "message_id": "string",
    "ordinal": "int64",
    "at": INSTANT,
    "after": "int64",
    "told": "boolean",
}
"""Key ordinal: messages that hold no more since `at`, when `after` was the newest; `told`: people know of it."""
_HEX = 32
_LINE = ["source", "key"]
_KEPT = tuple(name for name in MESSAGE if name != "ordinal")
_MARKS = {
    LINE: "int64",
    FILE: "string",
    OWN: "int64",
    **dict.fromkeys(("key", "changed", "digest"), "string"),
}
_SAID = {
    LINE: "int64",
    **dict.fromkeys(("reason", "field", "value"), "string"),
    **{name: INSTANT if name == "at" else "string" for name in READ},
}
_TEMPORARY = (
    *("pulled_lines", "pulled_documents", "pulled_marks", "pulled_new", "pulled_said", "pulled_read", "pulled_known"),
    *("pulled_keys", "pulled_fresh", "pulled_gone", "pulled_over", "pulled_state"),
)


class End(StrEnum):
    """How a load ended."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    EMPTY = "empty"  # not applied: there is no line
    SHRUNK = "shrunk"  # not applied: more than half of the lines are gone
    AGAIN = "again"  # not applied: lines changed that were not read; all are to be


class Unfit(StrEnum):
    """Why a line that was read is left out."""

    NO_KEY = "no_key"
    REPEATED = "key_repeated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Landing:
    """What a load came to: lines that are there, that came or changed, that vanished, that could not come in."""

    end: End
    before: int
    lines: int
    came: int = 0
    went: int = 0
    rejected: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Last:
    load: int = 0
    definition: str = ""
    watermark: str | None = None
    whole_at: object = None
    lines: int = 0
    repeated: int = 0
    marks: tuple[Mark, ...] = field(default_factory=tuple)


def known(warehouse: Warehouse, source: Pulled, clocks: Clocks) -> Known:
    """What a load may go by: nothing, where it is time to read all lines, or they are meant otherwise than before."""
    last = _last(warehouse, source.name)
    whole_at = last.whole_at
    fresh = whole_at is not None and clocks.now - WHOLE_EVERY < whole_at <= clocks.now  # type: ignore[operator]
    whole = not fresh or last.definition != source.digest or last.repeated > 0
    return Known(marks=last.marks, watermark=last.watermark, whole=whole)


def _last(warehouse: Warehouse, name: str) -> _Last:
    if not warehouse.has("pulled_load"):
        return _Last()
    load, file = warehouse.table("pulled_load"), warehouse.table("pulled_file")
    for row in warehouse.read(load.filter(load.source == name)).to_pylist():
        marks = warehouse.read(file.filter(file.source == name).select("file", "size", "stamp").order_by("file"))
        facts = {key: row[key] for key in ("load", "definition", "watermark", "whole_at", "lines", "repeated")}
        return _Last(**facts, marks=tuple(Mark(**one) for one in marks.to_pylist()))
    return _Last()


def land_pulled(
    warehouse: Warehouse, source: Pulled, staged: Staged, clocks: Clocks, *, accept: bool = False
) -> Landing:
    """Land what was staged. `accept`: a person said that so few lines are right."""
    _create(warehouse)
    last = _last(warehouse, source.name)
    if _nothing_new(staged, last):
        return Landing(end=End.UNCHANGED, before=last.lines, lines=last.lines)
    reading = _Reading(warehouse, source, staged, clocks, last)
    try:
        return reading.land(accept=accept)
    finally:
        for name in _TEMPORARY:
            warehouse.drop(name)


def _nothing_new(staged: Staged, last: _Last) -> bool:
    nothing_read = not (staged.lines or staged.rejected or staged.keys)
    return bool(nothing_read and staged.kept and tuple(sorted(staged.kept)) == tuple(m.file for m in last.marks))


def _create(warehouse: Warehouse) -> None:
    for name, schema in (
        ("message", MESSAGE),
        ("identifier_use", IDENTIFIER_USE),
        ("pulled_line", PULLED_LINE),
        ("pulled_file", PULLED_FILE),
        ("pulled_load", PULLED_LOAD),
        ("pulled_rejected", PULLED_REJECTED),
        ("withdrawn", WITHDRAWN),
    ):
        warehouse.create(name, schema)
    number_messages(warehouse)


@dataclass(frozen=True)
class _Reading:
    """One load, step by step; what it finds out stands in temporary relations until it is known whether it counts."""

    warehouse: Warehouse
    source: Pulled
    staged: Staged
    clocks: Clocks
    last: _Last

    def land(self, *, accept: bool) -> Landing:
        known = self.warehouse.materialise("pulled_known", self._own("pulled_line"))
        read = self._read(known)
        if self.staged.keys and self._missed(read, known):
            return Landing(end=End.AGAIN, before=self.last.lines, lines=self.last.lines)
        first = read.filter(read.nth == 0, read.key.notnull())
        good = first.filter(first.reason.isnull())
        fresh = good.join(self.warehouse.temporary("pulled_said").drop("reason", "field", "value"), LINE)
        fresh = self.warehouse.materialise("pulled_fresh", fresh)
        gone = self.warehouse.materialise("pulled_gone", self._gone(first, known))
        over = self.warehouse.materialise("pulled_over", self._over(first, fresh, gone, known))
        landing = self._counted(known, fresh, gone, over, read)
        if not accept and landing.end is not End.LOADED:
            return landing
        with self.warehouse.transaction():
            self._write(read, first, fresh, gone, over, landing)
        return replace(landing, end=End.LOADED)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read(self, known: Table) -> Table:
        """All lines by key and digest, with the reason why one cannot come in; `nth` counts those of one key, from 0.

        What a line says is read only where it said something else before, or nothing: into `pulled_said`.
        """
        parts = [part for part in (self._tabular(), self._documents()) if part is not None]
        marks = [self._marked(lines) for lines in parts] or [no_lines(_MARKS)]
        marks = self.warehouse.materialise("pulled_marks", self._keyed(ibis.union(*marks) if marks[1:] else marks[0]))
        same = known.filter(known.message_id.notnull())
        new = self.warehouse.materialise("pulled_new", marks.anti_join(same, ["key", "digest"]).select(LINE))
        said = [self._said(lines.semi_join(new, LINE)) for lines in parts] or [no_lines(_SAID)]
        said = self.warehouse.materialise("pulled_said", ibis.union(*said) if said[1:] else said[0])
        read = marks.left_join(said.select(LINE, "reason", "field", "value"), LINE).drop(f"{LINE}_right")
        return self.warehouse.materialise("pulled_read", self._judged(read))

    def _keyed(self, marks: Table) -> Table:
        if self.source.load.key is not None:
            nth = ibis.row_number().over(group_by=marks.key, order_by=marks.line)
            return marks.mutate(nth=marks.key.isnull().ifelse(0, nth))
        # A line is what it says: the same line twice is there twice.
        again = ibis.row_number().over(group_by=marks.digest, order_by=marks.line)
        return marks.mutate(key=marks.digest + "-" + again.cast("string"), nth=ibis.literal(0, "int64"))

    def _judged(self, read: Table) -> Table:
        unfit, twice = read.key.isnull() & read.reason.isnull(), read.key.notnull() & (read.nth > 0)
        return read.mutate(
            reason=ibis.cases((twice, Unfit.REPEATED.value), (unfit, Unfit.NO_KEY.value), else_=read.reason),
            field=ibis.cases((twice | unfit, self.source.load.key or ""), else_=read.field),
            value=(twice | unfit).ifelse("", read["value"]),
        )

    def _tabular(self) -> Table | None:
        schema = self.staged.schema(LINES)
        if schema is None:
            return None
        reader = pa.RecordBatchReader.from_batches(schema, self.staged.batches(LINES))
        lines = self.warehouse.materialise("pulled_lines", reader)
        cells = {name: lines[f"c_{place}"] for place, name in enumerate(self.source.columns)}
        return lines.select(LINE, FILE, OWN, **cells)

    def _documents(self) -> Table | None:
        schema = self.staged.schema(DOCUMENTS)
        if schema is None:
            return None
        reader = pa.RecordBatchReader.from_batches(schema, self.staged.batches(DOCUMENTS))
        lines = self.warehouse.materialise("pulled_documents", reader)
        beside = lines.select(LINE, FILE, OWN)
        return columns_of_json(lines, self.source.columns).join(beside, LINE)

    def _marked(self, lines: Table) -> Table:
        load, nothing = self.source.load, ibis.null("string")
        return lines.select(
            LINE,
            FILE,
            OWN,
            key=self._key(lines[load.key]) if load.key else nothing,
            changed=lines[load.changed] if load.changed else nothing,
            digest=self._mark(content_of(lines, self.source.mapping)),
        )

    def _said(self, lines: Table) -> Table:
        read = read_table(lines, self.source.mapping, self.clocks.zone, self.clocks.date_order)
        return read.drop("content")

    def _key(self, text: Table) -> Table:
        given = text.re_replace(r"^\s+|\s+$", "").nullif("")
        return given.isnull().ifelse(ibis.null("string"), self._mark(given))

    def _mark(self, text: Table) -> Table:
        """What stands for a text of this source, and does not show it."""
        return (ibis.literal(f"{self.source.name}\x1f") + text).hexdigest("sha256").substr(0, _HEX)

    # --- comparing ----------------------------------------------------------------------------------------------------

    def _own(self, name: str) -> Table:
        table = self.warehouse.table(name)
        return table.filter(table.source == self.source.name)

    def _keys(self) -> Table:
        """(key, changed) of all lines that are there, where only some were read."""
        reader = pa.RecordBatchReader.from_batches(self.staged.schema(KEYS), self.staged.batches(KEYS))
        given = self.warehouse.materialise("pulled_keys", reader)
        told = given.select("changed", key=self._key(given.key))
        return self.warehouse.materialise("pulled_keys", told.filter(told.key.notnull()))

    def _missed(self, read: Table, known: Table) -> bool:
        """Whether a line is there that was not read and is not as it was: its clock was late, or it was long on its way."""
        seen = read.select("key", "changed").union(known.select("key", "changed"))
        seen = seen.mutate(changed=seen.changed.fill_null(""))
        there = self._keys()
        missed = there.mutate(changed=there.changed.fill_null("")).anti_join(seen, ["key", "changed"])
        return bool(self.warehouse.read(missed.limit(1)).num_rows)

    def _gone(self, first: Table, known: Table) -> Table:
        """The lines that are no longer there."""
        if self.staged.keys:
            return known.anti_join(self.warehouse.temporary("pulled_keys"), "key")
        there = known.filter(known.file.notin(list(self.staged.kept))) if self.staged.kept else known
        return there.anti_join(first, "key")

    def _over(self, first: Table, fresh: Table, gone: Table, known: Table) -> Table:
        """(message_id): what was said and does not hold any more."""
        unfit = first.filter(first.reason.notnull())
        ends = ibis.union(fresh.select("key"), unfit.select("key"), *self._withdrawn_keys(gone))
        held = known.filter(known.message_id.notnull())
        return held.semi_join(ends, "key").select("message_id")

    def _withdrawn_keys(self, gone: Table) -> list[Table]:
        return [gone.select("key")] if self.source.load.gone == "exit" else []

    def _counted(self, known: Table, fresh: Table, gone: Table, over: Table, read: Table) -> Landing:
        numbers = self.warehouse.read(
            in_memory({"one": [1]}).select(
                held=known.filter(known.message_id.notnull()).count().as_scalar(),
                fresh=fresh.count().as_scalar(),
                gone=gone.filter(gone.message_id.notnull()).count().as_scalar(),
                over=over.count().as_scalar(),
                rejected=read.filter(read.reason.notnull()).count().as_scalar(),
            )
        ).to_pylist()[0]
        before = numbers["held"]
        changed = numbers["over"] - (numbers["gone"] if self.source.load.gone == "exit" else 0)
        lines = before - numbers["gone"] - changed + numbers["fresh"]
        end = End.EMPTY if not lines else End.SHRUNK if lines * 2 < before else End.LOADED
        rejected = numbers["rejected"] + self.staged.rejected
        return Landing(
            end=end, before=before, lines=lines, came=numbers["fresh"], went=numbers["gone"], rejected=rejected
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def _write(self, read: Table, first: Table, fresh: Table, gone: Table, over: Table, landing: Landing) -> None:
        after = self._newest()
        named = fresh.mutate(message_id=fresh.digest.substr(0, _HEX) + f"-{self.last.load + 1}")
        # Two lines that say the same have a key each, and a message each.
        named = named.mutate(message_id=named.key.substr(0, _HEX // 2) + named.message_id)
        received = ibis.literal(self.clocks.now, type=INSTANT)
        shaped = named.mutate(
            source=ibis.literal(self.source.name), received_at=received, at=named["at"].fill_null(received)
        )
        append_messages(self.warehouse, shaped.select(LINE, *_KEPT))
        self._withdraw(over, after, received)
        self._keep_lines(first, named, gone)
        self._keep_rejected(read, first, gone)
        self._keep_place(read, landing)

    def _newest(self) -> int:
        return int(self.warehouse.read(self.warehouse.table("message").ordinal.max()).as_py() or 0)

    def _withdraw(self, over: Table, after: int, now: Table) -> None:
        message = self._own("message")
        whose = message.semi_join(over, "message_id").select("source", "message_id", "ordinal")
        told = whose.mutate(at=now, after=ibis.literal(after, "int64"), told=ibis.literal(False))
        self.warehouse.append("withdrawn", told.select(*WITHDRAWN))

    def _keep_lines(self, first: Table, named: Table, gone: Table) -> None:
        known = self.warehouse.temporary("pulled_known").select("key", "digest", was="message_id")
        ids = named.select("key", now="message_id")
        both = first.select("key", "digest", "changed", "reason", file=FILE).left_join(ids, "key").drop("key_right")
        both = both.left_join(known, ["key", "digest"]).drop("key_right", "digest_right")
        there = both.reason.isnull().ifelse(ibis.coalesce(both.now, both.was), ibis.null("string"))
        state = both.select("key", "digest", "file", "changed", source=ibis.literal(self.source.name), message_id=there)
        state = self.warehouse.materialise("pulled_state", state.select(*PULLED_LINE))
        self.warehouse.delete_keys("pulled_line", gone.select(*_LINE), _LINE)
        self.warehouse.merge("pulled_line", state, _LINE)

    def _keep_rejected(self, read: Table, first: Table, gone: Table) -> None:
        kept = self._own("pulled_rejected")
        if self.staged.keys:
            over = kept.semi_join(ibis.union(first.select("key"), gone.select("key")), "key")
        else:
            over = kept.filter(kept.file.notin(list(self.staged.kept))) if self.staged.kept else kept
        over = self.warehouse.materialise("pulled_state", over.select("key", "file", "line"))
        self.warehouse.delete_keys("pulled_rejected", over.mutate(source=ibis.literal(self.source.name)),
                                   ["source", "key", "file", "line"])  # fmt: skip
        rows = [*self._unreadable(), *self._unfit(read)][:MOST_REJECTIONS]
        columns = {name: [row[place] for row in rows] for place, name in enumerate(PULLED_REJECTED)}
        self.warehouse.append("pulled_rejected", in_memory(columns, schema=PULLED_REJECTED))

    def _unreadable(self) -> Iterator[tuple[object, ...]]:
        for file, one in self.staged.rejections:
            yield self.source.name, None, file, one.line, one.field, str(one.reason), one.value

    def _unfit(self, read: Table) -> Iterator[tuple[object, ...]]:
        bad = read.filter(read.reason.notnull()).order_by(LINE).limit(MOST_REJECTIONS)
        for row in self.warehouse.read(bad.select("key", FILE, OWN, "field", "reason", "value")).to_pylist():
            told = masked(row["value"] or "")
            yield self.source.name, row["key"], row[FILE], row[OWN], row["field"], row["reason"], told

    def _keep_place(self, read: Table, landing: Landing) -> None:
        name, now = self.source.name, self.clocks.now
        repeated = self.warehouse.read(read.filter(read.reason == Unfit.REPEATED.value).count()).as_py()
        partly = self.staged.keys or bool(self.staged.kept)
        line = {
            "source": name,
            "load": self.last.load + 1,
            "definition": self.source.digest,
            "watermark": self.staged.watermark,
            "whole_at": self.last.whole_at if partly else now,
            "at": now,
            "lines": landing.lines,
            "repeated": int(repeated),
        }
        self.warehouse.merge("pulled_load", in_memory([line], schema=PULLED_LOAD), ["source"])
        self.warehouse.delete_keys("pulled_file", self._own("pulled_file").select("source", "file"), ["source", "file"])
        files = [{"source": name, "file": one.file, "size": one.size, "stamp": one.stamp} for one in self.staged.marks]
        self.warehouse.append("pulled_file", in_memory(files, schema=PULLED_FILE))

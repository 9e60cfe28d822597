"""Blocks of bytes to batches of columns: whole blocks at once where they are clean, line by line where they are not."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from guestlist.sources.bytestream import UNDECODABLE, marked

LONGEST_FIELD = 64 * 1024
LONGEST_RECORD = 1024 * 1024
LINE = "line"
BLANKS = " "
"""As a delimiter: any run of blanks and tabs parts two columns."""

_RUN_OF_BLANKS = re.compile(rb"[ \t]+")
_OUTER_BLANKS = re.compile(rb"^ | $", re.MULTILINE)


class Refusal(StrEnum):
    """Why a line is rejected. Codes never change once published."""

    RAGGED = "ragged_line"
    UNDECODABLE = "undecodable_text"
    TOO_LONG = "too_long"
    UNCLOSED_QUOTE = "unclosed_quote"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """One line that did not come in. Lines are counted from 1, the header and empty lines not counted."""

    line: int
    field: str = ""
    reason: str
    value: str = ""  # masked


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some lines of a file: the good ones as text columns with their number, and the rejected ones."""

    rows: pa.RecordBatch
    rejections: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvShape:
    """How a CSV file is written."""

    delimiter: str
    columns: tuple[str, ...]
    has_header: bool


def csv_batches(blocks: Iterable[bytes], shape: CsvShape) -> Iterator[Batch]:
    """The lines of a CSV file."""
    if shape.delimiter == BLANKS:
        blocks = map(_single_blanks, whole_lines(blocks))
    reader = _CsvReader(shape)
    for block in whole_lines(blocks):
        yield from reader.take(block)
    yield from reader.take(b"", last=True)


def json_batches(blocks: Iterable[bytes]) -> Iterator[Batch]:
    """The lines of a JSON Lines file, each as the text column `json`."""
    taken = 0
    for block in whole_lines(blocks):
        lines = pa.array(block.split(b"\n"), pa.binary())
        lines = lines.filter(pc.greater(pc.binary_length(lines), 0))
        batch = _clean_json(lines, taken) or _careful_json(lines.to_pylist(), taken)
        taken += len(lines)
        yield batch


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut only at ends of lines; a line that never ends is cut short, so that it is found too long."""
    held: list[bytes] = []
    size = 0
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join((*held, block[:cut]))
            held, size = [block[cut:]], len(block) - cut
        elif size <= LONGEST_RECORD:
            held.append(block)
            size += len(block)
    if size:
        yield b"".join(held)


def _single_blanks(block: bytes) -> bytes:
    return _OUTER_BLANKS.sub(b"", _RUN_OF_BLANKS.sub(b" ", block))


class _CsvReader:
    """Parses blocks one after the other; a record that a block leaves open is held for the next one."""

    def __init__(self, shape: CsvShape) -> None:
        self._shape = shape
        self._held = b""
        self._taken = 0
        self._header_due = shape.has_header

    def take(self, block: bytes, *, last: bool = False) -> Iterator[Batch]:
        block = self._held + block
        self._held = b""
        if not block.strip():
            return
        rows = None if self._header_due else self._clean(block)
        if rows is None:
            yield self._careful(block, last=last)
        else:
            yield Batch(rows=_numbered(rows, self._shape.columns, self._taken))
            self._taken += rows.num_rows

    def _clean(self, block: bytes) -> pa.Table | None:
        """All of the block by columns, or nothing if any of it needs a closer look."""
        if b"\0" in block or (self._shape.delimiter != BLANKS and not _well_quoted(block, self._shape.delimiter)):
            return None
        try:
            rows = arrow_csv.read_csv(BytesIO(block), **self._options(len(block)))
        except pa.ArrowInvalid:
            return None
        longest = max((pc.max(pc.binary_length(column)).as_py() or 0 for column in rows.columns), default=0)
        damage = UNDECODABLE.encode() in block
        return None if damage or longest > LONGEST_FIELD else rows

    def _options(self, size: int) -> dict[str, Any]:
        columns, quote = self._shape.columns, False if self._shape.delimiter == BLANKS else '"'
        return {
            "read_options": arrow_csv.ReadOptions(column_names=columns, block_size=size + 1),
            "parse_options": arrow_csv.ParseOptions(
                delimiter=self._shape.delimiter, quote_char=quote, newlines_in_values=quote is not False
            ),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        }

    def _careful(self, block: bytes, *, last: bool) -> Batch:
        lines = marked(block).split("\n")
        if lines[-1] == "":
            lines.pop()
        good: list[list[str]] = []
        numbers: list[int] = []
        rejections: list[Rejection] = []
        at = 0
        while at < len(lines):
            if not lines[at]:
                at += 1
                continue
            cells, used, refusal = self._record(lines, at)
            if refusal is Refusal.UNCLOSED_QUOTE and not last and self._may_go_on(lines, at):
                self._held = "\n".join(lines[at:]).encode() + b"\n"
                break
            at += used
            if self._header_due:
                self._header_due = False
                continue
            self._taken += 1
            named, refusal = ("", refusal) if refusal else self._judged(cells)
            if refusal:
                rejections.append(Rejection(line=self._taken, field=named, reason=refusal))
            else:
                good.append(cells)
                numbers.append(self._taken)
        return Batch(rows=_from_cells(good, numbers, self._shape.columns), rejections=rejections)

    def _record(self, lines: list[str], at: int) -> tuple[list[str], int, Refusal | None]:
        """The cells of the record that begins here, how many lines it takes, and what is wrong with it."""
        if self._shape.delimiter == BLANKS or '"' not in lines[at]:
            return lines[at].split(self._shape.delimiter), 1, None
        feed = _Feed(lines, at)
        try:
            cells = next(csv.reader(feed, delimiter=self._shape.delimiter))
        except csv.Error:
            # A field beyond the parser's bound: one huge line, or an open quote that swallows all that follows.
            return [], 1, Refusal.TOO_LONG if feed.used == 1 else Refusal.UNCLOSED_QUOTE
        return (cells, 1, Refusal.UNCLOSED_QUOTE) if feed.ran_out else (cells, feed.used, None)

    def _may_go_on(self, lines: list[str], at: int) -> bool:
        return sum(map(len, lines[at:])) < LONGEST_FIELD

    def _judged(self, cells: list[str]) -> tuple[str, Refusal | None]:
        if len(cells) != len(self._shape.columns):
            return "", Refusal.RAGGED
        for name, cell in zip(self._shape.columns, cells, strict=True):
            if UNDECODABLE in cell or "\0" in cell:
                return name, Refusal.UNDECODABLE
            if len(cell.encode()) > LONGEST_FIELD:
                return name, Refusal.TOO_LONG
        return "", None


class _Feed:
    """Lines for the csv parser, with a note of how many it took and whether it wanted more than there were."""

    def __init__(self, lines: list[str], at: int) -> None:
        self._lines, self._at = lines, at
        self.used = 0
        self.ran_out = False

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        place = self._at + self.used
        if place >= len(self._lines):
            self.ran_out = True
            raise StopIteration
        self.used += 1
        return self._lines[place] + "\n"


def _well_quoted(block: bytes, delimiter: str) -> bool:
    """Whether every quote opens at the start of a field or closes at the end of one, and none is left open."""
    data = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(data == ord('"'))
    if len(quotes) == 0:
        return True
    if len(quotes) % 2:
        return False
    edges = [ord(delimiter), ord("\n"), ord('"')]
    padded = np.concatenate(([ord("\n")], data, [ord("\n")]))
    return bool(np.isin(padded[quotes[::2]], edges).all() and np.isin(padded[quotes[1::2] + 2], edges).all())


def _numbered(rows: pa.Table, columns: tuple[str, ...], taken: int) -> pa.RecordBatch:
    numbers = pa.array(np.arange(taken + 1, taken + 1 + rows.num_rows))
    cells = [column.combine_chunks() for column in rows.columns]
    cells = [cell.chunk(0) if isinstance(cell, pa.ChunkedArray) else cell for cell in cells]
    return pa.RecordBatch.from_arrays([numbers, *cells], names=[LINE, *columns])


def _from_cells(good: list[list[str]], numbers: list[int], columns: tuple[str, ...]) -> pa.RecordBatch:
    cells = list(zip(*good, strict=True)) if good else [()] * len(columns)
    arrays = [pa.array(numbers, pa.int64()), *(pa.array(column, pa.string()) for column in cells)]
    return pa.RecordBatch.from_arrays(arrays, names=[LINE, *columns])


def _clean_json(lines: pa.Array, taken: int) -> Batch | None:
    try:
        text = lines.cast(pa.string())
    except pa.ArrowInvalid:
        return None
    if (pc.max(pc.binary_length(lines)).as_py() or 0) > LONGEST_RECORD:
        return None
    if pc.any(pc.match_substring(text, UNDECODABLE)).as_py() or pc.any(pc.match_substring(text, "\0")).as_py():
        return None
    numbers = pa.array(np.arange(taken + 1, taken + 1 + len(lines)))
    return Batch(rows=pa.RecordBatch.from_arrays([numbers, text], names=[LINE, "json"]))


def _careful_json(lines: list[bytes], taken: int) -> Batch:
    good: list[list[str]] = []
    numbers: list[int] = []
    rejections: list[Rejection] = []
    for number, line in enumerate(lines, taken + 1):
        text = marked(line)
        if len(line) > LONGEST_RECORD:
            rejections.append(Rejection(line=number, reason=Refusal.TOO_LONG))
        elif UNDECODABLE in text or "\0" in text:
            rejections.append(Rejection(line=number, reason=Refusal.UNDECODABLE))
        else:
            good.append([text])
            numbers.append(number)
    return Batch(rows=_from_cells(good, numbers, ("json",)), rejections=rejections)

"""A file of customer data: what kind it is, its columns, and its lines in batches."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.sources.bytestream import blocks, damaged, encoding_of, head_of, marked, wrong_type
from guestlist.sources.records import BLANKS, LINE, Batch, CsvShape, csv_batches, json_batches

SAMPLE = 200
_DELIMITERS = ",;\t|^~\x01\x1f:"
_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
_LOOKED_AT = 4
"""How many blocks are looked at for a first object."""
_PARQUET = b"PAR1"
_PARQUET_BATCH = 20_000
_LARGEST_ROW_GROUP = 4 * 1024**3
_MOST_EXPANSION = 1000
NOT_A_NAME = re.compile(r"[+-]?[0-9][0-9.,:/ +-]*|[^@\s]+@[^@\s]+\.[^@\s]+")
"""A number, a date or an e-mail: no column is called so."""


class Kind(StrEnum):
    """The kinds of file that are read."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True)
class DataFile:
    """One file to import. `encoding` None: found out."""

    path: Path
    forced_encoding: str | None = None

    @cached_property
    def kind(self) -> Kind:
        """By the file's bytes; its name decides only where some first lines are JSON objects and the first is not."""
        if self._head.startswith(_PARQUET):
            return Kind.PARQUET
        if self.path.suffix.lower() in {".parquet", ".pq"}:
            raise damaged(self.path, "it is named Parquet, but is not")
        text = self._text_head.lstrip()
        if text.startswith("{") or self._holds_objects(text):
            return Kind.JSON_LINES
        if text.startswith("["):
            raise wrong_type(self.path, "it is one JSON list; we read JSON Lines, one object per line")
        if text.startswith("<"):
            raise wrong_type(self.path, "it is HTML or XML")
        return Kind.CSV

    def _holds_objects(self, text: str) -> bool:
        """Whether it is named JSON Lines, and is. What begins like a list or a page may hold some without being it."""
        if not self.path.name.lower().removesuffix(".gz").endswith(_JSON_ENDINGS):
            return False
        least = len(self._head_lines[:SAMPLE]) // 2 if text.startswith(("[", "<")) else 0
        return len(self.objects) > least

    @cached_property
    def encoding(self) -> str:
        return self.forced_encoding or encoding_of(self._head, self.path)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns in order: the header's, or the keys that the first objects have."""
        if self.kind is Kind.CSV:
            return self._csv.columns
        if self.kind is Kind.PARQUET:
            return _unique([str(name) for name in self._parquet.schema_arrow.names])
        return tuple(dict.fromkeys(key for line in self.objects for key in line))

    @property
    def has_header(self) -> bool:
        """Whether the file names its columns; of a CSV file, whether its first line is taken for their names."""
        return self.kind is not Kind.CSV or self._csv.has_header

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The first lines of a JSON Lines file, those that are objects."""
        return _objects(self._head_lines) or self._later_objects()

    def _later_objects(self) -> list[dict[str, Any]]:
        """Where not even one line ends in the head, or none of those that do is an object."""
        content = json_batches(blocks(self.path, self.encoding))
        found = (
            _objects(batch.rows.column("json").slice(0, SAMPLE).to_pylist()) for batch in islice(content, _LOOKED_AT)
        )
        return next(filter(None, found), [])

    @cached_property
    def sample(self) -> list[dict[str, str]]:
        """The first lines as text by column."""
        if self.kind is Kind.JSON_LINES:
            return [{key: _as_text(value) for key, value in line.items()} for line in self.objects]
        batch = next(self.batches(), None)
        lines = batch.rows.slice(0, SAMPLE).to_pylist() if batch else []
        return [{name: line[name] or "" for name in self.columns} for line in lines]

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def batches(self) -> Iterator[Batch]:
        """All lines. JSON Lines come as the one column `json`."""
        if self.kind is Kind.PARQUET:
            return self._parquet_batches()
        content = blocks(self.path, self.encoding)
        return csv_batches(content, self._csv) if self.kind is Kind.CSV else json_batches(content)

    @cached_property
    def _head(self) -> bytes:
        if not self.path.is_file():
            raise WrongUseError(
                "no_file",
                f"{self.path} is a folder." if self.path.is_dir() else f"There is no file {self.path}.",
                nothing_lost="Nothing was imported; the space is as it was.",
                next_step="Name the files in it." if self.path.is_dir() else "Check its name and where you are.",
            )
        return head_of(self.path)

    @cached_property
    def _text_head(self) -> str:
        head, encoding = self._head, self.encoding
        text = marked(head) if encoding == "utf-8" else head.decode(encoding, "replace")
        return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")

    @cached_property
    def _head_lines(self) -> list[str]:
        lines = self._text_head.split("\n")
        # The last line may be cut off where the head ends.
        return [line for line in (lines[:-1] if len(lines) > 1 else lines) if line]

    @cached_property
    def _csv(self) -> CsvShape:
        if not self._head_lines:
            raise wrong_type(self.path, "it is empty")
        delimiter = _delimiter_of(self._head_lines[:SAMPLE])
        first = _cells(self._head_lines[0], delimiter)
        has_header = not any(NOT_A_NAME.fullmatch(cell.strip()) for cell in first)
        names = first if has_header else [""] * len(first)
        return CsvShape(delimiter=delimiter, columns=_unique(names), has_header=has_header)

    @cached_property
    def _parquet(self) -> Any:
        try:
            file = parquet.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.path, "its Parquet data ends early or is broken") from error
        self._refuse_bomb(file.metadata)
        return file

    def _refuse_bomb(self, metadata: Any) -> None:
        groups = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
        if max(groups, default=0) > _LARGEST_ROW_GROUP or sum(groups) > max(_MOST_EXPANSION * self.size, 64 * 1024**2):
            raise GuestlistError(
                "file_expands",
                f"{self.path.name} expands far beyond its size: it may be made to fill memory.",
                nothing_lost="Nothing was imported; the space is as it was.",
                next_step="If you trust it, write it again with smaller row groups.",
            )

    def _parquet_batches(self) -> Iterator[Batch]:
        taken = 0
        try:
            for rows in self._parquet.iter_batches(batch_size=_PARQUET_BATCH):
                numbers = pa.array(range(taken + 1, taken + 1 + rows.num_rows), pa.int64())
                cells = [_as_strings(column) for column in rows.columns]
                taken += rows.num_rows
                yield Batch(rows=pa.RecordBatch.from_arrays([numbers, *cells], names=[LINE, *self.columns]))
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.path, "its Parquet data ends early or is broken") from error


def _delimiter_of(lines: list[str]) -> str:
    """The delimiter that parts most lines into the same number of columns, the most columns on a tie."""
    wide = len(lines[0].split())
    best, found = (0.0, 1), ","
    for delimiter in _DELIMITERS:
        columns = len(_cells(lines[0], delimiter))
        same = sum(len(_cells(line, delimiter)) == columns for line in lines) / len(lines)
        # Exact agreement is not asked for: some lines of real files are ragged.
        if columns > 1 and (same > 0.5, columns) > (best[0] > 0.5, best[1]):
            best, found = (same, columns), delimiter
    if best[0] > 0.5:
        return found
    blank = sum(len(line.split()) == wide for line in lines) / len(lines)
    return BLANKS if wide > 1 and blank > 0.8 else found


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == BLANKS:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def _unique(names: list[str]) -> tuple[str, ...]:
    """Each name once, and none empty or taken for the line's number."""
    given: list[str] = []
    for place, name in enumerate(names, 1):
        plain = name.strip() or f"column_{place}"
        taken = {used.lower() for used in given} | {LINE}
        number = 2
        unique = plain
        while unique.lower() in taken:
            unique, number = f"{plain}_{number}", number + 1
        given.append(unique)
    return tuple(given)


def _objects(lines: list[str]) -> list[dict[str, Any]]:
    return [line for line in map(_parsed, lines[:SAMPLE]) if isinstance(line, dict)]


def _parsed(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _as_strings(column: Any) -> Any:
    if pa.types.is_nested(column.type):
        texts = [None if value is None else orjson.dumps(value, default=str).decode() for value in column.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.string())

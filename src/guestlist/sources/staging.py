"""What a location has now, brought into files of this machine: from there it lands, or is dropped whole.

Nothing here touches a store of the space, so it may take its time in a thread of its own. Lines are kept as columns of
text in Parquet, as whoever wrote them wrote them.
"""

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from guestlist.errors import GuestlistError
from guestlist.sources.columns import told_columns
from guestlist.sources.fetching import Fetcher
from guestlist.sources.files import DataFile, Kind
from guestlist.sources.pulled import Pulled
from guestlist.sources.records import LINE, Rejection
from guestlist.store.postgres import Asked, snapshot
from guestlist.store.vault import Secret

FILE, OWN = "of_file", "own_line"
"""Beside the cells of a staged line: the file it is from, and its number there. `line` counts over all of them."""
LINES, DOCUMENTS, KEYS = "lines.parquet", "documents.parquet", "keys.parquet"
MOST_REJECTIONS = 10_000
_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
_SAFE = "Nothing was changed: what was loaded last stands."


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A file as it was: when size and stamp are the same, it is."""

    file: str
    size: int
    stamp: str


@dataclass(frozen=True, kw_only=True)
class Known:
    """What was there at the last load; `whole`: all is to be read, also what looks unchanged."""

    marks: tuple[Mark, ...] = ()
    watermark: str | None = None
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Where:
    """How a location is reached: the folder that paths start from, its secret address, how URLs are fetched."""

    folder: Path
    address: Secret | None = None
    fetcher: Fetcher = field(default_factory=Fetcher)
    halted: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What was read. `kept`: files that are as they were and were not read. `keys`: lines are only those that changed."""

    folder: Path
    marks: tuple[Mark, ...] = ()
    kept: tuple[str, ...] = ()
    keys: bool = False
    watermark: str | None = None
    lines: int = 0
    rejections: tuple[tuple[str, Rejection], ...] = ()
    rejected: int = 0

    def batches(self, name: str) -> Iterator[pa.RecordBatch]:
        """The lines of one of the staged files."""
        with parquet.ParquetFile(self.folder / name) as file:
            yield from file.iter_batches()

    def schema(self, name: str) -> pa.Schema | None:
        """Its columns; None where it is not there."""
        place = self.folder / name
        return parquet.read_schema(place) if place.exists() else None


def stage(source: Pulled, where: Where, known: Known, folder: Path) -> Staged:
    """Read what is new into `folder`, which is made, readable by its owner only."""
    folder.mkdir(mode=0o700, parents=True)
    if source.load.postgres is not None:
        return _stage_table(source, where, known, folder)
    if source.load.url is not None:
        return _stage_url(source, where, known, folder)
    return _stage_files(source, where, known, folder)


def sample(source_load: Any, where: Where, folder: Path) -> DataFile:
    """Some first lines of a location as a file, for a mapping to be proposed from them."""
    folder.mkdir(mode=0o700, parents=True)
    if source_load.postgres is not None:
        with snapshot(_address(where), _asked(source_load)) as there:
            parquet.write_table(there.sample(200), folder / "lines.parquet")
        return DataFile(folder / "lines.parquet")
    if source_load.url is not None:
        where.fetcher.fetch(_url(source_load, where), folder / "fetched")
        return DataFile(folder / "fetched")
    return DataFile(_listed(source_load.files, where.folder)[0])


# Tables


def _asked(load: Any) -> Asked:
    return Asked(table=load.table, query=load.query, key=load.key, changed=load.changed)


def _address(where: Where) -> Secret:
    assert where.address is not None
    return where.address


def _stage_table(source: Pulled, where: Where, known: Known, folder: Path) -> Staged:
    """All lines; or, where a change column tells, those that changed and the keys of all, as of one instant."""
    load = source.load
    with snapshot(_address(where), _asked(load)) as there:
        missing = [column for column in source.columns if column not in there.columns]
        if missing:
            raise _missing("The table or query", missing, f"Its columns are: {', '.join(there.columns)}.")
        newest = there.watermark() if load.changed else None
        partly = load.changed is not None and not known.whole and known.watermark is not None
        with _Writing(folder, source.columns) as writing:
            read = there.lines(since=known.watermark if partly else None)
            writing.take("", _halting(read, where), lambda batch: batch.select(list(source.columns)))
        if partly:
            _write_keys(folder / KEYS, source, _halting(there.keys(), where))
    return writing.staged(marks=(), keys=partly, watermark=newest or known.watermark)


def _write_keys(place: Path, source: Pulled, batches: Iterable[pa.RecordBatch]) -> None:
    schema = pa.schema([("key", pa.string()), ("changed", pa.string())])
    with parquet.ParquetWriter(place, schema, compression="zstd") as writer:
        for batch in batches:
            columns = [batch.column(str(name)) for name in (source.load.key, source.load.changed)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _halting(batches: Iterable[Any], where: Where) -> Iterator[Any]:
    for batch in batches:
        if where.halted():
            raise halted()
        yield batch


def halted() -> GuestlistError:
    """A load was told to end."""
    return GuestlistError(
        "source_load_ended", "The load was ended before it was done.", nothing_lost=_SAFE, next_step="It begins anew."
    )


# Files


def _stage_files(source: Pulled, where: Where, known: Known, folder: Path) -> Staged:
    paths = _listed(str(source.load.files), where.folder)
    root = _root(str(source.load.files), where.folder)
    marks = {path: _mark(path, root) for path in paths}
    before = {mark.file: mark for mark in known.marks}
    same = {path for path, mark in marks.items() if not known.whole and before.get(mark.file) == mark}
    with _Writing(folder, source.columns) as writing:
        for path in sorted(set(paths) - same):
            _take_file(writing, source, path, marks[path].file, where)
            if _mark(path, root) != marks[path]:
                raise _file_error(path.name, "it was written to while it was read", "Write it beside and rename it.")
    kept = tuple(sorted(marks[path].file for path in same))
    return writing.staged(marks=tuple(marks[path] for path in sorted(marks)), kept=kept)


def _stage_url(source: Pulled, where: Where, known: Known, folder: Path) -> Staged:
    before = known.marks[0] if known.marks and not known.whole else None
    place = folder / "fetched"
    found = where.fetcher.fetch(_url(source.load, where), place, known=before.stamp or None if before else None)
    if found.size is None and before is not None:
        with _Writing(folder, source.columns) as nothing:
            return nothing.staged(marks=(before,), kept=(before.file,))
    with _Writing(folder, source.columns) as writing:
        _take_file(writing, source, place, found.name, where)
    place.unlink()
    return writing.staged(marks=(Mark(file=found.name, size=found.size or 0, stamp=found.stamp),))


def _url(load: Any, where: Where) -> str:
    return load.url if isinstance(load.url, str) else str(load.url.read(where.folder))


def _root(pattern: str, folder: Path) -> Path:
    """What the names of files are told from."""
    whole = folder / Path(pattern).expanduser()
    return whole if whole.is_dir() else whole.parent


def _listed(pattern: str, folder: Path) -> list[Path]:
    """The files of a folder or a pattern, in order; hidden ones and those with another ending are not of it."""
    whole = folder / Path(pattern).expanduser()
    if whole.is_dir():
        found = [path for path in whole.iterdir() if _is_data(path)]
    else:
        found = [path for path in map(Path, glob.glob(str(whole), recursive=True)) if path.is_file()]  # noqa: PTH207 patterns from /
    if not found:
        raise _file_error(pattern, "there is no file", "Check where it is, and its ending: .csv, .jsonl or .parquet.")
    return sorted(found)


def _is_data(path: Path) -> bool:
    plain = path.name.lower().removesuffix(".gz")
    return path.is_file() and not path.name.startswith((".", "_")) and plain.endswith(_ENDINGS)


def _mark(path: Path, root: Path) -> Mark:
    told = path.stat()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return Mark(file=name, size=told.st_size, stamp=f"mtime {told.st_mtime_ns}")


def _take_file(writing: "_Writing", source: Pulled, path: Path, name: str, where: Where) -> None:
    """All lines of one file. One that cannot be read as a whole fails the load, and is named."""
    file = DataFile(path)
    try:
        documents = file.kind is Kind.JSON_LINES
        if not documents:
            missing = [column for column in source.columns if column not in file.columns]
            if missing:
                raise _missing(name, missing, told_columns(file))
        for batch in _halting(file.batches(), where):
            writing.reject(name, batch.rejections)
            rows = batch.rows
            if documents:
                writing.document(name, rows)
            else:
                writing.take(name, [rows], lambda one: one.select(list(source.columns)), own=rows.column(LINE))
    except GuestlistError as error:
        if error.code in {"source_columns", "source_load_ended"}:
            raise
        raise _file_error(name, error.message.rstrip("."), error.next_step) from None


class _Writing:
    """The staged files, as they are written."""

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        self._folder = folder
        cells = [(name, pa.string()) for name in columns]
        beside = [(LINE, pa.int64()), (FILE, pa.string()), (OWN, pa.int64())]
        # A column of theirs may have the name of one of ours: theirs are told by their place.
        self._tabular = pa.schema([*beside, *((f"c_{place}", kind) for place, (_, kind) in enumerate(cells))])
        self._documents = pa.schema([*beside, ("json", pa.string())])
        self._open = ExitStack()
        self._writers: dict[str, Any] = {}
        self._rejections: list[tuple[str, Rejection]] = []
        self._rejected = 0
        self._lines = 0

    def __enter__(self) -> "_Writing":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def take(
        self,
        file: str,
        batches: Iterable[pa.RecordBatch],
        cut: Callable[[pa.RecordBatch], pa.RecordBatch],
        own: Any = None,
    ) -> None:
        """Lines with these cells, all of them text."""
        for batch in batches:
            self._write(LINES, self._tabular, file, own, cut(batch).columns, batch.num_rows)

    def document(self, file: str, rows: pa.RecordBatch) -> None:
        """Lines that are JSON objects."""
        self._write(DOCUMENTS, self._documents, file, rows.column(LINE), [rows.column("json")], rows.num_rows)

    def reject(self, file: str, rejections: Sequence[Rejection]) -> None:
        """Lines that cannot be read."""
        self._rejected += len(rejections)
        self._rejections += [(file, one) for one in rejections[: MOST_REJECTIONS - len(self._rejections)]]

    def staged(self, **facts: Any) -> Staged:
        """What was written."""
        return Staged(
            folder=self._folder,
            lines=self._lines,
            rejections=tuple(self._rejections),
            rejected=self._rejected,
            **facts,
        )

    def _write(self, name: str, schema: pa.Schema, file: str, own: Any, cells: Sequence[Any], lines: int) -> None:
        if name not in self._writers:
            writer = parquet.ParquetWriter(self._folder / name, schema, compression="zstd")
            self._writers[name] = self._open.enter_context(writer)
        numbers = pa.array(range(self._lines + 1, self._lines + 1 + lines), pa.int64())
        files = pa.array([file] * lines, pa.string())
        arrays = [numbers, files, numbers if own is None else own, *(cell.cast(pa.string()) for cell in cells)]
        self._writers[name].write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        self._lines += lines


def _missing(of: str, missing: Sequence[str], columns: str) -> GuestlistError:
    return GuestlistError(
        "source_columns",
        f"{of} has no column '{missing[0]}' any more, which guestlist.yaml gives a meaning to.",
        nothing_lost=_SAFE,
        next_step=f"{columns} Change the entry, or the place it is loaded from.",
    )


def _file_error(name: str, why: str, next_step: str) -> GuestlistError:
    return GuestlistError("source_file", f"{name} was not loaded: {why}.", nothing_lost=_SAFE, next_step=next_step)

"""The warehouse: named relations in one DuckDB file, spoken to by Ibis expressions and Arrow data.

Everything outside this module is engine-free: stages hand in expressions and get tables back. Changes to data are
written here as SQL, since the DDL that the compiler makes depends on its version; queries are compiled by Ibis.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeAlias

import duckdb
import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend as DuckDBBackend
from sqlglot import exp
from sqlglot.dialects import DuckDB

from guestlist.errors import GuestlistError
from guestlist.store.in_memory import holds_passing

Table: TypeAlias = Any
"""An Ibis table expression. Ibis ships no types that a strict check could use."""
Rows: TypeAlias = Any
"""An Ibis table expression, an Arrow table or record batch, or an Arrow record batch reader (read once, streamed)."""

MEMORY_LIMIT = "900MB"
ENGINE = f"duckdb {duckdb.__version__}"
"""What wrote a file, for whoever opens it later."""

_COMPILED_KEPT = 128
_HANDED_IN = "handed_in"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LOCKS: Mapping[str, Any] = {
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Identifiers of 128 bits travel from store to store as they are, not as text. Beware: so does the sum of a column
    # of whole numbers, which Arrow cannot read; `count(where=…)` counts without one.
    "arrow_lossless_conversion": True,
    # Without this an unknown table name in a query would pick up a Python variable of that name.
    "python_enable_replacements": False,
}
# Global, because a stream and a reader beside read by a connection of their own.
_LOCKS_AFTER_OPENING = ("GLOBAL TimeZone = 'UTC'", "enable_external_access = false", "lock_configuration = true")


def _function(generator: Any, function: Any) -> str:
    """A function of list elements: the pinned compiler still writes an arrow, which DuckDB 2 refuses."""
    return f"lambda {generator.expressions(function, flat=True)}: {generator.sql(function, 'this')}"


DuckDB.Generator.TRANSFORMS[exp.Lambda] = _function


class Warehouse:
    """One DuckDB file, owned by one process. Outside `transaction` every call is a transaction of its own."""

    _tuning: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        path: Path,
        *,
        memory_limit: str = MEMORY_LIMIT,
        threads: int | None = None,
        spill: Path | None = None,
    ) -> None:
        """Open or make the file at `path`; data larger than memory spills to `spill` (a private folder beside it)."""
        self.path = path
        self._spill = _private_folder(spill or path.with_name(f"{path.name}.spill"))
        self._speak_by(_open(path, self._spill, memory_limit, threads, self._tuning))
        self._lock_down()

    def _speak_by(self, backend: Any) -> None:
        self._ibis = backend
        self._connection: Any = backend.con
        self._depth = 0
        self._hollow: set[str] = set()
        # Relations as they were last looked up: to ask the engine takes milliseconds, and stages ask a hundred times.
        self._known: dict[str, Table] = {}
        self._compiled = lru_cache(_COMPILED_KEPT)(_compile)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    def has(self, name: str) -> bool:
        """Whether a relation, lasting or temporary, has this name."""
        asked = """
            SELECT count(*) FROM (SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views())
            WHERE table_name = ?"""
        return name in self._known or bool(self._connection.execute(asked, [_checked(name)]).fetchall()[0][0])

    def table(self, name: str) -> Table:
        """The relation as an expression."""
        if name not in self._known:
            if not self.has(name):
                raise _no_relation(name)
            self._known[name] = self._ibis.table(name)
        return self._known[name]

    def columns(self, name: str) -> tuple[str, ...]:
        """The columns of a relation, in order."""
        return tuple(self.table(name).columns)

    def count(self, name: str) -> int:
        """How many lines a relation holds; 0 if it is not there."""
        if not self.has(name):
            return 0
        return int(self._connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchall()[0][0])  # noqa: S608 a checked name

    def read(self, rows: Table) -> pa.Table:
        """The lines of an expression, all in memory: for small answers."""
        return self._ibis.to_pyarrow(rows)

    def stream(self, rows: Table, *, chunk: int = 100_000) -> Iterator[pa.RecordBatch]:
        """The lines of an expression, batch by batch, in bounded memory.

        Reads on a connection of its own, so others may write meanwhile; it sees what was committed when it began and
        no temporary relation, unless a transaction is open: then it reads inside that, and must be read to its end
        before the next write.
        """
        yield from self.reader(rows, chunk=chunk)

    def reader(self, rows: Table, *, chunk: int = 100_000) -> pa.RecordBatchReader:
        """What `stream` yields, for another store to take in."""
        connection = self._connection if self._depth else self._connection.cursor()
        return connection.sql(self._sql(rows)).to_arrow_reader(chunk)

    # Writing

    def create(self, name: str, schema: Mapping[str, str]) -> None:
        """Make an empty relation of these Ibis types, unless it is there."""
        if self.has(name):
            return
        with self._source(ibis.schema(dict(schema)).to_pyarrow().empty_table()) as source:
            columns = self._connection.execute(f"DESCRIBE {source}").fetchall()
        listed = ", ".join(f'"{column[0]}" {column[1]}' for column in columns)
        self._connection.execute(f"CREATE TABLE {quoted(name)} ({listed})")

    def view(self, name: str, rows: Table) -> None:
        """Make a relation that is an expression, worked out whenever it is read; it can only be read."""
        self.drop(name)
        self._connection.execute(f"CREATE VIEW {quoted(name)} AS {self._sql(rows)}")

    def append(self, name: str, rows: Rows) -> int:
        """Add lines, column by column name; make the relation if it is not there. Returns how many."""
        if not self.has(name):
            return self.replace(name, rows)
        with self._source(rows) as source:
            return self._insert(name, source)

    def replace(self, name: str, rows: Rows) -> int:
        """Make the relation hold exactly these lines, and these columns. `rows` may read the relation itself."""
        with self._source(rows) as source:
            lines = self._changed(f"CREATE OR REPLACE TABLE {quoted(name)} AS {source}")
        self._known.pop(name, None)
        return self._added(name, lines)

    def materialise(self, name: str, rows: Rows) -> Table:
        """Write an intermediate result under a name that ends with this process; give the table that reads it."""
        with self._source(rows) as source:
            self._changed(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {source}")
        return self._ibis.table(name, database=("temp", "main"))

    def temporary(self, name: str) -> Table:
        """What was materialised under this name last."""
        return self._ibis.table(name, database=("temp", "main"))

    def merge(self, name: str, rows: Rows, on: Sequence[str]) -> int:
        """Add lines, each in place of the one with the same values in `on`. No two of `rows` may share these."""
        if not self.has(name):
            return self.replace(name, rows)
        with self._staged(rows) as staged:
            # MERGE takes nulls for different from each other; keys here may be null, and null is one value.
            self._connection.execute(f"DELETE FROM {quoted(name)} AS kept USING {staged} AS gone WHERE {_same(on)}")  # noqa: S608
            return self._insert(name, f"SELECT * FROM {staged}")  # noqa: S608

    def delete_keys(self, name: str, keys: Rows, on: Sequence[str]) -> int:
        """Take away every line whose values in `on` are among `keys`. Returns how many."""
        if not self.has(name):
            return 0
        with self._staged(keys) as staged:
            return self._changed(f"DELETE FROM {quoted(name)} AS kept USING {staged} AS gone WHERE {_same(on)}")  # noqa: S608

    def drop(self, name: str) -> None:
        """Take away a relation; nothing happens if it is not there."""
        self._known.pop(name, None)
        kind = "VIEW" if self._is_view(name) else "TABLE"
        self._connection.execute(f"DROP {kind} IF EXISTS {quoted(name)}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside happen, or none. An inner transaction is part of the outer one."""
        if self._depth == 0:
            self._connection.begin()
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._hollow.clear()
                self._known.clear()
                self._connection.rollback()
                self._connection.unregister(_HANDED_IN)
            raise
        self._depth -= 1
        if self._depth == 0:
            self._hollow.clear()
            self._connection.commit()

    # Beside others

    def beside(self) -> Self:
        """The same store by a connection of its own, for another thread; to be closed before this one is.

        In a transaction it sees what was committed when that began, whatever is written meanwhile. Its temporary
        relations are its own.
        """
        other = copy(self)
        other._speak_by(_Beside.from_connection(self._connection.cursor()))  # noqa: SLF001 it is one of us
        return other

    def copy_to(self, other: "Warehouse") -> None:
        """Write all that lasts into an empty store, as of one instant; what is a view here is a relation there."""
        asked = """
            SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND NOT internal
            UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT temporary AND NOT internal ORDER BY 1"""
        with self.transaction():
            for (name,) in self._connection.execute(asked).fetchall():
                other.append(name, self.reader(self.table(name)))

    def interrupt(self) -> None:
        """End what is being asked, from another thread: it fails with `InterruptedError`."""
        self._connection.interrupt()

    # Keeping

    def checkpoint(self) -> None:
        """Bring everything committed into the file itself, out of its write-ahead log. Waits for readers beside."""
        self._connection.execute("FORCE CHECKPOINT")

    def close(self) -> None:
        """Close the file; what was committed is in it."""
        self._compiled.cache_clear()
        self._ibis.disconnect()
        pa.default_memory_pool().release_unused()

    # How rows of any kind become SQL

    def _sql(self, rows: Table) -> str:
        # Memory tables and functions inside an expression must be known to the engine before its SQL runs.
        self._ibis._run_pre_execute_hooks(rows)  # noqa: SLF001
        # An expression handed in again, as a loop over slices does, is not compiled again: that takes up to a second.
        asked = rows.op()
        return self._compiled(asked) if holds_passing(asked) else _compiled(asked)

    @contextmanager
    def _source(self, rows: Rows) -> Iterator[str]:
        if not isinstance(rows, pa.Table | pa.RecordBatch | pa.RecordBatchReader):
            yield self._sql(rows)
            return
        failed: list[BaseException] = []
        if isinstance(rows, pa.RecordBatchReader):
            rows = _watched(rows, failed)
        self._connection.register(_HANDED_IN, pa.table(rows) if isinstance(rows, pa.RecordBatch) else rows)
        try:
            yield f"SELECT * FROM {_HANDED_IN}"  # noqa: S608
        except BaseException:
            # Where the statement broke off a transaction, the engine takes nothing more until it is rolled back.
            with suppress(duckdb.TransactionException):
                self._connection.unregister(_HANDED_IN)
            if failed:
                raise failed[0] from None
            raise
        self._connection.unregister(_HANDED_IN)

    @contextmanager
    def _staged(self, rows: Rows) -> Iterator[str]:
        # A reader can be read once only, and an expression may read the relation that is about to change.
        with self.transaction():
            self.materialise("staged", rows)
            yield "temp.main.staged"
            self._connection.execute("DROP TABLE temp.main.staged")

    # The engine (1.5.5 and 2.0.0 alike) has a fault: once lines were inserted into a relation that turned out to be none,
    # those of a next insertion in the same transaction, if it is of more than 122,880, are not found by filters, joins
    # and groupings until the next checkpoint. It does not happen when a single line is inserted between the two.

    def _insert(self, name: str, source: str) -> int:
        if name not in self._hollow:
            return self._added(name, self._changed(f"INSERT INTO {quoted(name)} BY NAME {source}"))
        self._changed(f"CREATE OR REPLACE TEMP TABLE inserted AS {source}")
        insert = f"INSERT INTO {quoted(name)} BY NAME SELECT * FROM temp.main.inserted"  # noqa: S608 a checked name
        least = "(SELECT min(rowid) FROM temp.main.inserted)"
        first, rest = self._changed(f"{insert} WHERE rowid = {least}"), self._changed(f"{insert} WHERE rowid > {least}")
        self._connection.execute("DROP TABLE temp.main.inserted")
        self._added(name, rest)
        return first + rest

    def _is_view(self, name: str) -> bool:
        asked = "SELECT count(*) FROM duckdb_views() WHERE NOT internal AND view_name = ?"
        return bool(self._connection.execute(asked, [_checked(name)]).fetchall()[0][0])

    def _added(self, name: str, lines: int) -> int:
        if lines or not self._depth:
            self._hollow.discard(name)
        else:
            self._hollow.add(name)
        return lines

    def _changed(self, statement: str) -> int:
        answer = self._connection.execute(statement).fetchall()
        return int(answer[0][0]) if answer else 0

    def _lock_down(self) -> None:
        for lock in _LOCKS_AFTER_OPENING:
            self._connection.execute(f"SET {lock}")


class _Backend(DuckDBBackend):  # type: ignore[misc]
    """A connection. All are alike to the compiler: what was compiled for a store that was closed serves the next."""

    db_identity = "guestlist"


class _Beside(_Backend):
    """A further connection to an open file, whose settings hold and can no longer be changed."""

    def _post_connect(self, extensions: Sequence[str] | None = None) -> None:
        assert extensions is None
        self._record_batch_readers_consumed: dict[str, bool] = {}


def _watched(reader: pa.RecordBatchReader, failed: list[BaseException]) -> pa.RecordBatchReader:
    """The same lines. What ends them early is noted: the engine, through which it is thrown, keeps only its text."""

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except GeneratorExit:  # no more of it is wanted
            raise
        except BaseException as error:
            failed.append(error)
            raise

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _compile(asked: Any) -> str:
    return str(_COMPILER.compile(asked.to_expr()))


_COMPILER = _Backend()
_compiled = lru_cache(_COMPILED_KEPT)(_compile)


def _open(path: Path, spill: Path, memory_limit: str, threads: int | None, tuning: Mapping[str, Any]) -> Any:
    settings = {**_LOCKS, **tuning, "memory_limit": memory_limit, **({"threads": threads} if threads else {})}
    try:
        backend = _Backend().connect(path, temp_directory=spill, **settings)
    except duckdb.IOException as error:
        raise _cannot_open(path, str(error)) from error
    path.chmod(0o600)
    return backend


def _private_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _cannot_open(path: Path, detail: str) -> GuestlistError:
    owner = re.search(r"\(PID (\d+)\)", detail)
    if owner is None and "lock" not in detail.lower():
        return GuestlistError(
            "store_damaged",
            f"The store {path} cannot be opened: it is damaged, or no file of ours.",
            next_step="Put back the last backup of this file, or move it away to begin anew.",
        )
    who = f"process {owner[1]}" if owner else "another process"
    return GuestlistError(
        "space_in_use",
        f"The space is in use: {who} owns {path}.",
        nothing_lost="Nothing was changed.",
        next_step="Wait for it to end, or stop it, then try again.",
    )


def _no_relation(name: str) -> GuestlistError:
    return GuestlistError(
        "no_relation",
        f"The store has no relation '{name}' yet.",
        next_step="Import data first: guestlist import FILE",
    )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        message = f"not a relation's name: {name!r}"
        raise ValueError(message)
    return name


def quoted(name: str) -> str:
    return f'"{_checked(name)}"'


def _same(on: Sequence[str]) -> str:
    return " AND ".join(f'kept."{column}" IS NOT DISTINCT FROM gone."{column}"' for column in on)


Materialise: TypeAlias = Callable[[str, Rows], Table]
"""`Warehouse.materialise`, for stages that write intermediate results and need nothing else of the store."""

"""A table or a query of a Postgres server, read in Arrow batches of text and never written to.

What a query may do is decided by the server: it is run in a transaction that the server holds to be read-only, as one
prepared statement inside a SELECT of ours, with the rights of the role that connects. Cells come as the server writes
them, so that a number, a date or a document of any type is what its owner sees.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi

from guestlist.errors import GuestlistError
from guestlist.store.vault import Secret

OVERLAP = "1 hour"
"""So much of what was read before is read again, by a change column of times: a clock may be behind another."""
SECONDS_PER_STATEMENT = 1800
_BATCH_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 20
_TIMES = {"timestamp without time zone", "timestamp with time zone", "date"}
_SAFE = "Nothing was changed: what was loaded last stands."
_SAID = re.compile(r"ERROR:\s+(.+)")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One table (`schema.table`) or one SELECT, and the columns that say what a line is and when it changed."""

    table: str | None = None
    query: str | None = None
    key: str | None = None
    changed: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Reads of one instant of the database."""

    connection: Any
    asked: Asked
    columns: tuple[str, ...]

    def sample(self, lines: int) -> pa.Table:
        """The first lines."""
        return _Lines(self.connection, self._select(self.columns, f" LIMIT {lines}")).whole()

    def watermark(self) -> str | None:
        """The greatest value of the change column, as the server writes it."""
        assert self.asked.changed is not None
        text = f"SELECT max({_named(self.asked.changed)})::text AS newest FROM {self.place}"  # noqa: S608 names are quoted
        return _Lines(self.connection, text).whole().column("newest").to_pylist()[0]  # type: ignore[no-any-return]

    def keys(self) -> Iterator[pa.RecordBatch]:
        """(key, changed) of all lines."""
        assert self.asked.key is not None
        assert self.asked.changed is not None
        return self._stream([self.asked.key, self.asked.changed])

    def lines(self, *, since: str | None = None) -> Iterator[pa.RecordBatch]:
        """All lines, or those whose change column is not before `since`, some overlap taken in; all cells are text."""
        return self._stream(self.columns, rest="" if since is None else self._since(since))

    def _since(self, since: str) -> str:
        assert self.asked.changed is not None
        column = _named(self.asked.changed)
        kind = self._kind(self.asked.changed)
        back = f" - interval '{OVERLAP}'" if kind in _TIMES else ""
        return f" WHERE {column} >= CAST({_text(since)} AS {kind}){back}"

    def _kind(self, column: str) -> str:
        asked = f"SELECT format_type(pg_typeof((SELECT {_named(column)} FROM {self.place} LIMIT 0))::oid, NULL) AS kind"  # noqa: S608
        return str(_Lines(self.connection, asked).whole().column("kind").to_pylist()[0])

    def _stream(self, columns: tuple[str, ...] | list[str], rest: str = "") -> Iterator[pa.RecordBatch]:
        return _Lines(self.connection, self._select(columns, rest)).batches()

    def _select(self, columns: tuple[str, ...] | list[str], rest: str) -> str:
        listed = ", ".join(f"{_named(name)}::text AS {_named(name)}" for name in dict.fromkeys(columns))
        return f"SELECT {listed} FROM {self.place}{rest}"  # noqa: S608 names are quoted

    @property
    def place(self) -> str:
        """What stands after FROM."""
        if self.asked.table is not None:
            return f"{'.'.join(_named(part) for part in self.asked.table.split('.'))} AS lines"
        # A new line first: the query may end with a comment.
        return f"(\n{str(self.asked.query).rstrip().rstrip(';')}\n) AS lines"


@contextmanager
def snapshot(dsn: Secret, asked: Asked, *, seconds: int = SECONDS_PER_STATEMENT) -> Iterator[Snapshot]:
    """Connect, and read as of one instant; whatever the query says, nothing can be written."""
    with _connected(dsn) as connection:
        _set_up(connection, seconds)
        bare = Snapshot(connection=connection, asked=asked, columns=())
        found = _Lines(connection, f"SELECT * FROM {bare.place} LIMIT 0").whole()  # noqa: S608 names are quoted
        columns = tuple(found.column_names)
        for column in (asked.key, asked.changed):
            if column is not None and column not in columns:
                raise _no_column(column, columns)
        if len(set(columns)) < len(columns):
            raise _wrong_query("two of its columns have the same name")
        yield Snapshot(connection=connection, asked=asked, columns=columns)


@contextmanager
def _connected(dsn: Secret) -> Iterator[Any]:
    with _told():
        connection = dbapi.connect(_with_timeout(dsn.reveal()))
    try:
        yield connection
    finally:
        with suppress(adbc_driver_manager.Error):  # nothing was to be kept
            connection.close()


def _set_up(connection: Any, seconds: int) -> None:
    for setting in (
        "TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        f"LOCAL statement_timeout = '{seconds}s'",
        "LOCAL lock_timeout = '30s'",
        "LOCAL TimeZone = 'UTC'",
        "LOCAL DateStyle = 'ISO, YMD'",
        "LOCAL IntervalStyle = 'iso_8601'",
    ):
        with _told(), connection.cursor() as cursor:
            cursor.execute(f"SET {setting}")


@dataclass(frozen=True)
class _Lines:
    """One statement. The driver prepares it by itself first, so it can only ever be one."""

    connection: Any
    text: str

    def batches(self) -> Iterator[pa.RecordBatch]:
        size = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_BATCH_BYTES)}
        with _told(), self.connection.cursor(adbc_stmt_kwargs=size) as cursor:
            cursor.execute(self.text)
            yield from cursor.fetch_record_batch()

    def whole(self) -> pa.Table:
        with _told(), self.connection.cursor() as cursor:
            cursor.execute(self.text)
            return cursor.fetch_arrow_table()


def _with_timeout(dsn: str) -> str:
    if "connect_timeout" in dsn:
        return dsn
    return f"{dsn}{'&' if '?' in dsn else '?'}connect_timeout={_CONNECT_SECONDS}"


def _named(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    # A backslash means itself in a plain literal, unless an old setting says otherwise: then E'' says it is doubled.
    return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


@contextmanager
def _told() -> Iterator[None]:
    """The server's errors in our words. Of its own only those are repeated that are about the text of a query."""
    try:
        yield
    except adbc_driver_manager.Error as error:
        raise _translated(error.sqlstate or "", str(error)) from None
    except (pa.ArrowException, OSError) as error:
        raise _broken_off(str(error)) from None


def _translated(state: str, said: str) -> GuestlistError:
    if not state or state.startswith("28"):
        return _unreachable(_why_not_connected(state, said))
    if state == "25006":
        return _wrong_query("it would change something, and the server refuses that")
    if state == "42501":
        return _not_allowed()
    if state == "57014":
        return _slow()
    if state.startswith("42"):
        found = _SAID.search(said)
        return _wrong_query(f"the server says: {found[1] if found else 'it cannot be read'}")
    if state.startswith(("22", "21", "0A")):
        return _wrong_query(f"it fails on the data that is there, or asks for what the server cannot do ({state})")
    return _unreachable(f"it broke off (SQLSTATE {state})")


def _why_not_connected(state: str, said: str) -> str:
    if state.startswith("28") or "authentication failed" in said or "no password supplied" in said:
        return "the server does not accept the role or its password"
    if "does not exist" in said and "FATAL" in said:
        return "the database or the role does not exist there"
    if "connection info string" in said or "invalid connection option" in said or "invalid URI" in said:
        return "the connection address cannot be read; it looks like postgresql://role@host/database"
    return "it cannot be reached, or broke off"


def _not_allowed() -> GuestlistError:
    return GuestlistError(
        "source_not_allowed",
        "The database role may not read that.",
        nothing_lost=_SAFE,
        next_step="Grant it: GRANT SELECT ON the table TO the role, and USAGE on its schema.",
    )


def _broken_off(said: str) -> GuestlistError:
    """While lines stream the driver tells no SQLSTATE, only the server's words, which may quote data."""
    if "read-only transaction" in said or "read-write mode" in said:
        return _translated("25006", "")
    if "statement timeout" in said or "user request" in said:
        return _slow()
    if "ERROR:" in said:
        return _wrong_query("it fails on the data that is there")
    return _unreachable("the connection broke off")


def _unreachable(why: str) -> GuestlistError:
    return GuestlistError(
        "source_unreachable",
        f"The Postgres server did not answer as it should: {why}.",
        nothing_lost=_SAFE,
        next_step="Check the server and the address; Guestlist tries again by itself.",
    )


def _slow() -> GuestlistError:
    return GuestlistError(
        "source_slow",
        f"The Postgres server ended the query after {SECONDS_PER_STATEMENT // 60} minutes, or it was cancelled there.",
        nothing_lost=_SAFE,
        next_step="Make it cheaper, with an index on the change column, or load a table of results.",
    )


def _wrong_query(why: str) -> GuestlistError:
    return GuestlistError(
        "source_query",
        f"The query cannot be used: {why}.",
        nothing_lost=_SAFE,
        next_step="Write one SELECT that only reads, and try it in psql.",
    )


def _no_column(column: str, columns: tuple[str, ...]) -> GuestlistError:
    return GuestlistError(
        "source_column",
        f"The table or query has no column '{column}'.",
        nothing_lost=_SAFE,
        next_step=f"Its columns are: {', '.join(columns)}.",
    )

"""The journal's file: how it is opened, locked and brought up to date, and what its failures mean."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, column, create_engine, event, inspect, select, table
from sqlalchemy.exc import DatabaseError, OperationalError

from guestlist.errors import GuestlistError

NOTHING_CHANGED = "Nothing was changed or sent."
_MIGRATIONS = Path(__file__).parent / "migrations"
BUSY = "journal_busy"
"""Where another process does not let go of the journal."""
_BUSY_MS = 10_000
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_MS}",  # first: the next one may have to wait for another process
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
)


def make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its side files the mode of this one. A file that is there is not opened: to close it would drop the
    # locks that this process has on it by other connections (https://sqlite.org/howtocorrupt.html, 2.2), and another
    # process that closes it would then take away the log that we write.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def engine(path: Path) -> Engine:
    # hide_parameters: an exception's text must hold no token and no secret.
    made = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)

    @event.listens_for(made, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own transactions would begin too late and end too early
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(made, "begin")
    def _began(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("plain"):
            # A writer takes the lock at once, so what it checks cannot change before it writes.
            connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")

    return made


# Alembic keeps what it works on in its modules: two threads at once would take each other's.
_MIGRATING = Lock()


def newest_version() -> str:
    """The number of the last migration: their files are named by it, and each follows the one before."""
    return max(one.stem.partition("_")[0] for one in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def migrate(connection: Connection, path: Path) -> None:
    """Bring the tables up to date; nearly always they are, and Alembic, which takes long to load, is not needed.

    Before that an older file is copied to `before_migration`: the Guestlist that wrote it opens no newer one.
    """
    found, newest = _version(connection), newest_version()
    if found == newest:
        return
    if found is not None and found < newest:
        copy_journal(path, before_migration(path, newest))
    from alembic import command  # noqa: PLC0415 see above
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        with _MIGRATING:
            command.upgrade(config, "head")
    except CommandError as error:
        raise GuestlistError(
            "journal_newer",
            f"{path} was written by a newer Guestlist.",
            next_step="Update Guestlist.",
            nothing_lost=NOTHING_CHANGED,
        ) from error


def before_migration(path: Path, version: str) -> Path:
    """Where a copy of a journal lies as it was before it was brought to this version."""
    return path.with_name(f"{path.stem}.before-{version}{path.suffix}")


def forget_copies(path: Path) -> None:
    """Take the copies away that migrations left: they hold what has been erased since."""
    for copy in path.parent.glob(before_migration(path, "*").name):
        copy.unlink()


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()
    return found


def copy_journal(path: Path, to: Path) -> None:
    """A whole copy as of one instant, beside whoever writes to it."""
    to.unlink(missing_ok=True)
    make_private(to)
    try:
        with closing(sqlite3.connect(path)) as present, closing(sqlite3.connect(to)) as copy:
            present.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # it goes about alone, without a log beside it
    except sqlite3.Error as error:
        raise GuestlistError(
            "journal_unwritable",
            f"The records of this space cannot be copied ({error}).",
            next_step="Check free disk space and the rights of the .guestlist folder, then run the command again.",
            nothing_lost=NOTHING_CHANGED,
        ) from error


@contextmanager
def translated(path: Path | None = None) -> Iterator[None]:
    """Database errors in plain words; SQLAlchemy's own text names statements, never values."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise GuestlistError(
                "journal_busy",
                "Another process has been writing the records of this space for ten seconds, and has not ended yet.",
                next_step="Run the command again. If it happens again, that process hangs: end it, and what it had in"
                " hand is planned again.",
                nothing_lost=NOTHING_CHANGED,
            ) from error
        raise GuestlistError(
            "journal_unwritable",
            f"The records of this space cannot be read or written ({error.orig}).",
            next_step="Check free disk space and the rights of the .guestlist folder, then run the command again.",
            nothing_lost=NOTHING_CHANGED,
        ) from error
    except DatabaseError as error:
        if path is None:
            raise
        raise GuestlistError(
            "journal_damaged",
            f"{path} is damaged, or no file of ours.",
            next_step="Put back the last backup of this file.",
            nothing_lost=NOTHING_CHANGED,
        ) from error


class JournalPart:
    """What a part of the journal builds upon; `Journal` opens the file."""

    def _read(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _write(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _owned(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

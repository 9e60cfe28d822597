"""A store written anew: the only way by which bytes of deleted lines leave its file.

The engine frees the blocks of what is deleted and leaves their content in place until something else needs them. A
fresh copy holds what is there now, and nothing else.
"""

import os
from pathlib import Path

import duckdb

from guestlist.errors import GuestlistError
from guestlist.store.engine import MEMORY_LIMIT


def rewrite(path: Path, *, memory_limit: str = MEMORY_LIMIT) -> None:
    """Put a fresh copy in the place of a closed store. A crash leaves the old file or the new one, whole."""
    fresh = path.with_name(f"{path.name}.fresh")
    for leftover in (fresh, fresh.with_name(f"{fresh.name}.wal")):
        leftover.unlink(missing_ok=True)
    try:
        with duckdb.connect(config={"memory_limit": memory_limit}) as connection:
            # Attached for writing, so that no other process can open the old file until the new one has its name.
            connection.execute(f"ATTACH {_text(path)} AS present")
            connection.execute("CHECKPOINT present")
            connection.execute(f"ATTACH {_text(fresh)} AS fresh")
            connection.execute("COPY FROM DATABASE present TO fresh")
            connection.execute("DETACH fresh")
            fresh.chmod(0o600)
            if os.name != "posix":  # elsewhere an open file cannot be replaced
                connection.execute("DETACH present")
            _put(fresh, path)
    except duckdb.IOException as error:
        raise GuestlistError(
            "store_not_rewritten",
            f"The store {path} cannot be written anew: it is in use, or the disk is full.",
            nothing_lost="Nothing is lost: what was deleted is deleted, its bytes may still be in the file.",
            next_step="Stop the other process or make room for a copy of the file, then run the command again.",
        ) from error


def _put(fresh: Path, path: Path) -> None:
    handle = os.open(fresh, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.replace(path)


def _text(path: Path) -> str:
    quoted = str(path).replace("'", "''")
    return f"'{quoted}'"

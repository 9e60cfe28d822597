"""A consistent copy of a space in one file: its stores, its definitions and its settings.

It is made while nobody works in the space: by the command itself, or by the keeper of a running service between two
slices, with its stores closed. Messages go on arriving meanwhile: what is in the inbox by then is in the copy, too.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from guestlist.clock import Clock, microseconds
from guestlist.errors import GuestlistError
from guestlist.owning.holding import SpaceLock, in_use
from guestlist.records import JOURNAL_FILE, KEY_FILE, Records
from guestlist.space import SETTINGS_FILE, Space
from guestlist.store.archive import Manifest, Part, check_archive, refuse_present, write_archive
from guestlist.store.engine import ENGINE
from guestlist.store.inbox import sealed_name
from guestlist.store.journal import Journal
from guestlist.store.journal_backups import BackupRecord
from guestlist.store.journal_erasures import Erasure
from guestlist.store.journal_file import copy_journal
from guestlist.store.journal_tables import Listed
from guestlist.store.private_files import write_private

STORES = ("warehouse.duckdb", "warehouse.duckdb.wal", "ledger.duckdb", "ledger.duckdb.wal")
DEFINITIONS = ("audiences", "traits")
_COPY = "journal.backup"
_LOOK_EVERY = 0.2
_KEPT = 50
"""So many of the latest are remembered, whether their file is there or not."""


@dataclass(frozen=True, kw_only=True)
class Since:
    """What must outlive a restore: entries of the do-not-send list and erasures, which name nobody without the key."""

    key: str
    listed: tuple[Listed, ...] = ()
    erasures: tuple[Erasure, ...] = ()


def back_up(
    space: Space, records: Records, to: Path, *, with_key: bool, clock: Clock, wait: Callable[[float], object]
) -> BackupRecord:
    """Make a backup in a file, or in a folder under a name with the time; beside a running service, by its keeper.

    `wait` passes some seconds. An error tells what is in the way; then there is no file.
    """
    asked = _asked(space, to, with_key=with_key, now=clock.now())
    lock = SpaceLock(space)
    if lock.take():
        return _made_here(space, records, asked, lock, clock)
    owner = records.journal.owner()
    if owner is None or owner.beat is None:  # a command: it ends soon, and obeys nobody
        raise in_use(space, owner)
    _ask(records.journal, asked)
    # Whoever gives up waiting leaves it asked for: it may be in the making, and erasures are noted by its record.
    return _by_the_keeper(space, records, asked, lock, clock, wait)


def order(space: Space, records: Records, to: Path, *, clock: Clock) -> BackupRecord:
    """Ask whoever keeps the space for a backup without the key. It is made later; the journal tells what became of it."""
    asked = _asked(space, to, with_key=False, now=clock.now())
    _ask(records.journal, asked)
    return asked


def _asked(space: Space, to: Path, *, with_key: bool, now: datetime) -> BackupRecord:
    file = _file(space, to, now)
    refuse_present(file)
    mark = f"b-{secrets.token_hex(5)}"
    return BackupRecord(id=mark, path=str(file), with_key=with_key, asked_at=microseconds(now))


def _file(space: Space, to: Path, now: datetime) -> Path:
    named = f"guestlist-{space.folder.resolve().name}-{now:%Y%m%dT%H%M%SZ}.tar"
    return (to / named if to.is_dir() else to).resolve()


def _made_here(space: Space, records: Records, asked: BackupRecord, lock: SpaceLock, clock: Clock) -> BackupRecord:
    _ask(records.journal, asked)
    try:
        made = _make(space, records, asked, now=clock.now())
        records.journal.end_backup(made)
        return made
    except BaseException:
        if not Path(asked.path).exists():
            records.journal.forget_backup(asked.id)
        raise
    finally:
        lock.let_go()


def _ask(journal: Journal, asked: BackupRecord) -> None:
    """Record it; of old ones those are forgotten that have no file to note anything beside."""
    journal.ask_backup(asked)
    for old in journal.backups()[_KEPT:]:
        if old.code is not None or (old.made_at is not None and _is_gone(Path(old.path))):
            journal.forget_backup(old.id)


def _is_gone(file: Path) -> bool:
    """A disk that is not there now may come back with its backups."""
    return file.parent.is_dir() and not file.exists()


def _by_the_keeper(
    space: Space,
    records: Records,
    asked: BackupRecord,
    lock: SpaceLock,
    clock: Clock,
    wait: Callable[[float], object],
) -> BackupRecord:
    found = asked
    while found.made_at is None and found.code is None:
        wait(_LOOK_EVERY)
        with _if_free(lock) as free:  # before the look: then nobody else makes it any more
            found = next((one for one in records.journal.backups() if one.id == asked.id), asked)
            if free and found.made_at is None and found.code is None:
                found = _ended(space, records, found, clock.now())
    if found.code is None:
        return found
    records.journal.forget_backup(found.id)
    code = found.code
    raise GuestlistError(
        code, found.happened or "", nothing_lost="Nothing was changed.", next_step=found.next_step or ""
    )


@contextmanager
def _if_free(lock: SpaceLock) -> Iterator[bool]:
    """Whether the service ended; the space is held meanwhile."""
    free = lock.take()
    try:
        yield free
    finally:
        if free:
            lock.let_go()


def make_asked(space: Space, records: Records, *, now: datetime) -> list[BackupRecord]:
    """Make what was asked for beside this process, which holds the space and has its stores closed."""
    asked = [one for one in records.journal.backups() if one.made_at is None and one.code is None]
    return [_ended(space, records, one, now) for one in asked]


def _ended(space: Space, records: Records, asked: BackupRecord, now: datetime) -> BackupRecord:
    try:
        ended = _made_before(records.journal, asked) or _make(space, records, asked, now=now)
    except GuestlistError as error:
        ended = replace(asked, code=error.code, happened=error.message, next_step=error.next_step)
    except OSError as error:
        happened = f"The service cannot write {asked.path}: {error.strerror or type(error).__name__}."
        remedy = "Check the rights of that folder for the account of the service, and the room on the disk."
        ended = replace(asked, code="no_access", happened=happened, next_step=remedy)
    records.journal.end_backup(ended)
    return ended


def _made_before(journal: Journal, asked: BackupRecord) -> BackupRecord | None:
    """Its file was not there when it was asked for: whoever made it ended before that was recorded."""
    file = Path(asked.path)
    if not file.exists() or any(one.path == asked.path and one.made_at for one in journal.backups()):
        return None
    return replace(asked, made_at=asked.asked_at, size=file.stat().st_size)


def _make(space: Space, records: Records, asked: BackupRecord, *, now: datetime) -> BackupRecord:
    copy = space.private / _COPY
    try:
        copy_journal(space.private / JOURNAL_FILE, copy)
        facts = {
            "made_at": now.astimezone(UTC).isoformat(),
            "space": space.folder.resolve().name,
            "guestlist": version("guestlist"),
            "engine": ENGINE,
            "with_key": asked.with_key,
            "key": key_print(records),
        }
        write_archive(Path(asked.path), lambda: _parts(space, copy, with_key=asked.with_key), facts)
    finally:
        copy.unlink(missing_ok=True)
    made_at = microseconds(now)
    counts = {"bytes": Path(asked.path).stat().st_size}
    records.journal.audit(actor="guestlist", action="backup made", about=asked.id, counts=counts, now=made_at)
    return replace(asked, made_at=made_at, size=counts["bytes"])


def _parts(space: Space, journal: Path, *, with_key: bool) -> Iterator[Part]:
    """Stores before the inbox, listed when its turn comes: a message may come and be sealed meanwhile, but none lands."""
    private = space.private.name
    for name in (*STORES, *([KEY_FILE] if with_key else [])):
        if (space.private / name).is_file():
            yield Part(path=space.private / name, name=f"{private}/{name}")
    yield Part(path=journal, name=f"{private}/{JOURNAL_FILE}")
    yield Part(path=space.settings_file, name=SETTINGS_FILE)
    inbox = space.private / "inbox"
    for folder in (*(space.folder / name for name in DEFINITIONS), inbox):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                name = path.relative_to(space.folder).as_posix()
                yield Part(path=path, name=name, renamed=sealed_name(path) if folder == inbox else None)


def key_print(records: Records) -> str:
    """Tells whether a key file is the one that a backup goes with; nothing of the key can be read from it."""
    return hashlib.sha256(f"backup|{records.pepper}".encode()).hexdigest()[:16]


def check(file: Path) -> Manifest:
    """Read a backup to its end; an error says what is wrong with it."""
    return check_archive(file)


# --- what happens after a backup and must outlive a restore of it -----------------------------------------------------


def since_file(backup: Path) -> Path:
    """Where it stands: beside the backup."""
    return backup.with_name(f"{backup.name}.since")


def note_since(records: Records) -> None:
    """Beside each backup that is where it was made: who was erased or listed since. One that is not reached is left.

    Also beside one that is not recorded as made: whoever made it may have ended just then.
    """
    journal = records.journal
    for made in journal.backups():
        place = Path(made.path)
        if made.code is not None or not place.is_file():
            continue
        since = known_since(journal, key_print(records), made.made_at or made.asked_at)
        if since.listed or since.erasures:
            with suppress(OSError):
                write_private(since_file(place), orjson.dumps(_plain(since)))


def known_since(journal: Journal, key: str, instant: int) -> Since:
    """What a journal knows of that, from an instant on."""
    erasures = [one for one in journal.erasures() if one.asked_at >= instant or one.open]
    return Since(key=key, listed=tuple(journal.listed_since(instant)), erasures=tuple(erasures))


def read_since(backup: Path) -> Since | None:
    """What stands beside a backup; None where nothing does."""
    place = since_file(backup)
    try:
        read = orjson.loads(place.read_bytes())
        return Since(
            key=read["key"],
            listed=tuple(Listed(**_with_token(one)) for one in read["listed"]),
            erasures=tuple(Erasure(**_with_token(one)) for one in read["erasures"]),
        )
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise GuestlistError(
            "backup_damaged",
            f"{place} cannot be read: it says who was erased after the backup.",
            nothing_lost="Nothing was changed.",
            next_step="Put it back as it was; if it is lost, take it away and make those erasures again.",
        ) from error


def _plain(since: Since) -> dict[str, Any]:
    def line(one: Listed | Erasure) -> dict[str, Any]:
        return {**vars(one), "token": one.token.hex()}

    return {"key": since.key, "listed": [*map(line, since.listed)], "erasures": [*map(line, since.erasures)]}


def _with_token(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "token": bytes.fromhex(line["token"])}

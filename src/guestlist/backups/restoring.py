"""A space from a backup. What was sent to Meta after the backup is not in it, so nothing is taken for certain.

Nobody may be left in or out by what is not known any more: every row is in doubt (`destinations/meta/doubt.py`), plans
and requests of then are over, and every sync rests until a person has made again what only a person can know.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from guestlist.audiences.document import read_folder
from guestlist.backups.backing_up import DEFINITIONS, Since, key_print, known_since, read_since
from guestlist.clock import microseconds
from guestlist.connected.connections import clock_of
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.owning.holding import SpaceLock, in_use
from guestlist.pausing import pause
from guestlist.records import JOURNAL_FILE, KEY_FILE, open_records
from guestlist.space import SETTINGS_FILE, Space, make_private, open_space
from guestlist.store.archive import Manifest, need_room, unpack_archive
from guestlist.store.journal import Journal
from guestlist.store.journal_backups import Restore
from guestlist.store.private_files import sync_folder

_PRIVATE, _STAGED = ".guestlist", ".guestlist.restoring"
_NOTHING_CHANGED = "Nothing was changed."
_OURS = (_PRIVATE, SETTINGS_FILE, *DEFINITIONS)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore came to.

    `erased`, `listed`: erasures and entries of the do-not-send list after the backup that were known all the same, from
    beside the backup or from the space that it replaced; `since_known` says whether there was either.
    """

    folder: Path
    backup_at: datetime
    files: int
    key_there: bool
    paused: tuple[str, ...]
    erased: int
    listed: int
    since_known: bool
    replaced: Path | None


def restore(backup: Path, folder: Path, *, key: Path | None, replace_present: bool, actor: str) -> Restored:
    """Put a backup into a folder. `key`: its key file, where the backup has none. Whole, or nothing is changed.

    A space that is there already is put aside beside it with `replace_present`, and refused without.
    """
    there = [name for name in _OURS if (folder / name).exists()]
    if there and not replace_present:
        raise WrongUseError(
            "space_not_empty",
            f"{folder} holds {there[0]} already.",
            nothing_lost=_NOTHING_CHANGED,
            next_step="Name an empty folder, or put aside what is there: guestlist restore FILE --replace",
        )
    folder.mkdir(parents=True, exist_ok=True)
    need_room(folder, backup.stat().st_size)
    with ExitStack() as held:
        present = held.enter_context(_present(folder)) if _PRIVATE in there else None
        staged = folder / _STAGED
        shutil.rmtree(staged, ignore_errors=True)
        _kept_out_of_git(staged)
        try:
            manifest = unpack_archive(backup, staged)
            _place_key(staged, manifest, key, folder)
            told = _prepare(staged, manifest, _since(backup, present, manifest), actor)
            replaced = _take_place(staged, folder, there, told.restored_at)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return Restored(
        folder=folder,
        backup_at=_made_at(manifest),
        files=len(manifest.files),
        key_there=told.key_there,
        paused=told.paused,
        erased=told.erased,
        listed=told.listed,
        since_known=told.since_known,
        replaced=replaced,
    )


def _made_at(manifest: Manifest) -> datetime:
    return datetime.fromisoformat(str(manifest.facts["made_at"]))


# --- the space that is there ------------------------------------------------------------------------------------------


@contextmanager
def _present(folder: Path) -> Iterator[Since | None]:
    """Hold it; gives what it knows of erasures, if its records can be read at all."""
    try:
        space = open_space(folder)
    except GuestlistError:
        yield None
        return
    lock = SpaceLock(space)
    if not lock.take():
        raise in_use(space, None)
    try:
        yield _known(space)
    finally:
        lock.let_go()


def _known(space: Space) -> Since | None:
    with suppress(GuestlistError), open_records(space) as records:
        return known_since(records.journal, key_print(records), 0)
    return None


def _kept_out_of_git(folder: Path) -> Path:
    make_private(folder)
    (folder / ".gitignore").write_text("*\n", "utf-8")
    return folder


def _take_place(staged: Path, folder: Path, there: list[str], at: int) -> Path | None:
    """What is there goes aside, what was staged takes its place; where that fails, all is as it was."""
    aside = _kept_out_of_git(folder / f"{_PRIVATE}.replaced-{at // 1_000_000}") if there else None
    moves = [(folder / name, aside / name) for name in there] if aside else []
    moves += [(staged / name, folder / name) for name in _OURS if (staged / name).exists()]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
        sync_folder(folder)
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        if aside:
            shutil.rmtree(aside)
        raise
    return aside


# --- the space from the backup ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    restored_at: int
    key_there: bool
    paused: tuple[str, ...]
    erased: int
    listed: int
    since_known: bool


def _place_key(staged: Path, manifest: Manifest, given: Path | None, folder: Path) -> None:
    """The key of the backup; else the one that was given, or that of the space it replaces, if it is the same."""
    place = staged / _PRIVATE / KEY_FILE
    if manifest.facts["with_key"]:
        return
    found = given or folder / _PRIVATE / KEY_FILE
    if given is None and not found.is_file():
        return
    shutil.copyfile(found, place)
    place.chmod(0o600)
    with open_records(open_space(staged)) as records:
        fits = key_print(records) == manifest.facts["key"]
    if not fits and given is not None:
        raise WrongUseError(
            "other_key",
            f"{given} is not the key that this backup goes with.",
            nothing_lost=_NOTHING_CHANGED,
            next_step="Give the file .guestlist/key of the space that was backed up.",
        )
    if not fits:
        place.unlink()


def _since(backup: Path, present: Since | None, manifest: Manifest) -> Since | None:
    """What is known of erasures after the backup; tokens made with another key name nobody here."""
    known = [one for one in (read_since(backup), present) if one is not None and one.key == manifest.facts["key"]]
    if not known:
        return None
    return Since(
        key=known[0].key,
        listed=tuple(entry for one in known for entry in one.listed),
        erasures=tuple(asked for one in known for asked in one.erasures),
    )


def _prepare(staged: Path, manifest: Manifest, since: Since | None, actor: str) -> _Prepared:
    space = open_space(staged)
    now = clock_of(space).now()
    at, backup_at = microseconds(now), microseconds(_made_at(manifest))
    again = (
        [replace(one, erased_at=None, handed_over_at=None, closed_at=None) for one in since.erasures] if since else []
    )
    with Journal.open(space.private / JOURNAL_FILE) as journal:
        journal.take_over("restore", now=at)
        journal.mark_restored(Restore(restored_at=at, backup_at=backup_at))
        listed = journal.list_do_not_send(since.listed) if since else 0
        erased = journal.erase_again(again)
        journal.audit(actor=actor, action="space restored", about=str(manifest.facts["space"]), counts={}, now=at)
        keys = _syncs(space, journal)
        for key in keys:
            pause(space, journal, key, until=None, now=now, actor=actor)
    return _Prepared(
        restored_at=at,
        key_there=(space.private / KEY_FILE).is_file(),
        paused=keys,
        erased=erased,
        listed=listed,
        since_known=since is not None,
    )


def _syncs(space: Space, journal: Journal) -> tuple[str, ...]:
    found = {one.key for one in journal.syncs()}
    with suppress(GuestlistError):  # a mistake in a file: what it says runs only once it is corrected
        definitions = read_folder(space.audiences, destinations=space.settings.destinations)
        found |= {f"{definition.key}@{wish.to}" for definition in definitions for wish in definition.syncs}
    return tuple(sorted(found))

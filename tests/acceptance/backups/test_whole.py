"""Backups and restores that are cut off, crowded or hindered: none is half, and none forgets who was erased since."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guestlist.backups import restoring
from guestlist.backups.backing_up import back_up, make_asked, note_since, read_since, since_file
from guestlist.clock import SetClock, microseconds
from guestlist.owning.holding import SpaceLock
from guestlist.records import Records, open_records
from guestlist.space import Space, make_space
from guestlist.store import archive
from guestlist.store.archive import Part, unpack_archive, write_archive
from guestlist.store.journal import Journal
from guestlist.store.journal_backups import BackupRecord
from guestlist.store.journal_tables import Listed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class CrashError(Exception):
    """The process ends here."""


@dataclass
class Desk:
    space: Space
    records: Records
    clock: SetClock
    folder: Path

    def backup(self, name: str, wait: Callable[[float], object] = lambda _: None) -> Path:
        self.clock.instant += timedelta(minutes=1)
        to = self.folder / name
        made = back_up(self.space, self.records, to, with_key=False, clock=self.clock, wait=wait)
        return Path(made.path)

    def keep(self) -> None:
        """What a service does between two slices, its stores closed."""
        self.clock.instant += timedelta(minutes=1)
        make_asked(self.space, self.records, now=self.clock.instant)

    def somebody_is_listed(self) -> None:
        self.clock.instant += timedelta(minutes=1)
        entry = Listed(token=b"x" * 32, kind="email", listed_at=microseconds(self.clock.instant))
        self.records.journal.list_do_not_send([entry])
        note_since(self.records)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    space = make_space(tmp_path / "shop")
    (tmp_path / "backups").mkdir()
    with open_records(space) as records:
        yield Desk(space, records, SetClock(NOW), tmp_path / "backups")


@pytest.fixture
def service(desk: Desk) -> Iterator[SpaceLock]:
    """Another process holds the space and gives signs of life."""
    lock = SpaceLock(desk.space)
    assert lock.take()
    desk.records.journal.take_over("service", now=microseconds(NOW), process=("here", 1))
    yield lock
    lock.let_go()


def listed_since(backup: Path) -> int:
    since = read_since(backup)
    return len(since.listed) if since else 0


def test_a_backup_that_is_there_is_not_forgotten_however_many_come_after_it(desk: Desk) -> None:
    first, gone = desk.backup("first.tar"), desk.backup("gone.tar")
    gone.unlink()
    for number in range(52):
        desk.backup(f"later-{number}.tar")
    desk.somebody_is_listed()
    assert listed_since(first) == 1
    assert str(gone) not in {one.path for one in desk.records.journal.backups()}
    assert not since_file(gone).exists()


@pytest.mark.usefixtures("service")
def test_a_backup_that_nobody_waits_for_any_more_is_remembered(desk: Desk) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.backup("b.tar", interrupted)
    desk.keep()
    desk.somebody_is_listed()
    assert listed_since(desk.folder / "b.tar") == 1


@pytest.mark.usefixtures("service")
def test_a_backup_whose_maker_crashed_before_it_was_recorded_is_remembered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_at_the_end(monkeypatch)
    with pytest.raises(CrashError):
        desk.backup("b.tar", lambda _: desk.keep())
    desk.somebody_is_listed()
    assert listed_since(desk.folder / "b.tar") == 1
    monkeypatch.undo()
    desk.keep()
    (known,) = desk.records.journal.backups()
    assert (known.code, known.made_at is not None) == (None, True)


def test_a_service_that_ends_leaves_the_backup_to_who_waits(desk: Desk, service: SpaceLock) -> None:
    made = desk.backup("b.tar", lambda _: service.let_go())
    assert made.is_file()
    desk.somebody_is_listed()
    assert listed_since(made) == 1


def crash_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashed(_journal: Journal, _ended: BackupRecord) -> None:
        raise CrashError

    monkeypatch.setattr(Journal, "end_backup", crashed)


# The inbox


def test_what_is_sealed_while_the_stores_are_written_is_in_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = desk.space.private / "inbox"
    inbox.mkdir()
    waiting = inbox / "000000000001.web.open"
    waiting.write_text("{}\n")
    monkeypatch.setattr(archive, "need_room", lambda *_: waiting.rename(waiting.with_suffix(".jsonl")))
    manifest = unpack_archive(desk.backup("b.tar"), desk.folder)
    assert ".guestlist/inbox/000000000001.web.jsonl" in {file.name for file in manifest.files}


def test_a_file_that_is_renamed_just_before_its_turn_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "1.web.jsonl").write_text("{}\n")
    part = Part(path=tmp_path / "1.web.open", name="1.web.open", renamed=tmp_path / "1.web.jsonl")
    (held,) = write_archive(tmp_path / "b.tar", lambda: [part], {}).files
    assert held.size == 3


# Restores


def test_a_restore_that_cannot_take_its_place_leaves_all_as_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    backup, folder = desk.backup("b.tar"), desk.space.folder
    before = sorted(path.name for path in folder.iterdir())
    settings = desk.space.settings_file.read_text() + "# of now\n"
    desk.space.settings_file.write_text(settings)
    rename = Path.rename

    def hindered(path: Path, target: Path) -> Path:
        if path.parent.name == restoring._STAGED and path.name == "guestlist.yaml":
            raise PermissionError
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", hindered)
    with pytest.raises(PermissionError):
        restoring.restore(backup, folder, key=None, replace_present=True, actor="test")
    assert sorted(path.name for path in folder.iterdir()) == before
    assert desk.space.settings_file.read_text() == settings


def test_what_is_staged_is_kept_out_of_git(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    backup, ignored = desk.backup("b.tar"), []

    def seen(file: Path, staged: Path) -> archive.Manifest:
        ignored.append((staged / ".gitignore").read_text())
        return unpack_archive(file, staged)

    monkeypatch.setattr(restoring, "unpack_archive", seen)
    restoring.restore(backup, desk.folder / "again", key=None, replace_present=False, actor="test")
    assert ignored == ["*\n"]

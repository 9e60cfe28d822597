"""What goes wrong in the space's own stores while hooks are sent."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from guestlist.clock import WallClock
from guestlist.hooks.sending import Senders, Stores, send_waiting
from guestlist.hooks.stream import Stream
from guestlist.records import Records, open_records
from guestlist.space import Space, make_space
from guestlist.store.journal_hooks import Hook


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return make_space(tmp_path / "shop")


@pytest.fixture
def records(space: Space) -> Iterator[Records]:
    with open_records(space) as opened:
        opened.journal.take_over("test", now=0)
        opened.journal.add_hook(Hook(name="crm", mark="crm", url="https://example.org", kind="webhook", made_at=0))
        yield opened


def broken(_stream: Stream) -> None:
    raise PermissionError


def test_a_journal_that_cannot_be_read_is_told_of(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    came = Event()

    def trouble(name: str, code: str) -> None:
        told.append(f"{name} {code}")
        came.set()

    senders = Senders(records, WallClock(), note=lambda *_: None, trouble=trouble)
    with monkeypatch.context() as patched:
        patched.setattr(Stream, "hook", broken)
        senders.look()
        came.wait(5)
    senders.stop()
    assert told[:1] == ["crm PermissionError"]


def test_the_stores_are_let_go_of_whatever_happens(
    space: Space, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go: list[Stores] = []
    monkeypatch.setattr(Stream, "step", broken)
    monkeypatch.setattr(Stores, "detach", lambda *stores: let_go.extend(stores))
    with space.open_warehouse() as warehouse, pytest.raises(PermissionError):
        send_waiting(space, records, warehouse, WallClock(), None)
    assert len(let_go) == 1

"""One simulator and one made space for all tests of a process; each test gets the simulator reset and a copy."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fakemeta.harness import Running, running
from guestlist import syncing
from guestlist.destinations.meta.account import Upkeep
from guestlist.destinations.meta.deliver import Delivery

from .kit import Moment, Shop, customers, made_shop, planned, synced_once

COUNT, BATCH = 24, 5


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(COUNT)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="session")
def made(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made_shop(tmp_path_factory.mktemp("made") / "shop", server, COUNT, batch_rows=BATCH)


def waiting_moves_the_clock(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "Delivery", partial(Delivery, sleep=shop.meta.advance))
    monkeypatch.setattr(syncing, "Upkeep", partial(Upkeep, sleep=shop.meta.advance))


@pytest.fixture(scope="session")
def before_a_sync(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    return planned(made, tmp_path_factory.mktemp("before") / "shop")


@pytest.fixture(scope="session")
def after_a_sync(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    return synced_once(made, tmp_path_factory.mktemp("after") / "shop")


@pytest.fixture
def new(made: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose data came in, and was never looked at."""
    made.meta.reset()
    waiting_moves_the_clock(made, monkeypatch)
    return made.copy_to(tmp_path / "shop", capsys)


@pytest.fixture
def shop(
    before_a_sync: Moment, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """A shop with a plan, of which nothing is at Meta. Waiting costs no time: it moves the simulator's clock."""
    waiting_moves_the_clock(before_a_sync.shop, monkeypatch)
    return before_a_sync.copy_to(tmp_path / "shop", capsys)


@pytest.fixture
def synced(
    after_a_sync: Moment, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """The same shop after its first sync."""
    waiting_moves_the_clock(after_a_sync.shop, monkeypatch)
    return after_a_sync.copy_to(tmp_path / "shop", capsys)


@pytest.fixture(scope="module")
def first_life(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A space that was synced once, for all tests of a file."""
    return synced_once(made, tmp_path_factory.mktemp("life") / "shop").shop


@pytest.fixture
def life(first_life: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """That space, in the state in which the test before left it."""
    first_life.capture = capsys
    waiting_moves_the_clock(first_life, monkeypatch)
    return first_life

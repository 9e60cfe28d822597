"""One simulator and one made space for all tests of a process; each test gets the simulator reset and a copy."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fakemeta.harness import Running, running
from guestlist import syncing
from guestlist.destinations.meta.account import Upkeep
from guestlist.destinations.meta.deliver import Delivery

from .kit import Shop, customers, made_shop

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


@pytest.fixture
def shop(made: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Waiting costs no time: it moves the simulator's clock."""
    made.meta.reset()
    waiting_moves_the_clock(made, monkeypatch)
    return made.copy_to(tmp_path / "shop", capsys)


@pytest.fixture(scope="module")
def first_life(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A space that was synced once, for all tests of a file."""
    made.meta.reset()
    shop = made.copy_to(tmp_path_factory.mktemp("life") / "shop", None)
    assert shop.process("sync").code == 0
    return shop


@pytest.fixture
def life(first_life: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """That space, in the state in which the test before left it."""
    first_life.capture = capsys
    waiting_moves_the_clock(first_life, monkeypatch)
    return first_life

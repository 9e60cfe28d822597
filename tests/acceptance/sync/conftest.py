"""One simulator and one made space for all tests of a process; each test gets the simulator reset and a copy."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fakemeta.harness import Running, running
from guestlist import syncing
from guestlist.destinations.meta.account import Keeper
from guestlist.destinations.meta.deliver import Delivery
from guestlist.space import make_space

from .kit import Shop, customers

COUNT, BATCH = 24, 5


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(COUNT)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="session")
def made(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    space = tmp_path_factory.mktemp("made") / "shop"
    make_space(space, country="DE")
    shop = Shop(space=space, meta=server, people=customers(COUNT))
    assert shop.connect(batch_rows=BATCH).code == 0
    shop.load()
    shop.want("t0", "t1")
    return shop


def waiting_moves_the_clock(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "Delivery", partial(Delivery, sleep=shop.meta.advance))
    monkeypatch.setattr(syncing, "Keeper", partial(Keeper, sleep=shop.meta.advance))


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

"""A mistake in a definition must not empty an audience; whoever must go, goes all the same."""

from collections.abc import Iterator

import pytest

from fakemeta.harness import Running, running
from guestlist.space import make_space

from .conftest import waiting_moves_the_clock
from .kit import RIGHT, SETTLED, Shop, customers

PEOPLE = 520


@pytest.fixture(scope="module")
def large() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(PEOPLE)], speed=0) as handle:
        yield handle


@pytest.fixture
def shop(
    large: Running, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:  # fmt: skip
    space = tmp_path_factory.mktemp("guard") / "shop"
    make_space(space, country="DE")
    shop = Shop(space=space, meta=large, people=customers(PEOPLE), capture=capsys)
    waiting_moves_the_clock(shop, monkeypatch)
    assert shop.connect().code == 0
    shop.load()
    shop.want("t0", "t1", "t2")
    assert shop.sync()["code"] == 0
    return shop


def test_many_leave_after_a_change_of_the_definition(shop: Shop) -> None:
    shop.meta.advance(SETTLED)
    shop.want("t0", "t1", "t3")
    planned = shop.plan()
    assert (planned["people_leaving"], planned["people_at_meta"], planned["needs_a_yes"]) == (130, 390, True)

    held = shop.type("sync")
    assert held.code == 1
    assert "waits for a yes" in held.out
    waits = shop.status()["plan_waiting"]
    assert f"guestlist sync --confirm {waits}" in held.out
    assert shop.type("status").code == 1
    there = shop.meta.members(shop.audience())
    assert there == {one.number for one in shop.people if one.tier != "t3"}

    # Number 5 stays wanted by its tier, number 2 would leave anyhow: both must go, and nobody else.
    shop.list_person(5)
    shop.list_person(2)
    told = shop.sync()
    assert (told["code"], told["state"], told["plan_waiting"]) == (1, "held", waits)
    assert shop.meta.members(shop.audience()) == there - {2, 5}

    wrong = shop.type("sync", "--confirm", "0123456789ab")
    assert wrong.code != 0
    assert shop.meta.members(shop.audience()) == there - {2, 5}

    told = shop.sync("--confirm", waits)
    assert (told["code"], told["state"], told["plan_waiting"]) == (0, "done", None)
    assert shop.truth() == RIGHT
    assert shop.status()["plan_waiting"] is None

"""A plan that a running service holds, because many people would leave: who waits hears of it, and may say yes."""

from collections.abc import Iterator

import httpx
import pytest
from tests.acceptance.sync.kit import RIGHT, Shop, customers, made_shop

from fakemeta.harness import Running, running

from .test_told_syncs import by_url, told_by

COUNT = 260
"""Half of them are in the audience: more than 100 leave at once."""


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(COUNT)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="session")
def made(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made_shop(tmp_path_factory.mktemp("made") / "shop", server, COUNT, batch_rows=200)


def test_whoever_waits_for_a_held_plan_ends_with_it_and_can_say_yes(shop: Shop, told: httpx.Client) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: manual }")
    right = by_url(told, shop, "sync", "--wait", "--timeout", "2m", "--json")
    (one,) = right.facts["syncs"]
    assert (right.code, one["people_sent"], one["now"]) == (0, COUNT / 2, "right")

    shop.meta.advance(120)
    shop.want("t3", sync="{ to: main, every: manual }")
    held = shop.process("sync", "--wait", "--timeout", "2m", "--json")
    (one,) = held.facts["syncs"]
    assert (held.code, bool(one["plan_waiting"])) == (1, True)
    assert sorted(shop.meta.members(shop.audience())) != sorted(shop.wanted)

    shop.meta.advance(120)
    said_yes = by_url(told, shop, "sync", "--confirm", one["plan_waiting"], "--wait", "--timeout", "2m")
    assert said_yes.code == 0, said_yes.text
    assert told_by(told, "plan confirmed") == ["key test"]
    assert shop.truth() == RIGHT

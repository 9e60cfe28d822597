"""A mistake in a definition must not empty an audience; whoever must go, goes all the same."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakemeta.harness import Running, running
from guestlist.space import make_space

from .conftest import waiting_moves_the_clock
from .kit import RIGHT, SETTLED, Moment, Shop, customers, moment

PEOPLE = 520


@pytest.fixture(scope="module")
def large() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(PEOPLE)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="module")
def settled(large: Running, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    """Three of four tiers are at Meta, and nothing is on its way any more."""
    space = tmp_path_factory.mktemp("guard") / "shop"
    make_space(space, country="DE")
    shop = Shop(space=space, meta=large, people=customers(PEOPLE))
    assert shop.connect().code == 0
    shop.load()
    shop.want("t0", "t1", "t2")
    told = shop.sync()
    assert (told["code"], told["added_rows"]) == (0, shop.rows_of(shop.wanted))
    large.advance(SETTLED)
    return moment(shop)


@pytest.fixture
def shop(settled: Moment, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    waiting_moves_the_clock(settled.shop, monkeypatch)
    return settled.copy_to(tmp_path / "shop", capsys)


def test_preview_expects_of_meta_what_its_sizes_say(shop: Shop) -> None:
    shown = shop.status()
    assert shown["lower"] is not None
    (told,) = shop.type("audiences", "preview", "vip", "--json").facts["syncs"]
    found = (shown["lower"] + shown["upper"]) / 2 / shown["people_sent"]
    assert told["expected_at_meta"] == round(told["people"] * min(1, found)) > 0
    assert f"expect about {told['expected_at_meta']:,} at Meta" in shop.type("audiences", "preview", "vip").out


def test_many_leave_after_a_change_of_the_definition(shop: Shop) -> None:
    shop.want("t0", "t1", "t3")
    planned = shop.plan()
    assert (planned["people_leaving"], planned["people_at_meta"], planned["needs_a_yes"]) == (130, 390, True)
    assert planned["plan_waiting"] is None
    assert "guestlist sync will ask for a yes first" in shop.type("plan").out

    held = shop.type("sync")
    assert held.code == 1
    assert "waits for a yes" in held.out
    waits = shop.status()["plan_waiting"]
    assert f"guestlist sync --confirm {waits}" in held.out
    assert shop.type("status").code == 1
    shown = shop.type("plan").out
    assert f"130 of 390 people would leave. Plan {waits} waits for a yes." in shown
    assert f"guestlist sync --confirm {waits}" in shown
    assert "will ask for a yes" not in shown
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


def test_a_plan_names_none_to_say_yes_to_where_the_yes_would_not_do(shop: Shop) -> None:
    shop.want("t0", "t1", "t3")
    waits = shop.sync()["plan_waiting"]
    assert shop.plan()["plan_waiting"] == waits

    shop.want("t0", "t3")  # more people than it showed
    planned = shop.plan()
    assert (planned["people_leaving"], planned["plan_waiting"]) == (260, None)
    assert shop.sync()["plan_waiting"] == shop.plan()["plan_waiting"] is not None


def test_a_plan_no_longer_waits_once_its_cause_is_gone(shop: Shop) -> None:
    shop.want("t0", "t1", "t3")
    assert shop.sync()["state"] == "held"
    shop.want("t0", "t1", "t2")
    assert shop.sync()["state"] == "done"
    assert shop.status()["plan_waiting"] is None
    assert shop.truth() == RIGHT


def test_emptying_takes_its_yes_once_however_many_people_go(shop: Shop) -> None:
    assert len(shop.meta.members(shop.audience())) == 390
    assert shop.type("sync", "vip", "--empty", "--yes").code == 0
    assert shop.meta.members(shop.audience()) == set()
    assert shop.status()["plan_waiting"] is None


def test_killed_after_a_yes_it_does_not_ask_again(shop: Shop) -> None:
    shop.edit(f"graph_url: {shop.meta.graph_url}", f"graph_url: {shop.meta.graph_url}\n    batch_rows: 60")
    shop.want("t3")  # nine of ten leave, which asks whatever the cause
    waits = shop.sync()["plan_waiting"]
    shop.meta.fault("late", path="/users$", nth=2, seconds=120)
    with subprocess.Popen(shop.command("sync", "--confirm", waits), stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while not shop.meta.get("faults")["rules"][0]["fired"] and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    shop.meta.clear_faults()
    told = shop.sync()
    assert (told["state"], told["plan_waiting"]) == ("done", None)
    assert shop.truth() == RIGHT

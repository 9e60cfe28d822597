"""Killed (-9) at random points of a large sync, started again each time; in the end Meta is right.

GUESTLIST_KILLS and GUESTLIST_ROWS say how often and how large; GUESTLIST_SEED repeats a run.
"""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakemeta.harness import Running, running
from guestlist.space import make_space

from .kit import DAY, RIGHT, SETTLED, Shop, customers

KILLS = int(os.environ.get("GUESTLIST_KILLS", "4"))
ROWS = int(os.environ.get("GUESTLIST_ROWS", "6000"))
SEED = int(os.environ.get("GUESTLIST_SEED", "1"))
TIERS = 12
REQUESTS = 60  # of a first sync
PEOPLE = ROWS * 5 // 6  # every fifth has two e-mails


@pytest.fixture
def meta() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(PEOPLE, tiers=TIERS)], speed=1) as handle:
        yield handle


def test_killed_again_and_again(meta: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_space(tmp_path / "shop", country="DE")
    shop = Shop(space=tmp_path / "shop", meta=meta, people=customers(PEOPLE, tiers=TIERS), capture=capsys)
    assert shop.connect(batch_rows=ROWS // REQUESTS).code == 0
    shop.load()
    chance = random.Random(SEED)
    tiers = [f"t{number}" for number in range(TIERS)]
    shop.want(*tiers[:-1])
    killed_while_sending = 0
    for kill in range(KILLS):
        killed_while_sending += killed(shop, chance, within=max(2, REQUESTS // KILLS))
        if kill == KILLS // 2:
            # Half-way: one twelfth leaves, another one enters. Who is on the list must go.
            assert shop.type("sync").code == 0
            meta.advance(SETTLED)
            shop.want(*tiers[1:])
            for number in chance.sample(range(1, PEOPLE), 3):
                shop.list_person(number)
    assert killed_while_sending >= KILLS // 2
    for _ in range(3):
        told = shop.type("sync")
        assert told.code == 0, told.text
        assert shop.truth() == RIGHT
        meta.advance(DAY + SETTLED)
    assert not shop.listed & meta.members(shop.audience())
    assert shop.plan()["people_at_meta"] == shop.status()["people_sent"] == len(shop.wanted)
    assert len(meta.get("audiences")["audiences"]) == 1


def killed(shop: Shop, chance: random.Random, *, within: int) -> bool:
    """Start a sync and kill it a moment after one of its next requests, or, now and then, before any; True if sending."""
    before, wait = shop.meta.get("")["requests"], chance.random() * 0.05
    before_any = chance.random() < 0.2
    after = chance.randint(1, within)
    rule = shop.meta.fault("late", path="/users$", nth=after, seconds=wait)
    with subprocess.Popen(shop.command("sync"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < until:
            sending = fired(shop.meta, rule)
            if sending or (before_any and shop.meta.get("")["requests"] > before):
                time.sleep(wait + chance.random() * (1.0 if before_any else 0.1))
                break
            time.sleep(0.002)
        alone = process.poll() is not None
        process.kill()
    shop.meta.clear_faults()
    return not alone and sending


def fired(meta: Running, rule: int) -> bool:
    return any(one["id"] == rule and one["fired"] for one in meta.get("faults")["rules"])

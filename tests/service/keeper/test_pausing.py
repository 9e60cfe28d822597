"""Paused, resumed, ended at once, killed while an audience is made: the same people are at Meta in the end."""

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.acceptance.sync.kit import HOUR, RIGHT, SETTLED, Shop

from .conftest import BATCH, Serving, keeping, until


def test_paused_beside_the_service_it_sends_nothing_more_but_who_is_listed_leaves(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    shop.meta.fault("late", method="POST", path="/users$", seconds=0.7)
    with keeping(shop.space) as kept:
        until(shop.uploads)
        assert shop.type("pause", "vip").code == 0
        until(lambda: kept.runs("paused") == 1)
        sent = len(shop.uploads())
        assert sent < len(shop.wanted) / BATCH
        shop.meta.clear_faults()
        shop.meta.advance(3 * HOUR)
        kept.keeper.run_now("vip@main")
        kept.looks_on()
        assert len(shop.uploads()) == sent
        assert shop.status()["now"] == "paused"
        there = min(shop.meta.members(shop.audience()))
        shop.list_person(there)
        until(lambda: kept.of("handed_over", removed_rows=1) or kept.of("handed_over", removed_rows=2))
        assert shop.type("resume", "vip").code == 0
        until(lambda: kept.runs() == 1)
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT
    assert there not in shop.meta.members(shop.audience())


def test_a_pause_ends_when_it_was_said_to(shop: Shop) -> None:
    shop.want("t0", sync="{ to: main, every: 15m }")
    ends = datetime.fromtimestamp(shop.meta.now() + 2 * HOUR, UTC).isoformat()
    assert shop.type("pause", "vip@main", "--until", ends).code == 0
    with keeping(shop.space) as kept:
        until(lambda: kept.of("keeper", state="keeping"))
        kept.looks_on()
        assert not shop.uploads()
        shop.meta.advance(2 * HOUR + 60)
        until(lambda: kept.runs() == 1)
    assert shop.truth() == RIGHT


def test_without_the_service_a_paused_sync_says_so(shop: Shop) -> None:
    shop.want("t0")
    assert shop.type("pause", "vip").code == 0
    named = shop.type("sync", "vip").out
    assert "guestlist resume vip@main\n" in named
    assert "guestlist sync vip@main --anyway\n" in named
    for words, code, state, sends in (
        (("vip",), 1, "paused", False),
        ((), 0, "paused", False),
        (("vip", "--anyway"), 0, "done", True),
    ):
        told = shop.type("sync", *words, "--json")
        (one,) = told.facts["syncs"]
        assert (told.code, one["state"], bool(shop.uploads())) == (code, state, sends), words


def test_taking_out_who_is_listed_adds_nobody_and_does_not_make_it_right(shop: Shop) -> None:
    shop.want("t0")
    assert shop.sync()["state"] == "done"
    right, there = shop.status()["last_right"], shop.meta.members(shop.audience())
    shop.meta.advance(HOUR)
    shop.want("t0", "t1")
    shop.meta.fault("drop_before", method="POST", path="/users$")
    assert shop.sync()["in_doubt_rows"]
    shop.meta.clear_faults()
    assert shop.type("pause", "vip").code == 0
    shop.list_person(min(there))
    shop.meta.advance(HOUR)
    assert shop.meta.members(shop.audience()) == there - {min(there)}
    assert shop.status()["last_right"] == right


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("pause", "vip", "--until", "2020-01-01"), "pause_over_already"),
        (("pause", "vip", "--until", "tomorrow"), "no_such_time"),
        (("pause", "vop"), "unknown_sync"),
        (("resume", "vip@other"), "unknown_sync"),
    ],
)
def test_what_cannot_be_paused(shop: Shop, words: tuple[str, ...], code: str) -> None:
    told = shop.type(*words, "--json")
    assert (told.code, told.facts["error"]["code"]) == (2, code)


def test_what_the_owner_saves_does_not_undo_a_pause(shop: Shop) -> None:
    shop.want("t0", sync="{ to: main, every: manual }")
    shop.meta.fault("late", method="POST", path="/customaudiences$", seconds=1)
    with keeping(shop.space) as kept:
        kept.keeper.run_now("vip@main")
        until(lambda: shop.meta.get("audiences")["audiences"])  # the keeper has an older copy of the sync in hand
        assert shop.type("pause", "vip").code == 0
        until(lambda: kept.runs("paused") == 1)
        assert shop.status()["now"] == "paused"
        assert not shop.uploads()


def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(shop: Shop, serve: Callable[..., Serving]) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    shop.meta.fault("late", method="POST", path="/users$", seconds=8)
    first = serve()
    until(shop.uploads)
    first.send(signal.SIGTERM)
    until(lambda: first.said("stopping"))
    first.send(signal.SIGTERM)
    assert first.process.wait(10) == 128 + signal.SIGTERM
    shop.meta.clear_faults()
    second = serve()
    until(lambda: second.said("synced", state="done"))
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT


@pytest.mark.parametrize("was_made", [True, False], ids=["it was made", "it was not made"])
def test_killed_while_an_audience_is_made_it_is_there_once(
    shop: Shop, serve: Callable[..., Serving], *, was_made: bool
) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    shop.meta.fault("late" if was_made else "drop_before", method="POST", path="/customaudiences$", seconds=8)
    first = serve()
    until(lambda: _creations(shop))
    first.send(signal.SIGKILL)
    first.process.wait(10)
    shop.meta.clear_faults()
    shop.meta.advance(120)  # longer than a request may be on its way
    second = serve()
    until(lambda: second.said("synced", state="done"))
    assert len([one for one in shop.meta.get("audiences")["audiences"] if one["name"] == "VIP"]) == 1
    assert len(_creations(shop)) == (1 if was_made else 2)
    assert shop.truth() == RIGHT
    assert json.loads(second.process.stdout.readline())["url"] if second.process.stdout else False


def _creations(shop: Shop) -> list[object]:
    return [one for one in shop.meta.requests() if one["method"] == "POST" and one["path"].endswith("/customaudiences")]

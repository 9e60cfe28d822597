"""One process holds a space; another waits, and takes over when the first is killed, hangs, or ends."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from tests.acceptance.sync.kit import RIGHT, SETTLED, Shop

from .conftest import Serving, until
from .serve_killed import STOPPED


@pytest.fixture(autouse=True)
def _running_clock(shop: Shop) -> None:
    """Signs of life are times: by a clock that stands still there are none."""
    shop.meta.set_speed(1)


def ready(one: Serving) -> dict[str, Any]:
    """What it said of its one space when it was ready."""
    assert one.process.stdout is not None
    (space,) = json.loads(one.process.stdout.readline())["spaces"]
    return dict(space)


def test_a_standby_takes_over_from_one_that_was_killed(shop: Shop, serve: Callable[..., Serving]) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    first = serve()
    assert ready(first)["state"] == "keeping"
    second = serve()
    waits = ready(second)
    assert (waits["state"], waits["waits_for"]["pid"]) == ("standby", first.process.pid)
    until(lambda: first.said("synced", state="done"))
    told = shop.type("sync")
    assert (told.code, "The service runs vip@main now" in told.out) == (0, True), told
    until(lambda: len([one for one in first.events if one["event"] == "synced" and one["state"] == "done"]) == 2)
    first.send(signal.SIGKILL)
    until(lambda: second.said("keeper", state="keeping"))
    shop.want("t1", "t2", sync="{ to: main, every: 15m }")
    shop.meta.advance(SETTLED)
    until(lambda: second.said("synced", state="done"))
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT


@pytest.mark.parametrize("left", [False, True], ids=["ended", "left"])
def test_one_that_hangs_while_it_writes_its_records_is_ended_or_waited_for(
    shop: Shop, serve: Callable[..., Serving], *, left: bool
) -> None:
    """It holds the journal's lock, so it cannot be fenced off; what is waited for goes on where it was."""
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    words = ("--hung-after", "8s", *(["--leave-hung"] if left else []))
    first = serve(*words, dies=STOPPED)
    ready(first)
    until(lambda: first.said("synced", state="done"))
    second = serve(*words)
    ready(second)
    first.send(signal.SIGUSR1)
    if left:
        until(lambda: second.said("not_fenced", code="journal_busy"))
        first.send(signal.SIGUSR1)
        first.send(signal.SIGCONT)
        first.send(signal.SIGTERM)
    assert first.process.wait(60) == (0 if left else -signal.SIGKILL)
    assert left or second.said("fenced", state="ended", code="journal_busy")
    until(lambda: second.said("keeper", state="keeping"))
    assert shop.type("sync").code == 0
    assert shop.truth() == RIGHT


@pytest.mark.parametrize("left", [False, True], ids=["ended", "left"])
def test_of_one_that_hangs_in_an_upload_nothing_comes_between_what_its_heir_sends(
    shop: Shop, serve: Callable[..., Serving], *, left: bool
) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    # One addition takes effect long after it was answered; the next is answered slowly, so it hangs in that one.
    shop.meta.fault("apply_late", path="/users$", nth=2, seconds=600)
    shop.meta.fault("late", path="/users$", nth=2, seconds=20)  # of those that are not late to take effect
    sent = 3
    words = ("--hung-after", 5, *(["--leave-hung"] if left else []))
    first = serve(*words)
    ready(first)
    second = serve(*words)
    ready(second)
    until(lambda: len(shop.meta.history(shop.audience())) == sent)
    first.send(signal.SIGSTOP)
    shop.want("t1", "t2", sync="{ to: main, every: 15m }")  # who was just added is to leave
    until(lambda: second.said("fenced", state="left" if left else "ended"))
    if left:
        assert not second.said("keeper", state="keeping")
        assert len(shop.meta.history(shop.audience())) == sent  # nothing is sent beside one that may wake up
        first.send(signal.SIGCONT)
    assert first.process.wait(60) == (1 if left else -signal.SIGKILL)
    assert not left or "space_taken_over" in first.log.read_text("utf-8")  # it could record nothing when it woke up
    of_the_first = shop.meta.history(shop.audience())[:sent]
    assert {one["action"] for one in of_the_first} == {"add"}  # what it had in hand came to nothing
    shop.meta.clear_faults()
    until(lambda: second.said("synced", state="done"))
    until(lambda: settled(shop) == RIGHT)
    assert "remove" in {one["action"] for one in shop.meta.history(shop.audience())[sent:]}
    assert not [
        one.number for one in shop.people if one.tier == "t0" and one.number in shop.meta.members(shop.audience())
    ]


def settled(shop: Shop) -> dict[str, list[int]]:
    """The truth, a day later."""
    shop.meta.advance(SETTLED)
    return shop.truth()


def test_stopped_in_the_middle_of_an_upload_and_started_again_it_converges(
    shop: Shop, serve: Callable[..., Serving]
) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    shop.meta.fault("late", path="/users$", seconds=1)
    first = serve()
    ready(first)
    until(lambda: len(shop.uploads()) >= 1)
    first.send(signal.SIGTERM)
    assert first.process.wait(60) == 0
    sent = len(shop.uploads())
    assert sent < 4  # a request in flight was finished, and no new one begun
    assert first.said("synced", state="cancelled")
    shop.meta.clear_faults()
    second = serve()
    until(lambda: second.said("synced", state="done"))
    second.send(signal.SIGINT)
    assert second.process.wait(60) == 0
    assert shop.truth() == RIGHT
    assert sum(one["in doubt"] for one in shop.runs()) == 0

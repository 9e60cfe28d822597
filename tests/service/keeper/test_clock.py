"""Times that were missed, and clocks that are set: every sync runs when it is due by the clock as it is, and once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.acceptance.sync.kit import HOUR, RIGHT, SETTLED, Shop

from guestlist.clock import SetClock
from guestlist.connected import connections

from .conftest import Kept, keeping, until

SYNCS = {
    "quarter": "every: 15m",
    "change": "every: on_change",
    "morning": 'cron: "0 6 * * *"',
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """The clock of every keeper of this test, long after the shop's people were imported; Meta has its own."""
    clock = SetClock(datetime(2029, 6, 1, 12, tzinfo=UTC))
    monkeypatch.setattr(connections, "clock_at", lambda _: clock)
    return clock


def want(shop: Shop, schedules: dict[str, str]) -> None:
    """One audience for each of these schedules."""
    (shop.space / "audiences" / "vip.yaml").unlink(missing_ok=True)
    for key, schedule in schedules.items():
        shop.want("t0", "t1", key=key, name=key.upper(), sync=f"{{ to: main, {schedule} }}")


def comes_to(kept: Kept, wanted: dict[str, int]) -> None:
    """So often they run, and no more."""
    until(lambda: runs(kept) == wanted)
    kept.looks_on()
    assert runs(kept) == wanted


def runs(kept: Kept) -> dict[str, int]:
    """How often each audience's sync ran to its end."""
    done = [one["sync"].removesuffix("@main") for one in kept.of("synced", state="done")]
    return {key: done.count(key) for key in dict.fromkeys(done)}


def test_times_that_were_missed_while_nothing_ran_run_once(shop: Shop, clock: SetClock) -> None:
    want(shop, SYNCS)
    with keeping(shop.space) as kept:
        comes_to(kept, {"quarter": 1, "change": 1})  # nobody waits for a time of the clock on the wall
    clock.instant += timedelta(days=3, minutes=2)
    with keeping(shop.space) as kept:
        comes_to(kept, dict.fromkeys(SYNCS, 1))
        clock.instant += timedelta(minutes=1)  # no time of any of them
        comes_to(kept, dict.fromkeys(SYNCS, 1))
        clock.instant += timedelta(minutes=15)  # one of two of them
        comes_to(kept, {**dict.fromkeys(SYNCS, 1), "quarter": 2, "change": 2})
    assert [shop.truth(key.upper()) for key in SYNCS] == [RIGHT] * len(SYNCS)


def test_cron_goes_by_the_clock_on_the_wall_of_the_space(shop: Shop, clock: SetClock) -> None:
    """Over the night in which the clocks of Berlin go back, on 28 October at 3:00; other nights and lines are looked at
    without a keeper."""
    steps = {"10-27T00:29": 0, "10-27T00:30": 1, "10-28T00:29": 1, "10-28T00:31": 2, "10-28T01:31": 2, "10-29T01:30": 3}
    shop.edit("time_zone: UTC", "time_zone: Europe/Berlin")
    want(shop, {"wall": 'cron: "30 2 * * *"'})

    def at(step: str) -> datetime:
        return datetime.fromisoformat(f"2029-{step}+00:00")

    clock.instant = at(next(iter(steps))) - timedelta(hours=12)
    with keeping(shop.space) as kept:
        until(lambda: kept.of("keeper", state="keeping"))
        kept.looks_on()
        for step, times in steps.items():
            clock.instant = at(step)
            comes_to(kept, {"wall": times} if times else {})
        assert runs(kept) == {"wall": max(steps.values())}


@pytest.mark.parametrize("schedule", ['cron: "*/15 * * * *"', "every: on_change"])
def test_a_clock_that_is_set_stalls_nothing_and_starts_no_storm(shop: Shop, clock: SetClock, schedule: str) -> None:
    want(shop, {"vip": schedule})
    with keeping(shop.space) as kept:
        until(lambda: kept.of("keeper", state="keeping"))
        kept.looks_on()
        clock.instant += timedelta(minutes=16)
        until(kept.runs)
        for number, jump in enumerate((-400, 400)):
            clock.instant += timedelta(days=jump)
            shop.list_person((5, 9)[number])  # is taken out, whatever the clock says
            shop.want(*(("t1", "t2"), ("t0", "t1"))[number], sync=f"{{ to: main, {schedule} }}")
            until(lambda: not shop.listed & at_meta(shop))
            kept.looks_on()
            before = kept.runs()
            clock.instant += timedelta(minutes=16)
            until(lambda: at_meta(shop) == shop.wanted)
            kept.looks_on()
            assert kept.runs() - before <= 2
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT


def at_meta(shop: Shop) -> set[int]:
    shop.meta.advance(60)  # else the calls of an hour would be used up
    return shop.meta.members(shop.audience())


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "throttle", "minutes": 5, "times": 1},
        {"do": "refuse_removals"},
        {"do": "error", "code": 190, "times": 1},
    ],
    ids=lambda fault: str(fault["do"]),
)
def test_what_waits_when_a_clock_is_set_back_waits_no_longer_for_it(
    shop: Shop, clock: SetClock, fault: dict[str, Any]
) -> None:
    want(shop, {"vip": "every: 15m"})
    with keeping(shop.space) as kept:
        until(kept.runs)
        shop.meta.advance(HOUR)
        shop.meta.fault(path="/users$", **fault)
        shop.want("t1", "t2", sync="{ to: main, every: 15m }")
        clock.instant += timedelta(minutes=16)
        until(lambda: [one for one in kept.of("synced") if one["state"] != "done" or "debt_rows" in one])
        shop.meta.clear_faults()
        shop.meta.advance(HOUR)
        clock.instant -= timedelta(days=20)
        soon = clock.instant + timedelta(hours=12)

        def right_a_little_later() -> bool:
            clock.instant += timedelta(minutes=5)
            kept.looks_on()
            return at_meta(shop) == shop.wanted

        until(right_a_little_later)
        assert clock.instant < soon

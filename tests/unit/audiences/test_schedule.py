"""When a sync is due, and how a file says it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from guestlist.audiences import document
from guestlist.audiences.definition import Cron, Duration, Schedule
from guestlist.audiences.mistakes import DefinitionError
from guestlist.audiences.schedule import Past, due

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
QUARTER = Duration(amount=15, unit="minutes")
DAY = Duration(amount=1, unit="days")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


DUE = [
    # schedule, last began (UTC), data came, due (UTC)
    (QUARTER, "2026-05-04T10:00:00", False, "2026-05-04T10:15:00"),
    (QUARTER, "2026-05-04T10:00:00", True, "2026-05-04T10:15:00"),
    (DAY, "2026-03-28T10:00:00", False, "2026-03-29T10:00:00"),  # 24 hours, though this day has 23
    ("on_change", "2026-05-04T10:00:00", True, "2026-05-04T10:00:10"),
    ("on_change", "2026-05-04T10:00:00", False, "2026-05-04T10:15:00"),  # windows end without data
    ("manual", "2026-05-04T10:00:00", True, None),
    (Cron(line="0 6 * * *"), "2026-01-04T04:00:00", False, "2026-01-04T05:00:00"),  # 6:00 in Berlin, winter
    (Cron(line="0 6 * * *"), "2026-07-04T04:00:01", False, "2026-07-05T04:00:00"),  # and summer
    (Cron(line="*/20 * * * *"), "2026-05-04T10:01:00", False, "2026-05-04T10:20:00"),
    (Cron(line="0 6 * * MON"), "2026-05-04T04:00:00", False, "2026-05-11T04:00:00"),  # ran then: not again
    # 29 March 2026: 2:00 becomes 3:00, at 1:00 UTC
    (Cron(line="30 2 * * *"), "2026-03-28T10:00:00", False, "2026-03-29T01:00:00"),  # left out: right after
    (Cron(line="30 2 * * *"), "2026-03-29T01:00:00", False, "2026-03-30T00:30:00"),
    (Cron(line="*/30 * * * *"), "2026-03-29T00:30:00", False, "2026-03-29T01:00:00"),
    # 25 October 2026: 3:00 becomes 2:00, at 1:00 UTC
    (Cron(line="30 2 * * *"), "2026-10-24T10:00:00", False, "2026-10-25T00:30:00"),
    (Cron(line="30 2 * * *"), "2026-10-25T00:30:00", False, "2026-10-26T01:30:00"),  # there twice: once
    (Cron(line="*/30 * * * *"), "2026-10-25T00:30:00", False, "2026-10-25T01:00:00"),  # half-hours elapse
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "last", "changed", "expected"), DUE)
def test_when_a_sync_is_due(schedule: Schedule, last: str, changed: bool, expected: str | None) -> None:
    found = due(schedule, Past(at=at(last), ran=True), zone=BERLIN, changed=changed)
    assert found == (at(expected) if expected else None)


FIRST = [
    # one that never ran and is known since 10:00
    (QUARTER, "2026-05-04T10:00:00"),
    ("on_change", "2026-05-04T10:00:00"),
    ("manual", None),
    (Cron(line="0 12 * * *"), "2026-05-04T12:00:00"),
]


@pytest.mark.parametrize(("schedule", "expected"), FIRST)
def test_the_first_time(schedule: Schedule, expected: str | None) -> None:
    past = Past(at=at("2026-05-04T10:00:00"), ran=False)
    assert due(schedule, past, zone=UTC_ZONE, changed=False) == (at(expected) if expected else None)


@pytest.mark.parametrize("schedule", [QUARTER, Cron(line="*/15 * * * *")])
def test_times_that_were_missed_run_once(schedule: Schedule) -> None:
    now = at("2026-05-06T10:07:00")
    missed = due(schedule, Past(at=at("2026-05-04T10:00:00"), ran=True), zone=UTC_ZONE, changed=False)
    following = due(schedule, Past(at=now, ran=True), zone=UTC_ZONE, changed=False)
    assert missed is not None
    assert following is not None
    assert missed <= now < following


@pytest.mark.parametrize("schedule", [QUARTER, Cron(line="*/15 * * * *")])
@pytest.mark.parametrize("back", [timedelta(minutes=5), timedelta(days=400)])
def test_a_clock_that_is_set_back_costs_one_interval_at_most(schedule: Schedule, back: timedelta) -> None:
    ran, now = at("2026-05-04T10:00:00"), at("2026-05-04T10:00:00") - back
    seen = Past(at=ran, ran=True).seen_at(now)
    found = due(schedule, seen, zone=UTC_ZONE, changed=False)
    assert found is not None
    assert now < found <= now + timedelta(minutes=15)
    assert seen.seen_at(now + timedelta(minutes=1)) == seen  # it comes: the time does not move on with the clock


WRITTEN: list[tuple[str, Schedule]] = [
    ("{to: a}", QUARTER),
    ("{to: a, every: 1m}", Duration(amount=1, unit="minutes")),
    ("{to: a, every: 1d}", DAY),
    ("{to: a, every: on_change}", "on_change"),
    ("{to: a, every: manual}", "manual"),
    ('{to: a, cron: "0  6 * * mon-fri"}', Cron(line="0 6 * * mon-fri")),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
def test_what_a_file_says(text: str, expected: Schedule) -> None:
    (sync,) = document.read(f"key: a\nwho: {{trait: x, exists: true}}\nsync: {text}").syncs
    assert sync.when == expected


MISTAKES = [
    # sync, path, part of the message, part of the suggestion
    ("{to: a, every: onchange}", "sync.every", "on_change, manual or an amount", "`on_change`"),
    ("{to: a, every: 2d}", "sync.every", "from 1 minute to 1 day, not `2d`", "cron:"),
    ("{to: a, every: 2 weeks}", "sync.every", "from 1 minute to 1 day", "Mondays"),
    ("{to: a, every: 15}", "sync.every", "an amount of time", "`15m`"),
    ('{to: a, cron: "6 oclock"}', "sync.cron", "minute, hour, day, month and weekday", "0 6 * * *"),
    ('{to: a, cron: "0 25 * * *"}', "sync.cron", "cannot be read", "0 6 * * *"),
    ('{to: a, cron: "0 0 30 2 *"}', "sync.cron", "", "0 6 * * *"),
    ('{to: a, cron: "0 6 * * *", every: 1h}', "sync.cron", "exclude each other", "out"),
    ('{to: a, crn: "0 6 * * *"}', "sync.crn", "is not known", "`cron`"),
]


@pytest.mark.parametrize(("text", "path", "message", "suggestion"), MISTAKES)
def test_what_is_wrong_is_told_with_its_place(text: str, path: str, message: str, suggestion: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        document.read(f"key: a\nwho: {{trait: x, exists: true}}\nsync: {text}")
    (mistake,) = raised.value.mistakes
    assert mistake.path == path
    assert message in mistake.message
    assert suggestion in mistake.suggestion

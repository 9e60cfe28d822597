"""When a sync is due: how a file says it, and when that is.

Instants are compared by the clock, intervals elapse, cron goes by the clock on the wall of the space's zone: a time that
a change of daylight saving leaves out comes right after it, one that is there twice comes once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from guestlist.audiences.definition import Cron, Duration, Schedule
from guestlist.audiences.mistakes import Mistakes, did_you_mean
from guestlist.audiences.reading import join, read_duration, shown

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
USUAL = Duration(amount=15, unit="minutes")
WORDS: tuple[Literal["on_change", "manual"], ...] = ("on_change", "manual")
GATHERING = timedelta(seconds=10)
"""`on_change` waits so long from one run to the next, so that what arrives together is sent together."""
_LENGTHS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}
_CRON_FIELDS = 5
_SOME_TIME = datetime(2024, 1, 1, tzinfo=UTC)
_EXAMPLE = 'Five fields, such as `cron: "0 6 * * *"` for 6:00 every day.'


def read_schedule(body: Mapping[str, object], path: str, mistakes: Mistakes) -> Schedule | None:
    """What `every:` or `cron:` of a sync says."""
    if "cron" not in body:
        return _read_every(body["every"], join(path, "every"), mistakes) if "every" in body else USUAL
    if "every" in body:
        mistakes.add(join(path, "cron"), "and `every` exclude each other.", "Take one of them out.")
    return _read_cron(body["cron"], join(path, "cron"), mistakes)


def _read_every(value: object, path: str, mistakes: Mistakes) -> Schedule | None:
    for word in WORDS:
        if value == word:
            return word
    near = did_you_mean(value, WORDS) if isinstance(value, str) and not any(map(str.isdigit, value)) else ""
    if near:
        mistakes.add(path, f"must be on_change, manual or an amount of time such as `15m`, not {shown(value)}.", near)
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        mistakes.add(path, f"must be an amount of time such as `15m`, not {shown(value)}.", f"Did you mean `{value}m`?")
        return None
    duration = read_duration(value, path, mistakes)
    if duration is None or (duration.unit in _LENGTHS and SHORTEST <= length(duration) <= LONGEST):
        return duration
    hint = 'For longer ones, name the times: `cron: "0 6 * * 1"` is 6:00 on Mondays.'
    mistakes.add(path, f"must be from 1 minute to 1 day, not {shown(value)}.", hint)
    return None


def _read_cron(value: object, path: str, mistakes: Mistakes) -> Cron | None:
    if not isinstance(value, str) or len(value.split()) != _CRON_FIELDS:
        mistakes.add(path, f"must be minute, hour, day, month and weekday, not {shown(value)}.", _EXAMPLE)
        return None
    try:
        next(CronSim(value, _SOME_TIME))
    except CronSimError as error:
        mistakes.add(path, f"cannot be read: {str(error).lower()}.", _EXAMPLE)
        return None
    except StopIteration:
        mistakes.add(path, "never comes: no year has such a day.", _EXAMPLE)
        return None
    return Cron(line=" ".join(value.split()))


def length(duration: Duration) -> timedelta:
    """How long an interval between two runs is: a day is 24 hours here."""
    return duration.amount * _LENGTHS[duration.unit]


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """When a sync last began; for one that never did (`ran` False), since when it is known."""

    at: datetime
    ran: bool

    def seen_at(self, now: datetime) -> "Past":
        """The same by a clock that was set back: what lies ahead of it counts as now, or the next time would never come."""
        return Past(at=min(self.at, now), ran=self.ran)


def due(schedule: Schedule, past: Past, *, zone: ZoneInfo, changed: bool) -> datetime | None:
    """When a sync is to run next, which may be long past: times that were missed run once. None: never by itself.

    `changed`: whether data came since it last began.
    """
    match schedule:
        case "manual":
            return None
        case Cron(line=line):
            return next(CronSim(line, past.at.astimezone(zone))).astimezone(UTC)
        case "on_change":
            # People leave as time goes by, too, without anything new.
            wait = GATHERING if changed else length(USUAL)
        case Duration():
            wait = length(schedule)
    return past.at + wait if past.ran else past.at


def schedule_text(schedule: Schedule) -> str:
    """In words, as the help and the answers have it: `15 minutes`, `on_change`, `manual`, `cron 0 6 * * *`."""
    return f"cron {schedule.line}" if isinstance(schedule, Cron) else str(schedule)

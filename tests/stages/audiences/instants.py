"""The calendar of the language: what "1 day ago" is, when a day begins, what clocks show; not the engine's."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from guestlist.audiences import definition as d

MICROSECOND = timedelta(microseconds=1)


def elapsed(duration: d.Duration) -> timedelta:
    """As measured by a stopwatch: a day is 24 hours."""
    return timedelta(**{duration.unit: duration.amount})


def moved(instant: datetime, duration: d.Duration, zone: ZoneInfo, sign: int) -> datetime:
    """Minutes and hours elapse. Longer units keep the time on the clock, and months the day, or take their last."""
    if duration.unit in {"minutes", "hours"}:
        return instant + sign * elapsed(duration)
    clock = instant.astimezone(zone).replace(tzinfo=None)
    if duration.unit in {"days", "weeks"}:
        return instant_of(clock + sign * elapsed(duration), zone)
    months = sign * duration.amount * (12 if duration.unit == "years" else 1)
    year, month = divmod(clock.year * 12 + clock.month - 1 + months, 12)
    first, next_first = date(year, month + 1, 1), date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return instant_of(clock.replace(year=year, month=month + 1, day=min(clock.day, (next_first - first).days)), zone)


def instant_of(clock: datetime, zone: ZoneInfo) -> datetime:
    """When clocks in the zone show this. What they show twice is the first time; what they skip is as much later."""
    around = [(clock + timedelta(days=days)).replace(tzinfo=zone).utcoffset() for days in (-1, 1)]
    possible = [(clock - offset).replace(tzinfo=UTC) for offset in around if offset is not None]
    shown_then = [one for one in possible if one.astimezone(zone).replace(tzinfo=None) == clock]
    return min(shown_then, default=possible[0])


def start_of(moment: date, zone: ZoneInfo) -> datetime:
    """The instant a day begins, or that of a time."""
    if isinstance(moment, datetime) and moment.tzinfo:
        return moment
    return instant_of(shown(moment, zone), zone)


def end_of(moment: date, zone: ZoneInfo) -> datetime:
    """The last microsecond of a day, or the instant of a time."""
    if isinstance(moment, datetime):
        return start_of(moment, zone)
    return start_of(moment + timedelta(days=1), zone) - MICROSECOND


def shown(moment: date, zone: ZoneInfo) -> datetime:
    """What clocks in the zone show then; a day begins at 00:00."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
    return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment


def last_shown(moment: date, zone: ZoneInfo) -> datetime:
    if isinstance(moment, datetime):
        return shown(moment, zone)
    return shown(moment + timedelta(days=1), zone) - MICROSECOND

"""Instants a definition speaks of, computed before the engine sees them, so that no engine needs to know a zone."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from guestlist.audiences.definition import Between, Dates, Duration, Window, Within

MICROSECOND = timedelta(microseconds=1)
FIRST = datetime.min  # noqa: DTZ901 what clocks show
LAST = datetime.max  # noqa: DTZ901
"""Where the calendar ends: what would lie beyond is that end, since no data can lie further out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """(after, until]; `after` None: from the beginning."""

    after: datetime | None
    until: datetime


def start_of(moment: date, zone: ZoneInfo) -> datetime:
    """The instant a date begins, or the instant of a time."""
    if not isinstance(moment, datetime):
        return _instant(datetime.combine(moment, time(), tzinfo=zone))
    return _instant(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def end_of(moment: date, zone: ZoneInfo) -> datetime:
    """The last microsecond of a date, or the instant of a time."""
    if isinstance(moment, datetime):
        return start_of(moment, zone)
    if moment == date.max:
        return _instant(datetime.combine(moment, time.max, tzinfo=zone))
    return start_of(moment + timedelta(days=1), zone) - MICROSECOND


def just_before(moment: date, zone: ZoneInfo) -> datetime | None:
    """The last instant before a date or time begins; None before all others."""
    begins = start_of(moment, zone)
    return None if begins.replace(tzinfo=None) == FIRST else begins - MICROSECOND


def on_clocks(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of a zone show at an instant."""
    try:
        return instant.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return _end_near(instant)


def _instant(local: datetime) -> datetime:
    try:
        return local.astimezone(UTC)
    except OverflowError:
        return _end_near(local).replace(tzinfo=UTC)


def _end_near(moment: datetime) -> datetime:
    return FIRST if moment.year == FIRST.year else LAST


def shifted(instant: datetime, duration: Duration, zone: ZoneInfo, *, sign: int) -> datetime:
    """`instant` moved by a duration: elapsed time for minutes and hours, the zone's calendar for longer units."""
    try:
        return _shifted(instant, duration, zone, sign * duration.amount)
    except (OverflowError, ValueError):  # a year that no calendar has
        return (FIRST if sign < 0 else LAST).replace(tzinfo=UTC)


def _shifted(instant: datetime, duration: Duration, zone: ZoneInfo, amount: int) -> datetime:
    if duration.unit in {"minutes", "hours"}:
        return instant + timedelta(minutes=amount * (60 if duration.unit == "hours" else 1))
    local = on_clocks(instant, zone).replace(fold=0)
    if duration.unit in {"days", "weeks"}:
        moved = local + timedelta(days=amount * (7 if duration.unit == "weeks" else 1))
    else:
        moved = _months(local, amount * (12 if duration.unit == "years" else 1))
    return _instant(moved.replace(tzinfo=zone))


def _months(local: datetime, months: int) -> datetime:
    """The same day of another month, or that month's last day when it is shorter."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


def span(window: Window | None, as_of: datetime, zone: ZoneInfo) -> Span:
    """The stretch of time a window means at `as_of`; nothing later than `as_of` has happened yet."""
    match window:
        case Within(last=last):
            return Span(after=shifted(as_of, last, zone, sign=-1), until=as_of)
        case Between(newest=newest, oldest=oldest):
            return Span(
                after=shifted(as_of, oldest, zone, sign=-1),
                until=shifted(as_of, newest, zone, sign=-1),
            )
        case Dates(start=start, end=end):
            after = None if start is None else just_before(start, zone)
            return Span(after=after, until=as_of if end is None else min(as_of, end_of(end, zone)))
    return Span(after=None, until=as_of)

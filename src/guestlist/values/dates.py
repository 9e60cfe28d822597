"""Birth dates and their parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale

from guestlist.values.reading import NOTHING, Detail, Flag, Reading, Reason, blank, good
from guestlist.values.text import fold, trim, whole

DateOrder = Literal["dmy", "mdy"]
Part = Literal["year", "month", "day"]

_FIRST_YEAR = 1900
PLACEHOLDERS = (date(1900, 1, 1), date(1970, 1, 1))
_LANGUAGES = ("en", "de", "fr", "es", "it", "pt")
# Short forms in use that CLDR does not list.
_SHORT_MONTHS = {"sept": 9, "jly": 7, "maerz": 3, "mrz": 3, "set": 9}

_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_BASIC = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_WITH_TIME = re.compile(r"\d{4}-?\d{2}-?\d{2}[T ]\d{2}.*", re.IGNORECASE)
_OFFSET = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Date:
    """A date as read, or why not; `day_only` when the value is a day of the month."""

    value: date | None = None
    day_only: int | None = None
    refusal: Reading = NOTHING
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DateRules:
    """How dates are read: which of two parts is the day, whose midnight counts, which year is this one."""

    order: DateOrder | None
    time_zone: str
    this_year: int


def read_year(text: str, rules: DateRules) -> Reading:
    """A year from 1900 to this one, or that of a full date."""
    text = whole(trim(text))
    if re.fullmatch(r"[0-9]{1,4}", text):
        return _year(int(text), rules) if len(text) == 4 else blank(Reason.BAD_BIRTH_YEAR)
    part = read_part(text, "year", rules)
    return blank(Reason.BAD_BIRTH_YEAR) if part == NOTHING else part


def read_month(text: str, rules: DateRules) -> Reading:
    """A number from 1 to 12, a name of a month or its short form, or the month of a full date."""
    text = whole(trim(text))
    if re.fullmatch(r"[0-9]{1,2}", text):
        return good(f"{int(text):02d}") if 1 <= int(text) <= 12 else blank(Reason.BAD_BIRTH_MONTH)
    named = _months().get(fold(text).strip(". "))
    if named:
        return good(f"{named:02d}")
    part = read_part(text, "month", rules)
    return blank(Reason.BAD_BIRTH_MONTH) if part == NOTHING else part


def read_part(text: str, part: Part, rules: DateRules) -> Reading:
    """One part of a full date. A day of the month alone, or no date at all, has no year and no month: nothing to read.

    (What is wrong with it is told once, by the day.)
    """
    read = _read_date(text, rules)
    if read.day_only is not None:
        return good(f"{read.day_only:02d}") if part == "day" else NOTHING
    if read.value is None:
        return NOTHING if part != "day" and read.refusal.reason is Reason.BAD_BIRTH_DAY else read.refusal
    if part == "year":
        year = _year(read.value.year, rules)
        return good(year.normal, *read.flags) if year.normal else year
    return good(f"{read.value.month if part == 'month' else read.value.day:02d}", *read.flags)


def _year(year: int, rules: DateRules) -> Reading:
    return good(f"{year:04d}") if _FIRST_YEAR <= year <= rules.this_year else blank(Reason.BAD_BIRTH_YEAR)


def _read_date(text: str, rules: DateRules) -> _Date:
    text = whole(trim(text))
    if re.fullmatch(r"[0-9]{1,2}", text) and 1 <= int(text) <= 31:
        return _Date(day_only=int(text))
    read = _dated(text, rules)
    if read is None:
        return _Date(refusal=blank(Reason.BAD_BIRTH_DAY, _looks_like(text)))
    if read.value in PLACEHOLDERS:
        return _Date(refusal=blank(Reason.PLACEHOLDER_DATE))
    return read


def _dated(text: str, rules: DateRules) -> _Date | None:
    first = _YEAR_FIRST.fullmatch(text)
    if first:
        return _date(int(first[1]), int(first[3]), int(first[4]))
    basic = _BASIC.fullmatch(text)
    if basic:
        return _date(int(basic[1]), int(basic[2]), int(basic[3]))
    last = _YEAR_LAST.fullmatch(text)
    if last:
        return _year_last(int(last[1]), int(last[3]), int(last[4]), rules.order)
    return _timed(text, rules.time_zone) if _WITH_TIME.fullmatch(text) else None


def _date(year: int, month: int, day: int) -> _Date | None:
    try:
        return _Date(value=date(year, month, day))
    except ValueError:
        return None


def _year_last(a: int, b: int, year: int, order: DateOrder | None) -> _Date | None:
    if order is None:
        if a <= 12 and b <= 12:
            return _Date(refusal=blank(Reason.AMBIGUOUS_DATE))
        order = "dmy" if a > 12 else "mdy"
    return _date(year, b, a) if order == "dmy" else _date(year, a, b)


def _timed(text: str, time_zone: str) -> _Date | None:
    try:
        moment = datetime.fromisoformat(_OFFSET.sub("Z", text))
    except ValueError:
        return None
    # Midnight is how a plain date looks in a column of times, whatever its offset.
    if not (moment.hour or moment.minute or moment.second or moment.microsecond):
        return _Date(value=moment.date())
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(ZoneInfo(time_zone))
        except OverflowError:
            return None
    return _Date(value=moment.date(), flags=(Flag.DATE_HAS_TIME,))


def _looks_like(text: str) -> Detail | None:
    if re.fullmatch(r"-?[0-9]{8,13}", text):
        return Detail.LOOKS_LIKE_EPOCH
    # 1 is 1900-01-01 and 60,000 a day in 2064; a fraction is a time of day.
    if re.fullmatch(r"[1-5]?[0-9]{4}(?:\.\d+)?", text):
        return Detail.LOOKS_LIKE_EXCEL_SERIAL
    return None


@cache
def _months() -> dict[str, int]:
    # `jui` is juin as well as juillet.
    return {name: number for name, number in _cldr_months() if name != "jui"} | _SHORT_MONTHS


def _cldr_months() -> Iterator[tuple[str, int]]:
    for language in _LANGUAGES:
        by_context = Locale.parse(language).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in by_context[context][width].items():
                    yield fold(name).strip(". "), number
                    if width == "wide" and len(name) > 3:
                        yield fold(name)[:3], number

"""Birth dates and their parts."""

import pytest

from guestlist.values.dates import DateOrder, DateRules, read_month, read_part, read_year
from guestlist.values.reading import NOTHING, Detail, Flag, Reason


def rules(order: DateOrder | None = None, time_zone: str = "UTC") -> DateRules:
    return DateRules(order=order, time_zone=time_zone, this_year=2026)


def parts(raw: str, by: DateRules) -> tuple[str, str, str]:
    return (
        read_part(raw, "year", by).normal,
        read_part(raw, "month", by).normal,
        read_part(raw, "day", by).normal,
    )


@pytest.mark.parametrize(
    ("raw", "order", "date"),
    [
        pytest.param("1997-02-16", None, "1997 02 16", id="ISO"),
        pytest.param("19970216", None, "1997 02 16", id="ISO basic"),
        pytest.param("19970216.0", None, "1997 02 16", id="ISO basic as a number"),
        pytest.param("1997/2/16", None, "1997 02 16", id="year first"),
        pytest.param("1997-02-16T00:00:00Z", None, "1997 02 16", id="midnight is no time"),
        pytest.param("1997-02-16 00:00:00.000", None, "1997 02 16", id="midnight of a data base"),
        pytest.param("2/16/1997", None, "1997 02 16", id="second part above 12"),
        pytest.param("16.2.1997", None, "1997 02 16", id="first part above 12"),
        pytest.param("16-02-1997", None, "1997 02 16", id="hyphens"),
        pytest.param("3/4/1990", "mdy", "1990 03 04", id="mdy"),
        pytest.param("3/4/1990", "dmy", "1990 04 03", id="dmy"),
        pytest.param("3.4.1990", "dmy", "1990 04 03", id="dmy with dots"),
        pytest.param("2000-02-29", None, "2000 02 29", id="leap day"),
        pytest.param(" 1997-02-16\u00a0", None, "1997 02 16", id="trimmed"),
    ],
)
def test_full_date(raw: str, order: DateOrder | None, date: str) -> None:
    assert parts(raw, rules(order)) == tuple(date.split())


@pytest.mark.parametrize(
    ("raw", "zone", "date"),
    [
        pytest.param("1985-06-30T22:00:00Z", "Europe/Berlin", "1985 07 01", id="local midnight stored as UTC"),
        pytest.param("1985-06-30T22:00:00Z", "UTC", "1985 06 30", id="in UTC"),
        pytest.param("1985-06-30T22:00:00", "Europe/Berlin", "1985 06 30", id="without offset"),
        pytest.param("1985-06-30 01:00:00+02:00", "America/New_York", "1985 06 29", id="with offset"),
    ],
)
def test_time_of_day_is_read_in_the_zone_and_flagged(raw: str, zone: str, date: str) -> None:
    by = rules(time_zone=zone)
    assert parts(raw, by) == tuple(date.split())
    assert read_part(raw, "day", by).flags == (Flag.DATE_HAS_TIME,)


@pytest.mark.parametrize(
    ("raw", "order", "reason", "detail"),
    [
        pytest.param("3/4/1990", None, Reason.AMBIGUOUS_DATE, None, id="either way round"),
        pytest.param("1990-02-31", None, Reason.BAD_BIRTH_DAY, None, id="31 February"),
        pytest.param("31.2.1990", None, Reason.BAD_BIRTH_DAY, None, id="31 February, day first"),
        pytest.param("1900-02-29", None, Reason.BAD_BIRTH_DAY, None, id="1900 was no leap year"),
        pytest.param("2/16/1997", "dmy", Reason.BAD_BIRTH_DAY, None, id="not by the order set"),
        pytest.param("1900-01-01", None, Reason.PLACEHOLDER_DATE, None, id="placeholder 1900"),
        pytest.param("01/01/1970", "mdy", Reason.PLACEHOLDER_DATE, None, id="placeholder 1970"),
        pytest.param("32", None, Reason.BAD_BIRTH_DAY, None, id="no day"),
        pytest.param("0", None, Reason.BAD_BIRTH_DAY, None, id="zero"),
        pytest.param("2/16/97", None, Reason.BAD_BIRTH_DAY, None, id="year of two digits"),
        pytest.param("soon", None, Reason.BAD_BIRTH_DAY, None, id="no date"),
        pytest.param("35477", None, Reason.BAD_BIRTH_DAY, Detail.LOOKS_LIKE_EXCEL_SERIAL, id="Excel serial"),
        pytest.param("35477.0", None, Reason.BAD_BIRTH_DAY, Detail.LOOKS_LIKE_EXCEL_SERIAL, id="Excel serial, decimal"),
        pytest.param("856051200", None, Reason.BAD_BIRTH_DAY, Detail.LOOKS_LIKE_EPOCH, id="epoch"),
        pytest.param("856051200000", None, Reason.BAD_BIRTH_DAY, Detail.LOOKS_LIKE_EPOCH, id="epoch in milliseconds"),
    ],
)
def test_no_date(raw: str, order: DateOrder | None, reason: Reason, detail: Detail | None) -> None:
    reading = read_part(raw, "day", rules(order))
    assert (reading.normal, reading.reason, reading.detail) == ("", reason, detail)


@pytest.mark.parametrize(("raw", "day"), [("5", "05"), ("05", "05"), (" 31 ", "31"), ("5.0", "05"), ("1", "01")])
def test_day_alone(raw: str, day: str) -> None:
    assert read_part(raw, "day", rules()).normal == day
    assert read_part(raw, "year", rules()) == read_part(raw, "month", rules()) == NOTHING


@pytest.mark.parametrize(
    ("raw", "year"),
    [
        ("1990", "1990"), (" 1990 ", "1990"), ("1990.0", "1990"), ("1900", "1900"), ("2026", "2026"),
        ("1990-02-16", "1990"), ("90", ""), ("0000", ""), ("2027", ""), ("1899", ""), ("abcd", ""), ("1850-02-02", ""),
    ],
)  # fmt: skip
def test_year(raw: str, year: str) -> None:
    reading = read_year(raw, rules())
    assert (reading.normal, reading.reason) == (year, None if year else Reason.BAD_BIRTH_YEAR)


@pytest.mark.parametrize(
    ("raw", "month"),
    [
        ("3", "03"), ("03", "03"), (" 3 ", "03"), ("3.0", "03"), ("12", "12"), ("March", "03"), ("MARCH", "03"),
        ("Mar", "03"), ("mar.", "03"), ("Sept", "09"), ("März", "03"), ("Mrz", "03"), ("Dez", "12"), ("février", "02"),
        ("févr.", "02"), ("août", "08"), ("juil.", "07"), ("enero", "01"), ("ene", "01"), ("gennaio", "01"), ("giu", "06"),
        ("maggio", "05"), ("março", "03"), ("fev", "02"), ("outubro", "10"), ("out", "10"), ("May", "05"), ("mai", "05"),
        ("13", ""), ("0", ""), ("Smarch", ""), ("jui", ""),
    ],
)  # fmt: skip
def test_month(raw: str, month: str) -> None:
    reading = read_month(raw, rules())
    assert (reading.normal, reading.reason) == (month, None if month else Reason.BAD_BIRTH_MONTH)

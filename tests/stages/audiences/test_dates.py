"""Windows and dates at their edges: the last instant that counts, where clocks change, leap days, ends of months."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.stages.audiences.histories import History, event, trait

from guestlist.audiences import compile as compiling
from guestlist.audiences.document import read

NOW = "2026-03-10T12:00:00"

WINDOWS = [
    # zone, as of, window, instant, in?
    ("UTC", NOW, "within: 1 hour", "2026-03-10T11:00:00", False),
    ("UTC", NOW, "within: 1 hour", "2026-03-10T11:00:00.000001", True),
    ("UTC", NOW, "within: 1 hour", "2026-03-10T12:00:00", True),
    ("UTC", NOW, "within: 1 hour", "2026-03-10T12:00:00.000001", False),
    ("UTC", NOW, "within: 30m", "2026-03-10T11:30:00.000001", True),
    ("UTC", NOW, "between: [7 days, 30 days]", "2026-03-03T12:00:00", True),
    ("UTC", NOW, "between: [7 days, 30 days]", "2026-03-03T12:00:00.000001", False),
    ("UTC", NOW, "between: [7 days, 30 days]", "2026-02-08T12:00:00", False),
    ("UTC", NOW, "between: [7 days, 30 days]", "2026-02-08T12:00:00.000001", True),
    ("Europe/Berlin", NOW, "from: 2026-03-01, to: 2026-03-02", "2026-02-28T23:00:00", True),
    ("Europe/Berlin", NOW, "from: 2026-03-01, to: 2026-03-02", "2026-02-28T22:59:59.999999", False),
    ("Europe/Berlin", NOW, "from: 2026-03-01, to: 2026-03-02", "2026-03-02T22:59:59.999999", True),
    ("Europe/Berlin", NOW, "from: 2026-03-01, to: 2026-03-02", "2026-03-02T23:00:00", False),
    ("Europe/Berlin", NOW, "from: 2026-03-01T10:00:00Z", "2026-03-01T10:00:00", True),
    ("UTC", NOW, "to: 2030-01-01", "2026-03-10T12:00:01", False),
    # The clocks of Berlin go forward on 29 March 2026: that day has 23 hours.
    ("Europe/Berlin", "2026-03-29T10:00:00", "within: 1 day", "2026-03-28T11:00:00.000001", True),
    ("Europe/Berlin", "2026-03-29T10:00:00", "within: 1 day", "2026-03-28T11:00:00", False),
    ("Europe/Berlin", "2026-03-29T10:00:00", "within: 24 hours", "2026-03-28T10:30:00", True),
    # And back on 25 October 2026: that day has 25.
    ("Europe/Berlin", "2026-10-25T11:00:00", "within: 1 day", "2026-10-24T10:00:00.000001", True),
    ("Europe/Berlin", "2026-10-25T11:00:00", "within: 24 hours", "2026-10-24T10:30:00", False),
    # Months end where the shorter month ends; leap days are days.
    ("UTC", "2028-03-31T12:00:00", "within: 1 month", "2028-02-29T12:00:00.000001", True),
    ("UTC", "2028-03-31T12:00:00", "within: 1 month", "2028-02-29T12:00:00", False),
    ("UTC", "2028-02-29T12:00:00", "within: 1 year", "2027-02-28T12:00:00.000001", True),
    ("UTC", "2028-02-29T12:00:00", "within: 1 year", "2027-02-28T12:00:00", False),
    ("UTC", "2028-03-01T00:00:00", "within: 1 day", "2028-02-29T00:00:00.000001", True),
    ("UTC", "2028-03-01T00:00:00", "within: 2 weeks", "2028-02-16T00:00:00", False),
    # Every unit, at its far edge.
    ("UTC", NOW, "within: 30m", "2026-03-10T11:30:00", False),
    ("UTC", NOW, "within: 2 weeks", "2026-02-24T12:00:00", False),
    ("UTC", NOW, "within: 2 weeks", "2026-02-24T12:00:00.000001", True),
    ("UTC", NOW, "within: 1 year", "2025-03-10T12:00:00", False),
    ("UTC", NOW, "within: 1 year", "2025-03-10T12:00:00.000001", True),
    ("UTC", NOW, "between: [30m, 1h]", "2026-03-10T11:30:00", True),
    ("UTC", NOW, "between: [30m, 1h]", "2026-03-10T11:30:00.000001", False),
    ("UTC", NOW, "between: [30m, 1h]", "2026-03-10T11:00:00", False),
    ("UTC", NOW, "from: 2026-03-10T12:00:00", "2026-03-10T11:59:59.999999", False),
    ("UTC", NOW, "to: 2026-03-10T11:00:00", "2026-03-10T11:00:00", True),
    ("UTC", NOW, "to: 2026-03-10T11:00:00", "2026-03-10T11:00:00.000001", False),
    ("UTC", NOW, "from: 2026-03-11", "2026-03-11T00:00:00", False),
    # Weeks, months and years over a change of the clocks keep the time on the clock; a day alone is 23 or 25 hours.
    ("Europe/Berlin", "2026-03-31T10:00:00", "within: 1 week", "2026-03-24T11:00:00", False),
    ("Europe/Berlin", "2026-03-31T10:00:00", "within: 1 week", "2026-03-24T11:00:00.000001", True),
    ("Europe/Berlin", "2026-11-10T11:00:00", "within: 1 month", "2026-10-10T10:00:00", False),
    ("Europe/Berlin", "2026-11-10T11:00:00", "within: 1 month", "2026-10-10T10:00:00.000001", True),
    ("Europe/Berlin", "2026-03-30T10:00:00", "between: [1 day, 2 days]", "2026-03-29T10:00:00", True),
    ("Europe/Berlin", "2026-03-30T10:00:00", "between: [1 day, 2 days]", "2026-03-28T11:00:00", False),
    ("Europe/Berlin", "2026-03-30T10:00:00", "between: [1 day, 2 days]", "2026-03-28T11:00:00.000001", True),
    ("Europe/Berlin", "2026-04-01T10:00:00", "from: 2026-03-29, to: 2026-03-29", "2026-03-28T23:00:00", True),
    ("Europe/Berlin", "2026-04-01T10:00:00", "from: 2026-03-29, to: 2026-03-29", "2026-03-29T21:59:59.999999", True),
    ("Europe/Berlin", "2026-04-01T10:00:00", "from: 2026-03-29, to: 2026-03-29", "2026-03-29T22:00:00", False),
    ("Europe/Berlin", "2026-11-01T10:00:00", "from: 2026-10-25, to: 2026-10-25", "2026-10-24T22:00:00", True),
    ("Europe/Berlin", "2026-11-01T10:00:00", "from: 2026-10-25, to: 2026-10-25", "2026-10-25T22:59:59.999999", True),
    ("Europe/Berlin", "2026-11-01T10:00:00", "from: 2026-10-25, to: 2026-10-25", "2026-10-25T23:00:00", False),
    # A day ago clocks skipped 02:30, so an hour more of it is left out; a day ago they showed it twice: the first counts.
    ("Europe/Berlin", "2026-03-30T00:30:00", "within: 1 day", "2026-03-29T01:30:00", False),
    ("Europe/Berlin", "2026-03-30T00:30:00", "within: 1 day", "2026-03-29T01:30:00.000001", True),
    ("Europe/Berlin", "2026-10-26T01:30:00", "within: 1 day", "2026-10-25T00:30:00", False),
    ("Europe/Berlin", "2026-10-26T01:30:00", "within: 1 day", "2026-10-25T00:30:00.000001", True),
    ("Europe/Berlin", "2026-11-01T10:00:00", "from: 2026-10-25T02:30:00", "2026-10-25T00:30:00", True),
    ("Europe/Berlin", "2026-11-01T10:00:00", "from: 2026-10-25T02:30:00", "2026-10-25T00:29:59.999999", False),
    ("America/Sao_Paulo", "2018-11-10T10:00:00", "from: 2018-11-04", "2018-11-04T03:00:00", True),
    ("America/Sao_Paulo", "2018-11-10T10:00:00", "from: 2018-11-04", "2018-11-04T02:59:59.999999", False),
    # Ends of months: 31 May - 1 month = 30 April; - 3 months = 28 or 29 February; from a leap day to the one before.
    ("UTC", "2026-05-31T12:00:00", "within: 1 month", "2026-04-30T12:00:00", False),
    ("UTC", "2026-05-31T12:00:00", "within: 1 month", "2026-04-30T12:00:00.000001", True),
    ("UTC", "2026-05-31T12:00:00", "within: 3 months", "2026-02-28T12:00:00", False),
    ("UTC", "2026-05-31T12:00:00", "within: 3 months", "2026-02-28T12:00:00.000001", True),
    ("UTC", "2026-01-31T12:00:00", "within: 2 months", "2025-11-30T12:00:00", False),
    ("UTC", "2026-01-31T12:00:00", "within: 2 months", "2025-11-30T12:00:00.000001", True),
    ("UTC", "2028-02-29T12:00:00", "within: 4 years", "2024-02-29T12:00:00", False),
    ("UTC", "2028-02-29T12:00:00", "within: 4 years", "2024-02-29T12:00:00.000001", True),
    ("UTC", "2028-03-10T12:00:00", "from: 2028-02-29, to: 2028-02-29", "2028-02-29T23:59:59.999999", True),
    ("UTC", "2028-03-10T12:00:00", "from: 2028-02-29, to: 2028-02-29", "2028-03-01T00:00:00", False),
    # The last microsecond of a day takes in the whole ninetieth day before it.
    ("UTC", "1998-06-30T23:59:59.999999", "within: 90 days", "1998-04-02T00:00:00", True),
    ("UTC", "1998-06-30T23:59:59.999999", "within: 90 days", "1998-04-01T23:59:59.999999", False),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "as_of", "window", "at", "inside"), WINDOWS)
def test_windows(zone: str, as_of: str, window: str, at: str, inside: bool) -> None:
    history = History(events=[event("a", "V", at)])
    assert history.members(f"{{event: V, {window}}}", as_of, ZoneInfo(zone)) == ("a" if inside else "")


# In Berlin it is 2026-03-10 13:00. a: yesterday, b: today, c: this instant, d: with an offset, e: tomorrow, f: no date
DATES = {
    "a": "2026-03-09", "b": "2026-03-10", "c": "2026-03-10T12:00:00Z", "d": "2026-03-10T23:30:00-05:00",
    "e": "2026-03-11", "f": "soon", "g": "2026-03-10 13:00:01", "h": None,
}  # fmt: skip
DATE_COMPARATORS = [
    ("before: 2026-03-10", "a"),
    ("after: 2026-03-10", "de"),  # 23:30 in New York is already the 11th in Berlin
    ("before: 2026-03-10T13:00", "ab"),
    ("before: 2026-03-10T12:00:01Z", "abc"),
    ("after: 2026-03-10T13:00", "deg"),
    ("within_last: 1 day", "bc"),
    ("within_last: 2 days", "abc"),
    ("within_last: 13 hours", "c"),
    ("within_last: 14 hours", "bc"),
    ("before_last: 1 day", "a"),
    ("before_last: 13 hours", "ab"),
    ("within_next: 11 hours", "eg"),
    ("within_next: 1 day", "deg"),
    ("after_next: 11 hours", "d"),
    ("after_next: 10 hours", "de"),
]


@pytest.mark.parametrize(("test", "expected"), DATE_COMPARATORS)
def test_date_comparators(test: str, expected: str) -> None:
    history = History(
        traits=[trait(who, "when", value) for who, value in DATES.items()],
        events=[event(who, "Visit", "2026-03-01", {"when": value}) for who, value in DATES.items()],
    )
    assert history.members(f"{{trait: when, {test}}}", NOW) == expected
    assert history.members(f"{{event: Visit, where: {{when: {{{test}}}}}}}", NOW) == expected


# a: in Sao Paulo clocks went from 00:00 to 01:00 that day; b: the last of the day before
SKIPPED_MIDNIGHT = {
    "a": "2018-11-04",
    "b": "2018-11-03T23:59:59",
    "c": "2018-11-04T02:59:59Z",
    "d": "2018-11-04T03:00:00Z",
}
ON_THE_DAY = [
    ("before: 2018-11-04", "bc"), ("after: 2018-11-03", "ad"), ("after: 2018-11-04", ""), ("before: 2018-11-05", "abcd"),
]  # fmt: skip


@pytest.mark.parametrize(("test", "expected"), ON_THE_DAY)
def test_a_day_begins_on_its_calendar_also_where_clocks_skip_midnight(test: str, expected: str) -> None:
    history = History(traits=[trait(who, "when", value) for who, value in SKIPPED_MIDNIGHT.items()])
    assert history.members(f"{{trait: when, {test}}}", "2021-01-01", ZoneInfo("America/Sao_Paulo")) == expected


NO_DATES = [
    "infinity", "-infinity", "epoch", "2026-03-10 12:00:00 Europe/Berlin", "2026-03-10T12:00:00 UTC", "2026/03/10",
    "2026-3-9", "2026-02-30", "2026-03-10 (BC)", "2026-03-10T25:00", "20260310", 20260310, "2026-03-10T12:00z", True,
]  # fmt: skip


@pytest.mark.parametrize("value", NO_DATES)
def test_what_iso_8601_does_not_write_is_no_date(value: Any) -> None:
    history = History(traits=[trait("a", "when", value)], events=[event("a", "V", "2026-03-01", {"when": value})])
    for test in ("before: 2100-01-01", "after: 1900-01-01", "before_last: 1 minute", "after_next: 1 minute"):
        assert history.members(f"{{trait: when, {test}}}", NOW) == ""
        assert history.members(f"{{event: V, where: {{when: {{{test}}}}}}}", NOW) == ""


# The last instant that is in, or the first, stands beside the one that is not. In the zone's clock and as an instant.
DATE_EDGES = [
    # zone, as of, test, value, in?
    ("Europe/Berlin", NOW, "before: 2026-03-10", "2026-03-09T23:59:59.999999", True),
    ("Europe/Berlin", NOW, "before: 2026-03-10", "2026-03-10T00:00:00", False),
    ("Europe/Berlin", NOW, "before: 2026-03-10", "2026-03-09T22:59:59.999999Z", True),
    ("Europe/Berlin", NOW, "before: 2026-03-10", "2026-03-09T23:00:00Z", False),
    ("Europe/Berlin", NOW, "after: 2026-03-10", "2026-03-10T23:59:59.999999", False),
    ("Europe/Berlin", NOW, "after: 2026-03-10", "2026-03-10T24:00:00", True),
    ("Europe/Berlin", NOW, "after: 2026-03-10", "2026-03-10T22:59:59.999999Z", False),
    ("Europe/Berlin", NOW, "after: 2026-03-10", "2026-03-11T00:00:00+01:00", True),
    ("Europe/Berlin", NOW, "before: 2026-03-10T12:00:00Z", "2026-03-10 13:00:00", False),
    ("Europe/Berlin", NOW, "after: 2026-03-10T12:00:00Z", "2026-03-10 13:00:00", False),
    ("UTC", NOW, "within_last: 1 hour", "2026-03-10T11:00:00Z", False),
    ("UTC", NOW, "within_last: 1 hour", "2026-03-10T11:00:00.000001Z", True),
    ("UTC", NOW, "within_last: 1 hour", "2026-03-10T12:00:00Z", True),
    ("UTC", NOW, "within_last: 1 hour", "2026-03-10T12:00:00.000001Z", False),
    ("UTC", NOW, "before_last: 1 hour", "2026-03-10T11:00:00", True),
    ("UTC", NOW, "before_last: 1 hour", "2026-03-10T11:00:00.000001", False),
    ("UTC", NOW, "within_next: 1 hour", "2026-03-10T12:00:00", False),
    ("UTC", NOW, "within_next: 1 hour", "2026-03-10T12:00:00.000001", True),
    ("UTC", NOW, "within_next: 1 hour", "2026-03-10T13:00:00", True),
    ("UTC", NOW, "within_next: 1 hour", "2026-03-10T13:00:00.000001", False),
    ("UTC", NOW, "after_next: 1 hour", "2026-03-10T13:00:00+00", False),
    ("UTC", NOW, "after_next: 1 hour", "2026-03-10T13:00:00.000001+0000", True),
    # A day of 23 hours, counted back, and one of 25; and the same ahead.
    ("Europe/Berlin", "2026-03-29T10:00:00", "within_last: 1 day", "2026-03-28T11:00:00Z", False),
    ("Europe/Berlin", "2026-03-29T10:00:00", "within_last: 1 day", "2026-03-28T12:00:00.000001", True),
    ("Europe/Berlin", "2026-03-29T10:00:00", "before_last: 24 hours", "2026-03-28T10:00:00Z", True),
    ("Europe/Berlin", "2026-10-25T11:00:00", "before_last: 1 day", "2026-10-24T10:00:00Z", True),
    ("Europe/Berlin", "2026-10-25T11:00:00", "before_last: 1 day", "2026-10-24T10:00:00.000001Z", False),
    ("Europe/Berlin", "2026-03-28T11:00:00", "within_next: 1 day", "2026-03-29T10:00:00Z", True),
    ("Europe/Berlin", "2026-03-28T11:00:00", "within_next: 1 day", "2026-03-29T10:00:00.000001Z", False),
    ("Europe/Berlin", "2026-10-24T10:00:00", "after_next: 1 day", "2026-10-25T11:00:00Z", False),
    ("Europe/Berlin", "2026-10-24T10:00:00", "after_next: 1 day", "2026-10-25T12:00:00.000001", True),
    # Leap days and ends of months.
    ("UTC", "2028-02-29T12:00:00", "within_next: 1 year", "2029-02-28T12:00:00", True),
    ("UTC", "2028-02-29T12:00:00", "within_next: 1 year", "2029-02-28T12:00:00.000001", False),
    ("UTC", "2028-02-28T00:00:00", "within_next: 1 day", "2028-02-29", True),
    ("UTC", "2027-02-28T00:00:00", "within_next: 1 day", "2027-03-01", True),
    ("UTC", "2028-01-31T00:00:00", "within_next: 1 month", "2028-02-29", True),
    ("UTC", "2028-01-31T00:00:00", "within_next: 1 month", "2028-03-01", False),
    ("UTC", "2028-05-31T00:00:00", "before_last: 3 months", "2028-02-29", True),
    ("UTC", "2028-05-31T00:00:00", "before_last: 3 months", "2028-03-01", False),
    ("UTC", "2028-03-10T00:00:00", "before: 2028-02-29", "2028-02-28T23:59:59", True),
    ("UTC", "2028-03-10T00:00:00", "before: 2028-02-29", "2028-02-29", False),
    ("UTC", "2028-03-10T00:00:00", "after: 2028-02-29", "2028-03-01", True),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "as_of", "test", "value", "inside"), DATE_EDGES)
def test_edges_of_dates(zone: str, as_of: str, test: str, value: str, inside: bool) -> None:
    history = History(
        traits=[trait("a", "when", value)],
        events=[event("a", "V", "2016-01-01", {"when": value, "all": ["soon", None, value], "in": [{"when": value}]})],
    )
    expected = "a" if inside else ""
    assert history.members(f"{{trait: when, {test}}}", as_of, ZoneInfo(zone)) == expected
    for path in ("when", "all", "in.$.when"):
        assert history.members(f"{{event: V, where: {{{path}: {{{test}}}}}}}", as_of, ZoneInfo(zone)) == expected


def test_one_date_of_a_list_has_to_pass_alone() -> None:
    history = History(events=[event("a", "V", "2026-03-01", {"when": ["2026-03-01", "2026-03-20"]})])
    assert history.members("{event: V, where: {when: {within_last: 5 days}}}", NOW) == ""
    assert history.members("{event: V, where: {when: {within_last: 10 days}}}", NOW) == "a"


# a: long ago, b: the last day there is, c: the same as an instant, d: the first day there is
ENDS = {"a": "2026-03-09", "b": "9999-12-31", "c": "9999-12-31T09:00:00Z", "d": "0001-01-01"}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
@pytest.mark.parametrize("as_of", ["0001-01-01T12:00:00", "2026-03-10T12:00:00", "9999-12-31T23:59:59.999999"])
def test_the_ends_of_the_calendar(zone: str, as_of: str) -> None:
    history = History(
        traits=[trait(who, "when", value, at="0001-01-01T00:00:00") for who, value in ENDS.items()],
        events=[event("a", "V", "2026-03-09"), event("b", "V", "0001-01-01T12:00:00")],
    )

    def members(who: str) -> str:
        # Worked by hand: the interpreter's calendar ends where Python's does.
        definition = read(f"key: a\nwho: {who}")
        found = history.read(compiling.members(definition, history.question(as_of, ZoneInfo(zone))))
        return "".join(sorted(found["profile_id"].to_pylist()))

    then = "b" if as_of.startswith("0001") else "ab"
    for window in ("to: 9999-12-31", "from: 0001-01-01", "from: 0001-01-01T00:00+14:00, to: 9999-12-31T23:59-12:00"):
        assert members(f"{{event: V, {window}}}") == then
    assert members("{event: V, from: 9999-12-31}") == ""
    assert members("{trait: when, before: 0001-01-01}") == ""
    assert members("{trait: when, before: 9999-12-31}") == "ad"
    assert members("{trait: when, after: 9999-12-31}") == ""
    assert members("{trait: when, after: 0001-01-01}") == "abc"
    for comparator in ("within_last", "before_last", "within_next", "after_next"):
        for amount in ("100 years", "1200 months", "36500 days", "876000 hours"):
            members(f"{{trait: when, {comparator}: {amount}}}")
    members("{event: V, within: 100 years}")

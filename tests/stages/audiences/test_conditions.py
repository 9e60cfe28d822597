"""Every kind of condition over histories small enough to work by hand; each row says who is in."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.stages.audiences.histories import History, event, stay, trait

from guestlist.audiences import compile as compiling

NOW = "2026-03-10T12:00:00"

# a: text, b: number, c: number as text, d: list, e: empty list, f: true, g: JSON null or no value, h: nothing at all
VALUES: dict[str, Any] = {"a": "Rome", "b": 80, "c": "80.5", "d": ["x", "Rome", 7], "e": [], "f": True, "g": None}

COMPARATORS = [
    ("equals: Rome", "ad"), ("equals: rome", ""), ("equals: 80", "b"), ("equals: '80'", "b"), ("equals: 80.5", "c"),
    ("equals: true", "f"), ("equals: 7", "d"), ("equals: ''", ""),
    ("not_equals: Rome", "bcef"), ("not_equals: 80", "acdef"),
    ("one_of: [Rome, 80]", "abd"), ("one_of: [x, true]", "df"), ("none_of: [Rome, 80]", "cef"),
    ("contains: om", "a"), ("contains: Rome", "ad"), ("contains: [R, 8]", "abc"), ("omits: om", "bcdef"),
    ("omits: Rome", "bcef"),
    ("starts_with: Ro", "ad"), ("starts_with: 80", "bc"), ("ends_with: me", "ad"), ("ends_with: '.5'", "c"),
    ("starts_with: om", ""), ("ends_with: o", ""),
    ("greater_than: 80", "c"), ("at_least: 80", "bc"), ("less_than: 80.5", "bd"), ("at_most: 80.5", "bcd"),
    ("at_least: 7", "bcd"), ("greater_than: 7", "bc"),
    ("exists: true", "abcdef"), ("absent: true", "gh"), ("exists: false", "gh"), ("absent: false", "abcdef"),
]  # fmt: skip


@pytest.fixture(scope="module")
def of_traits() -> History:
    traits = [trait(who, "town", value) for who, value in VALUES.items()]
    return History(traits=[*traits, trait("h", "other", "Rome")])


@pytest.fixture(scope="module")
def of_properties() -> History:
    events = [
        event(who, "Visit", "2026-03-01", {"town": value, "in": {"town": value}}) for who, value in VALUES.items()
    ]
    return History(events=[*events, event("h", "Visit", "2026-03-01")])


@pytest.mark.parametrize(("test", "expected"), COMPARATORS)
def test_comparators_on_traits(of_traits: History, test: str, expected: str) -> None:
    assert of_traits.members(f"{{trait: town, {test}}}", NOW) == expected


@pytest.mark.parametrize("path", ["town", "in.town"])
@pytest.mark.parametrize(("test", "expected"), COMPARATORS)
def test_comparators_on_properties(of_properties: History, path: str, test: str, expected: str) -> None:
    assert of_properties.members(f"{{event: Visit, where: {{{path}: {{{test}}}}}}}", NOW) == expected


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


ODD_NUMBERS = [("at_least: 0", "b"), ("at_most: 10", "b"), ("equals: nan", "a"), ("exists: true", "abc")]


@pytest.mark.parametrize(("test", "expected"), ODD_NUMBERS)
def test_text_that_looks_like_no_number_is_none(test: str, expected: str) -> None:
    history = History(traits=[trait("a", "n", "nan"), trait("b", "n", "5"), trait("c", "n", "inf")])
    assert history.members(f"{{trait: n, {test}}}", NOW) == expected


ODD_KEYS = ["a b", "*", "$x", "é", 'a"b', "a'b", "[1]", "x-y", "007"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_any_property_name_can_be_asked(key: str) -> None:
    history = History(events=[event("a", "V", "2026-03-01", {key: {"n": 1}}), event("b", "V", "2026-03-01", {"n": 1})])
    quoted = "'" + f"{key}.n".replace("'", "''") + "'"
    assert history.members(f"{{event: V, where: {{{quoted}: 1}}}}", NOW) == "a"


ODD_TEXTS = ['say "hi"', "back\\slash", "new\nline", "é", "日本", "a/b", "null", "NULL", "[x]", "{}", "5 ", ""]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_text_can_be_equal(text: str) -> None:
    events = [event("a", "V", "2026-03-01", {"p": text}), event("b", "V", "2026-03-01", {"p": None})]
    events += [event("c", "V", "2026-03-01", {"p": ["other"]}), event("d", "V", "2026-03-01", {"p": f"x{text}x"})]
    history = History(events=events)
    condition = json.dumps(text, ensure_ascii=False)
    assert history.members(f"{{event: V, where: {{p: {condition}}}}}", NOW) == "a"
    assert history.members(f"{{event: V, where: {{p: {{not_equals: {condition}}}}}}}", NOW) == "cd"


PATHS = [("a.b", "x"), ("'a\\.b'", "y"), ("list.0.sku", "z"), ("list.1.sku", ""), ("a", "")]


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_paths(path: str, expected: str) -> None:
    events = [
        event("x", "V", "2026-03-01", {"a": {"b": 1}}),
        event("y", "V", "2026-03-01", {"a.b": 1}),
        event("z", "V", "2026-03-01", {"list": [{"sku": 1}]}),
    ]
    assert History(events=events).members(f"{{event: V, where: {{{path}: 1}}}}", NOW) == expected


COUNTS = [
    # a: 3 orders, b: 1 order, c: 1 visit, d: an order still to come
    ("{event: Order}", "ab"), ("{event: Order, at_least: 1}", "ab"), ("{event: Order, at_least: 2}", "a"),
    ("{event: Order, exactly: 1}", "b"), ("{event: Order, exactly: 3}", "a"), ("{event: Order, exactly: 0}", "c"),
    ("{event: Order, at_most: 1}", "bc"), ("{event: Order, at_most: 0}", "c"), ("{event: Order, at_most: 3}", "abc"),
    ("{event: Order, at_least: 0}", "abc"), ("{event: Nothing}", ""), ("{not: {event: Order}}", "c"),
    ("{event: Order, source: web}", "b"), ("{event: Order, source: [shop, web]}", "ab"),
    ("{event: Order, source: {not_equals: web}}", "a"), ("{event: Order, source: shop, exactly: 0}", "bc"),
    ("{event: Order, where: {total: {at_least: 20, less_than: 40}}}", "ab"),
    ("{event: Order, where: {total: {at_least: 20}, currency: EUR}}", "a"),
    ("{event: Order, where: {total: {at_least: 20}}, at_least: 2}", "a"),
    ("{event: Order, sum: total, at_least: 60}", "a"), ("{event: Order, sum: total, greater_than: 60}", ""),
    ("{event: Order, sum: total, equals: 25}", "b"), ("{event: Order, sum: total, not_equals: 25}", "a"),
    ("{event: Order, sum: total, less_than: 1000}", "ab"), ("{event: Order, average: total, equals: 20}", "a"),
    ("{event: Order, min: total, at_most: 10}", "a"), ("{event: Order, max: total, at_least: 26}", "a"),
    ("{event: Order, distinct: currency, at_least: 2}", "a"), ("{event: Order, distinct: currency, equals: 1}", "b"),
    ("{event: Order, distinct: currency, at_most: 1}", "bc"), ("{event: Order, distinct: currency, equals: 0}", "c"),
    ("{event: Order, distinct: currency, not_equals: 2}", "bc"), ("{event: Order, sum: nothing, at_least: 0}", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def orders() -> History:
    return History(
        events=[
            event("a", "Order", "2026-01-01", {"total": 10, "currency": "EUR"}, "shop"),
            event("a", "Order", "2026-02-01", {"total": "20", "currency": "EUR"}, "shop"),
            event("a", "Order", "2026-03-01", {"total": 30, "currency": "USD"}, "shop"),
            event("b", "Order", "2026-03-01", {"total": 25, "currency": "USD"}),
            event("c", "Visit", "2026-03-01"),
            event("d", "Order", "2026-03-10T12:00:00.000001"),
        ]
    )


@pytest.mark.parametrize(("who", "expected"), COUNTS)
def test_counts_and_aggregates(orders: History, who: str, expected: str) -> None:
    assert orders.members(who, NOW) == expected


def test_sums_of_cents_are_exact() -> None:
    history = History(events=[event("a", "Order", "2026-01-01", {"total": part}) for part in (0.1, 0.2)])
    assert history.members("{event: Order, sum: total, greater_than: 0.3}", NOW) == ""
    assert history.members("{event: Order, sum: total, equals: 0.3}", NOW) == "a"


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
    # The last microsecond of a day takes in the whole ninetieth day before it.
    ("UTC", "1998-06-30T23:59:59.999999", "within: 90 days", "1998-04-02T00:00:00", True),
    ("UTC", "1998-06-30T23:59:59.999999", "within: 90 days", "1998-04-01T23:59:59.999999", False),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "as_of", "window", "at", "inside"), WINDOWS)
def test_windows(zone: str, as_of: str, window: str, at: str, inside: bool) -> None:
    history = History(events=[event("a", "V", at)])
    assert history.members(f"{{event: V, {window}}}", as_of, ZoneInfo(zone)) == ("a" if inside else "")


NEXT_STEPS = [
    # a: added; b: added, ordered; c: added, ordered, added; d: ordered, added; e: both at once
    ("{event: Added, then_not: {event: Order}}", "acde"),
    ("{event: Added, then: {event: Order}}", "bc"),
    ("{event: Added, then: {event: Order, where: {total: 5}}}", "b"),
    ("{event: Added, then: {event: Order, source: shop}}", ""),
    ("{event: Added, then_not: {event: Order}, at_least: 2}", ""),
    ("{event: Added, then_not: {event: Order}, exactly: 0}", "b"),
    ("{event: Added, sum: n, at_least: 1, then_not: {event: Order}}", "c"),
    ("{event: Added, within: 6 days, then_not: {event: Order}}", "cde"),
]


@pytest.mark.parametrize(("who", "expected"), NEXT_STEPS)
def test_next_steps_are_judged_event_by_event(who: str, expected: str) -> None:
    history = History(
        events=[
            event("a", "Added", "2026-03-01"),
            event("b", "Added", "2026-03-01"),
            event("b", "Order", "2026-03-02", {"total": 5}),
            event("c", "Added", "2026-03-01"),
            event("c", "Order", "2026-03-02"),
            event("c", "Added", "2026-03-06", {"n": 1}),
            event("d", "Order", "2026-03-02"),
            event("d", "Added", "2026-03-06"),
            event("e", "Order", "2026-03-06"),
            event("e", "Added", "2026-03-06"),
            event("e", "Order", "2026-03-11"),
        ]
    )
    assert history.members(who, NOW) == expected


X, Y = "{trait: x, exists: true}", "{trait: y, exists: true}"
TREES = [
    (f"{{all: [{X}, {Y}]}}", "b"), (f"{{any: [{X}, {Y}]}}", "abc"), (f"{{not: {X}}}", "cd"),
    (f"{{all: [{X}, {{not: {Y}}}]}}", "a"), (f"{{all: [{{not: {X}}}, {{not: {Y}}}]}}", "d"),
    (f"{{any: [{X}, {{not: {Y}}}]}}", "abd"), (f"{{any: [{{not: {X}}}, {{not: {Y}}}]}}", "acd"),
    (f"{{not: {{not: {X}}}}}", "ab"), (f"{{not: {{any: [{X}, {Y}]}}}}", "d"),
    (f"{{not: {{all: [{X}, {{any: [{Y}, {{not: {X}}}]}}]}}}}", "acd"), (f"{{all: [{X}]}}", "ab"),
    (f"{{any: [{{all: [{X}, {{not: {Y}}}]}}, {{all: [{Y}, {{not: {X}}}]}}]}}", "ac"),
    ("{member_of: vip}", "ad"), ("{not_member_of: vip}", "bc"), (f"{{all: [{X}, {{not_member_of: vip}}]}}", "b"),
    ("{member_of: nobody}", ""), ("{not_member_of: nobody}", "abcd"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "expected"), TREES)
def test_trees_and_membership(who: str, expected: str) -> None:
    history = History(
        traits=[trait(who, key, 1) for who, key in ("ax", "bx", "by", "cy", "dz")],
        stays=[stay("vip", "a", "2026-01-01"), stay("vip", "b", "2026-01-01", "2026-02-01"), stay("vip", "d", NOW)],
    )
    assert history.members(who, NOW) == expected


AS_OF = [
    ("2026-01-31T00:00:00", "", ""), ("2026-02-01T00:00:00", "a", ""), ("2026-02-15T00:00:00", "", "a"),
    ("2026-03-01T00:00:00", "", ""), ("2026-03-02T00:00:00", "a", ""),
]  # fmt: skip


@pytest.mark.parametrize(("as_of", "gold", "silver"), AS_OF)
def test_a_trait_is_what_it_was_then(as_of: str, gold: str, silver: str) -> None:
    levels = [("2026-02-01", "gold"), ("2026-02-15", "silver"), ("2026-03-01", None), ("2026-03-02", "gold")]
    history = History(traits=[trait("a", "level", value, at) for at, value in levels])
    assert history.members("{trait: level, equals: gold}", as_of) == gold
    assert history.members("{trait: level, equals: silver}", as_of) == silver


STAYS = [("2026-01-01", "a"), ("2026-01-31T23:59:59", "a"), ("2026-02-01", ""), ("2025-12-31", ""), ("2026-03-01", "a")]


@pytest.mark.parametrize(("as_of", "expected"), STAYS)
def test_membership_is_what_it_was_then(as_of: str, expected: str) -> None:
    stays = [stay("vip", "a", "2026-01-01", "2026-02-01"), stay("vip", "a", "2026-03-01")]
    assert History(stays=stays).members("{member_of: vip}", as_of) == expected


def test_no_text_of_an_engine_is_written() -> None:
    for path in Path(compiling.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8").casefold()
        assert not [word for word in ("duckdb", ".sql(", "select *", ".strip()", "raw_sql") if word in text], path

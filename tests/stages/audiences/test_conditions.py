"""Every kind of condition over histories small enough to work by hand; each row says who is in."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.stages.audiences.histories import History, event, stay, trait

from guestlist.audiences import compile as compiling
from guestlist.audiences.comparators import COMPARATORS as KNOWN_COMPARATORS
from guestlist.audiences.definition import IdentifierList

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


# What else a value may be. a: no letters, b: four letters, c: false, d: 0, e: an object, f: a list in a list, g: only null,
# h: a number as text, i: no number, j: that and a number, k: null and a text, l: spaces around a number
KINDS: dict[str, Any] = {
    "a": "", "b": "null", "c": False, "d": 0, "e": {"x": 1}, "f": [[1, "x"], 2], "g": [None],
    "h": "5.0", "i": "inf", "j": ["inf", 5.0], "k": [None, "x"], "l": " 5 ",
}  # fmt: skip
EVERYBODY = "abcdefghijkl"
COMPARATORS_ON_KINDS = [
    ("equals: ''", "a"), ("equals: 'null'", "b"), ("equals: false", "c"), ("equals: 0", "d"), ("equals: '0'", "d"),
    ("equals: 5", "hjl"), ("equals: '5'", ""), ("equals: '5.0'", "hj"), ("equals: inf", "ij"), ("equals: x", "k"),
    ("equals: 2", "f"), ("equals: 1", ""), ("""equals: '[1,"x"]'""", "f"), ("equals: ' 5 '", "l"),
    ("not_equals: ''", "bcdefghijkl"), ("not_equals: 5", "abcdefgik"), ("not_equals: x", "abcdefghijl"),
    ("one_of: [x, 0]", "dk"), ("one_of: [false, 5.0]", "chjl"), ("none_of: [x, 0]", "abcefghijl"),
    ("contains: n", "bi"), ("contains: x", "ek"), ("contains: 5", "hjl"), ("contains: ''", "abcdehil"),
    ("contains: 5.0", "hjl"), ("contains: in", "i"), ("omits: x", "abcdfghijl"), ("omits: ''", "fgjk"),
    ("starts_with: 5", "hj"), ("starts_with: in", "ij"), ("starts_with: ''", "abcdefhijkl"), ("starts_with: '['", "f"),
    ("ends_with: 0", "dhj"), ("ends_with: f", "ij"), ("ends_with: ''", "abcdefhijkl"), ("ends_with: ' '", "l"),
    ("greater_than: 0", "fhjl"), ("greater_than: 4", "hjl"), ("greater_than: 5", ""), ("at_least: 0", "dfhjl"),
    ("at_least: 5", "hjl"), ("less_than: 0", ""), ("less_than: 5", "df"), ("at_most: 5", "dfhjl"), ("at_most: 0", "d"),
    ("exists: true", EVERYBODY), ("absent: true", ""),
    ("before: 2100-01-01", ""), ("after: 1900-01-01", ""), ("within_last: 100 years", ""),
    ("before_last: 1 minute", ""), ("within_next: 100 years", ""), ("after_next: 1 minute", ""),
]  # fmt: skip


@pytest.mark.parametrize(("test", "expected"), COMPARATORS_ON_KINDS)
def test_comparators_on_every_kind_of_value(test: str, expected: str) -> None:
    history = History(
        traits=[trait(who, "t", value) for who, value in KINDS.items()],
        events=[event(who, "V", "2026-03-01", {"t": value, "in": {"t": value}}) for who, value in KINDS.items()],
    )
    assert history.members(f"{{trait: t, {test}}}", NOW) == expected
    assert history.members(f"{{event: V, where: {{t: {{{test}}}}}}}", NOW) == expected
    assert history.members(f"{{event: V, where: {{in.t: {{{test}}}}}}}", NOW) == expected
    assert history.members(f"{{event: V, first: t, {test}}}", NOW) == expected


def test_every_comparator_stands_in_a_table() -> None:
    rows = " ".join(test for test, _ in (*COMPARATORS, *COMPARATORS_ON_KINDS))
    assert [comparator for comparator in KNOWN_COMPARATORS if f"{comparator}:" not in rows] == []


ODD_NUMBERS = [
    ("at_least: 0", "b"), ("at_most: 10", "b"), ("equals: nan", "a"), ("exists: true", "abcd"), ("equals: 10", ""),
]  # fmt: skip


@pytest.mark.parametrize(("test", "expected"), ODD_NUMBERS)
def test_text_that_looks_like_no_number_is_none(test: str, expected: str) -> None:
    history = History(
        traits=[trait("a", "n", "nan"), trait("b", "n", "5"), trait("c", "n", "inf"), trait("d", "n", "1_0")]
    )
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


PATHS = [
    ("a.b", "x"), ("'a\\.b'", "y"), ("list.0.sku", "z"), ("list.1.sku", ""), ("a", ""),
    ("list.$.tags", "z"), ("list.$.tags.$", "z"), ("list.$.tags.1", "z"), ("list.$.tags.0", ""), ("a.$", ""),
    ("list.99999999999999999999.sku", ""), ("list.$.99999999999999999999", ""),
]  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_paths(path: str, expected: str) -> None:
    events = [
        event("x", "V", "2026-03-01", {"a": {"b": 1}}),
        event("y", "V", "2026-03-01", {"a.b": 1}),
        event("z", "V", "2026-03-01", {"list": [{"sku": 1, "tags": [7, 1]}, {"tags": []}]}),
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


# a is listed by an e-mail that is known as long as a is, b by one that was told a month later; c is not listed.
IN_LIST = [
    ("2025-12-31T23:59:59.999999", "", ""), ("2026-01-01T00:00:00", "a", "bc"),
    ("2026-01-31T23:59:59.999999", "a", "bc"), ("2026-02-01T00:00:00", "ab", "c"),
]  # fmt: skip


@pytest.mark.parametrize(("as_of", "inside", "outside"), IN_LIST)
def test_nobody_is_in_a_list_before_they_are_known_by_it(as_of: str, inside: str, outside: str) -> None:
    vip = IdentifierList(identifier="email", column="email", file="vip.csv")
    since = {"a": datetime(2026, 1, 1), "b": datetime(2026, 2, 1)}  # noqa: DTZ001 as the store keeps instants
    history = History(traits=[trait(who, "x", 1, "2026-01-01") for who in "abc"], lists={vip: since})
    assert history.members("{in_list: vip.csv}", as_of) == inside
    assert history.members("{not_in_list: vip.csv}", as_of) == outside
    assert history.members("{not: {in_list: vip.csv}}", as_of) == outside
    assert history.members("{all: [{in_list: vip.csv}, {trait: x, exists: true}]}", as_of) == inside


def test_no_text_of_an_engine_is_written() -> None:
    for path in Path(compiling.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8").casefold()
        assert not [word for word in ("duckdb", ".sql(", "select *", ".strip()", "raw_sql") if word in text], path

"""What came after an event: order, windows from the event on, counts, and values compared between the two."""

from typing import Any

import pytest
from tests.stages.audiences.histories import History, event, trait

NOW = "2026-03-10T12:00:00"

# a: added and bought 2 days later. b: bought and then added. c: added twice, bought after the first. d: same instant.
# e: added, bought 3 days and one second later, and again. f: only added. g: viewed, added, bought.
VISITS = History(
    events=[
        event("a", "Added", "2026-03-01T10:00:00", {"id": 1, "cart": {"n": 5}}),
        event("a", "Bought", "2026-03-03T10:00:00", {"id": "1", "n": 6, "items": [{"id": 1}, {"id": 2}]}),
        event("b", "Bought", "2026-03-01T10:00:00", {"id": 1}),
        event("b", "Added", "2026-03-02T10:00:00", {"id": 1}),
        event("c", "Added", "2026-03-01T10:00:00", {"id": "x"}),
        event("c", "Bought", "2026-03-01T11:00:00", {"id": "y", "n": 1, "items": [{"id": "x"}]}),
        event("c", "Added", "2026-03-02T10:00:00", {"id": "y"}),
        event("d", "Added", "2026-03-01T10:00:00", {"id": 1}),
        event("d", "Bought", "2026-03-01T10:00:00", {"id": 1}),
        event("e", "Added", "2026-03-01T10:00:00", {"id": ["p", "q"], "cart": {"n": 5}}),
        event("e", "Bought", "2026-03-04T10:00:01", {"id": "q", "n": 5}),
        event("e", "Bought", "2026-03-05T10:00:00", {"n": 7}),
        event("f", "Added", "2026-03-01T10:00:00", {"id": "z"}),
        event("g", "Viewed", "2026-03-01T10:00:00", {"id": "v"}),
        event("g", "Added", "2026-03-01T12:00:00", {"id": "v"}),
        event("g", "Bought", "2026-03-02T10:00:00", {"id": "w", "currency": "EUR"}),
    ],
    traits=[
        trait("a", "budget", 6),
        trait("c", "budget", "4"),
        trait("e", "budget", "a lot"),
        trait("g", "coin", "EUR"),
    ],
)
CASES = [
    ("then: {event: Bought}", "aceg"),
    ("then_not: {event: Bought}", "bcdf"),
    ("then: {event: Bought, within: 2 days}", "acg"),
    ("then: {event: Bought, within: 72h}", "acg"),
    ("then: {event: Bought, within: 47h}", "cg"),
    ("then: {event: Bought, within: 4 days}", "aceg"),
    ("then_not: {event: Bought, within: 3 days}", "bcdef"),
    ("then: {event: Bought, at_least: 2}", "e"),
    ("then: {event: Bought, at_least: 2, within: 4 days}", "e"),
    ("then: {event: Bought, at_least: 2, within: 95h}", ""),
    ("then: {event: Bought, exactly: 1}", "acg"),
    ("then: {event: Bought, at_most: 1}", "abcdfg"),
    ("then: [{event: Bought, where: {n: 5}}, {event: Bought, where: {n: 7}}]", "e"),
    ("then: {event: Bought, where: {n: 5}}, then_not: {event: Bought, where: {n: 8}}", "e"),
    ("then: {event: Bought, where: {id: {equals: {parent: id}}}}", "ae"),
    ("then_not: {event: Bought, where: {id: {equals: {parent: id}}}}", "bcdfg"),
    ("then: {event: Bought, where: {id: {not_equals: {parent: id}}}}", "cg"),
    ("then: {event: Bought, where: {items.$.id: {equals: {parent: id}}}}", "ac"),
    ("then: {event: Bought, where: {n: {greater_than: {parent: cart.n}}}}", "ae"),
    ("then: {event: Bought, where: {n: {at_most: {parent: cart.n}}}}", "e"),
    ("then: {event: Bought, where: {n: {greater_than: {parent: cart.n}, equals: 7}}}", "e"),
    ("then: {event: Bought, where: {n: {at_least: {trait: budget}}}}", "a"),
    ("then: {event: Bought, where: {n: {less_than: {trait: budget}}}}", "c"),
    ("then: {event: Bought, where: {currency: {equals: {trait: coin}}}}", "g"),
    ("then: {event: Bought, where: {any: [{n: 7}, {id: {equals: {parent: id}}}]}}", "ae"),
    ("then: {event: Bought, where: {not: {id: {equals: {parent: id}}}}}", "ceg"),
    ("where: {any: [{id: z}, {then: {event: Bought, within: 1h}}]}", "cf"),
    ("where: {not: {then: {event: Bought}}}", "bcdf"),
    ("where: {all: [{id: {exists: true}}, {cart.n: 5}]}", "ae"),
]


@pytest.mark.parametrize(("asked", "expected"), CASES)
def test_what_came_after(asked: str, expected: str) -> None:
    assert VISITS.members(f"{{event: Added, {asked}}}", NOW) == expected


STEPS = [
    ("then: {event: Added, then: {event: Bought}}", "g"),
    ("then: {event: Added, within: 2h, then: {event: Bought, within: 22h}}", "g"),
    ("then: {event: Added, within: 119m, then: {event: Bought}}", ""),
    ("then: {event: Added, then: {event: Bought, within: 21h}}", ""),
    ("then: {event: Added, where: {id: {equals: {parent: id}}}, then: {event: Bought}}", "g"),
    ("then: {event: Added, then: {event: Bought, where: {id: {equals: {parent: id}}}}}", ""),
    ("then: {event: Added, then_not: {event: Bought, where: {id: {equals: {parent: id}}}}}", "g"),
]


@pytest.mark.parametrize(("asked", "expected"), STEPS)
def test_three_steps(asked: str, expected: str) -> None:
    assert VISITS.members(f"{{event: Viewed, {asked}}}", NOW) == expected


def test_each_event_is_judged_and_then_counted() -> None:
    assert VISITS.members("{event: Added, then_not: {event: Bought}, exactly: 1}", NOW) == "bcdf"
    assert VISITS.members("{event: Added, then: {event: Bought}, exactly: 0}", NOW) == "bdf"
    assert VISITS.members("{event: Bought, sum: n, at_least: 6, where: {n: {exists: true}}}", NOW) == "ae"


# Values
BROWSING = History(
    events=[
        event("a", "Seen", "2026-03-01", {"cat": "shoes", "tags": [{"t": "x"}, {"t": "y"}]}),
        event("a", "Seen", "2026-03-02", {"cat": "hats"}),
        event("a", "Seen", "2026-03-03", {"cat": "hats", "tags": []}),
        event("b", "Seen", "2026-03-01", {"cat": "hats", "tags": [{"t": 7}, {"u": 1}]}),
        event("b", "Seen", "2026-03-02", {"cat": "shoes", "tags": "x"}),
        event("c", "Seen", "2026-03-01", {"cat": None}),
        event("d", "Seen", "2026-03-01", {"cat": 12}),
        event("d", "Seen", "2026-03-02", {"cat": "2026-03-09"}),
    ]
)
VALUES = [
    ("first: cat, equals: shoes", "a"),
    ("last: cat, equals: shoes", "b"),
    ("last: cat, within_last: 2 days", "d"),
    ("first: cat, at_least: 12", "d"),
    ("first: cat, not_equals: shoes", "bd"),
    ("first: cat, absent: true", "c"),
    ("first: cat, exists: true", "abd"),
    ("most_frequent: cat, equals: hats", "ab"),  # of b's two, once each, the first by alphabet
    ("most_frequent: cat, equals: hats, minimum: 2", "a"),
    ("most_frequent: cat, one_of: [hats, '12'], minimum: 1", "abd"),
    ("where: {tags.$.t: x}", "a"),
    ("where: {tags.$.t: [x, 7]}", "ab"),
    ("where: {tags.$.t: {not_equals: x}}", "b"),
    ("where: {tags.$.t: {at_least: 7}}", "b"),
    ("where: {tags.$.t: {exists: true}}", "ab"),
    ("where: {tags.$.u: {equals: 1}}", "b"),
]


@pytest.mark.parametrize(("asked", "expected"), VALUES)
def test_values_of_events(asked: str, expected: str) -> None:
    assert BROWSING.members(f"{{event: Seen, {asked}}}", NOW) == expected


# a: all of the values told, b: null, c: no such property, d: no such event
NULLS = History(
    events=[
        event("a", "Seen", "2026-03-01", {"n": 5, "cat": "x"}),
        event("b", "Seen", "2026-03-01", {"n": None, "cat": None}),
        event("c", "Seen", "2026-03-01"),
        event("d", "Other", "2026-03-01", {"n": 5, "cat": "x"}),
    ]
)
NULL_CASES = [
    ("first: cat, absent: true", "bcd"), ("first: cat, exists: true", "a"), ("first: cat, not_equals: y", "a"),
    ("last: cat, none_of: [y]", "a"), ("last: cat, omits: y", "a"), ("most_frequent: cat, absent: true", "bcd"),
    ("most_frequent: cat, minimum: 2, absent: true", "abcd"), ("most_frequent: cat, minimum: 2, not_equals: y", ""),
    ("sum: n, not_equals: 7", "a"), ("average: n, at_most: 7", "a"), ("min: n, less_than: 7", "a"),
    ("max: n, less_than: 7", "a"), ("sum: n, equals: 0", ""), ("distinct: n, equals: 0", "bcd"),
    ("distinct: n, less_than: 1", "bcd"), ("distinct: n, not_equals: 0", "a"), ("distinct: n, not_equals: 1", "bcd"),
    ("where: {cat: {exists: true}}, exactly: 0", "bcd"), ("where: {cat: {absent: true}}", "bc"),
    ("where: {cat: {not_equals: y}}", "a"), ("where: {not: {cat: y}}", "abc"), ("where: {not: {cat: x}}", "bc"),
    ("where: {not: {n: {greater_than: 9}}}", "abc"), ("where: {n: {not_equals: {trait: missing}}}", ""),
    ("where: {not: {n: {equals: {trait: missing}}}}", "abc"), ("where: {any: [{cat: y}, {n: {absent: true}}]}", "bc"),
    ("then_not: {event: Never}", "abc"), ("then: {event: Never, at_most: 0}", "abc"),
    ("then: {event: Never, at_least: 0}", "abc"), ("then: {event: Never}", ""),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "expected"), NULL_CASES)
def test_nothing_there(asked: str, expected: str) -> None:
    assert NULLS.members(f"{{event: Seen, {asked}}}", NOW) == expected


# A looked-up value beside the property: a: number and its text, b: lists that share one, c: lists that do not, d: null,
# e: an empty list, f: no numbers, g: true and its text
PAIRS: dict[str, tuple[Any, Any]] = {
    "a": (5, "5.0"), "b": (["x", 9], ["y", 9.0]), "c": ([1, 4], ["2", None]), "d": (None, "x"), "e": ([], "x"),
    "f": ("inf", "Infinity"), "g": (True, "true"),
}  # fmt: skip
LIKES = [
    ("equals", "abg"), ("not_equals", "cef"), ("greater_than", "c"), ("at_least", "abc"), ("less_than", "c"),
    ("at_most", "abc"),
]  # fmt: skip


@pytest.mark.parametrize(("comparator", "expected"), LIKES)
def test_values_looked_up(comparator: str, expected: str) -> None:
    """Of c, 4 is more than 2 and 1 is less: of a list, one element is enough."""
    before = [event(who, "Before", "2026-03-01", {"p": looked_up}) for who, (_, looked_up) in PAIRS.items()]
    after = [event(who, "After", "2026-03-02", {"p": value}) for who, (value, _) in PAIRS.items()]
    traits = [trait(who, "p", looked_up) for who, (_, looked_up) in PAIRS.items()]
    history = History(events=[*before, *after], traits=traits)
    parent, held = (f"{{event: After, where: {{p: {{{comparator}: {{{of}: p}}}}}}}}" for of in ("parent", "trait"))
    assert history.members(f"{{event: Before, then: {parent}}}", NOW) == expected
    assert history.members(held, NOW) == expected


LIMITS = [
    # within, the instant of the next step after 2026-03-28T12:00:00, in?
    ("30m", "2026-03-28T12:30:00", True), ("30m", "2026-03-28T12:30:00.000001", False),
    ("1 hour", "2026-03-28T13:00:00", True), ("1 hour", "2026-03-28T13:00:00.000001", False),
    ("1 day", "2026-03-29T12:00:00", True), ("1 day", "2026-03-29T12:00:00.000001", False),
    ("1 week", "2026-04-04T12:00:00", True), ("1 week", "2026-04-04T12:00:00.000001", False),
    ("1 week", "2026-03-28T12:00:00", False), ("1 week", "2026-03-28T12:00:00.000001", True),
    ("1 week", "2026-03-28T11:59:59.999999", False),
]  # fmt: skip


@pytest.mark.parametrize("counted", ["", ", at_least: 1, where: {n: {equals: {parent: n}}}"])
@pytest.mark.parametrize(("within", "at", "inside"), LIMITS)
def test_the_limits_of_a_next_step_elapse(counted: str, within: str, at: str, inside: bool) -> None:
    """Over a night in which the clocks of Berlin go forward."""
    history = History(events=[event("a", "A", "2026-03-28T12:00:00", {"n": 1}), event("a", "B", at, {"n": 1})])
    told = f"{{event: A, then: {{event: B, within: {within}{counted}}}}}"
    assert history.members(told, "2026-05-01") == ("a" if inside else "")


def test_what_is_still_to_come_came_after_nothing() -> None:
    history = History(events=[event("a", "A", "2026-03-01"), event("a", "B", "2026-03-10T12:00:00.000001")])
    assert history.members("{event: A, then: {event: B}}", NOW) == ""
    assert history.members("{event: A, then: {event: B}}", "2026-03-10T12:00:00.000001") == "a"


def test_events_of_one_instant_go_by_their_message_id_and_their_source() -> None:
    told = [("m2", "a", "x"), ("m1", "b", "y"), ("m1", "a", "z")]
    rows = [{**event("a", "A", "2026-03-01", {"p": value}, source), "message_id": id_} for id_, source, value in told]
    history = History(events=rows)
    assert history.members("{event: A, first: p, equals: z}", NOW) == "a"
    assert history.members("{event: A, last: p, equals: x}", NOW) == "a"

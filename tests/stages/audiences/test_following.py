"""What came after an event: order, windows from the event on, counts, and values compared between the two."""

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

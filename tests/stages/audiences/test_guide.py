"""The guide teaches by examples; each is read and run here, over one small history."""

import re
from pathlib import Path

import pytest
from tests.stages.audiences.histories import BERLIN, History, event, trait, utc

from guestlist.audiences.comparators import COMPARATORS
from guestlist.audiences.document import read
from guestlist.audiences.evaluate import members
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.query import read_query
from guestlist.audiences.question import Question

GUIDE = (Path(__file__).parents[3] / "docs" / "audiences.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
QUERIES = re.findall(r"```query\n(.*?)```(.*?)(?=```query|\Z)", GUIDE, re.DOTALL)
DEFINITIONS = {definition.key: definition for definition in map(read, EXAMPLES)}

HISTORY = History(
    events=[
        event("a", "Order Completed", "2026-01-15", {"total": 90, "currency": "EUR", "tags": ["boots"]}),
        event("a", "Order Completed", "2026-02-20", {"total": 90, "currency": "EUR"}),
        event("b", "Order Completed", "2025-11-01", {"total": 30, "tags": "shoes", "delivery": {"country": "DE"}}),
        event("b", "Product Added", "2026-03-09"),
        event("c", "Product Added", "2026-03-08"),
        event("c", "Order Completed", "2026-03-09", {"total": 500, "tags": ["shoes"], "delivery": {"country": "DE"}}),
        event("d", "Product Added", "2026-02-20T10:00:00", {"id": 4}),
        event("d", "Checkout Started", "2026-02-21", {"id": 4}),
        event("d", "Order Completed", "2026-02-25", {"products": [{"id": 4}]}),
    ],
    traits=[
        trait("a", "country", "NO"),
        trait("a", "usual_total", 80),
        trait("b", "usual_total", 30),
        trait("b", "level", "gold"),
        trait("c", "level", "silver"),
        trait("c", "next_birthday", "2026-03-24"),
        trait("d", "next_birthday", "2026-03-25"),
    ],
)
EXPECTED = {
    "left_a_cart": "b",
    "loyal_in_the_north": "a",
    "quiet": "b",
    "big_spenders": "a",
    "bought_shoes": "b",
    "january": "a",
    "birthday_soon": "c",
    "everyone_but_gold": "acd",
    "two_accounts": "abcd",
    "morning_list": "acd",
    "came_for_shoes": "bc",
    "left_at_the_till": "d",
    "added_but_did_not_buy_that": "bc",
    "above_their_habit": "a",
    "two_offers": "abcd",
    "pasted": "ab",
    "pasted_in_yaml": "ab",
    "added_but_did_not_buy_that_in_time": "bcd",
}


@pytest.mark.parametrize("key", DEFINITIONS)
def test_an_example_of_the_guide(key: str) -> None:
    question = Question(relations=HISTORY.relations, as_of=utc("2026-03-10T12:00:00"), zone=BERLIN)
    found = HISTORY.engine.to_pyarrow(members(DEFINITIONS[key], question, DEFINITIONS.values()))
    assert "".join(sorted(found["profile_id"].to_pylist())) == EXPECTED[key]


def test_a_query_of_the_guide_means_what_the_yaml_below_it_means() -> None:
    assert len(QUERIES) > 1
    for query, below in QUERIES:
        mistakes = Mistakes()
        found = read_query(query, "query", mistakes)
        assert mistakes.found == []
        examples = re.findall(r"```yaml\n(.*?)```", below.partition("\n## ")[0], re.DOTALL)
        assert examples
        assert {read(example).who for example in examples} == {found}


LANGUAGE = GUIDE.partition("## The query language")[2].partition("\n## ")[0]
PIECES = [
    one
    for one in re.findall(r"`([^`\n]*\([^`\n]*\)[^`\n]*)`", LANGUAGE.partition("Comparators follow")[0])
    if "..." not in one
]
STEP = "event('A').where(event('B'){}.count() >= 1).count() >= 1"
AROUND = ("{}", "event('A'){}", "event('A'){}.count() >= 1", "event('A'){} >= 1", STEP, STEP.format(".where({})"))
"""What a piece of a query may stand in."""


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_of_a_query_in_the_guide_is_understood(piece: str) -> None:
    assert any(understood(around.format(piece)) for around in AROUND)
    assert not any(understood(around.format(piece.replace("(", "[", 1))) for around in AROUND)


def understood(text: str) -> bool:
    mistakes = Mistakes()
    read_query(text, "query", mistakes)
    return not mistakes.found


def test_the_guide_shows_pieces_of_queries() -> None:
    assert len(PIECES) > 12


def test_the_guide_names_every_comparator() -> None:
    assert [name for name in COMPARATORS if f"`{name}`" not in GUIDE] == []

"""A query pasted into a file as it is: without quotes, on one line or several."""

import pytest

from guestlist.audiences.definition import Definition
from guestlist.audiences.document import read
from guestlist.audiences.mistakes import DefinitionError

QUERIES = [
    "event('Order Completed').where(event('A').within(parent: 3 days).count() = 0).count() >= 1",
    "event('A').sources({exclude: ['web']}).count() >= 1;",
    "NOT (event('A').sources({include: ['web', 'shop']}).count() = 0) OR trait('level') = 'gold: # \"1\"'",
    "( list(file: 'lists/vip.csv', column: 'mail', type: 'email') = true )",
    "event('A')\n      .sources({exclude: ['web']})\n\n      .count() >= 1",
]


def quoted(query: str) -> Definition:
    body = "\n".join(f"  {line}" for line in query.split("\n"))
    return read(f"key: a\nwho: |\n{body}\nname: A\n")


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_on_the_line_of_who(query: str) -> None:
    assert read(f"key: a\nwho: {query}\nname: A\n") == quoted(query)


@pytest.mark.parametrize("query", QUERIES)
def test_queries_among_other_conditions(query: str) -> None:
    inside = quoted(query).who
    text = f"key: a\nwho:\n  all:\n  - {query}\n  -  {query}\n  - not: {query}\n  - trait: x\n    equals: 1\n"
    found = read(text).who
    assert found.conditions[0] == found.conditions[1] == found.conditions[2].condition == inside  # type: ignore[union-attr]
    assert len(found.conditions) == 4  # type: ignore[union-attr]


def test_what_yaml_reads_is_left_as_it_is() -> None:
    text = "key: a\nwho: event('A').count() >= 1  # whoever did it\nname: A\n"
    assert read(text) == quoted("event('A').count() >= 1")


def test_a_mistake_in_it_is_told_as_of_any_query() -> None:
    with pytest.raises(DefinitionError, match=r"who: column \d+: `foo` is not known here"):
        read("key: a\nwho: event('A').foo(parent: 1).count() >= 1\n")


def test_what_still_cannot_be_read_says_where_a_query_goes() -> None:
    with pytest.raises(
        DefinitionError, match=r"line 2, column \d+: .* A query goes below `who: \|`, on lines of its own"
    ):
        read("key: a\nwho: event('A').within(parent: 3 days).count() >= 1\nname: [\n")
    with pytest.raises(DefinitionError, match="Check quotes, colons"):
        read("key: a\nname: [\nwho: x\n")

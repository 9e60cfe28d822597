"""What is written as a query reads back as the same tree."""

from hypothesis import given, settings
from tests.unit.audiences.trees import conditions

from guestlist.audiences import definition as d
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.query import read_query
from guestlist.audiences.query_text import query_text


def read_back(text: str, audiences: frozenset[str]) -> d.Condition:
    mistakes = Mistakes()
    found = read_query(text, "who", mistakes, audiences=audiences)
    assert mistakes.found == []
    assert found is not None
    return found


@settings(deadline=None)
@given(conditions(fewest=2))
def test_a_tree_reads_back(condition: d.Condition) -> None:
    text = query_text(condition)
    assert repr(read_back(text, d.references(condition))) == repr(condition)


@settings(deadline=None)
@given(conditions())
def test_written_again_it_is_the_same_text(condition: d.Condition) -> None:
    """Groups of one are lost the first time, and nothing after that."""
    text = query_text(condition)
    again = read_back(text, d.references(condition))
    assert query_text(again) == text
    assert repr(read_back(text, d.references(condition))) == repr(again)

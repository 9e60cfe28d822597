"""What is written as a query reads back as the same tree."""

import pytest
from hypothesis import given, settings
from tests.unit.audiences.trees import conditions

from guestlist.audiences import definition as d
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.query import read_query
from guestlist.audiences.query_text import query_text
from guestlist.errors import GuestlistError


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


def trait(name: str, test: d.Test) -> d.Trait:
    return d.Trait(trait=name, test=test)


def equals(value: d.Scalar) -> d.Matches:
    return d.Matches(comparator="equals", values=(value,))


@pytest.mark.parametrize("text", ["C:\\", "\\'", "it's", '"', "\n", "\\n", "a\\\\.b", "\t", "", "true", "5"])
def test_a_text_reads_back_as_it_is(text: str) -> None:
    condition = trait("x", equals(text))
    assert read_back(query_text(condition), frozenset()) == condition


def step(*where: d.Filter) -> d.Event:
    return d.Event(step=d.Step(event="A", where=where))


UNSAYABLE = [
    (trait("vip", equals(True)), "an audience has that key"),
    (trait("vip", equals("false")), "an audience has that key"),
    (trait("vip", d.Matches(comparator="not_equals", values=(True,))), "an audience has that key"),
    (trait("a\\.b", equals(1)), "backslash before a dot"),
    (step(d.PropertyTest(path="a\\\\.b", test=equals(1))), "backslash before a dot"),
    (step(d.NoTest(test=d.EveryTest(tests=()))), "a group with nothing in it"),
]


@pytest.mark.parametrize(("condition", "what"), UNSAYABLE)
def test_what_has_no_words_is_named(condition: d.Condition, what: str) -> None:
    with pytest.raises(GuestlistError) as caught:
        query_text(condition, audiences=frozenset({"vip"}))
    assert (caught.value.code, what in caught.value.message) == ("query_cannot_say", True)


@pytest.mark.parametrize("test", [equals(1), equals("yes"), d.Matches(comparator="one_of", values=(True,))])
def test_a_trait_may_be_called_like_an_audience_otherwise(test: d.Test) -> None:
    condition = trait("vip", test)
    audiences = frozenset({"vip"})
    assert read_back(query_text(condition, audiences=audiences), audiences) == condition

"""What is written reads back as the same definition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.audiences.trees import MOMENTS, SYNCS, TEXTS, conditions

from guestlist.audiences import definition as d
from guestlist.audiences.conditions import read_condition
from guestlist.audiences.document import read
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.writing import as_yaml, condition_document, definition_document


def read_back(document: object) -> d.Condition | None:
    mistakes = Mistakes()
    found = read_condition(document, "who", mistakes)
    assert mistakes.found == []
    return found


@settings(deadline=None)
@given(conditions())
def test_a_condition_reads_back(condition: d.Condition) -> None:
    assert repr(read_back(condition_document(condition))) == repr(condition)


def prop(path: str, comparator: d.NumberComparator = "at_least", number: int = 1) -> d.PropertyTest:
    return d.PropertyTest(path=path, test=d.Amount(comparator=comparator, number=number))


DONE = d.Then(step=d.Step(event="B"), count=d.Count())
NOT_DONE = d.Then(step=d.Step(event="B"), count=d.Count(comparator="exactly", number=0))
ORDERS: list[tuple[d.Filter, ...]] = [
    (DONE, NOT_DONE),
    (NOT_DONE, DONE),
    (NOT_DONE, NOT_DONE, DONE, DONE, NOT_DONE),
    (DONE, prop("a"), DONE),
    (prop("a"), prop("a", "less_than"), prop("b")),
    (prop("a"), prop("b"), prop("a", "less_than")),
    (prop("a"), prop("a", number=2)),
    (prop("all"), d.EveryTest(tests=(prop("a"), prop("b"))), d.EveryTest(tests=(prop("c"),))),
    (d.EveryTest(tests=(prop("a"), prop("a"))),),
    (d.NoTest(test=prop("equals")), d.NoTest(test=prop("a")), d.NoTest(test=d.EveryTest(tests=()))),
    (prop("then"), DONE, prop("then_not"), prop("not"), prop("any"), prop("event")),
]


@pytest.mark.parametrize("where", ORDERS)
def test_filters_keep_their_order(where: tuple[d.Filter, ...]) -> None:
    condition = d.Event(step=d.Step(event="A", where=where))
    assert read_back(condition_document(condition)) == condition


@settings(deadline=None)
@given(conditions())
def test_a_condition_reads_back_from_yaml(condition: d.Condition) -> None:
    text = as_yaml(definition_document(d.Definition(key="a", name="a", who=condition)))
    assert repr(read(text).who) == repr(condition)


def groups(names: list[str]) -> st.SearchStrategy[tuple[d.Group, ...]]:
    shares = st.lists(st.sampled_from([0.5, 10, 12.5, 20, 33.33]), min_size=len(names), max_size=len(names))
    return shares.map(lambda found: tuple(d.Group(name=n, percent=float(p)) for n, p in zip(names, found, strict=True)))


DEFINITIONS = st.builds(
    d.Definition,
    key=st.just("a"),
    name=TEXTS.filter(lambda text: bool(text) and not text.isspace()),
    who=st.just(d.Trait(trait="x", test=d.Presence(comparator="exists"))),
    description=TEXTS.filter(lambda text: not text.isspace()),
    syncs=st.lists(SYNCS, max_size=2, unique_by=lambda sync: sync.to).map(tuple),
    owner=st.sampled_from(["files", "page"]),
    anonymous=st.booleans(),
    since=st.none() | st.just("now") | MOMENTS,
    sample=st.sampled_from([100, 1.5, 0.0001, 33.0]),
    split=st.sampled_from([[], ["a"], ["a", "b"], ["holdout"]]).flatmap(groups),
)


@settings(deadline=None)
@given(DEFINITIONS)
def test_a_definition_reads_back(definition: d.Definition) -> None:
    assert read(as_yaml(definition_document(definition))) == definition


@settings(deadline=None)
@given(st.floats(0.01, 99.9), st.floats(0.01, 100))
def test_shares_of_a_split_beside_a_hold_out_read_back(held: float, share: float) -> None:
    text = f"key: a\nwho: {{trait: x, exists: true}}\nholdout: {held:.6f}\nsplit: {{b: {share:.6f}}}"
    definition = read(text)
    assert read(as_yaml(definition_document(definition))) == definition


def test_shares_are_written_as_they_were_said() -> None:
    text = "key: a\nwho:\n  event: A\nholdout: 1%\nsplit:\n  - discount: 50%\n  - gift: 1.3%\n"
    assert as_yaml(definition_document(read(text))) == text


def test_a_document_is_as_short_as_a_person_would_write_it() -> None:
    text = """\
key: left_a_cart
name: Left a cart
who:
  all:
    - event: Product Added
      within: 7 days
      where:
        currency: EUR
        total:
          at_least: 20
          less_than: 200
        any:
          - tags:
              - shoes
              - boots
            brand: Northwind
          - not:
              delivery.country: US
      then_not:
        event: Order Completed
        within: 3 days
        where:
          id:
            equals:
              parent: id
    - trait: country
      one_of:
        - NO
        - SE
    - not_member_of: staff
sync: main
"""
    assert as_yaml(definition_document(read(text))) == text

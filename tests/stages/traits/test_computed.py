"""Computed traits of small hand-worked histories, in a real engine."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.stages.audiences.histories import BERLIN, EVENT, MEMBERSHIP, TRAIT, History, event, table, trait, utc

from guestlist.audiences.definition import Trait
from guestlist.audiences.document import read as read_audience
from guestlist.audiences.evaluate import members, relations
from guestlist.audiences.mistakes import DefinitionError
from guestlist.audiences.question import Question
from guestlist.audiences.traits.computing import computed
from guestlist.audiences.traits.definition import ComputedTrait
from guestlist.audiences.traits.document import read
from guestlist.audiences.traits.working import Ways, keep_traits, needed, with_traits
from guestlist.store import Warehouse

EVENTS = [
    event(
        "a", "Order", "2026-03-01", {"total": 10, "cur": "EUR", "tags": ["x", "b"], "items": [{"id": "p"}, {"id": 4}]}
    ),
    event("a", "Order", "2026-03-03", {"total": 10.5, "cur": "EUR", "tags": ["x"], "flag": True}),
    event(
        "a", "Order", "2026-03-05T10:00:00", {"total": "3", "cur": "USD", "tags": 'a"q', "address": {"city": "Kiel"}}
    ),
    event("a", "Order", "2026-03-05T10:00:00", {"total": 1, "cur": "USD", "a.b": "dotted"}, source="shop"),
    event("b", "Order", "2026-03-05", {"total": None, "cur": "", "tags": []}),
    event("b", "Refund", "2026-03-06", {"total": 2}),
    event("c", "Refund", "2026-03-06", {"total": 0.1}),
    event("c", "Refund", "2026-03-07", {"total": 0.2}),
    event("d", "Visit", "2026-03-07"),
    event("d", "Order", "2026-03-20", {"total": 1000}),
]
AS_OF = "2026-03-10T12:00:00"
VALUES = [
    ("count: true", {"a": "4", "b": "1"}),
    ("count: true\nwithin: 6 days", {"a": "2", "b": "1"}),
    ("count: true\nfrom: 2026-03-03\nto: 2026-03-03", {"a": "1"}),
    ("count: true\nwhere: { total: { at_least: 10 } }", {"a": "2"}),
    ("count: true\nsource: shop", {"a": "1"}),
    ("count: true\nthen: { event: Refund }", {"b": "1"}),
    ("sum: total", {"a": "24.5"}),
    ("average: total", {"a": "6.125"}),
    ("min: total", {"a": "1"}),
    ("max: total", {"a": "10.5"}),
    ("most_frequent: cur", {"a": "EUR"}),
    ("most_frequent: cur\nminimum: 3", {}),
    ("most_frequent: cur\nminimum: 1", {"a": "EUR", "b": ""}),
    ("first: cur", {"a": "EUR", "b": ""}),
    ("last: cur", {"a": "USD", "b": ""}),
    ("last: total", {"a": "1"}),
    ("first: flag", {"a": "true"}),
    ("first: address.city", {"a": "Kiel"}),
    ("first: a\\.b", {"a": "dotted"}),
    ("first: tags.0", {"a": "x"}),
    ("unique_list: cur", {"a": '["EUR","USD"]', "b": '[""]'}),
    ("unique_list: tags", {"a": '["a\\"q","b","x"]'}),
    ("unique_list: items.$.id", {"a": '["4","p"]'}),
    ("unique_list_count: tags", {"a": "3"}),
    ("sum: total\nless: { event: Refund, sum: total }", {"a": "24.5", "b": "-2", "c": "-0.3"}),
]


class Written:
    """Intermediate results of one history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.number = 0

    def __call__(self, name: str, rows: Any) -> Any:
        self.number += 1
        return self.history.engine.create_table(f"{name}_{self.number}", rows)


def values(history: History, traits: Sequence[ComputedTrait], as_of: str = AS_OF) -> dict[str, dict[str, str]]:
    found = {}
    for one, rows in computed(traits, lambda: history.question(as_of), Written(history)):
        lines = history.engine.to_pyarrow(rows).to_pylist()
        found[one.key] = {line["profile_id"]: line["value"] for line in lines}
        assert len(lines) == len(found[one.key])
    return found


def of_orders(text: str, key: str = "x") -> ComputedTrait:
    definition = read(f"key: {key}\nevent: Order\n{text}")
    assert isinstance(definition, ComputedTrait)
    return definition


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_a_trait(text: str, expected: dict[str, str]) -> None:
    assert values(History(events=EVENTS), [of_orders(text)])["x"] == expected


def test_traits_of_the_same_events_do_not_disturb_each_other() -> None:
    traits = [of_orders(text, f"t{number}") for number, (text, _) in enumerate(VALUES)]
    assert values(History(events=EVENTS), traits) == {f"t{n}": expected for n, (_, expected) in enumerate(VALUES)}


def test_a_whole_number_has_no_fraction_and_what_is_too_large_is_no_value() -> None:
    orders = [event("a", "Order", "2026-03-01", {"total": 2**53})]
    orders += [event("b", "Order", f"2026-03-0{day}", {"total": 1e308}) for day in (1, 2)]
    assert values(History(events=orders), [of_orders("sum: total")])["x"] == {"a": str(2**53)}


def test_a_lifetime_value_in_one_line() -> None:
    orders = [event("a", "Order Completed", "2026-01-01", {"total": 50, "revenue": 40, "currency": "EUR"})]
    orders += [event("a", "Order Refunded", "2026-01-02", {"total": 20, "revenue": 10, "currency": "EUR"})]
    orders += [event("a", "Order Completed", "2026-01-03", {"total": 7, "revenue": 7, "currency": "USD"})]
    told = [
        ("lifetime_value: true", "37"),
        ("lifetime_value: revenue", "37"),
        ("{ lifetime_value: true, where: { currency: EUR } }", "30"),
        ("{ lifetime_value: true, from: 2026-01-02 }", "-13"),
    ]
    for text, value in told:
        definition = read(text)
        assert isinstance(definition, ComputedTrait)
        assert values(History(events=orders), [definition]) == {"lifetime_value": {"a": value}}


def test_a_trait_may_compare_with_one_before_it() -> None:
    average = of_orders("average: total", "usual")
    above = of_orders("count: true\nwhere: { total: { greater_than: { trait: usual } } }", "above")
    history = History(events=EVENTS)
    with_usual = History(events=EVENTS, traits=[trait("a", "usual", 6.125)])
    assert values(with_usual, [above]) == {"above": {"a": "2"}}
    question = with_traits(Stored(history), [above, average], history.question(AS_OF), NO_WAYS)
    held = history.engine.to_pyarrow(question.relations.trait).to_pylist()
    assert {(one["key"], one["value"]) for one in held} == {("usual", "6.125"), ("above", "2")}
    assert [one.key for one in needed([above, average], {"above"})] == ["above", "usual"]
    assert needed([above, average], {"other"}) == ()


def test_traits_in_a_circle_are_refused_by_name() -> None:
    one = of_orders("count: true\nwhere: { total: { greater_than: { trait: two } } }", "one")
    two = of_orders("count: true\nwhere: { total: { greater_than: { trait: one } } }", "two")
    with pytest.raises(DefinitionError, match="`one` -> `two` -> `one`"):
        values(History(events=EVENTS), [one, two])


def _nobody(*_: object) -> Any:
    raise AssertionError


NO_WAYS = Ways(ask=_nobody, find_people=_nobody)


class Stored:
    """What keeping asks of a store, over a history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.materialise = Written(history)

    def has(self, name: str) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


# Kept in the store


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as opened:
        opened.replace("event", table(EVENTS, EVENT))
        opened.replace("trait", table([trait("a", "spent", 9), trait("z", "spent", 8), trait("z", "vip", True)], TRAIT))
        opened.replace("membership", table([], MEMBERSHIP))
        yield opened


def kept(warehouse: Warehouse, key: str = "spent") -> dict[str, tuple[str, str]]:
    lines = warehouse.read(warehouse.table("computed_trait")).to_pylist()
    return {line["profile_id"]: (line["value"], f"{line['at']:%d}") for line in lines if line["key"] == key}


Keep = Callable[..., None]


@pytest.fixture
def keep(warehouse: Warehouse) -> Keep:
    def on(day: str, *texts: str) -> None:
        traits = [of_orders(text, "spent") for text in texts]
        assert keep_traits(warehouse, traits, utc(f"2026-03-{day}"), BERLIN, NO_WAYS) == {}

    return on


def test_only_what_changed_is_written_with_the_instant_it_changed_at(warehouse: Warehouse, keep: Keep) -> None:
    for day in ("02", "04"):
        keep(day, "sum: total")
    assert kept(warehouse) == {"a": ("20.5", "04")}
    keep("10", "sum: total")
    keep("21", "sum: total")
    assert kept(warehouse) == {"a": ("24.5", "10"), "d": ("1000", "21")}
    keep("22", "sum: total\nwithin: 5 days")
    assert kept(warehouse) == {"d": ("1000", "21")}
    keep("23")
    assert kept(warehouse) == {}


def test_a_trait_that_is_worked_out_hides_what_was_sent_under_its_key(warehouse: Warehouse, keep: Keep) -> None:
    keep("10", "sum: total")
    definition = read_audience("key: x\nwho: { trait: spent, at_least: 8 }")
    assert isinstance(definition.who, Trait)
    question = Question(relations=relations(warehouse), as_of=utc("2026-03-11"), zone=BERLIN)
    found = warehouse.read(members(definition, question)).column("profile_id").to_pylist()
    assert found == ["a"]
    vip = read_audience("key: x\nwho: { trait: vip, exists: true }")
    assert warehouse.read(members(vip, question)).column("profile_id").to_pylist() == ["z"]


def test_as_of_a_day_gone_by_the_values_are_those_of_that_day(warehouse: Warehouse, keep: Keep) -> None:
    keep("10", "sum: total")
    spent = of_orders("sum: total", "spent")

    def held(day: str) -> list[tuple[str, str, str]]:
        question = Question(relations=relations(warehouse), as_of=utc(f"2026-03-{day}"), zone=BERLIN)
        told = with_traits(warehouse, [spent], question, NO_WAYS).relations.trait
        lines = warehouse.read(told.filter(told.key == "spent")).to_pylist()
        return sorted((line["profile_id"], line["value"], f"{line['at']:%d}") for line in lines)

    assert held("04") == [("a", "20.5", "04")]
    assert held("12") == [("a", "24.5", "10")]  # since when it is so is known
    assert held("21") == [("a", "24.5", "10"), ("d", "1000", "21")]
    assert kept(warehouse) == {"a": ("24.5", "10")}

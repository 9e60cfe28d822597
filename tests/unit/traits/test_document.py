"""Files of traits become definitions; whatever is wrong is told with its path and what was probably meant."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.unit.audiences.test_schema import as_json_holds_it, load

from guestlist.audiences.definition import Amount, Duration, PropertyTest, Step, Within
from guestlist.audiences.mistakes import DefinitionError
from guestlist.audiences.traits.definition import ComputedTrait, SqlTrait, Takings
from guestlist.audiences.traits.document import REDUCERS, read, read_folder
from guestlist.audiences.traits.schema import as_json, published, schema

ORDER = Step(event="Order")
GOOD: list[tuple[str, ComputedTrait | SqlTrait]] = [
    ("key: n\nevent: Order\ncount: true", ComputedTrait(key="n", name="n", step=ORDER, reducer="count")),
    (
        "{ key: n, name: N, description: D, event: Order, where: { total: { at_least: 5 } }, within: 7 days, max: total }",
        ComputedTrait(
            key="n",
            name="N",
            description="D",
            step=Step(event="Order", where=(PropertyTest(path="total", test=Amount(comparator="at_least", number=5)),)),
            window=Within(last=Duration(amount=7, unit="days")),
            reducer="max",
            path="total",
        ),
    ),
    (
        "{ key: n, event: Order, most_frequent: a.b, minimum: 3 }",
        ComputedTrait(key="n", name="n", step=ORDER, reducer="most_frequent", path="a.b", minimum=3),
    ),
    (
        "lifetime_value: true",
        ComputedTrait(
            key="lifetime_value",
            name="lifetime_value",
            step=Step(event="Order Completed"),
            reducer="sum",
            path="total",
            less=Takings(step=Step(event="Order Refunded"), path="total"),
        ),
    ),
    ("{ key: n, query: SELECT 1 }", SqlTrait(key="n", name="n", query="SELECT 1", columns=(("n", "n"),))),
    (
        "{ key: n, query: SELECT 1, column: x, identifier: card }",
        SqlTrait(key="n", name="n", query="SELECT 1", columns=(("n", "x"),), identifier="card"),
    ),
    (
        "{ key: n, query: SELECT 1, columns: [a, b] }",
        SqlTrait(key="n", name="n", query="SELECT 1", columns=(("a", "a"), ("b", "b"))),
    ),
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_a_definition(text: str, expected: ComputedTrait | SqlTrait) -> None:
    assert read(text) == expected
    assert valid(text)


@pytest.mark.parametrize("reducer", REDUCERS)
def test_every_way_of_making_one_value_of_many(reducer: str) -> None:
    text = f"key: n\nevent: Order\n{reducer}: total"
    told = read(text)
    assert isinstance(told, ComputedTrait)
    assert (told.reducer, told.path) == (reducer, "total")
    assert valid(text)


MISTAKES = [
    ("", "file: is empty", "`event:`"),
    ("key: n", "event: is missing", ""),
    ("event: Order\ncount: true", "key: is missing: it names the trait", "my_trait"),
    ("{ key: n, event: Order }", "trait: does not say what it is", "count: true"),
    ("{ key: n, event: Order, sum: a, max: b }", "trait: has `sum` and `max`", ""),
    ("{ key: n, event: Order, count: yes please }", "count: must be true", "`where`"),
    ("{ key: n, event: Order, summ: total }", "summ: is not known here", "Did you mean `sum`?"),
    ("{ key: n, event: Order, avg: total }", "avg: is not known here", "Did you mean `average`?"),
    ("{ key: n, event: Order, sum: 5 }", "sum: must be text", ""),
    ("{ key: n, event: Order, sum: a..b }", "sum: is not a property", ""),
    *(
        (f"{{ key: n, event: Order, {reducer}: items.$.price }}", f"{reducer}: has a `$`", "such as `items.0.price`")
        for reducer in ("sum", "average", "min", "max")
    ),
    ("{ key: n, event: Order, sum: a, less: { event: Refund, sum: a.$ } }", "less.sum: has a `$`", ""),
    ("lifetime_value: items.$.price", "lifetime_value: has a `$`", ""),
    ("{ key: n, event: Order, count: true, minimum: 3 }", "minimum: goes with `most_frequent`", ""),
    ("{ key: n, event: Order, max: total, less: { event: Refund, sum: total } }", "less: is taken off a `sum`", ""),
    ("{ key: n, event: Order, sum: total, less: { event: Refund } }", "less.sum: must be text", ""),
    ("{ key: n, event: Order, sum: total, less: { event: Refund, sum: total, within: 3 days } }", "less.within", ""),
    ("{ key: n, event: Order, count: true, within: 7 dys }", "within: has the unknown unit", "Did you mean `days`?"),
    ("{ key: n, event: Order, count: true, within: 7 days, from: 2026-01-01 }", "has `within` and `from`", ""),
    ("{ key: n, event: Order, count: true, where: { total: { at_lest: 5 } } }", "where.total.at_lest", "`at_least`"),
    ("{ key: N-1, event: Order, count: true }", "key: must be small letters", "Did you mean `n_1`?"),
    ("lifetime_value: 5", "lifetime_value: must be text", ""),
    ("{ lifetime_value: true, event: Order }", "event: is not known here", ""),
    ("{ key: n, query: SELECT 1, file: x.sql }", "file: stands beside `query`", ""),
    ("{ key: n, query: SELECT 1, columns: [] }", "columns: must be a list of 1 to 25", ""),
    ("{ key: n, query: SELECT 1, column: a, columns: [b] }", "columns: must be a list", ""),
    ("{ key: n, query: SELECT 1, count: true }", "count: is not known here", "Did you mean `column`?"),
]  # fmt: skip
READER_ONLY = {text for text, *_ in MISTAKES if "a..b" in text or "$" in text}


@pytest.mark.parametrize(("text", "told", "hint"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_a_suggestion(text: str, told: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as wrong:
        read(text)
    assert told in str(wrong.value)
    assert hint in str(wrong.value)


@pytest.mark.parametrize("text", [text for text, *_ in MISTAKES if text])
def test_what_the_reader_refuses_the_schema_refuses(text: str) -> None:
    assert valid(text) == (text in READER_ONLY)


def valid(text: str) -> bool:
    told: Any = as_json_holds_it(load(text))
    return jsonschema.Draft202012Validator(schema()).is_valid(told)


def test_the_published_schema_is_the_generated_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert published() == as_json()


def test_a_folder_is_read_whole_and_every_mistake_of_it_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("key: n\nevent: Order\ncount: true")
    (tmp_path / "b.yaml").write_text("key: spent\nfile: spent.sql")
    (tmp_path / "spent.sql").write_text("SELECT 1")
    assert [one.keys for one in read_folder(tmp_path)] == [("n",), ("spent",)]
    (tmp_path / "b.yaml").write_text("key: spent\nfile: spnt.sql")
    (tmp_path / "c.yaml").write_text("key: n\nevent: Order\nsum: total")
    (tmp_path / "d.yaml").write_text("key: d\nquery: SELECT 1\ncolumns: [n, o]")
    (tmp_path / "e.yaml").write_text("key: e\nevent: Order\ncount: true\nwhere: { total: { equals: { trait: o } } }")
    (tmp_path / "f.yaml").write_text("key: f\nfile: ../a.sql")
    with pytest.raises(DefinitionError) as wrong:
        read_folder(tmp_path)
    told = [str(mistake) for mistake in wrong.value.mistakes]
    assert len(told) == 5
    for part in ("b.yaml: file: `spnt.sql`", "`spent.sql`", "c.yaml: key: `n` is already a trait of a.yaml"):
        assert any(part in one for one in told)
    for part in ("d.yaml: columns: `n`", "e.yaml: where: compares with `o`", "f.yaml: file: `../a.sql`"):
        assert any(part in one for one in told)

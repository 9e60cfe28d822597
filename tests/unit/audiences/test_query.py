"""Queries become condition trees, alone and in documents."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from guestlist.audiences import definition as d
from guestlist.audiences.document import read, read_folder
from guestlist.audiences.mistakes import DefinitionError, Mistakes
from guestlist.audiences.query import read_query

AUDIENCES = frozenset({"vip"})


def asked(text: str) -> d.Condition:
    mistakes = Mistakes()
    found = read_query(text, "who", mistakes, audiences=AUDIENCES)
    assert mistakes.found == []
    assert found is not None
    return found


def days(amount: int) -> d.Duration:
    return d.Duration(amount=amount, unit="days")


def event(name: str, *where: d.Filter, **more: object) -> d.Event:
    step = d.Step(event=name, where=where, source=more.pop("source", None))  # type: ignore[arg-type]
    return d.Event(step=step, **more)  # type: ignore[arg-type]


def then(name: str, *where: d.Filter, **more: object) -> d.Then:
    return d.Then(step=d.Step(event=name, where=where), **{"count": d.Count(), **more})  # type: ignore[arg-type]


def prop(path: str, test: d.Test | d.Like) -> d.PropertyTest:
    return d.PropertyTest(path=path, test=test)


def amount(comparator: d.NumberComparator, number: float) -> d.Amount:
    return d.Amount(comparator=comparator, number=number)


def matches(comparator: d.TextComparator, *values: d.Scalar) -> d.Matches:
    return d.Matches(comparator=comparator, values=values)


def trait(name: str, test: d.Test) -> d.Trait:
    return d.Trait(trait=name, test=test)


BOUGHT = event("Shoes Bought")
SPENT = trait("total_spend", amount("greater_than", 200))
ORDERED = d.Event(
    step=d.Step(event="Order Placed", where=(prop("total", amount("at_least", 80)),)),
    measure=d.Count(number=2),
    window=d.Within(last=days(14)),
)
REDUCERS: list[tuple[str, d.Reducer]] = [
    ("sum", "sum"),
    ("avg", "average"),
    ("min", "min"),
    ("max", "max"),
    ("first", "first"),
]
OVER_FIVE = [
    (reducer, d.Aggregate(reducer=ours, property="x", test=amount("greater_than", 5))) for reducer, ours in REDUCERS
]
EXAMPLES: list[tuple[str, d.Condition]] = [
    # Segment's own examples
    (
        "event('Shoes Bought').where( property('price') >= 100 ).within(7 days).count() >= 1",
        event("Shoes Bought", prop("price", amount("at_least", 100)), window=d.Within(last=days(7))),
    ),
    (
        """event('Shoes Bought').where(
        property('price') >= trait('avg_spend')
        AND
        event('Shoes Returned').within(parent: 5 days).count() >= 1
        ).within(30 days).count() >= 1""",
        event(
            "Shoes Bought",
            prop("price", d.Like(comparator="at_least", reference=d.Reference(of="trait", path="avg_spend"))),
            then("Shoes Returned", within=days(5)),
            window=d.Within(last=days(30)),
        ),
    ),
    (
        "NOT ( event('Shoes Bought').count() >= 1 AND trait('total_spend') > 200 )",
        d.Not(condition=d.All(conditions=(BOUGHT, SPENT))),
    ),
    (
        """event('Order Placed').where(property('total') >= 80 AND event('Refunded').within(parent: 3 days).count() >= 1)
        .within(14 days).count() >= 2""",
        event(
            "Order Placed",
            prop("total", amount("at_least", 80)),
            then("Refunded", within=days(3)),
            measure=d.Count(number=2),
            window=d.Within(last=days(14)),
        ),
    ),
    (
        "event('Order Placed').where(property('total') >= 80).within(14 days).count() >= 2 AND trait('country') = 'US'",
        d.All(conditions=(ORDERED, trait("country", matches("equals", "US")))),
    ),
    ("trait('total_spend') > 200", SPENT),
    ("trait('vip') = true", d.Member(audience="vip", inside=True)),
    ("trait('vip') = 'false'", d.Member(audience="vip", inside=False)),
    ("trait('gold') = true", trait("gold", matches("equals", True))),
    # windows and sources
    ("event('A').between(7 days, 10 days).count() >= 1", event("A", window=d.Between(newest=days(7), oldest=days(10)))),
    (
        "event('A').within(48 hours).count() >= 1",
        event("A", window=d.Within(last=d.Duration(amount=48, unit="hours"))),
    ),
    ("event('A').within(1 day).count() >= 1", event("A", window=d.Within(last=days(1)))),
    (
        "event('A').within(3 months).count() >= 1",
        event("A", window=d.Within(last=d.Duration(amount=3, unit="months"))),
    ),
    (
        "event('A').from('2026-01-01').to(2026-01-31).count() >= 1",
        event("A", window=d.Dates(start=date(2026, 1, 1), end=date(2026, 1, 31))),
    ),
    ("event('A').from('2026-01-01').count() >= 1", event("A", window=d.Dates(start=date(2026, 1, 1)))),
    ("event('A').sources({exclude: ['web', 'app']}).count() >= 1", event("A", source=matches("none_of", "web", "app"))),
    ("event('A').sources({exclude: 'web', 'app'}).count() >= 1", event("A", source=matches("none_of", "web", "app"))),
    ("event('A').sources({include: ['web']}).count() >= 1", event("A", source=matches("one_of", "web"))),
    ("event('A').sources({include: 'web'}).count() >= 1", event("A", source=matches("equals", "web"))),
    # counts
    ("event('A').count() = 0", event("A", measure=d.Count(comparator="exactly", number=0))),
    ("event('A').count() == 3", event("A", measure=d.Count(comparator="exactly", number=3))),
    ("event('A').count() > 1", event("A", measure=d.Count(number=2))),
    ("event('A').count() <= 2", event("A", measure=d.Count(comparator="at_most", number=2))),
    ("event('A').count() < 2", event("A", measure=d.Count(comparator="at_most", number=1))),
    ("event('A').count().at_least(2)", event("A", measure=d.Count(number=2))),
    ("2 <= event('A').count()", event("A", measure=d.Count(number=2))),
    ("event('A').count() != 2", d.Not(condition=event("A", measure=d.Count(comparator="exactly", number=2)))),
    # what else events come to
    *[(f"event('A').{reducer}(property('x')) > 5", event("A", measure=measure)) for reducer, measure in OVER_FIVE],
    (
        "event('A').max(property('x') as number) = 5",
        event("A", measure=d.Aggregate(reducer="max", property="x", test=matches("equals", 5))),
    ),
    (
        "event('A').unique(property('x')).count() >= 3",
        event("A", measure=d.Aggregate(reducer="distinct", property="x", test=amount("at_least", 3))),
    ),
    (
        "event('A').last(property('x')).starts_with('b')",
        event("A", measure=d.Aggregate(reducer="last", property="x", test=matches("starts_with", "b"))),
    ),
    (
        "event('A').within(30 days).mode(property('x'), 2) = 'b'",
        event(
            "A",
            measure=d.Aggregate(reducer="most_frequent", property="x", test=matches("equals", "b"), minimum=2),
            window=d.Within(last=days(30)),
        ),
    ),
    (
        "event('A').mode(property('x') as string).exists()",
        event("A", measure=d.Aggregate(reducer="most_frequent", property="x", test=d.Presence(comparator="exists"))),
    ),
    # comparators
    ("trait('x') != 'a'", trait("x", matches("not_equals", "a"))),
    ("trait('x').equals(5)", trait("x", matches("equals", 5))),
    ("trait('x').differs(5.5)", trait("x", matches("not_equals", 5.5))),
    ("trait('x').equals(literal('a'))", trait("x", matches("equals", "a"))),
    ("literal(100) < trait('x')", trait("x", amount("greater_than", 100))),
    ("100 <= trait('x')", trait("x", amount("at_least", 100))),
    ("100 > trait('x')", trait("x", amount("less_than", 100))),
    ("100 >= trait('x')", trait("x", amount("at_most", 100))),
    ("'a' = trait('x')", trait("x", matches("equals", "a"))),
    ("'a' != trait('x')", trait("x", matches("not_equals", "a"))),
    ("trait('x').less_than(-1e3)", trait("x", amount("less_than", -1000.0))),
    ("trait('x').at_most(1)", trait("x", amount("at_most", 1))),
    ("trait('x').contains(['a', 'b'])", trait("x", matches("contains", "a", "b"))),
    ("trait('x').contains('a', 'b')", trait("x", matches("contains", "a", "b"))),
    ("trait('x').omits('a')", trait("x", matches("omits", "a"))),
    ("trait('x').ends_with('a')", trait("x", matches("ends_with", "a"))),
    ("trait('x').one_of('a', 5, true)", trait("x", matches("one_of", "a", 5, True))),
    ("trait('x').none_of(['a'])", trait("x", matches("none_of", "a"))),
    ("trait('x').exists()", trait("x", d.Presence(comparator="exists"))),
    ("(trait('x')).absent()", trait("x", d.Presence(comparator="absent"))),
    ("trait('x').before_date('2026-01-31')", trait("x", d.Moment(comparator="before", moment=date(2026, 1, 31)))),
    (
        "trait('x').after_date('2023-12-07T18:50:00Z')",
        trait("x", d.Moment(comparator="after", moment=datetime(2023, 12, 7, 18, 50, tzinfo=UTC))),
    ),
    ("trait('x').within_last(7 days)", trait("x", d.Relative(comparator="within_last", duration=days(7)))),
    ("trait('x').within_next(7 days)", trait("x", d.Relative(comparator="within_next", duration=days(7)))),
    ("trait('x').before_last(7 days)", trait("x", d.Relative(comparator="before_last", duration=days(7)))),
    ("trait('x').after_next(7 days)", trait("x", d.Relative(comparator="after_next", duration=days(7)))),
    # names
    (r"trait('it\'s a \\ \"x\"') = 'a\nb'", trait('it\'s a \\ "x"', matches("equals", "a\nb"))),
    ('trait("x") = "it\'s"', trait("x", matches("equals", "it's"))),
    ("trait('address.city') = 'Ulm'", trait("address.city", matches("equals", "Ulm"))),
    (r"trait('address\\.city') = 'Ulm'", trait("address.city", matches("equals", "Ulm"))),
    *[
        (
            rf"event('A').where(property('a.b{dot}c.$.d') = 1).count() >= 1",
            event("A", prop(r"a.b\.c.$.d", matches("equals", 1))),
        )
        for dot in (r"\.", r"\\.", r"\\\\.")
    ],
    # filters and next steps
    (
        "event('A').where({property('x') > 100}).where(property('y') = 1).count() >= 1",
        event("A", prop("x", amount("greater_than", 100)), prop("y", matches("equals", 1))),
    ),
    (
        "event('A').where((property('x') = 1 AND property('y') = 2)).count() >= 1",
        event("A", d.EveryTest(tests=(prop("x", matches("equals", 1)), prop("y", matches("equals", 2))))),
    ),
    (
        "event('A').where(property('x') = 1 OR NOT property('y').exists()).count() >= 1",
        event(
            "A",
            d.AnyTest(
                tests=(
                    prop("x", matches("equals", 1)),
                    d.NoTest(test=prop("y", d.Presence(comparator="exists"))),
                )
            ),
        ),
    ),
    (
        """event('Product Added').where(event('Order Completed').where(property('products.$.id') = property(parent: 'id'))
        .within(parent: 12 hours).count() = 0).count() >= 1""",
        event(
            "Product Added",
            then(
                "Order Completed",
                prop("products.$.id", d.Like(comparator="equals", reference=d.Reference(of="parent", path="id"))),
                count=d.Count(comparator="exactly", number=0),
                within=d.Duration(amount=12, unit="hours"),
            ),
        ),
    ),
    (
        "event('A').where(event('B').where(property(parent: 'x') < property('y')).count() <= 2).count() >= 1",
        event(
            "A",
            then(
                "B",
                prop("y", d.Like(comparator="greater_than", reference=d.Reference(of="parent", path="x"))),
                count=d.Count(comparator="at_most", number=2),
            ),
        ),
    ),
    (
        "event('A').where(event('B').count() != 2).count() >= 1",
        event("A", d.NoTest(test=then("B", count=d.Count(comparator="exactly", number=2)))),
    ),
    # ours
    (
        "list(file: 'vip.csv', column: 'mail', type: 'email') = true",
        d.Listed(list=d.IdentifierList(identifier="email", column="mail", file="vip.csv"), inside=True),
    ),
    (
        "list('vip.csv') = false",
        d.Listed(list=d.IdentifierList(identifier="email", column="email", file="vip.csv"), inside=False),
    ),
    ("external('gold') = true", d.External(audience="gold")),
    ("external('gold') = false", d.Not(condition=d.External(audience="gold"))),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_a_query_is_read(text: str, expected: d.Condition) -> None:
    assert repr(asked(text)) == repr(expected)


A, B, C = (trait(name, matches("equals", 1)) for name in "abc")
TIED: list[tuple[str, d.Condition]] = [
    ("a AND b OR c", d.AnyOf(conditions=(d.All(conditions=(A, B)), C))),
    ("a OR b AND c", d.AnyOf(conditions=(A, d.All(conditions=(B, C))))),
    ("(a OR b) AND c", d.All(conditions=(d.AnyOf(conditions=(A, B)), C))),
    ("a AND b AND c", d.All(conditions=(A, B, C))),
    ("a AND (b AND c)", d.All(conditions=(A, d.All(conditions=(B, C))))),
    ("NOT a AND b", d.All(conditions=(d.Not(condition=A), B))),
    ("NOT (a AND b)", d.Not(condition=d.All(conditions=(A, B)))),
    ("NOT NOT a", d.Not(condition=d.Not(condition=A))),
    ("((((a))))", A),
    ("a and\n\tb or not c", d.AnyOf(conditions=(d.All(conditions=(A, B)), d.Not(condition=C)))),
]


@pytest.mark.parametrize(("text", "expected"), TIED)
def test_and_binds_tighter_than_or(text: str, expected: d.Condition) -> None:
    assert asked(re.sub(r"\b([abc])\b", r"trait('\1') = 1", text)) == expected


# In documents


def test_a_query_stands_wherever_a_condition_does() -> None:
    text = """\
key: a
who:
  all:
    - event('Shoes Bought').count() >= 1
    - not: "trait('total_spend') > 200 OR trait('vip') = true"
"""
    either = d.AnyOf(conditions=(SPENT, d.Member(audience="vip", inside=True)))
    assert read(text, audiences=["vip"]).who == d.All(conditions=(BOUGHT, d.Not(condition=either)))


def test_plain_text_is_neither_a_condition_nor_a_query() -> None:
    with pytest.raises(DefinitionError) as caught:
        read("key: a\nwho: Order Completed")
    assert str(caught.value.mistakes[0]).startswith("who: must be a mapping (`event: ...`) or a query")


def test_a_mistake_of_a_query_in_a_document_has_both_places() -> None:
    with pytest.raises(DefinitionError) as caught:
        read("key: a\nwho:\n  any:\n    - event: A\n    - event('A').cuont() > 1\n", file="a.yaml")
    assert str(caught.value.mistakes[0]).splitlines() == [
        "a.yaml: who.any[1]: column 12: `cuont` is not known here. Did you mean `count`?",
        "    event('A').cuont() > 1",
        "               ^",
    ]


def test_a_query_asks_about_the_audiences_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("key: a\nwho: trait('vip') = false AND trait('gold') = true", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("key: vip\nwho: event('A').count() >= 1", encoding="utf-8")
    one = next(one for one in read_folder(tmp_path) if one.key == "a")
    member, gold = d.Member(audience="vip", inside=False), trait("gold", matches("equals", True))
    assert one.who == d.All(conditions=(member, gold))

"""Queries become condition trees; what is wrong with one is told with its place."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from guestlist.audiences import definition as d
from guestlist.audiences.document import read, read_folder
from guestlist.audiences.mistakes import DefinitionError, Mistake, Mistakes
from guestlist.audiences.query import read_query
from guestlist.audiences.query_syntax import LONGEST
from guestlist.audiences.query_text import query_text
from guestlist.audiences.steps import DEEPEST

AUDIENCES = frozenset({"vip"})


def asked(text: str) -> d.Condition:
    mistakes = Mistakes()
    found = read_query(text, "who", mistakes, audiences=AUDIENCES)
    assert mistakes.found == []
    assert found is not None
    return found


def mistakes_of(text: str) -> list[Mistake]:
    mistakes = Mistakes()
    read_query(text, "who", mistakes, audiences=AUDIENCES)
    return mistakes.found


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


MISTAKES = [
    # text, line and column, part of the message, suggestion
    # no query at all
    ("", 0, "is empty", "event('Order Completed').count() >= 1"),
    ("   ", 0, "is empty", ""),
    ("trait('x') && 1", 12, "`&` means nothing", "`AND`"),
    ("trait('x') = 1 adn trait('y') = 1", 20, "expected: `.`, `AND`, `OR` or the end", "`AND`"),
    ("trait('x') = 1 trait('y') = 1", 21, "is not possible here", "AND or OR between"),
    ("trait('x') = 'a' trait('y') = 1", 18, "`trait` is not possible here", "AND or OR between"),
    ("trait('x = 1", 7, "has no end", "Close it"),
    ("trait(‘x’) = 1", 7, "is no quotation mark", "Use '"),
    ("trait('x') = 'it''s'", 18, "is not possible here", r"\'"),
    ("trait('x') =", 13, "ends too early", ""),
    ("trait('x') = null", 18, "ends too early; expected: `(`", ".exists() or .absent()"),
    ("event(Order Completed).count() > 1", 13, "`Completed` is not possible here", "quotes"),
    ("event('A').count() >= 1)", 24, "expected: the end", ""),
    ("(trait('x') = 1", 16, "ends too early", ""),
    ("trait('x') = ;", 14, "`;` means nothing", ""),
    ("'x' = 'y'", 1, "compares nothing of a person", "event(...) or trait(...)"),
    ("5", 1, "is no condition", ""),
    (
        "trait('x') = 1 AND\n trait('y') <> 'z' AND\n  trat('z') = 1",
        "line 3, column 3",
        "`trat` is not known",
        "`trait`",
    ),
    # names of functions, comparators and units
    ("evnt('A').count() >= 1", 1, "`evnt` is not known", "`event`"),
    ("event('A').cuont() >= 1", 12, "`cuont` is not known", "`count`"),
    ("event('A').average(property('x')) >= 1", 12, "`average` is not known", "`avg`"),
    ("event('A').filter(property('x') = 1).count() >= 1", 12, "`filter` is not known", "`where`"),
    ("event('A').where(propertee('x') = 1).count() >= 1", 18, "`propertee` is not known", "`property`"),
    ("trait('x').startswith('a')", 12, "`startswith` is not known", "`starts_with`"),
    ("trait('x').before('2026-01-01')", 12, "`before` is not known", "`before_date`"),
    ("trait('x').count() = 1", 12, "`count` is not possible here", "equals"),
    ("event('A').within(7 dayz).count() >= 1", 12, "unknown unit `dayz`", "`day"),
    ("trait('x').within_last(7 fortnights)", 12, "unknown unit `fortnights`", ""),
    # what belongs to the language and not to us
    ("entity('orders').where(entity('items').count() >= 1).count() >= 1", 1, "`entity` asks the tables", "Import"),
    ("ALL (event('A').count() >= 1 AND trait('x') > 200)", 1, "`ALL` asks about the users of an account", "Leave"),
    ("ALL NOT event('A').count() >= 1", 1, "`ALL` asks", ""),
    ("ANY event('A').count() >= 1", 1, "`ANY` asks", ""),
    ("event('A').where(ANY property('x') = 1).count() >= 1", 18, "`ANY` asks", ""),
    ("event('A').where(context('page.url') = 'x').count() >= 1", 18, "`context` is not kept", "property('url')"),
    ("event('A').sum(context('x')) >= 1", 16, "`context` is not kept", ""),
    ("event('A').expires_after(30 days).count() >= 1", 12, "`expires_after` counts within sessions", "within"),
    ("event('A').unique(property('x')) = 1", 12, "`unique` gives a list", "unique(property('sku')).count()"),
    ("event('A').max(property('x') as string) = 'a'", 16, "`as string` compares by alphabet", ""),
    ("event('A').mode(property('x') as array, 2) = 'a'", 17, "`as array` takes a list for one value", ""),
    ("event('A').first(property('x') as number) = 'a'", 18, "`as number` is not possible", ""),
    ("event('A').within(30 days).avg(property('spend'))", 28, "`avg` gives a value", "Add a comparison"),
    ("event('A').within(30 days).first(property('spend'))", 28, "`first` gives a value", ""),
    ("event('A').where(event('B').within(3 days).count() >= 1).count() >= 1", 29, "`within`", "within(parent: 3 days)"),
    ("event('A').where(event('B').between(1 day, 2 days).count() >= 1).count() >= 1", 29, "`between`", "within(parent"),
    (
        "event('A').where(event('B').sum(property('x')) >= 1).count() >= 1",
        29,
        "`sum` is not possible in a next",
        "count",
    ),
    ("event('A').where(trait('x') = 1).count() >= 1", 18, "a trait is not compared inside where", "AND trait"),
    ("event('A').where(property('x') = property('y')).count() >= 1", 34, "two properties of one event", "parent"),
    ("trait('x') = trait('y')", 14, "only a property inside where", ""),
    # what is compared
    ("event('A')", 1, "does not say how often", "count"),
    ("event('A').within(7 days)", 12, "does not say how often", "count"),
    ("event('A').exists()", 1, "does not say what", "count"),
    ("event('A').count()", 12, "gives a value", ""),
    ("trait('x')", 1, "not compared with anything", "exists"),
    ("property('x') = 1", 1, "`property` is of an event", ""),
    ("trait('x') > 'a'", 12, "the value of `>` must be a number", ""),
    ("trait('x') > '5'", 12, "must be a number", "without quotes: 5"),
    ("trait('x') = ['a', 'b']", 12, "one value", "`one_of`"),
    ("trait('x') = 7 days", 14, "must be a value", ""),
    ("trait('x') = [['a']]", 14, "must be a value", ""),
    ("trait('x').one_of([])", 12, "empty list", ""),
    ("trait('x').contains()", 12, "needs a value", ""),
    ("trait('x').exists(5)", 12, "takes nothing", ""),
    ("trait('x').before_date('soon')", 12, "must be a date", ""),
    ("trait('x').within_last(7)", 12, "must be an amount of time", "`7 days`"),
    ("trait('') = 1", 7, "must be text, not empty", ""),
    ("trait('a', 'b') = 1", 1, "`trait` takes one text", "trait('country')"),
    ("trait('vip') != true", 14, "is an audience", "`= false`"),
    ("event('A').count() >= 1.5", 20, "the count must be a whole number", ""),
    ("event('A').count() < 0", 20, "never less than 0", "`= 0`"),
    ("event('A').count().one_of(1, 2)", 20, "cannot compare a count", "= != >"),
    ("event('A').count(property('x')) > 1", 12, "`count` takes nothing", "where"),
    ("event('A').sum(property('x')).contains('a')", 31, "cannot compare what `sum` gives", "= != >"),
    ("event('A').sum() > 1", 12, "`sum` needs a property", "sum(property('total'))"),
    ("event('A').sum('x') > 1", 12, "`sum` needs a property", ""),
    ("event('A').sum(property('x'), 2) > 1", 31, "takes no more", ""),
    ("event('A').sum(property('a..b')) > 1", 16, "a part of the path is empty", ""),
    ("event('A').count().where(property('x') = 1) > 1", 20, "cannot stand after `count`", ""),
    ("event('A').where().count() > 1", 12, "`where` takes one condition", ""),
    ("event('A').within(7).count() > 1", 12, "must be an amount of time", "`7 days`"),
    ("event('A').within(0 days).count() > 1", 12, "1 or more", ""),
    ("event('A').between(10 days, 7 days).count() > 1", 12, "is empty", "`[7 days, 10 days]`"),
    ("event('A').within(1 day).within(2 days).count() > 1", 26, "a second `within`", "Keep one"),
    ("event('A').within(1 day).from('2026-01-01').count() > 1", 12, "has `within` and `from`", "Keep one"),
    ("event('A').within(parent: 1 day).count() > 1", 12, "there is none", ""),
    ("event('A').where(event('B').within(parent: 1 month).count() > 0).count() > 0", 29, "no fixed time", "`30 days`"),
    ("event('A').where(property('x') = property(parent: 'x')).count() > 0", 34, "there is none", ""),
    ("event('A').where(property('x').contains(trait('y'))).count() > 0", 32, "written down only", ""),
    ("event('A').sources(['web']).count() > 0", 12, "`sources` needs one of include, exclude", "exclude: ['web']"),
    ("event('A').sources({exclude: 'a'}).sources({exclude: 'b'}).count() > 0", 36, "there are `sources` already", ""),
    ("list('vip.csv') = 5", 17, "in a list or not", "`= true`"),
    ("list(column: 'x') = true", 1, "needs one of `file` and `query`", ""),
    ("list(file: 5) = true", 6, "must be a name and a text", ""),
    # made to exhaust
    ("NOT " * (DEEPEST + 1) + "trait('x') = 1", 205, f"deeper than {DEEPEST}", ""),
]


@pytest.mark.parametrize(("text", "place", "message", "suggestion"), MISTAKES, ids=[text for text, *_ in MISTAKES])
def test_a_mistake_has_its_place_and_a_suggestion(text: str, place: int | str, message: str, suggestion: str) -> None:
    where = place if isinstance(place, str) else f"column {place}:" if place else ""
    found = [one for one in mistakes_of(text) if one.message.startswith(where)]
    assert found, mistakes_of(text)
    assert any(message in one.message and suggestion in one.suggestion for one in found), found


def test_all_mistakes_of_a_query_are_told() -> None:
    found = mistakes_of("event('A').cuont() >= 1 OR event('B').within(7 dayz).where(context('x') = 1).count() >= 1")
    assert [one.message.split(":")[0] for one in found] == ["column 12", "column 60", "column 39"]


def test_the_words_at_fault_are_shown_with_a_mark_below() -> None:
    text = "trait('country') = 'DE'\nAND trait('a long name of a trait, longer than a line of words').begins_with('x') = 'y'"
    (mistake,) = mistakes_of(text)
    assert str(mistake).splitlines() == [
        "who: line 2, column 66: `begins_with` is not known here. Did you mean `starts_with`?",
        "    … a trait, longer than a line of words').begins_with('x') = 'y'",
        "                                             ^",
    ]


HOSTILE = {
    "open": "(" * LONGEST,
    "opened and closed": "(" * 49_000 + "trait('x') = 1" + ")" * 49_000,
    "not": "NOT " * 24_000 + "trait('x') = 1",
    "and": " AND ".join(["trait('x') = 1"] * 5_000),
    "lists": "trait('x') = " + "[" * 40_000 + "]" * 40_000,
    "calls": "trait(" * 16_000,
    "records": "event('x').where(" + "{" * 40_000 + "}" * 40_000 + ").count() > 1",
    "steps": "event('x').where(" * 3_000 + "property('x') = 1" + ").count() > 1" * 3_000,
    "chains": "(" * 9_000 + "trait('x')" + ").exists()" * 9_000,
    "quotes": "'" * LONGEST,
    "backslashes": "trait('" + "\\" * 90_000 + "') = 1",
    "digits": "trait('x') = " + "9" * 90_000,
    "digits of time": "trait('x').within_last(" + "9" * 90_000 + " days)",
    "too long": "x" * (LONGEST + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_text_made_to_exhaust_the_reader_is_read_or_refused(text: str) -> None:
    mistakes = Mistakes()
    found = read_query(text, "who", mistakes)
    assert (found is None) == bool(mistakes.found)


def test_a_tree_as_deep_as_can_be_is_read() -> None:
    inner = "NOT (" * DEEPEST + "property('x') = 1" + ")" * DEEPEST
    text = "NOT (" * DEEPEST + f"event('A').where({inner}).count() >= 1" + ")" * DEEPEST
    assert query_text(asked(text)) == text


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

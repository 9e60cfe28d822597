"""What is wrong with a query is told with its place; no text can exhaust the reader."""

import pytest

from guestlist.audiences.mistakes import Mistake, Mistakes
from guestlist.audiences.query import read_query
from guestlist.audiences.query_syntax import LONGEST
from guestlist.audiences.query_text import query_text
from guestlist.audiences.steps import DEEPEST


def mistakes_of(text: str) -> list[Mistake]:
    mistakes = Mistakes()
    read_query(text, "who", mistakes, audiences=frozenset({"vip"}))
    return mistakes.found


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
    ("trait('x') = ;1", 14, "`;` means nothing", ""),
    ("trait('x') = ;", 15, "ends too early", ""),
    ("event('A').within(last: 14 days).count() >= 1", 19, "`last:` is not known here", "within(14 days)"),
    ("event('A').within(parent: 14 days).count() >= 1", 12, "`parent` names the event before", ""),
    ("event('A').from(day: '2026-01-31').count() >= 1", 17, "`day:` is not known here", "from('2026-01-31')"),
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
    text = (
        "trait('country') = 'DE'\nAND trait('a long name of a trait, long as a line of words').begins_with('x') = 'y'"
    )
    (mistake,) = mistakes_of(text)
    assert str(mistake).splitlines() == [
        "who: line 2, column 62: `begins_with` is not known here. Did you mean `starts_with`?",
        "    …e of a trait, long as a line of words').begins_with('x') = 'y'",
        "                                             ^",
    ]


def test_what_may_be_of_a_person_is_not_repeated() -> None:
    text = (
        "trait('email') = 'jane@example.org' OR trait('phone') = '+49 171 3920007' AND trait('x').befor('2026-01-31')"
    )
    (mistake,) = mistakes_of(text)
    assert mistake.excerpt.splitlines() == [
        "    …ne') = '***************' AND trait('x').befor('2026-01-31')",
        "                                             ^",
    ]


HOSTILE = {
    "open": "(" * LONGEST,
    "opened and closed": "(" * 49_000 + "trait('x') = 1" + ")" * 49_000,
    "not": "NOT " * 24_000 + "trait('x') = 1",
    "and": " AND ".join(["trait('x') = 1"] * 5_000),
    "lists": "trait('x') = " + "[" * 20_000 + "]" * 20_000,
    "calls": "trait(" * 16_000,
    "records": "event('x').where(" + "{" * 20_000 + "}" * 20_000 + ").count() > 1",
    "steps": "event('x').where(" * 3_000 + "property('x') = 1" + ").count() > 1" * 3_000,
    "chains": "(" * 9_000 + "trait('x')" + ").exists()" * 9_000,
    "quotes": "'" * LONGEST,
    "backslashes": "trait('" + "\\" * 90_000 + "') = 1",
    "digits": "trait('x') = " + "9" * 90_000,
    "digits of time": "trait('x').within_last(" + "9" * 90_000 + " days)",
    "mistakes": " OR ".join(["x() = 1"] * 9_000),
    "one name": "x" * 90_000 + "('y') = 1",
    "open lists": "trait('x') = " + "[" * 90_000,
    "open texts": "trait('" + "x" * 90_000,
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
    mistakes = Mistakes()
    found = read_query(text, "who", mistakes)
    assert mistakes.found == []
    assert found is not None
    assert query_text(found) == text

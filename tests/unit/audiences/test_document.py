"""Documents become definitions; whatever is wrong is told with its path and what was probably meant."""

import json
from datetime import date
from pathlib import Path

import pytest

from guestlist.audiences import document
from guestlist.audiences.definition import (
    Aggregate,
    All,
    Amount,
    Between,
    Count,
    Dates,
    Duration,
    Event,
    Matches,
    Member,
    PropertyTest,
    Step,
    Sync,
    Then,
    Trait,
    Within,
)
from guestlist.audiences.mistakes import DefinitionError

CART = """
key: left_a_cart
name: Left a cart
description: Put something in the cart this week and did not buy after it
who:
  event: Product Added
  within: 7 days
  then_not: { event: Order Completed }
sync: { to: main, every: 15m }
"""

LOYAL = """
key: loyal
who:
  all:
    - { event: Order Completed, where: { total: { at_least: 80 }, currency: EUR }, at_least: 2 }
    - { event: Order Completed, sum: total, greater_than: 50, between: [7 days, 30 days] }
    - { trait: country, one_of: [NO, AT] }
    - { not_member_of: employees }
"""


def days(amount: int) -> Duration:
    return Duration(amount=amount, unit="days")


def test_the_cart_of_the_design() -> None:
    found = document.read(CART)

    assert found.key == "left_a_cart"
    assert found.name == "Left a cart"
    assert found.syncs == (Sync(to="main"),)
    assert found.who == Event(
        step=Step(
            event="Product Added",
            where=(Then(step=Step(event="Order Completed"), count=Count(comparator="exactly", number=0)),),
        ),
        window=Within(last=days(7)),
    )


def test_the_loyal_of_the_design_and_norway_is_not_false() -> None:
    where = (
        PropertyTest(path="total", test=Amount(comparator="at_least", number=80)),
        PropertyTest(path="currency", test=Matches(comparator="equals", values=("EUR",))),
    )
    total = Aggregate(reducer="sum", property="total", test=Amount(comparator="greater_than", number=50))
    order = Step(event="Order Completed")
    assert document.read(LOYAL).who == All(
        conditions=(
            Event(step=Step(event="Order Completed", where=where), measure=Count(number=2)),
            Event(step=order, measure=total, window=Between(newest=days(7), oldest=days(30))),
            Trait(trait="country", test=Matches(comparator="one_of", values=("NO", "AT"))),
            Member(audience="employees", inside=False),
        )
    )


def test_json_is_read_too() -> None:
    text = json.dumps({"key": "a", "who": {"event": "Visit", "from": "2026-01-01", "to": "2026-01-31"}})
    window = Dates(start=date(2026, 1, 1), end=date(2026, 1, 31))
    assert document.read(text).who == Event(step=Step(event="Visit"), window=window)


SYNCS = [
    ("main", (Sync(to="main"),)),
    ("[main, {to: b, every: on_change}]", (Sync(to="main"), Sync(to="b", when="on_change"))),
    (
        "{to: a, mode: add_only, adopt: 2385, rename: keep}",
        (Sync(to="a", mode="add_only", adopt="2385", rename="keep"),),
    ),
    ("{to: a, adopt: false, every: 1 day}", (Sync(to="a", adopt=False, when=days(1)),)),
]


@pytest.mark.parametrize(("text", "expected"), SYNCS)
def test_syncs(text: str, expected: tuple[Sync, ...]) -> None:
    assert document.read(f"key: a\nwho: {{trait: x, exists: true}}\nsync: {text}").syncs == expected


DURATIONS = [
    ("7 days", "7 days"), ("7d", "7 days"), ("1 hour", "1 hour"), ("15m", "15 minutes"), ("3mo", "3 months"),
    ("2 Weeks", "2 weeks"), ("1y", "1 year"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DURATIONS)
def test_durations(text: str, expected: str) -> None:
    found = document.read(f"key: a\nwho: {{event: x, within: {text}}}").who
    assert isinstance(found, Event)
    assert isinstance(found.window, Within)
    assert str(found.window.last) == expected


MISTAKES = [
    # who, path, part of the message, suggestion
    ("{evnt: A}", "who", "needs one of all, any", "`event`"),
    ("[{event: A}]", "who", "is a list", "`all: [...]`"),
    ("{all: []}", "who.all", "at least one condition, not an empty list", ""),
    ("{event: A, holdout: 10%}", "who.holdout", "belongs beside `who`, not into it", "`holdout:`"),
    ("{all: [{event: A}], sample: 10%}", "who.sample", "belongs beside `who`", "`sample:`"),
    ("{history: all}", "who.history", "belongs beside `who`", "`history:`"),
    ("{not: {trait: a, equals: b, history: all}}", "who.not.history", "belongs beside `who`", "`history:`"),
    ("{event: A, trait: b}", "who", "mixes `event` and `trait`", "under `all:`"),
    ("{all: []}", "who.all", "at least one condition", ""),
    ("{all: [{event: A}, {not: {trait: x, equal: 5}}]}", "who.all[1].not.equal", "is not known", "`equals`"),
    ("{event: A, witin: 7 days}", "who.witin", "is not known", "`within`"),
    ("{event: A, within: 7}", "who.within", "an amount of time", "`7 days`"),
    ("{event: A, within: 7 dayz}", "who.within", "unknown unit `dayz`", "`day"),
    ("{event: A, within: 0 days}", "who.within", "1 or more", ""),
    ("{event: A, within: 999999 years}", "who.within", "longer than", ""),
    ("{event: A, within: 7d, from: 2026-01-01}", "who", "has `within` and `from`", "Keep one"),
    ("{event: A, between: [30 days, 7 days]}", "who.between", "is empty", "`[7 days, 30 days]`"),
    ("{event: A, between: 7 days}", "who.between", "two amounts", ""),
    ("{event: A, from: 2026-02-30}", "who.from", "must be a date", ""),
    ("{event: A, from: 30 days}", "who.from", "must be a date", "`within`"),
    ("{event: A, from: 2026-02-02, to: 2026-02-01}", "who", "is empty", "Exchange"),
    ("{event: A, at_least: two}", "who.at_least", "a whole number", ""),
    ("{event: A, at_least: '2'}", "who.at_least", "a whole number", "without quotes: 2"),
    ("{event: A, exactly: -1}", "who.exactly", "0 or more", ""),
    ("{event: A, at_least: 2, at_most: 3}", "who", "has `at_least` and `at_most`", "`all:`"),
    ("{event: A, greater_than: 2}", "who.greater_than", "there is none", "`at_least`"),
    ("{event: A, sum: total}", "who", "needs a comparator", ""),
    ("{event: A, sum: total, exactly: 5}", "who", "needs a comparator", "`equals`"),
    ("{event: A, sum: total, max: total, at_least: 5}", "who", "has `sum` and `max`", "`all:`"),
    ("{event: A, avg: total, at_least: 5}", "who.avg", "is not known", "`average`"),
    ("{event: 5}", "who.event", "must be text", 'quotes: "5"'),
    ("{event: A, where: {total: {at_least: '80'}}}", "who.where.total.at_least", "a number", "without quotes: 80"),
    ("{event: A, where: {total: {'>=': 80}}}", "who.where.total.>=", "is not known", "`at_least`"),
    ("{event: A, where: {a..b: 1}}", "who.where.a..b", "is empty", ""),
    ("{event: A, where: {a: {}}}", "who.where.a", "needs a comparator", ""),
    ("{event: A, where: {a: }}", "who.where.a", "not nothing", "`absent`"),
    ("{event: A, where: total}", "who.where", "must be a mapping", ""),
    ("{event: A, then: {event: B, between: [1d, 2d]}}", "who.then.between", "not possible in a next step", "`within`"),
    ("{event: A, then: {event: B, within: 1 month}}", "who.then.within", "no fixed time", "`30 days`"),
    ("{event: A, then_not: {event: B, at_least: 2}}", "who.then_not.at_least", "means never", "`then`"),
    ("{event: A, then: {event: B, sum: total}}", "who.then.sum", "is not known", ""),
    ("{event: A, then: []}", "who.then", "empty list", ""),
    ("{event: A, where: {id: {equals: {parent: id}}}}", "who.where.id.equals", "there is none", ""),
    ("{event: A, where: {id: {contains: {trait: id}}}}", "who.where.id.contains", "written down only", ""),
    ("{event: A, first: city}", "who", "`first` needs a comparator", ""),
    ("{event: A, sum: items.$.price, at_least: 5}", "who.sum", "many values of one event", "`items.0.price`"),
    ("{event: A, sum: total, contains: x}", "who", "`sum` needs a comparator", ""),
    ("{event: A, sum: total, at_least: 5, minimum: 2}", "who.minimum", "`most_frequent` only", ""),
    ("{external: {key: gold}}", "who.external", "must be text", ""),
    ("{external: gold, within: 7 days}", "who.within", "is not known", ""),
    ("{in_list: {column: email}}", "who.in_list", "needs one of `file` and `query`", ""),
    ("{in_list: {file: a.csv, colum: email}}", "who.in_list.colum", "is not known", "`column`"),
    ("{event: A, then: B}", "who.then", "must be a mapping", ""),
    ("{event: A, source: {one: web}}", "who.source.one", "is not known", "`one_of`"),
    ("{trait: x}", "who", "needs a comparator", ""),
    ("{trait: x, at_least: 1, at_most: 2}", "who", "a trait has one comparator", "`all:`"),
    ("{trait: x, equals: [a, b]}", "who.equals", "one value", "`one_of`"),
    ("{trait: x, one_of: []}", "who.one_of", "empty list", ""),
    ("{trait: x, exists: yes}", "who.exists", "true or false", "`true`"),
    ("{trait: x, at_least: 2026-01-01}", "who.at_least", "a number", "`before` or `after`"),
    ("{trait: x, before: 30 days}", "who.before", "must be a date", "`before_last`"),
    ("{trait: x, within_last: 2026-01-01}", "who.within_last", "an amount of time", ""),
    ("{member_of: [a]}", "who.member_of", "must be text", ""),
    ("{audience: vip}", "who", "needs one of", "`member_of`"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "path", "message", "suggestion"), MISTAKES)
def test_a_mistake_has_its_path_and_a_suggestion(who: str, path: str, message: str, suggestion: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        document.read(f"key: a\nwho: {who}")

    found = [mistake for mistake in caught.value.mistakes if mistake.path == path]
    assert found, caught.value.mistakes
    assert any(message in mistake.message and suggestion in mistake.suggestion for mistake in found), found


ENVELOPE = [
    ("who: {event: A}", "key", "is missing", "`key: my_audience`"),
    ("key: a", "who", "is missing", "Add `who:`"),
    ("key: Big Spenders!\nwho: {event: A}", "key", "small letters", "`big_spenders`"),
    ("key: a\nwho: {event: A}\nsynk: main", "synk", "is not known", "`sync`"),
    ("key: a\nwho: {event: A}\nowner: me", "owner", "must be one of", ""),
    ("key: a\nwho: {event: A}\nsync: {to: m, mode: mirrored}", "sync.mode", "must be one of", "`mirror`"),
    ("key: a\nwho: {event: A}\nsync: {every: 1h}", "sync.to", "is missing", ""),
    ("key: a\nwho: {event: A}\nsync: [m, m]", "sync[1].to", "named twice", ""),
    ("key: a\nwho: {event: A}\nsync: {to: m, adopt: yes}", "sync.adopt", "(digits) or false", ""),
    ("", "file", "is empty", "`key:`"),
    ("key: a\nkey: b\nwho: {event: A}", "file", "line 2", ""),
    ("key: [a", "file", "line", "indentation"),
    ("- a", "file", "must be a mapping", ""),
]


@pytest.mark.parametrize(("text", "path", "message", "suggestion"), ENVELOPE)
def test_mistakes_around_the_condition(text: str, path: str, message: str, suggestion: str) -> None:
    test = [m for m in mistakes_of(text) if m[0] == path]
    assert test, mistakes_of(text)
    assert any(message in said and suggestion in hint for _, said, hint in test), test


def mistakes_of(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(DefinitionError) as caught:
        document.read(text)
    return [(mistake.path, mistake.message, mistake.suggestion) for mistake in caught.value.mistakes]


def test_all_mistakes_are_told_at_once() -> None:
    text = "kee: a\nwho: {all: [{event: A, within: 7}, {trait: x, gt: 5}]}\nsync: {to: main, mode: mirrr}"
    paths = [path for path, _, _ in mistakes_of(text)]
    assert paths == ["kee", "who.all[0].within", "who.all[1].gt", "sync.mode"]


def test_a_folder_is_checked_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("key: a\nwho: {member_of: loyl}\nsync: mian", encoding="utf-8")
    (tmp_path / "b.json").write_text('{"key": "a", "who": {"event": "A"}}', encoding="utf-8")
    (tmp_path / "loyal.yml").write_text("key: loyal\nwho: {event: A}", encoding="utf-8")
    (tmp_path / "latin.yml").write_bytes(b"key: caf\xe9")
    (tmp_path / "notes.txt").write_text("not a definition", encoding="utf-8")

    with pytest.raises(DefinitionError) as caught:
        document.read_folder(tmp_path, destinations=["main"])

    said = [str(mistake) for mistake in caught.value.mistakes]
    assert said == [
        "b.json: key: `a` is already the key of a.yaml.",
        "latin.yml: is not UTF-8 (byte 8). Save it as UTF-8.",
        "a.yaml: who: asks about the audience `loyl`, which is not here. Did you mean `loyal`?",
        "a.yaml: sync.to: `mian` is not a connected destination. Did you mean `main`?",
    ]


def test_one_misspelt_key_hides_no_other_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "key: a\nnmae: [A]\nwho: {evnt: A, within: 7}\nsync: [{to: mian, evry: never}, {too: man, mode: foo}]",
        encoding="utf-8",
    )
    (tmp_path / "b.yaml").write_text("key: b\nowner: me\nwho: {member_of: aa}", encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        document.read_folder(tmp_path, destinations=["main"])
    said = [str(mistake) for mistake in caught.value.mistakes]
    for told in (
        "a.yaml: nmae: is not known here. Did you mean `name`?",
        "a.yaml: name: must be text, not a list.",
        "a.yaml: who.within: must be an amount of time",
        "a.yaml: sync[0].evry: is not known here. Did you mean `every`?",
        "a.yaml: sync[0].every: must be",
        "a.yaml: sync[0].to: `mian` is not a connected destination. Did you mean `main`?",
        "a.yaml: sync[1].too: is not known here. Did you mean `to`?",
        "a.yaml: sync[1].mode: must be one of",
        "a.yaml: sync[1].to: `man` is not a connected destination. Did you mean `main`?",
        "b.yaml: owner: must be one of",
        "b.yaml: who: asks about the audience `aa`, which is not here. Did you mean `a`?",
    ):
        assert any(line.startswith(told) for line in said), (told, said)


def test_a_good_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CART, encoding="utf-8")
    assert [definition.key for definition in document.read_folder(tmp_path)] == ["left_a_cart"]

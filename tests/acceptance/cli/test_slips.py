"""Names in definitions that the data does not know: told by whoever looks at an audience, and no mistake."""

from datetime import timedelta

import pytest

from .conftest import JANE, Typed, event, identifier, trait, write

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(empty: Typed) -> Typed:
    """Jane, with one order, and no audience."""
    for old in (empty.space / "audiences").glob("*.yaml"):
        old.unlink()
    write(
        empty.space,
        identifier=[identifier(JANE, "email", "jane@example.org"), identifier(JANE, "user_id", "u1")],
        event=[
            event(
                JANE,
                "Order Completed",
                HOUR,
                total=90,
                gift=None,
                products=[{"brand": "Northwind"}],
                delivery={"country": "DE", "zip.code": "1"},
            ),
            event(JANE, "Product Added", 2 * HOUR, id="p1"),
        ],
        trait=[trait(JANE, "country", "DE")],
        membership=[],
        alias=[],
        message=[],
        message_profile=[],
        identity_decision=[],
    )
    return empty


def write_audience(shop: Typed, who: str, key: str = "slip") -> None:
    (shop.space / "audiences" / f"{key}.yaml").write_text(f"key: {key}\nwho: {who}\n")


def notes(shop: Typed, who: str) -> list[str]:
    write_audience(shop, who)
    told: list[str] = shop("audiences", "check", "--json").facts["notes"]
    return told


def test_a_slip_in_an_exclusion_is_told_by_preview(shop: Typed) -> None:
    write_audience(shop, "{ not: { event: Order Complet } }", "everybody")
    write_audience(shop, "{ member_of: everybody }", "asks")
    write_audience(shop, "{ event: Product Addded }", "other")
    note = "everybody: nobody has done `Order Complet` yet. Did you mean `Order Completed`? There is 1 such event."
    for key in ("everybody", "asks"):
        assert f"Note: {note}" in shop("audiences", "preview", key).out.splitlines()
        assert shop("audiences", "preview", key, "--json").facts["notes"] == [note]


LISTS = [
    ("{ file: staff.csv, type: userid, column: id }", "userid", "Did you mean `user_id`?"),
    ("{ file: staff.csv, type: profile, column: id }", "profile", "Did you mean `profile_id`?"),
    ("{ file: staff.csv, type: user_id, column: id }", "", ""),
    ("{ file: staff.csv, type: profile_id, column: id }", "", ""),
]


@pytest.mark.parametrize(("listed", "kind", "meant"), LISTS)
def test_a_type_of_identifier_that_nobody_has_is_told(shop: Typed, listed: str, kind: str, meant: str) -> None:
    (shop.space / "staff.csv").write_text("id\nu1\n")
    told = [note for note in notes(shop, f"{{ not_in_list: {listed} }}") if "nobody who is known" not in note]
    assert [note for note in told if note.startswith("slip: nobody is known by")] == told
    assert [f"`{kind}`" in note and meant in note for note in told] == ([True] if kind else [])


def test_what_is_asked_for_beside_it_was_not_meant(shop: Typed) -> None:
    told = notes(shop, "{ event: Order Completed, then_not: { event: Order Completeds } }")
    assert told == ["slip: nobody has done `Order Completeds` yet."]


ORDERS = [
    ("where: { totl: 90 }", "no `Order Completed` has a property `totl`. Did you mean `total`?"),
    ("sum: totel, at_least: 5", "no `Order Completed` has a property `totel`. Did you mean `total`?"),
    (
        "where: { 'products[0].brand': x }",
        "no `Order Completed` has a property `products[0].brand`. Did you mean `products.0.brand`?",
    ),
    (
        "where: { 'products[].brand': x }",
        "no `Order Completed` has a property `products[].brand`. Did you mean `products.$.brand`?",
    ),
    (
        "where: { any: [{ not: { delivery.contry: DE } }] }",
        "no `Order Completed` has a property `delivery.contry`. Did you mean `delivery.country`?",
    ),
    ("source: wep", "no event comes from the source `wep`. Did you mean `web`?"),
    ("source: { none_of: [wep, web] }", "no event comes from the source `wep`. Did you mean `web`?"),
    (
        "where: { total: '> 80' }",
        "`total` is compared with the text `> 80`, sign and all. Did you mean `greater_than: 80`?",
    ),
    (
        "then: { event: Product Added, where: { id: { equals: { parent: totl } } } }",
        "no `Order Completed` has a property `totl`. Did you mean `total`?",
    ),
    ("where: { gift: x }", ""),
    ("where: { products.0.brand: x, products.7.brand: x, products.$.brand: x, 'delivery.zip\\.code': x }", ""),
    ("where: { delivery.country: DE }, source: { starts_with: we }", ""),
]


@pytest.mark.parametrize(("asked", "note"), ORDERS)
def test_properties_and_sources_that_no_event_has(shop: Typed, asked: str, note: str) -> None:
    assert notes(shop, f"{{ event: Order Completed, {asked} }}") == ([f"slip: {note}"] if note else [])
    assert shop("audiences", "check").code == 0


def test_of_many_events_the_newest_are_looked_at(shop: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guestlist.telling.slips.NEWEST", 2)
    for n in range(3):
        write(shop.space, event=[event(JANE, "Order Completed", (n + 2) * HOUR, old=1)])
    assert notes(shop, "{ event: Order Completed, where: { total: 90 } }") == []
    told = notes(shop, "{ event: Order Completed, where: { totl: 90 } }")
    assert told == ["slip: none of the last 2 `Order Completed` has a property `totl`. Did you mean `total`?"]


def test_of_traits_the_same_is_told(shop: Typed) -> None:
    folder = shop.space / "traits"
    folder.mkdir()
    (folder / "a.yaml").write_text("key: a\nevent: Order Completed\nsum: totl\nwhere: { total: '>= 5' }\n")
    (folder / "b.yaml").write_text(
        "key: b\nevent: Order Completed\ncount: true\nwhere: { total: { at_least: { trait: contry } } }\n"
    )
    (folder / "c.yaml").write_text("key: c\nidentifier: userid\nquery: SELECT 'u1' AS userid, 1 AS c\n")
    userid = "nobody is known by an identifier of type `userid` yet, so nobody is found by one."
    assert shop("traits", "check", "--json").facts["notes"] == [
        "a: `total` is compared with the text `>= 5`, sign and all. Did you mean `at_least: 5`?",
        "b: nobody has the trait `contry` yet. Did you mean `country`? 1 person has it.",
        f"c: {userid} Did you mean `user_id`? There is 1 of these.",
        "a: no `Order Completed` has a property `totl`. Did you mean `total`?",
    ]


def test_a_lifetime_value_needs_no_refunds(shop: Typed) -> None:
    folder = shop.space / "traits"
    folder.mkdir()
    (folder / "value.yaml").write_text("lifetime_value: true\n")
    assert shop("traits", "check", "--json").facts["notes"] == []
    (folder / "value.yaml").write_text(
        "key: paid\nevent: Order Completed\nsum: total\nless: { event: Order Complete, sum: total }\n"
    )
    assert shop("traits", "check", "--json").facts["notes"] == ["paid: nobody has done `Order Complete` yet."]


def test_dates_that_cannot_be_read_are_told(shop: Typed) -> None:
    others = [
        trait(f"{n:032}", "born", value)
        for n, value in enumerate(["2020-02-03", "2023-02-30", "soon", '["2020-01-01"]'])
    ]
    write(shop.space, trait=[trait(JANE, "born", "31/12/2023"), *others])
    note = "slip: 3 people have a `born` that is no date, so no test of it is true. Dates are written as 2023-12-31."
    for asked in ("before: 2024-01-01", "within_last: 10 years"):
        assert notes(shop, f"{{ not: {{ trait: born, {asked} }} }}") == [note]
        assert shop("audiences", "preview", "slip", "--json").facts["notes"] == [note]
    told = shop("audiences", "explain", "slip", "user_id:u1").out
    assert "; no date, so this is not true: dates are written as 2023-12-31" in told
    assert "31/12/2023" not in told
    assert notes(shop, "{ trait: born, exists: true }") == []
    reason = shop("audiences", "explain", "slip", "user_id:u1", "--json").facts["reason"]
    assert [seen["no_date"] for seen in reason["traits"]] == [False]


def test_lines_of_lists_that_name_nobody_are_told(shop: Typed) -> None:
    (shop.space / "staff.csv").write_text("id,n\nu1,1\nu2,2\n u3 ,3\n,4\n")
    note = (
        "slip: 3 of 4 lines of the list staff.csv name nobody who is known; "
        "in 1 there is nothing that can be read as user_id."
    )
    assert notes(shop, "{ not_in_list: { file: staff.csv, type: user_id, column: id } }") == [note]
    assert shop("audiences", "preview", "slip", "--json").facts["notes"] == [note]
    assert shop("audiences", "show", "slip", "--json").facts["notes"] == [note]
    shown = shop("audiences", "show", "slip").out
    assert "People: 0" in shown
    assert f"Note: {note}" in shown
    (shop.space / "staff.csv").write_text("id\nu1\n")
    assert notes(shop, "{ not_in_list: { file: staff.csv, type: user_id, column: id } }") == []
    query = "SELECT 'jane@example.org' AS email UNION ALL SELECT 'else@example.org'"
    write_audience(shop, f'{{ in_list: {{ query: "{query}", column: email }} }}')
    note = "slip: 1 of 2 lines of a list names nobody who is known."
    assert shop("audiences", "preview", "slip", "--json").facts["notes"] == [note]

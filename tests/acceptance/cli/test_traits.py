"""`guestlist traits` as people type it, and traits and lists where audiences use them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from guestlist.asking import refresh
from guestlist.audiences.traits.document import read_folder
from guestlist.space import open_space
from guestlist.telling.people import known_people

from .conftest import JANE, JOSE, NOW, Typed, event, trait, write

SPENT = "key: spent\nname: All they spent\nevent: Order Completed\nsum: total\nwhere: { currency: EUR }\n"
ADDED = "key: added\nevent: Product Added\nlast: sku\n"
PHONES = (
    "key: phones\nquery: \"SELECT profile_id, count(*) AS phones FROM identifier WHERE type = 'phone' GROUP BY 1\"\n"
)


@pytest.fixture
def shop(empty: Typed) -> Typed:
    """A space with Jane and José, and three traits."""
    hour = timedelta(hours=1)
    identifiers = [(JANE, "email", "jane@example.org"), (JANE, "phone", "491713920007"), (JOSE, "user_id", "u2")]
    write(
        empty.space,
        identifier=[
            {"type": kind, "value": value, "profile_id": who, "ordinal": 0, "first_seen": NOW, "last_seen": NOW}
            for who, kind, value in identifiers
        ],
        event=[
            event(JANE, "Product Added", 5 * hour, sku="secret-lamp"),
            event(JOSE, "Order Completed", 2 * hour, total=41.9, currency="EUR"),
        ],
        trait=[trait(JANE, "meeting", "2026-01-01T10:00"), trait(JOSE, "meeting", "2026-01-01T10:00Z")],
        alias=[],
        message=[],
    )
    folder = empty.space / "traits"
    folder.mkdir()
    for name, text in (("spent", SPENT), ("added", ADDED), ("phones", PHONES)):
        (folder / f"{name}.yaml").write_text(text)
    return empty


def test_check_tells_every_mistake_and_needs_no_data(empty: Typed) -> None:
    assert "there is no trait yet" in empty("traits", "check").out
    folder = empty.space / "traits"
    folder.mkdir()
    (folder / "a.yaml").write_text("key: a\nevent: Order\nsumm: total\n")
    (folder / "b.yaml").write_text("key: b\n")
    told = empty("traits", "check")
    assert told.code == 1
    assert "a.yaml: summ: is not known here. Did you mean `sum`?" in told.err
    assert "b.yaml: event: is missing" in told.err
    (folder / "a.yaml").write_text(SPENT)
    (folder / "b.yaml").unlink()
    assert empty("traits", "check", "--json").facts == {"traits": ["spent"], "notes": []}


LIKE = "key: {}\nevent: Order Completed\ncount: true\nwhere: {{ total: {{ greater_than: {{ trait: {} }} }} }}\n"


def test_check_tells_traits_that_are_worked_out_from_each_other(shop: Typed) -> None:
    folder = shop.space / "traits"
    for key, other in (("own", "own"), ("one", "two"), ("two", "one"), ("behind", "one"), ("fine", "spent")):
        (folder / f"{key}.yaml").write_text(LIKE.format(key, other))
    told = shop("traits", "check")
    assert told.code == 1
    assert "one.yaml: where: traits are worked out from each other in a circle: `one` -> `two` -> `one`." in told.err
    assert "own.yaml: where: `own` is worked out from itself." in told.err
    assert "behind" not in told.err
    for key in ("own", "one", "behind"):
        (folder / f"{key}.yaml").unlink()
    assert shop("traits", "check").code == 0


def test_check_looks_at_queries_and_names_what_nobody_does(shop: Typed) -> None:
    assert shop("traits", "check").out.splitlines() == ["3 traits checked, no mistake."]
    (shop.space / "traits" / "spent.yaml").write_text("key: meeting\nevent: Order Complete\ncount: true\n")
    noted = shop("traits", "check").out
    assert "nobody has done `Order Complete` yet. Did you mean `Order Completed`?" in noted
    assert "meeting: people send a trait of that name too" in noted
    for query, code in (
        ("SELECT 1 AS phones FROM form", "query_refused"),
        ("SELECT nothing FROM event", "query_wrong"),
    ):
        (shop.space / "traits" / "phones.yaml").write_text(f"key: phones\nquery: {query}\n")
        told = shop("traits", "check")
        assert (told.code, code in told.err) == (1, True)


def test_list_and_show(shop: Typed) -> None:
    facts = {one["key"]: one for one in shop("traits", "list", "--json").facts["traits"]}
    assert facts["spent"]["in_words"] == "sum of total of Order Completed where currency is EUR"
    shown = {key: shop("traits", "show", key, "--json").facts["people"] for key in facts}
    assert {key: one["people"] for key, one in facts.items()} == shown  # though nothing was synced yet
    assert shown["spent"] == 1
    assert "what a query gives" in shop("traits", "list").out

    told = shop("traits", "show", "spent")
    assert "All they spent  (spent)" in told.out
    assert "People: 1" in told.out
    assert "41.9" not in told.out
    sample = shop("traits", "show", "added", "--json", "--reveal").facts["sample"]
    assert [(row["profile_id"], row["value"], row["source"]) for row in sample] == [(JANE, "secret-lamp", "computed")]
    assert shop("traits", "show", "phones", "--json").facts["people"] == 1
    assert shop("traits", "show", "spnt").code == 2
    assert "Did you mean `spent`?" in shop("traits", "show", "spnt").err


def test_lines_of_a_query_that_were_too_large_are_told(shop: Typed) -> None:
    query = "SELECT profile_id, repeat('x', 16384) AS phones FROM identifier"
    (shop.space / "traits" / "phones.yaml").write_text(f"key: phones\nquery: {query}\n")
    here = open_space(shop.space)
    with known_people(here) as warehouse:
        refresh(here, warehouse, [], read_folder(here.traits), at=NOW)
    note = "phones: 3 lines of its query are larger than 16 KB and left out."
    for words in (("check",), ("list",)):
        assert note in shop("traits", *words).out
        assert [told.startswith(note) for told in shop("traits", *words, "--json").facts["notes"]] == [True]


def test_a_trait_that_cannot_be_worked_out_is_not_told_as_nobody(shop: Typed) -> None:
    (shop.space / "traits" / "gone.yaml").write_text("query: SELECT user_id, n AS gone FROM not_there\nkey: gone\n")
    told = shop("traits", "list", "--json").facts
    numbers = {one["key"]: one["people"] for one in told["traits"]}
    assert (numbers["gone"], numbers["spent"]) == (None, 1)
    (note,) = told["notes"]
    assert note.startswith("gone cannot be worked out.")
    assert "not_there" in note


def test_times_without_a_zone_are_told(shop: Typed) -> None:
    told = shop("traits", "show", "meeting").out
    assert "sent by people" in told
    assert "Times without a time zone: 1, read on the clocks of Europe/Berlin." in told


def test_audiences_by_traits_and_lists(shop: Typed) -> None:
    audiences = shop.space / "audiences"
    (audiences / "spenders.yaml").write_text("key: spenders\nwho: { trait: spent, at_least: 40 }\n")
    (audiences / "vip.yaml").write_text(
        "key: vip\nwho: { all: [{ in_list: vip.csv }, { not: { trait: spent, exists: true } }] }\n"
    )
    (shop.space / "vip.csv").write_text("email\nJANE@example.org\n")
    assert "nobody has the trait `spent`" not in shop("audiences", "check").out

    def members(key: str, *more: str) -> list[str]:
        told = shop("audiences", "members", key, "--json", "--reveal", *more)
        return [json.loads(line)["profile_id"] for line in told.out.splitlines()]

    assert (members("spenders"), members("vip")) == ([JOSE], [JANE])
    numbers = {one["key"]: one["people"] for one in shop("audiences", "list", "--json").facts["audiences"]}
    assert (numbers["spenders"], numbers["vip"]) == (1, 1)

    told = shop("audiences", "explain", "spenders", "user_id:u2")
    assert "yes  spent at least 40" in told.out
    seen = shop("audiences", "explain", "spenders", "user_id:u2", "--json", "--reveal").facts["reason"]["traits"]
    assert [(one["trait"], one["value"], one["source"]) for one in seen] == [("spent", "41.9", "computed")]
    assert "yes    is among the emails of vip.csv" in shop("audiences", "explain", "vip", "email:jane@example.org").out

    (shop.space / "vip.csv").rename(shop.space / "vips.csv")
    place = "vip.yaml: who.all[0].in_list: The list vip.csv is not there"
    for words, code in ((("check",), "definition_mistakes"), (("members", "vip"), "file_missing")):
        told = shop("audiences", *words)
        assert (told.code, code in told.err) == (1, True)
        assert place in told.err
        assert "Did you mean `vips.csv`?" in told.err
    assert members("spenders") == [JOSE]
    listed = shop("audiences", "list")
    assert listed.code == 0
    assert f"Note: vip cannot be worked out. {place}" in listed.out
    told_of = shop("audiences", "list", "--json").facts
    counted = {one["key"]: one["people"] for one in told_of["audiences"]}
    assert (counted["spenders"], counted["vip"], len(told_of["notes"])) == (1, None, 1)
    assert "People: 1" in shop("audiences", "show", "spenders").out
    assert place in shop("audiences", "show", "vip").out


BAD_LISTS = [
    ("{ query: DELETE FROM event, column: email }", "query", "it is not a SELECT"),
    ("{ query: SELECT email FROM form }", "query", "there is no relation `form`"),
    ("{ query: \"SELECT * FROM read_csv('/etc/passwd')\" }", "query", "it reads from read_csv()"),
    ("{ query: SELECT user_id FROM event }", "query", "user_id"),
    ("{ query: SELECT profile_id FROM event }", "query", "A list has no column `email`."),
    ("{ file: lists/ragged.csv }", "file", "ragged.csv has lines that cannot be read (1 so far)"),
    ("{ file: lists/bad.csv, column: mail }", "file", "has no column `mail`. Did you mean `email`?"),
    ("{ file: lists/none.csv }", "file", "The list lists/none.csv is not there"),
    ("{ file: lists/bad.csv }", "file", "has nothing in its column `email` that can be read as email"),
]


@pytest.mark.parametrize(("listed", "name", "message"), BAD_LISTS)
def test_check_tells_what_is_wrong_with_a_list_and_where(shop: Typed, listed: str, name: str, message: str) -> None:
    (shop.space / "lists").mkdir(exist_ok=True)
    (shop.space / "lists" / "ragged.csv").write_text("email,x\njane@example.org,1\nragged\n")
    (shop.space / "lists" / "bad.csv").write_text("email\nnobody\n")
    (shop.space / "audiences" / "zz.yaml").write_text(f"key: listed\nwho: {{ not: {{ in_list: {listed} }} }}\n")
    told = shop("audiences", "check")
    assert told.code == 1
    assert f"zz.yaml: who.not.in_list.{name}: " in told.err
    assert message in told.err


def test_check_tells_mistakes_in_files_of_lists_without_any_data(empty: Typed) -> None:
    (empty.space / "ragged.csv").write_text("email,x\njane@example.org,1\nragged\n")
    for n, file in enumerate(("ragged.csv", "gone.csv")):
        (empty.space / "audiences" / f"zz{n}.yaml").write_text(f"key: zz{n}\nwho: {{ in_list: {file} }}\n")
    (empty.space / "audiences" / "zz2.yaml").write_text(
        "key: zz2\nwho: |\n  trait('a') = 'b' AND list(file: 'gone.csv') = false\n"
    )
    told = empty("audiences", "check", "--json").facts["error"]["mistakes"]
    assert [one["at"] for one in told] == ["zz0.yaml: who.in_list", "zz1.yaml: who.in_list", "zz2.yaml: who"]
    assert not (empty.space / ".guestlist" / "warehouse.duckdb").exists()


def test_the_help_teaches(empty: Typed, tmp_path: Path) -> None:
    assert "guestlist traits show lifetime_value" in empty("traits", "show", "--help").out

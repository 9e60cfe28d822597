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
    assert {one["people"] for one in facts.values()} == {0}  # nothing was synced yet
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
    for words in (("check",), ("members", "vip")):
        told = shop("audiences", *words)
        assert (told.code, "file_missing" in told.err) == (1, True)
        assert "Did you mean `vips.csv`?" in told.err
    assert members("spenders") == [JOSE]


def test_the_help_teaches(empty: Typed, tmp_path: Path) -> None:
    assert "guestlist traits show lifetime_value" in empty("traits", "show", "--help").out

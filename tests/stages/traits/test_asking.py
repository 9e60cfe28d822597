"""SQL traits, tables and lists of a space: read, brought to people, and what happens when they cannot be."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from guestlist.asking import Refreshed, question, refresh, together
from guestlist.audiences.definition import Definition
from guestlist.audiences.document import read as read_audience
from guestlist.audiences.evaluate import members
from guestlist.audiences.traits.document import read as read_trait
from guestlist.audiences.traits.keeping import dropped
from guestlist.cli import run
from guestlist.errors import GuestlistError
from guestlist.space import Space, open_space
from guestlist.store import Warehouse

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CUSTOMERS = "".join(
    json.dumps({"type": "identify", "userId": user, "traits": said, "timestamp": f"{day}T00:00:00Z"}) + "\n"
    for user, day, said in (
        ("u1", "2026-01-01", {"email": "Ann@Example.org", "phone": "+49 171 3920001", "city": "Kiel"}),
        ("u2", "2026-01-01", {"email": "ben@example.org", "phone": "0171 3920002", "city": "Ulm"}),
        ("u3", "2026-01-01", {"email": "cy@example.org", "city": "Ulm"}),
        ("u3", "2026-02-10", {"phone": "+49 171 3920003"}),
        ("u1", "2026-02-10", {"phone": "+49 171 3920004"}),
    )
)
ORDERS = """\
Email,When,Total
ann@example.org,2026-02-01,30
ann@example.org,2026-03-01,40
ben@example.org,2026-02-15,5
"""
TABLES = "tables: { points: data/points.csv, cards: data/cards.parquet }\n"


@dataclass(frozen=True, kw_only=True)
class Shop:
    space: Space
    warehouse: Warehouse

    def write(self, name: str, text: str) -> None:
        place = self.space.folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)

    def refresh(self, *audiences: Definition, traits: tuple[str, ...] = (), at: datetime = NOW) -> Refreshed:
        return refresh(self.space, self.warehouse, audiences, [read_trait(text) for text in traits], at=at)

    def traits(self) -> dict[str, dict[str, str]]:
        """By user id."""
        known = self.warehouse.table("identifier")
        names = known.filter(known.type == "user_id").select("profile_id", user="value")
        lines = self.warehouse.read(self.warehouse.table("computed_trait").join(names, "profile_id")).to_pylist()
        found: dict[str, dict[str, str]] = {}
        for line in lines:
            found.setdefault(line["key"], {})[line["user"]] = line["value"]
        return found

    def inside(self, key: str) -> str:
        """Who is in an audience by its record, as the digits of their user ids."""
        stay, known = self.warehouse.table("membership"), self.warehouse.table("identifier")
        there = stay.filter(stay.audience == key, stay.exited_at.isnull())
        return self._digits(known.semi_join(there, "profile_id"))

    def asked(self, one: Definition, *others: Definition, traits: tuple[str, ...] = (), at: datetime = NOW) -> str:
        """The same, worked out anew."""
        about = together([one, *others], one)
        told = [read_trait(text) for text in traits]
        asking = question(self.space, self.warehouse, about, told, at=at)
        return self._digits(self.warehouse.table("identifier").semi_join(members(one, asking, about), "profile_id"))

    def _digits(self, known: object) -> str:
        rows = self.warehouse.read(known).to_pylist()
        return "".join(sorted(row["value"][1:] for row in rows if row["type"] == "user_id"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "shop"
    assert run(["init", str(folder), "--country", "DE", "--time-zone", "Europe/Berlin"]) == 0
    (folder / "customers.jsonl").write_text(CUSTOMERS)
    (folder / "orders.csv").write_text(ORDERS)
    at = ["--yes", "--space", str(folder)]
    assert run(["import", str(folder / "customers.jsonl"), *at]) == 0
    events = ["--as", "events", "--event", "Order", "--time", "When", "--id", "Email"]
    assert run(["import", str(folder / "orders.csv"), *events, *at]) == 0
    with (folder / "guestlist.yaml").open("a") as settings:
        settings.write(TABLES)
    (folder / "data").mkdir()
    (folder / "data" / "points.csv").write_text("mail,points\nBEN@example.org,7\nnobody@example.org,9\n")
    cards = pa.table({"user_id": ["u1", "u3"], "card": ["gold", None]})
    parquet.write_table(cards, folder / "data" / "cards.parquet")
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Iterator[Shop]:
    shutil.copytree(made, tmp_path / "shop")
    space = open_space(tmp_path / "shop")
    with space.open_warehouse() as warehouse:
        yield Shop(space=space, warehouse=warehouse)


def audience(who: str, key: str = "x") -> Definition:
    return read_audience(f"key: {key}\nwho: {who}")


AGO = {"u1": "10", "u2": "24"}
QUERIES = [
    ("SELECT profile_id, count(*) AS x FROM event GROUP BY ALL", {"u1": "2", "u2": "1"}),
    ("SELECT upper(value) AS email, 1.50 AS x FROM identifier WHERE value LIKE 'ann@%'", {"u1": "1.5"}),
    ("SELECT '0049 171 3920001' AS phone, sum(i) AS x FROM range(4) t(i)", {"u1": "6"}),
    ("SELECT 'u2' AS user_id, true AS x", {"u2": "true"}),
    ("SELECT 'u2' AS user_id, ['b', 'a'] AS x", {"u2": '["b","a"]'}),
    ("SELECT 'u2' AS user_id, {'a': 1} AS x", {"u2": '{"a":1}'}),
    ("SELECT 'u2' AS user_id, DATE '2026-01-31' AS x", {"u2": "2026-01-31"}),
    ("SELECT 'u9' AS user_id, 1 AS x", {}),
    ("SELECT NULL AS user_id, 1 AS x", {}),
    ("SELECT 'u1' AS user_id, NULL AS x", {}),
    ("SELECT unnest(['u1', 'u1']) AS user_id, unnest(['b', 'a']) AS x", {"u1": "a"}),
    ("SELECT mail AS email, points AS x FROM points", {"u2": "7"}),
    ("SELECT user_id, card AS x FROM cards", {"u1": "gold"}),
    ("SELECT profile_id, value AS x FROM trait WHERE key ILIKE 'city' AND value = 'Kiel'", {"u1": "Kiel"}),
    ("SELECT 'u1' AS user_id, count(*) AS x FROM message", {"u1": "8"}),
    ("SELECT profile_id, date_diff('day', max(e.at), max(a.at)) AS x FROM event e, as_of a GROUP BY 1", AGO),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_a_query_gives_a_trait(shop: Shop, query: str, expected: dict[str, str]) -> None:
    assert shop.refresh(traits=(f'key: x\nquery: "{query}"',)).traits == {}
    assert shop.traits().get("x", {}) == expected


def test_several_columns_are_several_traits_and_lines_that_vanish_take_theirs_away(shop: Shop) -> None:
    query = "SELECT profile_id, count(*) AS n, min(event.at) AS first FROM event {} GROUP BY 1"
    text = f'key: both\ncolumns: [n, first]\nquery: "{query}"'
    assert shop.refresh(traits=(text.replace("{}", ""),)).traits == {}
    assert shop.traits()["n"] == {"u1": "2", "u2": "1"}
    assert set(shop.traits()["first"]) == {"u1", "u2"}
    shop.refresh(traits=(text.replace("{}", "WHERE event.at > TIMESTAMPTZ '2026-02-20 00:00:00Z'"),))
    assert shop.traits()["n"] == {"u1": "1"}
    assert set(shop.traits()["first"]) == {"u1"}


RANKED = "SELECT profile_id, rank() OVER (ORDER BY number DESC) AS rank FROM trait WHERE key = 'spent'"


def test_a_query_reads_computed_traits_and_an_audience_reads_both(shop: Shop) -> None:
    traits = (
        "key: spent\nevent: Order\nsum: total",
        f'key: rank\nquery: "{RANKED}"',
    )
    best = audience("{ trait: rank, equals: 1 }")
    assert shop.refresh(best, traits=traits).traits == {}
    assert shop.traits() == {"spent": {"u1": "70", "u2": "5"}, "rank": {"u1": "1", "u2": "2"}}
    assert shop.inside("x") == shop.asked(best, traits=traits) == "1"
    # As of a day gone by, the query sees what was known then.
    early = datetime(2026, 2, 20, tzinfo=UTC)
    second = audience("{ trait: rank, equals: 2 }")
    assert shop.asked(second, traits=traits) == "2"
    assert shop.asked(audience("{ trait: spent, at_most: 30 }"), traits=traits, at=early) == "12"
    assert (
        shop.asked(audience("{ trait: spent, at_least: 5 }"), traits=traits, at=datetime(2026, 2, 5, tzinfo=UTC)) == "1"
    )


LISTS = [
    ("vip.csv", "Email\nANN@example.org \nnobody@example.org\n", "{ file: vip.csv, column: Email, type: email }", "1"),
    ("vip.csv", "email,x\nann@example.org,1\n", "vip.csv", "1"),
    ("vip.csv", "x;phone\n1;0171 3920002\n2;not one\n", "{ file: vip.csv, column: phone }", "2"),
    ("vip.jsonl", '{"user_id": "u1"}\n{"user_id": "u3"}\n', "{ file: vip.jsonl, column: user_id }", "13"),
    ("data/cards.parquet", None, "{ file: data/cards.parquet, column: user_id }", "13"),
    ("", None, "{ query: SELECT user_id FROM cards WHERE card IS NULL, column: user_id }", "3"),
    ("", None, "{ query: 'SELECT profile_id FROM event', column: profile_id, type: profile_id }", "12"),
    ("", None, "{ query: \"SELECT value AS email FROM identifier WHERE value = 'x'\" }", ""),
]


@pytest.mark.parametrize(("name", "content", "told", "expected"), LISTS)
def test_a_list(shop: Shop, name: str, content: str | None, told: str, expected: str) -> None:
    if content is not None:
        shop.write(name, content)
    listed, others = audience(f"{{ in_list: {told} }}"), audience(f"{{ not_in_list: {told} }}", "y")
    assert shop.refresh(listed, others).failed == {}
    assert shop.inside("x") == shop.asked(listed) == expected
    assert shop.inside("y") == shop.asked(others) == "".join(sorted(set("123") - set(expected)))


THEN = [
    ("{ query: \"SELECT '017139200' || unnest(['03', '04', '01']) AS phone\", column: phone }", "1", "13"),
    ("{ query: \"SELECT unnest(['ann@example.org', 'cy@example.org']) AS email\" }", "13", "13"),
    ("{ query: SELECT profile_id FROM staff, column: profile_id, type: profile_id }", "3", "3"),
]


@pytest.mark.parametrize(("told", "in_january", "later"), THEN)
def test_as_of_a_day_gone_by_a_list_has_only_whom_it_names_by_what_was_known_then(
    shop: Shop, told: str, in_january: str, later: str
) -> None:
    known = shop.warehouse.table("identifier")
    staff = shop.warehouse.read(known.filter(known.value == "u3")).to_pylist()
    shop.write("data/staff.csv", f"profile_id\n{staff[0]['profile_id']}\n")
    shop.space.settings.tables["staff"] = "data/staff.csv"
    listed, others = audience(f"{{ in_list: {told} }}"), audience(f"{{ not_in_list: {told} }}", "y")
    for day, expected, all_of_them in (
        ("2025-12-31", "", ""),
        ("2026-01-31", in_january, "123"),
        ("2026-02-10", later, "123"),
    ):
        at = datetime.fromisoformat(day).replace(tzinfo=UTC)
        assert shop.asked(listed, at=at) == expected
        assert shop.asked(others, at=at) == "".join(sorted(set(all_of_them) - set(expected)))


def test_as_of_a_day_gone_by_a_query_gives_nobody_a_trait_who_was_not_known(shop: Shop) -> None:
    traits = ("key: x\nquery: \"SELECT '+491713920003' AS phone, 1 AS x UNION SELECT '01713920001', 1\"",)
    days = ("2025-12-31", "2026-01-31", "2026-02-10")
    found = [
        shop.asked(
            audience("{ trait: x, exists: true }"), traits=traits, at=datetime.fromisoformat(day).replace(tzinfo=UTC)
        )
        for day in days
    ]
    assert found == ["", "1", "13"]


Break = Callable[[Shop], object]
BROKEN: list[tuple[Break, str]] = [
    (lambda shop: (shop.space.folder / "vip.csv").unlink(), "file_missing"),
    (lambda shop: shop.write("vip.csv", ""), "file_type"),
    (lambda shop: shop.write("vip.csv", "email\n"), "file_empty"),
    (lambda shop: shop.write("vip.csv", "mail\nann@example.org\n"), "list_column"),
    (lambda shop: shop.write("vip.csv", "email\nnot one\n"), "list_values"),
    (lambda shop: shop.write("vip.csv", "email,x\nann@example.org,1\nragged\nben@example.org,2\n"), "file_lines"),
    (lambda shop: shop.write("vip.csv", '{"email": "ann@example.org"}\n[1]\n'), "file_lines"),
    (lambda shop: shop.write("vip.csv", "<html>"), "file_type"),
]


@pytest.mark.parametrize(("damage", "code"), BROKEN)
def test_a_list_that_cannot_be_read_leaves_its_audience_as_it_was_and_others_go_on(
    shop: Shop, damage: Break, code: str
) -> None:
    shop.write("vip.csv", "email\nann@example.org\n")
    listed, bought = audience("{ in_list: vip.csv }"), audience("{ event: Order }", "y")
    beside = audience("{ all: [{ not_member_of: x }, { event: Order }] }", "z")
    shop.refresh(listed)
    damage(shop)
    done = shop.refresh(listed, bought, beside)
    assert {key: error.code for key, error in done.failed.items()} == {"x": code}
    assert "stands" in str(done.failed["x"])
    assert "ann@" not in str(done.failed["x"])
    assert (shop.inside("x"), shop.inside("y"), shop.inside("z")) == ("1", "12", "2")
    with pytest.raises(GuestlistError) as told:
        shop.asked(listed)
    assert told.value.code == code


def test_a_query_that_fails_leaves_its_traits_and_those_who_ask_for_them(shop: Shop) -> None:
    good = 'key: x\nquery: "SELECT mail AS email, points AS x FROM points"'
    asks, compares = audience("{ trait: x, equals: 7 }"), audience("{ not: { member_of: x } }", "y")
    shop.refresh(asks, traits=(good,))
    shop.write("data/points.csv", "mail,points\n")
    counted = "key: n\nevent: Order\ncount: true"
    done = shop.refresh(asks, compares, traits=(good, counted))
    assert {key: error.code for key, error in done.failed.items()} == {"x": "file_empty"}
    assert shop.traits() == {"x": {"u2": "7"}, "n": {"u1": "2", "u2": "1"}}
    assert (shop.inside("x"), shop.inside("y")) == ("2", "13")


LARGE = "SELECT user_id, repeat('é', size) AS x FROM (VALUES ('u1', 8191), ('u2', 8192)) t(user_id, size)"


def test_lines_that_are_too_large_are_left_out_and_counted(shop: Shop) -> None:
    # Of 16 KB, 16,384 bytes, the id takes two.
    query = f'key: x\nquery: "{LARGE}"'
    assert shop.refresh(traits=(query,)).traits == {}
    assert shop.traits() == {"x": {"u1": "é" * 8191}}
    assert dropped(shop.warehouse) == {"x": 1}
    assert shop.asked(audience("{ trait: x, exists: true }"), traits=(query,)) == "1"
    broken = query.replace("repeat", "repeet")
    assert shop.refresh(traits=(broken,)).traits.keys() == {"x"}
    assert dropped(shop.warehouse) == {"x": 1}
    assert set(shop.traits()["x"]) == {"u1"}
    assert shop.refresh(traits=(query.replace("8192", "8191"),)).traits == {}
    assert dropped(shop.warehouse) == {}
    assert set(shop.traits()["x"]) == {"u1", "u2"}
    shop.refresh(traits=(query, query.replace("key: x", "key: y\ncolumn: x")))
    assert dropped(shop.warehouse) == {"x": 1, "y": 1}
    shop.refresh(traits=(query,))
    assert dropped(shop.warehouse) == {"x": 1}


def test_a_list_is_refused_when_one_of_its_lines_is_too_large(shop: Shop) -> None:
    done = shop.refresh(audience(f'{{ in_list: {{ query: "{LARGE}", column: user_id }} }}'))
    assert done.failed["x"].code == "query_too_much"


WRONG = [
    ("key: x\nquery: SELECT 1 AS x", "query_columns", "says whose they are"),
    ("key: x\nquery: SELECT 1 AS user_id", "query_columns", "no column `x`"),
    ("key: x\nquery: SELECT 1 AS user_id, 2 AS email, 3 AS x", "query_columns", "user_id, email"),
    ("key: x\nidentifier: card\nquery: SELECT 1 AS user_id, 3 AS x", "query_columns", "no column `card`"),
    ("key: x\nquery: SELECT 1 AS user_id, 3 AS x FROM form", "query_refused", "`form`"),
    ("key: x\nquery: SELECT 1 AS user_id, 3 AS x FROM '../secret.csv'", "query_refused", "secret"),
]


@pytest.mark.parametrize(("text", "code", "told"), WRONG)
def test_what_is_wrong_with_a_query_is_told(shop: Shop, text: str, code: str, told: str) -> None:
    done = shop.refresh(audience("{ trait: x, exists: true }"), traits=(text,))
    assert done.failed["x"].code == code
    assert told in done.failed["x"].message


@pytest.mark.parametrize("name", ["../outside.csv", ".guestlist/journal.sqlite", "{root}/outside.csv"])
def test_a_list_is_a_file_of_the_space(shop: Shop, name: str) -> None:
    outside = shop.space.folder.parent / "outside.csv"
    outside.write_text("email\nann@example.org\n")
    where = name.replace("{root}", str(outside.parent))
    done = shop.refresh(audience(f"{{ in_list: {where} }}"))
    assert done.failed["x"].code == "file_outside"

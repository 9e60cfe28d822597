"""`guestlist sources` for what is loaded, queries over its lines, results, and what depends on a source."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from guestlist.audiences.document import read_folder
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.cli import run
from guestlist.loads.depending import depends_on, held_back
from guestlist.space import open_space
from guestlist.store.journal_pulls import Pull

from .conftest import Shop
from .postgres import Postgres

Type = Callable[..., dict[str, Any]]


@pytest.fixture
def typed(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Type:
    def run_one(*words: object, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        ended = run([*map(str, words), "--space", str(shop.folder), "--json"])
        told = capsys.readouterr()
        assert ended == code, told
        found: dict[str, Any] = json.loads(told.out)
        return found

    return run_one


@pytest.fixture
def export(shop: Shop) -> Path:
    place = shop.folder / "people.csv"
    place.write_text("Customer,E-Mail,Plan\n1,a@example.org,gold\n2,b@example.org,free\n")
    return place


def test_a_table_is_added_and_its_address_is_nowhere_in_clear(
    server: Postgres, shop: Shop, typed: Type, tmp_path: Path
) -> None:
    server.say("DROP TABLE IF EXISTS crm", "CREATE TABLE crm (customer_id int, email text, tier text)",
               "INSERT INTO crm VALUES (1, 'a@example.org', 'gold')")  # fmt: skip
    address = server.dsn.replace("reader@", "reader:not-to-be-seen@")
    (tmp_path / "dsn").write_text(f"{address}\n")
    made = typed("sources", "add", "crm", "--dsn-file", tmp_path / "dsn", "--table", "public.crm", "--key",
                 "customer_id", "--every", "30m", "--yes")  # fmt: skip
    entry = {"postgres": "sealed", "table": "public.crm", "key": "customer_id", "every": "30m"}
    assert made["entry"]["load"] == entry
    assert set(made["entry"]["columns"]) == {"customer_id", "email", "tier"}
    loaded = typed("sources", "load", "crm")["source"]
    assert (loaded["state"], loaded["lines"], loaded["error"]) == ("loaded", 1, None)
    everything = b"".join(path.read_bytes() for path in shop.folder.rglob("*") if path.is_file())
    assert b"not-to-be-seen" not in everything
    assert not list((shop.folder / ".guestlist" / "pulled").iterdir())


def test_a_source_is_changed_and_what_was_not_said_stays(export: Path, shop: Shop, typed: Type) -> None:
    typed("sources", "add", "crm", "--files", "people.csv", "--key", "Customer", "--every", "2h", "--yes")
    entry = typed("sources", "add", "crm", "--cron", "0 6 * * *", "--yes")["entry"]
    assert entry["load"] == {"files": "people.csv", "key": "Customer", "cron": "0 6 * * *"}


def test_sources_tell_how_they_stand(export: Path, shop: Shop, typed: Type) -> None:
    typed("sources", "add", "web")
    typed("sources", "add", "crm", "--files", "people.csv", "--key", "Customer", "--yes")
    listed = typed("sources", "list")
    assert [one["key"] for one in listed["sources"]] == ["web"]
    assert [(one["key"], one["state"], one["lines"]) for one in listed["loaded"]] == [("crm", None, 0)]
    typed("sources", "load", "crm")
    export.unlink()
    failed = typed("sources", "load", "crm", code=1)["source"]
    assert (failed["state"], failed["lines"], failed["error"]["code"]) == ("failed", 2, "source_file")
    shown = typed("sources", "show", "crm")["source"]
    assert shown["good_at"]
    assert shown["next_at"]
    assert typed("sources", "remove", "crm") == {"key": "crm", "removed": True, "loaded": True}
    assert typed("sources", "list")["loaded"] == []
    assert len(shop.plans()) == 2  # what it said stays


WRONG = [
    pytest.param(["--table", "public.x"], "source_settings", id="a table of nothing"),
    pytest.param(
        ["--files", "people.csv", "--changed", "Plan", "--key", "Customer"], "source_settings", id="change column"
    ),
    pytest.param(["--files", "people.csv", "--key", "Nr"], "unknown_column", id="no such key"),
    pytest.param(["--files", "people.csv", "--every", "on_change"], "source_settings", id="no schedule"),
    pytest.param(["--files", "people.csv", "--every", "3 weeks"], "definition_mistakes", id="too seldom"),
    pytest.param(["--url", "https://me:pw@example.org/x.csv"], "source_settings", id="a password in the address"),
    pytest.param(["--dsn-file", "people.csv", "--table", "a"], "source_address", id="no address in the file"),
]


@pytest.mark.parametrize(("words", "code"), WRONG)
def test_what_cannot_be_a_source_is_refused(
    export: Path, shop: Shop, typed: Type, monkeypatch: pytest.MonkeyPatch, words: list[str], code: str
) -> None:
    monkeypatch.chdir(shop.folder)
    ended = 2 if code != "definition_mistakes" and "on_change" not in words else 1
    found = typed("sources", "add", "crm", *words, "--yes", code=ended)
    assert found["error"]["code"] == code
    assert "load" not in (shop.folder / "guestlist.yaml").read_text()
    assert "pw@" not in json.dumps(found)


def test_where_another_process_has_the_space_it_is_asked_to_load(export: Path, shop: Shop, typed: Type) -> None:
    typed("sources", "add", "crm", "--files", "people.csv", "--key", "Customer", "--yes")
    holding = f"""
import sys
from pathlib import Path
from guestlist.space import open_space
with open_space(Path({str(shop.folder)!r})).open_warehouse():
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        assert typed("sources", "load", "crm", "--accept")["source"] == {"key": "crm", "asked": True}
        other.communicate("")


def test_queries_read_the_lines_of_a_source(export: Path, shop: Shop, typed: Type) -> None:
    typed("sources", "add", "crm", "--files", "people.csv", "--key", "Customer", "--yes")
    typed("sources", "load", "crm")
    query = 'SELECT "E-Mail" AS email FROM crm WHERE "Plan" = \'gold\''
    audience = f"key: listed\nwho: {{ in_list: {{ query: {json.dumps(query)}, column: email }} }}\n"
    (shop.folder / "audiences" / "listed.yaml").write_text(audience)
    assert typed("audiences", "preview", "listed")["members"] == 1
    export.write_text("Customer,E-Mail,Plan\n1,a@example.org,free\n2,b@example.org,free\n")
    typed("sources", "load", "crm")
    assert typed("audiences", "preview", "listed")["members"] == 0


# Results


COLUMNS = {
    "members": ["audience", "profile_id", "entered_at", "group"],
    "moves": ["audience", "profile_id", "at", "change"],
    "runs": ["run", "sync", "audience", "destination", "cause", "state", "made_at", "ended_at", "rows_to_add",
             "rows_to_remove", "rows_added", "rows_removed", "people_leaving"],
    "sources": ["source", "state", "began_at", "good_at", "lines", "came", "went", "left_out", "code"],
    "rejected": ["source", "file", "line", "field", "reason", "value"],
}  # fmt: skip


def test_results_are_parquet_that_others_read(export: Path, shop: Shop, typed: Type, tmp_path: Path) -> None:
    export.write_text(export.read_text() + "3,,gold\n")
    typed("sources", "add", "crm", "--files", "people.csv", "--key", "Customer", "--id", "E-Mail", "--yes")
    typed("sources", "load", "crm")
    written = typed("results", "--to", tmp_path / "out")["results"]
    assert {one["name"] for one in written} == set(COLUMNS)
    for name, columns in COLUMNS.items():
        place = tmp_path / "out" / f"{name}.parquet"
        assert place.stat().st_mode & 0o077 == 0
        assert [row[0] for row in duckdb.sql(f"DESCRIBE FROM '{place}'").fetchall()] == columns
    out = tmp_path / "out"
    assert duckdb.sql(f"SELECT source, state, lines FROM '{out}/sources.parquet'").fetchall() == [("crm", "loaded", 2)]
    everything = b"".join(path.read_bytes() for path in out.iterdir())
    assert b"example.org" not in everything
    typed("results", "--to", out, "--identifiers")
    found = duckdb.sql(f"SELECT value FROM '{out}/identifiers.parquet' WHERE type = 'email' ORDER BY value").fetchall()
    assert found == [("a@example.org",), ("b@example.org",)]
    typed("results", "--to", out)
    assert not (out / "identifiers.parquet").exists()  # who was erased since would stand in it


def test_results_need_a_folder(export: Path, typed: Type) -> None:
    assert typed("results", code=2)["error"]["code"] == "no_folder"


# What depends on a source


DEPENDS = [
    pytest.param("{ trait: plan, equals: gold }", {"crm"}, id="a trait it tells"),
    pytest.param("{ trait: email, exists: true }", {"crm"}, id="an identifier"),
    pytest.param("{ trait: shoe_size, at_least: 40 }", set(), id="a trait it does not tell"),
    pytest.param("{ not: { trait: Plan, equals: gold } }", {"crm"}, id="in other letters, not"),
    pytest.param("{ event: Bought }", {"orders"}, id="an event it tells"),
    pytest.param("{ event: Seen }", set(), id="another event"),
    pytest.param("{ event: Seen, then_not: { event: Bought, within: 1 day } }", {"orders"}, id="a next step"),
    pytest.param("{ in_list: { query: SELECT 1, column: email } }", {"crm", "orders"}, id="a query"),
    pytest.param("{ member_of: other }", {"crm"}, id="another audience"),
]


@pytest.mark.parametrize(("who", "names"), DEPENDS)
def test_an_audience_depends_on_the_sources_that_it_asks(shop: Shop, who: str, names: set[str]) -> None:
    shop.source(files="x.csv", key="id")
    orders = {"who": "email", "at": "time"}
    shop.source("orders", reading="events", event="Bought", columns=orders, files="y.csv")
    folder = shop.folder / "audiences"
    (folder / "one.yaml").write_text(f"key: one\nwho: {who}\n")
    (folder / "other.yaml").write_text("key: other\nwho: { trait: plan, equals: free }\n")
    found = {one.key: one for one in read_folder(folder)}
    depends = depends_on(open_space(shop.folder), found["one"], found.values(), read_traits(shop.folder / "traits"))
    assert depends == names


HELD = [
    pytest.param(None, "source_not_loaded", id="never loaded"),
    pytest.param("failed", "source_not_loaded", id="failed"),
    pytest.param("empty", "source_refused", id="empty"),
    pytest.param("shrunk", "source_refused", id="shrunk"),
    pytest.param("loaded", None, id="loaded"),
    pytest.param("unchanged", None, id="unchanged"),
]


@pytest.mark.parametrize(("state", "code"), HELD)
def test_nobody_new_is_taken_in_unless_the_last_load_was_good(state: str | None, code: str | None) -> None:
    found = held_back(["crm"], {"crm": Pull(source="crm", at=0, state=state, happened="It failed.")})
    assert (found.code if found else None) == code

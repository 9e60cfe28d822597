"""The warehouse against a real DuckDB file."""

import gc
import os
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pytest
from ibis import _

from guestlist.errors import GuestlistError
from guestlist.store import Warehouse
from guestlist.store.functions import object_text
from guestlist.store.in_memory import in_memory
from guestlist.store.ledger import Ledger

PEOPLE = pa.table({"id": [1, 2, 3], "name": ["Ada", "Bo", None]})


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def lines(warehouse: Warehouse, name: str = "people") -> list[tuple[object, ...]]:
    return [tuple(line.values()) for line in warehouse.read(warehouse.table(name).order_by("id")).to_pylist()]


def test_appending_makes_the_relation_then_adds_by_column_name(warehouse: Warehouse) -> None:
    assert not warehouse.has("people")
    assert warehouse.append("people", PEOPLE) == 3
    assert warehouse.append("people", pa.table({"name": ["Cy"], "id": [4]})) == 1

    assert lines(warehouse) == [(1, "Ada"), (2, "Bo"), (3, None), (4, "Cy")]
    assert warehouse.count("people") == 4


@pytest.mark.parametrize(
    "rows",
    [
        pa.table({"id": [7]}),
        pa.table({"id": [7]}).to_reader(),
        pa.table({"id": [7]}).to_batches()[0],
        in_memory({"id": [7]}),
    ],
    ids=["table", "reader", "batch", "expression"],
)
def test_rows_of_every_kind_are_taken(warehouse: Warehouse, rows: object) -> None:
    warehouse.append("people", PEOPLE)
    assert warehouse.append("people", rows) == 1
    assert lines(warehouse)[-1] == (7, None)


def test_a_relation_may_be_replaced_by_what_is_made_of_it(warehouse: Warehouse) -> None:
    warehouse.replace("people", PEOPLE)
    warehouse.replace("people", warehouse.table("people").filter(_.id > 1).mutate(old=True))
    assert lines(warehouse) == [(2, "Bo", True), (3, None, True)]


def test_merging_replaces_by_key_and_adds_the_rest(warehouse: Warehouse) -> None:
    warehouse.append("people", PEOPLE)
    warehouse.merge("people", pa.table({"id": [2, 9], "name": ["Bea", "Di"]}), ["id"])
    assert lines(warehouse) == [(1, "Ada"), (2, "Bea"), (3, None), (9, "Di")]


def test_a_null_in_a_key_is_one_value(warehouse: Warehouse) -> None:
    warehouse.append("people", PEOPLE)
    warehouse.merge("people", pa.table({"id": [5], "name": pa.array([None], pa.string())}), ["name"])
    assert lines(warehouse) == [(1, "Ada"), (2, "Bo"), (5, None)]


def test_deleting_keys_tells_how_many_went(warehouse: Warehouse) -> None:
    warehouse.append("people", PEOPLE)
    keys = warehouse.table("people").filter(_.id < 3).select("id")
    assert warehouse.delete_keys("people", keys, ["id"]) == 2
    assert lines(warehouse) == [(3, None)]


def test_a_failed_transaction_leaves_everything_as_it_was(warehouse: Warehouse) -> None:
    warehouse.append("people", PEOPLE)

    def fail_half_way() -> None:
        with warehouse.transaction():
            warehouse.append("other", PEOPLE)
            with warehouse.transaction():
                warehouse.delete_keys("people", PEOPLE, ["id"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert warehouse.count("people") == 3
    assert not warehouse.has("other")


def test_a_transaction_outlives_the_process(tmp_path: Path) -> None:
    for _time in range(2):
        with Warehouse(tmp_path / "w.duckdb") as warehouse, warehouse.transaction():
            warehouse.append("people", PEOPLE)
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        assert warehouse.count("people") == 6


def test_intermediate_results_end_with_the_process(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        made = warehouse.materialise("half_way", PEOPLE)
        made = warehouse.materialise("next", made.filter(_.id == 2))
        assert warehouse.read(made).to_pylist() == [{"id": 2, "name": "Bo"}]
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        assert not warehouse.has("next")


def test_streaming_goes_beside_writing(warehouse: Warehouse) -> None:
    warehouse.append("people", pa.table({"id": list(range(10_000))}))
    seen = 0
    for batch in warehouse.stream(warehouse.table("people"), chunk=1000):
        seen += batch.num_rows
        warehouse.append("other", batch)
    assert seen == 10_000 == warehouse.count("other")


def test_streaming_in_a_transaction_sees_its_changes(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        warehouse.append("people", PEOPLE)
        made = warehouse.materialise("half_way", warehouse.table("people"))
        assert sum(batch.num_rows for batch in warehouse.stream(made)) == 3


NONE = PEOPLE.slice(0, 0)
MANY = 130_000  # more than the engine keeps in one group of lines


@pytest.mark.parametrize("many", ["append", "merge", "add_unknown"])
@pytest.mark.parametrize(
    "none",
    [
        lambda ledger: ledger.create("fresh", {"id": "int64", "name": "string"}),
        lambda ledger: ledger.replace("fresh", NONE),
        lambda ledger: ledger.append("old", NONE),
        lambda ledger: ledger.append("old", ledger.table("old").filter(_.id < 0)),
        lambda ledger: ledger.merge("old", NONE, ["id"]),
        lambda ledger: ledger.add_unknown("old", PEOPLE, ["id"], keys=ibis.memtable(PEOPLE)),
        lambda ledger: ledger.replace_lines("old", PEOPLE.select(["id"]), NONE, ["id"]),
    ],
    ids=["create", "replace", "append", "expression", "merge", "add_unknown", "replace_lines"],
)
def test_many_lines_after_none_are_found(tmp_path: Path, none: Callable[[Ledger], object], many: str) -> None:
    with Ledger(tmp_path / "l.duckdb", {}, threads=2) as ledger:
        ledger.append("old", PEOPLE)
        ids = ledger.materialise("ids", ibis.range(10, 10 + MANY).unnest().name("id").as_table())
        with ledger.transaction():
            none(ledger)
            name = "fresh" if ledger.has("fresh") else "old"
            on = {"append": {}, "merge": {"on": ["id"]}, "add_unknown": {"on": ["id"], "keys": ids}}[many]
            added = getattr(ledger, many)(name, ids.mutate(name=_.id.cast("string")), **on)
            assert added == MANY
            assert _found(ledger, name) == (["77"], MANY)
        assert _found(ledger, name) == (["77"], MANY)


def _found(ledger: Ledger, name: str) -> tuple[list[str], int]:
    large = ledger.table(name).filter(_.id >= 10)
    one = ledger.read(large.filter(_.name == "77")).column("name").to_pylist()
    return one, ledger.read(large.group_by("id").aggregate(n=large.count())).num_rows


def test_an_empty_relation_has_the_types_it_was_made_with(warehouse: Warehouse) -> None:
    warehouse.create("event", {"id": "string", "at": "timestamp(6)"})
    warehouse.create("event", {"id": "string"})
    assert warehouse.columns("event") == ("id", "at")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/hosts')",
        "COPY (SELECT 1) TO 'leak.csv'",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '99GB'",
    ],
)
def test_the_engine_is_locked_down(warehouse: Warehouse, statement: str) -> None:
    with pytest.raises(duckdb.Error):
        warehouse._connection.execute(statement)


def test_no_python_variable_is_read_as_a_table(warehouse: Warehouse) -> None:
    people = PEOPLE
    with pytest.raises(duckdb.CatalogException):
        warehouse._connection.execute("SELECT * FROM people").fetchall()
    assert people.num_rows == 3


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_the_file_and_its_spill_folder_are_private(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "w.duckdb"):
        assert (tmp_path / "w.duckdb").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "w.duckdb.spill").stat().st_mode & 0o777 == 0o700


def test_more_than_memory_spills_instead_of_failing(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "w.duckdb", memory_limit="60MB", threads=1) as warehouse:
        text = ibis.range(0, 2_000_000).unnest().name("id").as_table().mutate(text=_.id.cast("string").hexdigest("md5"))
        assert warehouse.append("people", text.order_by("text")) == 2_000_000


def test_a_second_process_is_told_who_owns_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    code = "import sys, pathlib; from guestlist.store import Warehouse; Warehouse(pathlib.Path(sys.argv[1]))"
    with Warehouse(path):
        answer = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert "space_in_use" in answer.stderr


def test_a_file_that_is_not_ours_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb").write_text("id,name\n" * 1000)
    with pytest.raises(GuestlistError, match="store_damaged"):
        Warehouse(tmp_path / "w.duckdb")


def test_reading_what_is_not_there_says_what_to_do(warehouse: Warehouse) -> None:
    with pytest.raises(GuestlistError, match="guestlist import FILE"):
        warehouse.table("message")


@pytest.mark.parametrize("name", ["", "a b", 'a"; DROP TABLE b', "Ä", "1a"])
def test_a_name_that_could_be_anything_else_is_refused(warehouse: Warehouse, name: str) -> None:
    with pytest.raises(ValueError, match="not a relation's name"):
        warehouse.append(name, PEOPLE)


def test_an_object_leaves_out_what_has_no_value(warehouse: Warehouse) -> None:
    warehouse.append("people", PEOPLE)
    made = warehouse.table("people").select("id", o=object_text({"name": _.name, "n": _.id}))
    assert [line["o"] for line in warehouse.read(made.order_by("id")).to_pylist()] == [
        '{"name":"Ada","n":1}',
        '{"name":"Bo","n":2}',
        '{"n":3}',
    ]


def test_times_are_read_in_utc_wherever_the_machine_is(tmp_path: Path) -> None:
    code = """
        import sys, ibis
        from pathlib import Path
        from guestlist.store import Warehouse
        from guestlist.store.in_memory import in_memory
        with Warehouse(Path(sys.argv[1])) as warehouse:
            noon = ibis.timestamp("2026-01-01T12:00:00").cast("timestamp('UTC')")
            warehouse.replace("a", in_memory({"x": [1]}).select(at=noon))
            for one in (warehouse, warehouse.beside()):
                told = one.table("a").select(at=one.table("a").at.cast("string"))
                print(*(batch.to_pylist() for batch in one.stream(told)))
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "w.duckdb")],
        env={**os.environ, "TZ": "America/New_York"}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert ran.stdout.splitlines() == ["[{'at': '2026-01-01 12:00:00+00'}]"] * 2


def test_a_reader_beside_sees_what_was_there_when_it_began(warehouse: Warehouse) -> None:
    warehouse.append("people", PEOPLE)
    beside = warehouse.beside()

    with beside.transaction():
        assert beside.count("people") == 3
        warehouse.append("people", pa.table({"id": [4], "name": ["Cy"]}))
        warehouse.materialise("found", warehouse.table("people"))
        assert beside.count("people") == 3
        assert not beside.has("found")
    assert beside.count("people") == 4
    beside.close()
    assert warehouse.count("people") == 4


def test_a_checkpoint_waits_for_readers_beside(warehouse: Warehouse) -> None:
    warehouse.append("people", PEOPLE)
    beside = warehouse.beside()
    saw: list[int] = []
    with ThreadPoolExecutor() as threads:
        with beside.transaction():
            beside.count("people")
            warehouse.replace("people", PEOPLE.slice(0, 1))
            waiting = threads.submit(warehouse.checkpoint)
            saw.append(beside.count("people"))
        waiting.result(timeout=30)

    assert saw == [3]


def test_lines_in_memory_do_not_outlive_the_store_that_read_them(tmp_path: Path) -> None:
    """What was compiled serves every store, but holds nobody's values."""
    lines = pa.table({"email": ["ann@example.org"]})
    held = weakref.ref(lines)
    for name in ("a", "b"):
        with Warehouse(tmp_path / f"{name}.duckdb") as store:
            store.append("person", pa.table({"email": ["ann@example.org", "bob@example.org"]}))
            person = store.table("person")
            store.replace("found", person.semi_join(ibis.memtable(lines), "email"))
            assert store.count("found") == 1
            store.replace("found", person.filter(person.email != ibis.literal("x")))
            assert store.count("found") == 2
    del lines, person
    gc.collect()
    assert held() is None


@pytest.mark.parametrize(("deleted", "written"), [(MANY // 4, []), (MANY // 2, ["old"]), (MANY, [])])
def test_a_relation_is_written_anew_once_many_of_its_lines_are_deleted_ones(
    tmp_path: Path, deleted: int, written: list[str]
) -> None:
    with Ledger(tmp_path / "l.duckdb", {}) as ledger:
        ids = ibis.range(0, MANY).unnest().name("id").as_table()
        ledger.append("old", ids)
        ledger.append("small", PEOPLE)
        ledger.delete_keys("old", ids.filter(_.id < deleted), ["id"])
        ledger.delete_keys("small", PEOPLE.slice(1), ["id"])
        before = ledger.table("old").rowid().max()
        assert ledger.tidy() == written
        ledger.checkpoint()
        assert ledger.tidy() == []
        assert ledger.count("old") == MANY - deleted
        assert ledger.count("small") == 1
        if written:
            assert ledger.read(ledger.table("old").aggregate(last=before)).to_pylist() == [{"last": MANY - deleted - 1}]

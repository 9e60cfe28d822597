"""Queries that people write: what is refused, and what becomes of too large ones. The table tries to get out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ibis
import pytest

from guestlist.errors import GuestlistError
from guestlist.store import Warehouse
from guestlist.store.in_memory import in_memory
from guestlist.store.queries import QueryLimits, ask

LIMITS = QueryLimits(rows=100, columns=3, row_bytes=1024, seconds=60)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb", memory_limit="200MB") as opened:
        opened.replace("event", in_memory({"profile_id": ["ann@example.org", "b"], "total": [1.5, 2.0]}))
        opened.replace("form", in_memory({"raw": ["secret"]}))
        yield opened


def answer(warehouse: Warehouse, query: str, limits: QueryLimits = LIMITS) -> list[dict[str, Any]]:
    relations = {"event": warehouse.table("event").filter(ibis._.total > 1.7)}
    told = ask(warehouse, query, relations, of="a test", into="answer", limits=limits)
    return list(warehouse.read(told.rows).to_pylist())


GOOD = [
    ("SELECT profile_id, total FROM event", {"profile_id": "b", "total": 2.0}),
    ("select count(*) as n from Event -- all", {"n": 1}),
    ("SELECT sum(total) AS n FROM event;", {"n": 2.0}),
    ("WITH mine AS (SELECT total FROM event) SELECT max(total) AS n FROM mine", {"n": 2.0}),
    ("SELECT max(e.total) AS n FROM event e JOIN event f USING (profile_id)", {"n": 2.0}),
    ("SELECT (SELECT count(*) FROM event) AS n", {"n": 1}),
    ("SELECT sum(x)::INT AS n FROM (SELECT unnest([1, 2]) AS x)", {"n": 3}),
    ("SELECT ';' AS n", {"n": ";"}),
    ("SELECT max(i) AS n FROM range(5) t(i)", {"n": 4}),
    ("SELECT count(*) AS n FROM event WHERE total > ALL (SELECT 1)", {"n": 1}),
    (
        "WITH RECURSIVE up AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM up WHERE n < 3) SELECT max(n) AS n FROM up",
        {"n": 3},
    ),
]


@pytest.mark.parametrize(("query", "first"), GOOD)
def test_a_query_reads_what_it_is_handed(warehouse: Warehouse, query: str, first: dict[str, Any]) -> None:
    assert answer(warehouse, query)[0] == first


REFUSED = [
    "",
    "-- nothing",
    "DROP TABLE event",
    "DELETE FROM event",
    "INSERT INTO event VALUES ('x', 9)",
    "UPDATE event SET total = 0",
    "CREATE TABLE x AS SELECT 1",
    "SELECT 1; DROP TABLE event",
    "SELECT 1; SELECT 2",
    "WITH gone AS (DELETE FROM event RETURNING *) SELECT * FROM gone",
    "WITH more AS (INSERT INTO event VALUES ('x', 9) RETURNING *) SELECT * FROM more",
    "WITH other AS (UPDATE event SET total = 0 RETURNING *) SELECT * FROM other",
    "COPY event TO '{out}'",
    "COPY (SELECT 1) TO '{out}'",
    "EXPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '1TB'",
    "RESET memory_limit",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CHECKPOINT",
    "BEGIN",
    "ROLLBACK",
    "EXPLAIN ANALYZE SELECT 1",
    "DESCRIBE event",
    "SUMMARIZE form",
    "SHOW TABLES",
    "PREPARE p AS SELECT 1",
    "SELECT * FROM form",
    "TABLE form",
    "FROM form",
    "SELECT (SELECT raw FROM form)",
    "SELECT * FROM event WHERE EXISTS (SELECT 1 FROM form)",
    "SELECT * FROM event ORDER BY (SELECT raw FROM form)",
    "SELECT * FROM main.event",
    "SELECT * FROM temp.main.answer",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM asked_event",
    "WITH form AS (SELECT 1) SELECT * FROM form",
    "SELECT * FROM (WITH form AS (SELECT 1) SELECT * FROM form), form",
    "WITH a AS (WITH sqlite_master AS (SELECT 1) SELECT * FROM sqlite_master) SELECT * FROM sqlite_master",
    "WITH event AS (SELECT 1) SELECT * FROM event",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '{out}.parquet'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM READ_PARQUET('x')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT (SELECT count(*) FROM glob('/*'))",
    "SELECT * FROM query('SELECT * FROM form')",
    "SELECT * FROM query_table('form')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM form'))",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM pragma_table_info('form')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT list_transform([1], x -> current_setting('temp_directory'))",
    "SELECT getvariable('x')",
    "SELECT current_query()",
    "SELECT nextval('x')",
    "SELECT sleep_ms(10000)",
    "SELECT write_log('x')",
    "SELECT pg_get_viewdef(1)",
    "SELECT * FROM event WHERE profile_id = ?",
    "SELECT * FROM event WHERE profile_id = $1",
]  # fmt: skip


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_no_harmless_select_is_refused(warehouse: Warehouse, tmp_path: Path, query: str) -> None:
    before, files = warehouse.read(warehouse.table("event")), sorted(tmp_path.iterdir())
    with pytest.raises(GuestlistError) as refused:
        answer(warehouse, query.replace("{out}", str(tmp_path / "out")))
    assert refused.value.code in {"query_refused", "query_wrong"}
    assert warehouse.read(warehouse.table("event")).equals(before)
    assert sorted(tmp_path.iterdir()) == files


def test_most_of_these_are_refused_before_the_engine_sees_them(warehouse: Warehouse) -> None:
    codes = []
    for query in REFUSED:
        with pytest.raises(GuestlistError) as refused:
            answer(warehouse, query)
        codes.append(refused.value.code)
    assert codes.count("query_wrong") <= 3  # what its parser cannot read


TOO_MUCH = [
    ("SELECT a.range AS x FROM range(1000) a", "query_too_much", "more than 100 lines"),
    ("SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d", "query_too_much", "4 columns"),
    ("SELECT repeat('x', 2000) AS a FROM event", "query_too_much", "1 of its lines"),
    ("SELECT repeat('x', 1000) AS a, repeat('é', 13) AS b", "query_too_much", "1 of its lines"),
    ("SELECT list(a.range) FROM range(100000000) a", "query_too_much", "memory"),
]


@pytest.mark.parametrize(("query", "code", "told"), TOO_MUCH)
def test_what_takes_too_much_is_stopped(warehouse: Warehouse, query: str, code: str, told: str) -> None:
    with pytest.raises(GuestlistError, match=told) as stopped:
        answer(warehouse, query)
    assert stopped.value.code == code
    assert answer(warehouse, "SELECT 1 AS n") == [{"n": 1}]


def test_what_takes_too_long_is_stopped(warehouse: Warehouse) -> None:
    endless = "SELECT count(*) FROM range(100000000) a, range(1000000000) b"
    with pytest.raises(GuestlistError, match=r"longer than 0\.1 seconds") as stopped:
        answer(warehouse, endless, replace(LIMITS, seconds=0.1))
    assert stopped.value.code == "query_too_long"
    assert answer(warehouse, "SELECT 1 AS n") == [{"n": 1}]


WRONG = [
    ("SELECT nothing FROM event", 'Referenced column "nothing" not found'),
    ("SELEC 1", "syntax error"),
    ("SELECT 1) AS a, (SELECT 2", "syntax error"),
    ("SELECT 1 AS answer LIMIT 1) UNION (SELECT 2", "syntax error"),
    ("SELECT profile_id::INT FROM event", "a value is not what it takes it for"),
    ("SELECT error('ann@example.org')", "calls error"),
]


@pytest.mark.parametrize(("query", "told"), WRONG)
def test_a_mistake_is_told_and_no_value_of_the_data(warehouse: Warehouse, query: str, told: str) -> None:
    with pytest.raises(GuestlistError, match=told) as wrong:
        answer(warehouse, query)
    assert "ann@" not in str(wrong.value)
    assert answer(warehouse, "SELECT 1 AS n") == [{"n": 1}]

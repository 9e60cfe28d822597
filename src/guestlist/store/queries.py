"""Queries that people write: one SELECT over relations that are handed in, with limits; nothing else is reached by it.

The engine's own parser tells what a query is made of, so that it cannot be read in two ways. What it may be made of is
listed here; beside that, the engine opens no file and no connection for anybody (`engine._LOCKS_AFTER_OPENING`).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import Any

import duckdb

from guestlist.errors import GuestlistError
from guestlist.store.engine import Table, Warehouse

_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
_FORBIDDEN_BEGINNINGS = ("current_", "duckdb_", "pragma_", "pg_", "read_", "parquet_", "get_current_", "txid_")
_FORBIDDEN = frozenset(
    (
        *("currval", "nextval", "setval", "setseed", "sleep_ms", "write_log", "error", "getenv", "getvariable"),
        *("query", "query_table", "glob", "version", "col_description", "obj_description", "shobj_description"),
        *("json_execute_serialized_sql", "json_serialize_sql", "json_deserialize_sql", "stats", "vector_type"),
    )
)
_ALLOWED = frozenset({"current_date", "current_localtime", "current_localtimestamp", "get_current_timestamp"})
"""Clocks: but a query should rather ask the relation `as_of`."""
_SPEAKING = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.SyntaxException)
"""What these errors say comes from the query's text, never from the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryLimits:
    """How much one query may give and take; without any row it is only looked at.

    `drop_large`: lines that are larger are left out of the answer; else it is refused whole.
    """

    rows: int = 25_000_000
    columns: int = 25
    row_bytes: int = 16 * 1024
    seconds: float = 120
    drop_large: bool = False


LIMITS = QueryLimits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a query gave, without so many lines that were larger than one may be."""

    rows: Table
    dropped: int


def relations_in(warehouse: Warehouse, query: str, *, of: str) -> frozenset[str]:
    """The names of relations that a query reads; it is refused if it is anything but one harmless SELECT.

    `of` says whose query it is, in errors.
    """
    tree = _tree(warehouse, query, of)
    named = {part["key"].lower() for node in _parts(tree) for part in node.get("cte_map", {}).get("map", ())}
    there = _there(warehouse)
    for name in sorted(named & there):
        raise _refused(of, f"it calls something of its own `{name}`, which is the name of a relation")
    read: set[str] = set()
    for node in _parts(tree):
        read |= _read_by(node, of) - named
    return frozenset(read)


def ask(
    warehouse: Warehouse,
    query: str,
    relations: Mapping[str, Table],
    *,
    of: str,
    into: str,
    limits: QueryLimits = LIMITS,
) -> Answer:
    """The answer to a query over these relations, written under the temporary name `into`."""
    unknown = sorted(relations_in(warehouse, query, of=of) - set(relations))
    if unknown:
        listed = ", ".join(sorted(relations))
        raise _refused(of, f"there is no relation `{unknown[0]}` that it may read; there are {listed}")
    with _told(of, limits):
        for name, rows in relations.items():
            _view(warehouse, name, rows)
        shadows = ", ".join(
            f'"{name}" AS NOT MATERIALIZED (SELECT * FROM temp.main."asked_{name}")'  # noqa: S608 names of ours
            for name in relations
        )
        text = query.strip().rstrip(";")
        # A new line first: the text may end with a comment.
        whole = f"WITH {shadows} SELECT * FROM (\n{text}\n) AS answer LIMIT {limits.rows + 1 if limits.rows else 0}"  # noqa: S608 checked above
        _alone(whole, of)
        _within(warehouse, f'CREATE OR REPLACE TEMP TABLE "{into}" AS {whole}', limits.seconds)
    answer = warehouse.temporary(into)
    dropped = _check_size(warehouse, into, answer.columns, of, limits)
    return Answer(rows=answer, dropped=dropped)


def _tree(warehouse: Warehouse, query: str, of: str) -> Any:
    _alone(query, of)
    asked = "SELECT json_serialize_sql(?::VARCHAR)"
    told = json.loads(warehouse._connection.execute(asked, [query]).fetchall()[0][0])  # noqa: SLF001 of this package
    if told["error"]:
        raise _refused(of, "it is not a SELECT")
    return told["statements"]


def _alone(text: str, of: str) -> None:
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise _wrong(of, error) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        told = "it is not a SELECT" if len(statements) == 1 else f"it has {len(statements)} statements: one is allowed"
        raise _refused(of, told)


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of the tree."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _read_by(node: Mapping[str, Any], of: str) -> set[str]:
    """The relation that a node reads, if any; refuses what must not be there."""
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in _NODES:
        raise _refused(of, "it writes")
    if kind in {"SHOW_REF", "PARAMETER", "VALUE_PARAMETER"}:
        raise _refused(of, "it describes relations" if kind == "SHOW_REF" else "it has a parameter")
    if "function_name" in node:
        _check_function(str(node["function_name"]).lower(), of)
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise _refused(of, f"it reads from {name}()")
    if kind != "BASE_TABLE":
        return set()
    if node.get("schema_name") or node.get("catalog_name"):
        raise _refused(of, f"it reads `{node['schema_name']}.{node['table_name']}`; relations have plain names")
    return {str(node["table_name"]).lower()}


def _check_function(name: str, of: str) -> None:
    if name not in _ALLOWED and (name in _FORBIDDEN or name.startswith(_FORBIDDEN_BEGINNINGS)):
        raise _refused(of, f"it calls {name}()")


def _there(warehouse: Warehouse) -> set[str]:
    """All that a plain name may mean to the engine, its own views too."""
    asked = "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views()"
    return {str(name).lower() for (name,) in warehouse._connection.execute(asked).fetchall()}  # noqa: SLF001


def _view(warehouse: Warehouse, name: str, rows: Table) -> None:
    sql = warehouse._sql(rows)  # noqa: SLF001
    warehouse._connection.execute(f'CREATE OR REPLACE TEMP VIEW "asked_{name}" AS {sql}')  # noqa: SLF001


def _within(warehouse: Warehouse, statement: str, seconds: float) -> None:
    connection = warehouse._connection  # noqa: SLF001
    timer = Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        connection.execute(statement)
    finally:
        timer.cancel()


def _check_size(warehouse: Warehouse, name: str, columns: tuple[str, ...], of: str, limits: QueryLimits) -> int:
    """Refuse what is too much; gives how many large lines were dropped."""
    if len(columns) > limits.columns:
        raise _too_much(of, f"it gives {len(columns)} columns, and {limits.columns} are allowed")
    sizes = " + ".join(f'coalesce(strlen("{column}"::VARCHAR), 0)' for column in columns)
    asked = f'SELECT count(*), count(*) FILTER (({sizes}) > ?) FROM temp.main."{name}"'  # noqa: S608 checked names
    ((lines, large),) = warehouse._connection.execute(asked, [limits.row_bytes]).fetchall()  # noqa: SLF001
    if lines > limits.rows:
        raise _too_much(of, f"it gives more than {limits.rows:,} lines")
    if large and not limits.drop_large:
        raise _too_much(of, f"{large:,} of its lines are larger than {limits.row_bytes // 1024} KB")
    if large:
        drop = f'DELETE FROM temp.main."{name}" WHERE ({sizes}) > ?'  # noqa: S608 checked names
        warehouse._connection.execute(drop, [limits.row_bytes])  # noqa: SLF001
    return int(large)


@contextmanager
def _told(of: str, limits: QueryLimits) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException:
        raise GuestlistError(
            "query_too_long",
            f"The query of {of} took longer than {limits.seconds:g} seconds and was stopped.",
            nothing_lost="Nothing was changed.",
            next_step="Look for a join without a condition, or read less.",
        ) from None
    except duckdb.OutOfMemoryException:
        raise _too_much(of, "it needs more memory than the space allows (memory_limit in guestlist.yaml)") from None
    except duckdb.Error as error:
        raise _wrong(of, error) from None


def _wrong(of: str, error: duckdb.Error) -> GuestlistError:
    # Of other errors the text may quote a value of the data.
    said = (
        str(error).partition("\n")[0].rstrip(".")
        if isinstance(error, _SPEAKING)
        else "a value is not what it takes it for"
    )
    return GuestlistError(
        "query_wrong",
        f"The query of {of} cannot be run: {said}.",
        nothing_lost="Nothing was changed.",
        next_step="Correct it; docs/data.md has the relations and their columns. TRY_CAST passes over what cannot be read, "
        'and the column at is written "at".',
    )


def _refused(of: str, told: str) -> GuestlistError:
    return GuestlistError(
        "query_refused",
        f"The query of {of} is refused: {told}.",
        nothing_lost="Nothing was changed.",
        next_step="A query is one SELECT over the relations of the space; docs/data.md has them.",
    )


def _too_much(of: str, told: str) -> GuestlistError:
    return GuestlistError(
        "query_too_much",
        f"The query of {of} is too large: {told}.",
        nothing_lost="Nothing was changed.",
        next_step="Select less.",
    )

"""Tables of values that were worked out in Python, made by Arrow: ibis alone would load pandas for them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.operations import InMemoryTable
from ibis.expr.types import Table

Lines = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]
"""Columns by name, or lines whose missing values are null."""


_LASTING: set[str] = set()


def in_memory(lines: Lines, schema: Mapping[str, Any] | None = None) -> Table:
    """The columns of the schema; without one those of the first line, their types guessed."""
    types = None if schema is None else ibis.schema(schema).to_pyarrow()
    if isinstance(lines, Mapping):
        return ibis.memtable(pa.table(dict(lines), schema=types))
    return ibis.memtable(pa.Table.from_pylist(list(lines), schema=types))


def lasting(lines: Lines, schema: Mapping[str, Any] | None = None) -> Table:
    """The same for what never changes, to be made once: what is compiled with it serves every store."""
    table = in_memory(lines, schema)
    _LASTING.add(table.op().name)
    return table


def no_lines(schema: Mapping[str, Any]) -> Table:
    """A table without a line; the same one for all who ask for these columns."""
    return _no_lines(tuple(schema.items()))


@cache
def _no_lines(columns: tuple[tuple[str, Any], ...]) -> Table:
    return lasting({name: [] for name, _ in columns}, dict(columns))


def holds_passing(expression: Any) -> bool:
    """Whether an expression's operation reads lines in memory that are not to outlive their use."""
    return any(one.name not in _LASTING for one in expression.find(InMemoryTable))

"""Tables of values that were worked out in Python, made by Arrow: ibis alone would load pandas for them."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import Table

Lines = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]
"""Columns by name, or lines whose missing values are null."""


def in_memory(lines: Lines, schema: Mapping[str, Any] | None = None) -> Table:
    """The columns of the schema; without one those of the first line, their types guessed."""
    types = None if schema is None else ibis.schema(schema).to_pyarrow()
    if isinstance(lines, Mapping):
        return ibis.memtable(pa.table(dict(lines), schema=types))
    return ibis.memtable(pa.Table.from_pylist(list(lines), schema=types))

"""The five keys by which Meta can know a row, as five columns and a bit mask over them.

A row has at most one value of each kind, so a set of keys of a row is an integer, and "which of its keys" costs one
column in place of a table of keys. A long form (one line per key) is made only for the few rows a plan touches.
Keys are compared and never read: any column type with equality will do (UUID on DuckDB: 16 bytes, quick to join).
"""

from functools import reduce
from operator import add
from typing import TypeAlias

import ibis

Table: TypeAlias = ibis.Table
Column: TypeAlias = ibis.Column
Scalar: TypeAlias = ibis.Scalar

KINDS = ("email", "phone", "madid", "extern_id", "weak")
BIT = {kind: 1 << n for n, kind in enumerate(KINDS)}
ALL = sum(BIT.values())
KEY_COLUMNS = (*KINDS, "name")


def has(mask: Column, kind: str) -> Column:
    """Is the kind's bit set in the mask."""
    return (mask & BIT[kind]) != 0


def without(mask: Column, taken: Column) -> Column:
    """The mask less the bits of another."""
    return (mask - (mask & taken)).cast("int32")


def carried(rows: Table) -> Column:
    """Mask of the keys that a row carries at all."""
    return bits({kind: rows[kind].notnull() for kind in KINDS})


def bits(conditions: dict[str, Column]) -> Column:
    """A mask from one condition per kind; a condition that is unknown counts as false."""
    return reduce(add, (ibis.ifelse(when, BIT[kind], 0).cast("int32") for kind, when in conditions.items()))


def long(rows: Table, *carry: str, mask: str | None = None) -> Table:
    """One line (sync, carried columns, bit, key) for each key of the rows; of those in column `mask`, if one is named."""
    return ibis.union(*(_of_kind(rows, kind, carry, mask) for kind in KINDS))


def _of_kind(rows: Table, kind: str, carry: tuple[str, ...], mask: str | None) -> Table:
    there = rows[kind].notnull() if mask is None else has(rows[mask], kind) & rows[kind].notnull()
    return rows.filter(there).select("sync", *carry, bit=ibis.literal(BIT[kind], "int32"), key=rows[kind])


def meet(keys: Table, rows: Table, *want: str) -> Table:
    """Join lines of keys with the rows that carry them: every column of `keys`, and the wanted ones of `rows`.

    One join for all kinds. The lines of `rows`, of which there may be millions, only stream past a table of `keys`.
    """
    return keys.join(long(rows, *want), ["sync", "bit", "key"])


def which_in(keys: Table, pools: list[Table]) -> Table:
    """(sync, row_key, mask) of the lines (sync, row_key, bit, key) whose key some row of the pools carries."""
    known = ibis.union(*(long(pool) for pool in pools)) if len(pools) > 1 else long(pools[0])
    return masks(keys.semi_join(known, ["sync", "bit", "key"]))


def masks(lines: Table) -> Table:
    """Lines (sync, row_key, bit) gathered to one mask per row."""
    return lines.group_by("sync", "row_key").aggregate(mask=lines.bit.bit_or().cast("int32"))


def lines_of(listed: Table) -> Table:
    """Lines (sync, bit, key) of keys whose kind is named by a word."""
    whichever = ibis.cases(*((listed.kind == kind, bit) for kind, bit in BIT.items()), else_=0)
    return listed.select("sync", "key", bit=whichever.cast("int32"))


def look_up(rows: Table, found: Table, name: str) -> Table:
    """The rows with the mask found for each in a new column, 0 where none was."""
    joined = rows.left_join(found.select("sync", "row_key", found_mask=found["mask"]), ["sync", "row_key"])
    return joined.select(*(joined[c] for c in rows.columns), **{name: joined.found_mask.fill_null(0).cast("int32")})

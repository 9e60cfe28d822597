"""The five keys by which Meta can know a row, as five columns and a bit mask over them.

A row has at most one value of each kind, so a set of keys of a row is an integer, and "which of its keys" costs one
column in place of a table of keys. A long form (one line per key) is made only for the few rows a plan touches.
Keys are compared and never read: any column type with equality will do (UUID on DuckDB: 16 bytes, quick to join).
"""

from functools import reduce
from operator import add, or_
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


def long(rows: Table, mask: str, *carry: str) -> Table:
    """One line (sync, kind, key, carried columns) for each key of the rows whose bit is set in column `mask`."""
    parts = [
        rows.filter(has(rows[mask], kind) & rows[kind].notnull()).select(
            "sync", *carry, kind=ibis.literal(kind), key=rows[kind]
        )
        for kind in KINDS
    ]
    return ibis.union(*parts)


def meet(keys: Table, rows: Table, *want: str, mask: str | None = None) -> Table:
    """Join lines of keys with the rows that carry them (where the row's `mask` has the bit, if one is named).

    Gives every column of `keys` and the wanted columns of `rows`. One hash join per kind: the driving side is small.
    """
    parts = []
    for kind in KINDS:
        bearers = rows if mask is None else rows.filter(has(rows[mask], kind))
        bearers = bearers.filter(bearers[kind].notnull()).select("sync", *want, key=bearers[kind])
        parts.append(keys.filter(keys.kind == kind).join(bearers, ["sync", "key"]))
    return ibis.union(*parts)


def which_in(keys: Table, pools: list[Table]) -> Table:
    """(sync, row_key, mask) of the lines (sync, row_key, kind, key) whose key some row of the pools carries."""
    parts = []
    for kind in KINDS:
        lines = keys.filter(keys.kind == kind).select("sync", "row_key", "key")
        for pool in pools:
            known = pool.filter(pool[kind].notnull()).select("sync", key=pool[kind])
            parts.append(lines.semi_join(known, ["sync", "key"]).select("sync", "row_key", bit=_bit(kind)))
    return masks(ibis.union(*parts))


def masks(lines: Table) -> Table:
    """Lines (sync, row_key, bit) gathered to one mask per row."""
    return lines.group_by("sync", "row_key").aggregate(mask=lines.bit.bit_or().cast("int32"))


def kind_bit(lines: Table) -> Column:
    """The bit of each line's kind."""
    return reduce(or_, (ibis.ifelse(lines.kind == kind, BIT[kind], 0) for kind in KINDS)).cast("int32")


def _bit(kind: str) -> Scalar:
    return ibis.literal(BIT[kind], "int32")


def look_up(rows: Table, found: Table, name: str) -> Table:
    """The rows with the mask found for each in a new column, 0 where none was."""
    joined = rows.left_join(found.select("sync", "row_key", found_mask=found["mask"]), ["sync", "row_key"])
    return joined.select(*(joined[c] for c in rows.columns), **{name: joined.found_mask.fill_null(0).cast("int32")})

"""The values of SQL traits: what a query gives, brought to the people it speaks of."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import ibis
import ibis.expr.types as ir

from guestlist.audiences.traits.definition import SqlTrait
from guestlist.errors import GuestlistError

FindPeople = Callable[[ir.Table, str, str], ir.Table]
"""Rows, the column of identifiers in them, its type -> the rows that name somebody, with `profile_id`."""
PROFILE = "profile_id"
LARGEST_LINE = 16 * 1024
"""In bytes; larger lines of an answer are left out."""
IDENTIFIERS = (PROFILE, "user_id", "email", "phone", "anonymous_id", "ios.idfa", "android.idfa")


class Answer(Protocol):
    """What a query gave, without so many lines that are too large."""

    @property
    def rows(self) -> ir.Table: ...
    @property
    def dropped(self) -> int: ...


def values(trait: SqlTrait, rows: ir.Table, find_people: FindPeople) -> Iterator[tuple[str, ir.Table]]:
    """Each trait of an answer by key with (profile_id, value, number), each person once."""
    column = identifier_column(trait, rows.columns)
    owned = find_people(rows, column, column)
    for key, name in trait.columns:
        told = owned.select(
            "profile_id", asked_by=owned[column].cast("string"), value=_text(owned[name]), number=_number(owned[name])
        )
        told = told.filter(told.value.notnull())
        # Of several lines of one person the first counts, so that the same answer gives the same value.
        place = ibis.row_number().over(group_by=told.profile_id, order_by=[told.asked_by, told.value])
        yield key, told.mutate(place=place).filter(ibis._.place == 0).select("profile_id", "value", "number")


def identifier_column(trait: SqlTrait, columns: Sequence[str]) -> str:
    """Which of the columns of its answer says whose they are; refuses an answer that lacks one that is needed."""
    missing = [name for _, name in trait.columns if name not in columns]
    if missing:
        raise _wrong(trait, f"its answer has no column `{missing[0]}`", columns)
    if trait.identifier is not None:
        if trait.identifier in columns:
            return trait.identifier
        raise _wrong(trait, f"its answer has no column `{trait.identifier}`", columns)
    values = {name for _, name in trait.columns}
    named = [name for name in columns if name in IDENTIFIERS and name not in values]
    if len(named) == 1:
        return named[0]
    if not named:
        raise _wrong(trait, f"none of its columns says whose they are ({', '.join(IDENTIFIERS)})", columns)
    raise _wrong(
        trait, f"several of its columns say whose they are ({', '.join(named)}): name one as `identifier`", columns
    )


def _wrong(trait: SqlTrait, told: str, columns: Sequence[str]) -> GuestlistError:
    return GuestlistError(
        "query_columns",
        f"The query of the trait {trait.key} cannot be used: {told}.",
        nothing_lost="Nothing was changed.",
        next_step=f"Its columns are: {', '.join(columns)}. Name them as the trait asks, with AS.",
    )


def _text(value: ir.Column) -> ir.StringColumn:
    kind = value.type()
    if kind.is_array() or kind.is_struct() or kind.is_map() or kind.is_json():
        return value.cast("json").cast("string")
    if kind.is_floating() or kind.is_decimal():
        number = value.cast("float64")
        whole = (number == number.floor()) & (number.abs() <= 2**53)
        return ibis.ifelse(whole, number.try_cast("int64").cast("string"), number.cast("string"))
    return value.cast("string")


def _number(value: ir.Column) -> ir.FloatingColumn:
    return value.cast("float64") if value.type().is_numeric() else ibis.null("float64")

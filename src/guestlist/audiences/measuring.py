"""What the events of a person come to: how many, their sum, their first value; shared by conditions and traits."""

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import Value, finite, property_value
from guestlist.store.functions import each_once

# Sums of money in binary fractions miss by a hair; nobody's total has a seventh decimal.
DECIMALS = 6
OF_VALUES = ("first", "last", "most_frequent")


def numbers(found: ir.Table, reducer: d.Reducer, path: str) -> ir.Table:
    """(profile_id, measured): one number for each person with an event, null where none of them has the property."""
    return numbers_of(told(found, property_value(found, path)), reducer)


def values(found: ir.Table, reducer: d.Reducer, path: str, minimum: int = 1) -> ir.Table:
    """(profile_id, measured): one text for each person who has such a value.

    Events of one instant go by their message id. Of values that are equally frequent the first by alphabet counts.
    """
    return values_of(told(found, property_value(found, path)), reducer, minimum)


def told(found: ir.Table, value: Value) -> ir.Table:
    """The events with what each tells: a text, a number, the elements of a list."""
    return found.select(
        *(name for name in ("profile_id", "at", "message_id", "source") if name in found.columns),
        text=value.text,
        number=ibis.ifelse(finite(value.number), value.number, ibis.null("float64")),
        elements=ibis.ifelse(value.is_list, value.elements, ibis.null("array<string>")),
    )


def numbers_of(rows: ir.Table, reducer: d.Reducer) -> ir.Table:
    """`numbers` of what events tell."""
    return rows.group_by("profile_id").agg(measured=_reduced(rows, reducer))


def _reduced(rows: ir.Table, reducer: d.Reducer) -> ir.NumericScalar:
    match reducer:
        case "sum":
            return rows.number.sum().round(DECIMALS)
        case "average":
            return rows.number.mean().round(DECIMALS)
        case "min":
            return rows.number.min()
        case "max":
            return rows.number.max()
        case _:
            return rows.text.nunique()


def values_of(rows: ir.Table, reducer: d.Reducer, minimum: int = 1) -> ir.Table:
    """`values` of what events tell."""
    known = rows.filter(rows.text.notnull())
    if reducer == "most_frequent":
        counted = known.group_by("profile_id", "text").agg(times=known.count())
        often = counted.filter(counted.times >= minimum)
        return often.group_by("profile_id").agg(measured=often.text.first(order_by=[often.times.desc(), often.text]))
    order = [known.at, known.message_id, known.source]
    if reducer == "last":
        order = [column.desc() for column in order]
    return known.group_by("profile_id").agg(measured=known.text.first(order_by=order))


def lists_of(rows: ir.Table) -> ir.Table:
    """(profile_id, measured): the values that a person's events tell, each once and in order, lists taken apart."""
    single = rows.text.collect(where=rows.text.notnull() & rows.elements.isnull())
    several = rows.elements.collect(where=rows.elements.notnull())
    both = rows.group_by("profile_id").agg(single=single, several=several)
    nothing = ibis.literal([], "array<string>")
    parts = ibis.coalesce(both.several.flatten(), nothing)
    listed = both.select("profile_id", measured=each_once(ibis.coalesce(both.single, nothing).concat(parts)))
    return listed.filter(listed.measured.length() > 0)

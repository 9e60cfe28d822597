"""What the events of a person come to: how many, their sum, their first value; shared by conditions and traits."""

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import finite, property_value

# Sums of money in binary fractions miss by a hair; nobody's total has a seventh decimal.
DECIMALS = 6
OF_VALUES = ("first", "last", "most_frequent")


def numbers(found: ir.Table, reducer: d.Reducer, path: str) -> ir.Table:
    """(profile_id, measured): one number for each person with an event, null where none of them has the property."""
    value = property_value(found, path)
    rows = found.select("profile_id", number=value.number, text=value.text)
    rows = rows.mutate(number=ibis.ifelse(finite(rows.number), rows.number, ibis.null("float64")))
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


def values(found: ir.Table, reducer: d.Reducer, path: str, minimum: int = 1) -> ir.Table:
    """(profile_id, measured): one text for each person who has such a value.

    Events of one instant go by their message id. Of values that are equally frequent the first by alphabet counts.
    """
    value = property_value(found, path)
    told = found.select("profile_id", "at", "message_id", "source", text=value.text)
    told = told.filter(told.text.notnull())
    if reducer == "most_frequent":
        counted = told.group_by("profile_id", "text").agg(times=told.count())
        often = counted.filter(counted.times >= minimum)
        return often.group_by("profile_id").agg(measured=often.text.first(order_by=[often.times.desc(), often.text]))
    order = [told.at, told.message_id, told.source]
    if reducer == "last":
        order = [column.desc() for column in order]
    return told.group_by("profile_id").agg(measured=told.text.first(order_by=order))

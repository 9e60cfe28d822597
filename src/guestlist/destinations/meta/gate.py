"""The last gate: what a planned batch may still send, asked directly before its intent is recorded."""

from dataclasses import dataclass

import ibis

from guestlist.destinations.meta.keymask import Table, carried, long, look_up, which_in, without
from guestlist.destinations.meta.relations import Relations

_ROW = ["sync", "row_key"]


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What is left of the operations, in the same columns, and the persons behind its additions as they are now."""

    op: ibis.Table
    op_person: ibis.Table


def gate(op: Table, newest: Relations) -> Passed:
    """Drop additions that are no longer wanted or are listed; take from removals the keys that are wanted now.

    The do-not-send list never stops a removal. A row may be in one batch of `op` only.
    """
    additions = _additions(op.filter(op.direction == "add"), newest)
    persons = newest.wanted_person.join(additions.select(*_ROW, "batch"), _ROW)
    return Passed(
        op=ibis.union(additions, _removals(op.filter(op.direction == "remove"), newest)),
        op_person=persons.select("sync", "batch", "row_key", "profile_id"),
    )


def _additions(op: Table, newest: Relations) -> Table:
    lines = long(op.mutate(every=carried(op)), "every", "row_key")
    listed = lines.semi_join(newest.listed_key, ["sync", "kind", "key"])
    persons = newest.wanted_person.semi_join(op, _ROW).anti_join(newest.listed_person, ["sync", "profile_id"])
    return op.semi_join(newest.wanted, _ROW).semi_join(persons, _ROW).anti_join(listed, _ROW)


def _removals(op: Table, newest: Relations) -> Table:
    rows = look_up(op, which_in(long(op, "sent", "row_key"), [newest.wanted]), "in_k")
    rows = rows.mutate(
        sent=without(rows.sent, rows.in_k), blanked=(rows.blanked | (rows.sent & rows.in_k)).cast("int32")
    )
    return rows.filter(rows.sent != 0).select(*op.columns)

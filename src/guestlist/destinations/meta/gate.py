"""The last gate: what a planned batch may still send, asked directly before its intent is recorded."""

from dataclasses import dataclass

import ibis

from guestlist.destinations.meta.keymask import Table, lines_of, long, look_up, which_in, without
from guestlist.destinations.meta.relations import Materialise, Relations, lazily

_ROW = ["sync", "row_key"]


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What is left of the operations, in the same columns, and the persons behind its additions as they are now."""

    op: ibis.Table
    op_person: ibis.Table


def gate(op: Table, newest: Relations, *, materialise: Materialise = lazily) -> Passed:
    """Drop additions that are no longer wanted or are listed; take from removals the keys that are wanted now.

    The do-not-send list never stops a removal. A row may be in one batch of `op` only.
    """
    additions = materialise("passed_additions", _additions(op.filter(op.direction == "add"), newest))
    persons = newest.wanted_person.join(additions.select(*_ROW, "batch"), _ROW)
    return Passed(
        op=ibis.union(additions, _removals(op.filter(op.direction == "remove"), newest)),
        op_person=persons.select("sync", "batch", "row_key", "profile_id"),
    )


def _additions(op: Table, newest: Relations) -> Table:
    listed = long(op, "row_key").semi_join(lines_of(newest.listed_key), ["sync", "bit", "key"])
    persons = newest.wanted_person.semi_join(op, _ROW).anti_join(newest.listed_person, ["sync", "profile_id"])
    return op.semi_join(newest.wanted, _ROW).semi_join(persons, _ROW).anti_join(listed, _ROW)


def _removals(op: Table, newest: Relations) -> Table:
    rows = look_up(op, which_in(long(op, "row_key", mask="sent"), [newest.wanted]), "in_k")
    rows = rows.mutate(
        sent=without(rows.sent, rows.in_k), blanked=(rows.blanked | (rows.sent & rows.in_k)).cast("int32")
    )
    return rows.filter(rows.sent != 0).select(*op.columns)

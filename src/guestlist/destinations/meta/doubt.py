"""What a ledger that was restored from a backup must not believe: all that may have been sent since is in doubt.

Every row may have been added and may have been removed up to the restore, in any order, and neither is known to have
taken effect. So wanted rows are added again, others are removed, and both settle as after answers that were lost.
"""

import ibis

from guestlist.destinations.meta.keymask import KEY_COLUMNS, KINDS, Column, Table, carried
from guestlist.destinations.meta.prepare import KEY_OF_ROW
from guestlist.destinations.meta.relations import IN_DOUBT, LEDGER, REMOVED
from guestlist.store.ledger import Ledger

_ROW = ["sync", "row_key"]


def doubt(ledger: Ledger, sync: str, destination: str, *, everybody: bool, at: int) -> None:
    """Put the rows of a sync in doubt as of this instant; with `everybody` all prepared rows of the destination, too.

    Rows that Meta had declined were not sent again: they stay so. Doing it twice changes nothing more.
    """
    with ledger.transaction():
        lines = ledger.table("ledger").filter(lambda t: t.sync == sync)
        known = lines.filter(lines.known != "declined")
        doubted = known.select(*_columns(known, _doubtful(known, at), at))
        ledger.merge("ledger", ledger.materialise("doubted_rows", doubted), _ROW)
        if everybody:
            _add_everybody(ledger, sync, destination, at)


def _doubtful(known: Table, at: int) -> dict[str, Column]:
    there = (known.live != 0) & known.reason.isnull()
    return {
        "tries": ibis.literal(0, "int32"),
        "stays": known.stays,
        "folded_at": ibis.greatest(known.folded_at, ibis.literal(at, "int64")),
        "reason": ibis.ifelse(there, ibis.null("string"), IN_DOUBT),
    }


def _add_everybody(ledger: Ledger, sync: str, destination: str, at: int) -> None:
    """Rows of people who are known here and were not in the ledger: an addition after the backup may have been theirs."""
    rows = ledger.table("row").filter(lambda t: t.destination == destination)
    theirs = ledger.table("profile_row").filter(lambda t: (t.destination == destination) & t.cannot.isnull())
    rows = rows.semi_join(theirs, "row_key")
    keys = {kind: rows[column] for kind, column in KEY_OF_ROW.items()}
    rows = ledger.materialise("possible_rows", rows.select("row_key", sync=ibis.literal(sync), **keys))
    rows = rows.anti_join(ledger.table("ledger").filter(lambda t: t.sync == sync), _ROW)
    new = {
        "tries": ibis.literal(0, "int32"),
        "stays": ibis.literal(False),
        "folded_at": ibis.literal(at, "int64"),
        "reason": ibis.literal(IN_DOUBT),
    }
    unknown = ledger.materialise("unknown_rows", rows.select(*_columns(rows, new, at)))
    ledger.append("ledger", unknown)
    persons = theirs.semi_join(unknown, "row_key").select("row_key", "profile_id", sync=ibis.literal(sync))
    persons = ledger.materialise("unknown_persons", persons.select(*_ROW, "profile_id").distinct())
    ledger.add_unknown("ledger_person", persons, [*_ROW, "profile_id"], keys=persons)


def _columns(rows: Table, own: dict[str, Column], at: int) -> list[Column]:
    """The ledger's columns: added and removed at this instant, one after the other, both answers lost."""
    every, lost, instant = carried(rows), ibis.literal(True), ibis.literal(at, "int64")
    columns = {
        **{name: rows[name] for name in (*_ROW, *KEY_COLUMNS)},
        "known": ibis.literal("maybe"),
        "live": every,
        "add_sent_at": instant - 1,
        "add_lost": lost,
        "remove_sent_at": instant,
        "remove_lost": lost,
        "remove_sent": every,
        "remove_blanked": ibis.literal(0),
        **{REMOVED[kind]: ibis.ifelse(rows[kind].notnull(), instant, ibis.null("int64")) for kind in KINDS},
        **own,
    }
    return [columns[name].cast(kind).name(name) for name, kind in LEDGER.items()]

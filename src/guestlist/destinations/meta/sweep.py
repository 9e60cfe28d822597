"""What the ledger no longer needs: rows that are out for good, and people who were erased; and when all is sent again."""

from datetime import timedelta

import ibis

from guestlist.destinations.meta.settle import Settings
from guestlist.store.engine import Rows
from guestlist.store.in_memory import in_memory
from guestlist.store.journal_tables import Sync
from guestlist.store.ledger import Ledger

FULL_EVERY = timedelta(days=7)


def forget_people(ledger: Ledger, people: Rows) -> None:
    """Forget these people (profile_id) and the cells that were theirs alone. Only once Meta has none of them."""
    with ledger.transaction():
        gone = ledger.materialise("people_to_forget", people)
        tables = [ledger.table(name).select("profile_id", "row_key") for name in ("ledger_person", "profile_row")]
        whose = ibis.union(*tables)
        # A row that somebody else has too is not theirs alone.
        others = whose.anti_join(gone, "profile_id")
        keys = whose.semi_join(gone, "profile_id").anti_join(others, "row_key").select("row_key").distinct()
        keys = ledger.materialise("rows_to_forget", keys)
        for name in ("row", "ledger", "op", "named"):
            ledger.delete_keys(name, keys, ["row_key"])
        for name in ("ledger_person", "op_person", "profile_row", "blank_cell", "flagged", "withheld"):
            ledger.delete_keys(name, gone, ["profile_id"])


def full_due(sync: Sync | None, *, now: int) -> int | None:
    """Once a week all rows are sent again, which heals what nobody can know: those last added before this instant."""
    last = (sync.full_at or sync.created_at) if sync else None
    if last is None:
        return None
    due = last + FULL_EVERY // timedelta(microseconds=1)
    return due if due <= now else None


def sweep(ledger: Ledger, destination: str, syncs: list[str], settle: Settings, *, now: int) -> int:
    """Delete the cells of rows that nobody is prepared for and that left Meta long ago. Gives how many rows went.

    `syncs` are all syncs of the destination. Long ago: no delay of an earlier request can reach past it.
    """
    long_ago = now - 2 * settle.pipeline_delay
    with ledger.transaction():
        lines = ledger.table("ledger")
        over = lines.filter(lines.sync.isin(syncs) & (lines.live == 0) & (lines.remove_sent_at < long_ago))
        prepared = ledger.table("profile_row").filter(lambda t: t.destination == destination)
        over = ledger.materialise("rows_long_out", over.anti_join(prepared, "row_key").select("sync", "row_key"))
        for name in ("ledger", "ledger_person"):
            ledger.delete_keys(name, over, ["sync", "row_key"])
        row = ledger.table("row").filter(lambda t: t.destination == destination)
        known = ledger.table("ledger").filter(lambda t: t.sync.isin(syncs))
        unused = row.anti_join(prepared, "row_key").anti_join(known, "row_key")
        unused = unused.select("row_key", destination=ibis.literal(destination))
        return ledger.delete_keys("row", ledger.materialise("unused_rows", unused), ["destination", "row_key"])


def forget_sync(ledger: Ledger, sync: str) -> None:
    """Forget what Meta has by this sync: its audience is gone."""
    mine = in_memory({"sync": [sync]})
    with ledger.transaction():
        for name in ("ledger", "ledger_person", "op", "op_person", "named"):
            ledger.delete_keys(name, mine, ["sync"])

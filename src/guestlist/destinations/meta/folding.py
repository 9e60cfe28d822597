"""Answered batches into the ledger: as often as one likes, with the same result."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from guestlist.destinations.meta.fold import fold
from guestlist.destinations.meta.keymask import Table
from guestlist.destinations.meta.relations import NAMED, OUTCOME, Batches
from guestlist.store.in_memory import in_memory
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Batch
from guestlist.store.ledger import Ledger

_ROW = ["sync", "row_key"]


def recover(ledger: Ledger, journal: Journal, *, now: int) -> int:
    """Fold whatever was answered, or given up for lost, and may not be folded. Gives the number of batches."""
    waiting = journal.unfolded()
    for _, of_plan in groupby(waiting, key=lambda batch: (batch.sync, batch.plan)):
        fold_answered(ledger, journal, list(of_plan), now=now)
    return len(waiting)


def fold_answered(ledger: Ledger, journal: Journal, batches: Sequence[Batch], *, now: int) -> None:
    """Fold batches of one plan, none of which shares a row with another; the ledger first, then the journal."""
    if not batches:
        return
    with ledger.transaction():
        _fold(ledger, batches)
    journal.folded((batch.id for batch in batches), now=now)


def _fold(ledger: Ledger, batches: Sequence[Batch]) -> None:
    said = in_memory(
        [
            {
                "sync": batch.sync,
                "batch": batch.id,
                "state": batch.state.value,
                "sent_at": batch.sent_at,
                "invalid": batch.invalid or 0,
            }
            for batch in batches
        ],
        schema=OUTCOME,
    )
    outcome = ledger.materialise("folding_outcome", said)  # what reads a relation is compiled once
    ids, ordinals = [batch.id for batch in batches], [batch.ordinal for batch in batches]

    def told(name: str) -> Table:
        return ledger.table(name).filter(lambda lines: lines.batch.isin(ids))

    # Kept in the order of batches, so that by their numbers the engine need not look at all of them.
    op = told("op").filter(lambda lines: lines.ordinal.between(min(ordinals), max(ordinals)))
    had = ledger.materialise("folding_ledger", ledger.table("ledger").semi_join(op, _ROW))
    folded = fold(
        had,
        Batches(op=op, op_person=told("op_person"), outcome=outcome, named=told("named")),
        materialise=ledger.materialise,
    )
    persons = ledger.materialise("folded_persons", folded.ledger_person)
    if ledger.count("folding_ledger"):
        ledger.merge("ledger", folded.ledger, _ROW)
    else:  # as in a first sync: nothing to look for and take away
        ledger.append("ledger", folded.ledger)
    ledger.add_unknown("ledger_person", persons, [*_ROW, "profile_id"], keys=persons)


def write_named(ledger: Ledger, batch: Batch, named: Iterable[tuple[object, str]]) -> None:
    """Note which rows (row_key, reason) Meta named as invalid: before the answer is recorded, which points at them."""
    lines = [{"sync": batch.sync, "batch": batch.id, "row_key": key, "reason": reason} for key, reason in named]
    if lines:
        with ledger.transaction():
            ledger.append("named", in_memory(lines, schema=NAMED))

"""How long it takes from a message received to the batch acknowledged that it moved somebody in or out by.

Who moves is noted at each evaluation, with the first message since the one before; who is acknowledged is counted and
forgotten. People whom only time moved are not counted, but a removal of theirs waits like any other.
"""

from collections.abc import Iterable

import ibis
import pyarrow as pa

from guestlist.destinations.meta.schemas import AWAITED
from guestlist.profiles.identity import newest
from guestlist.store import Table, Warehouse
from guestlist.store.functions import microseconds_of
from guestlist.store.in_memory import in_memory
from guestlist.store.journal import Journal
from guestlist.store.journal_keeping import Waited, step
from guestlist.store.journal_tables import BatchState
from guestlist.store.ledger import Ledger

_WHOM = ["sync", "profile_id"]
_MILLISECOND = 1_000


def note_moves(warehouse: Warehouse, ledger: Ledger, syncs: Iterable[tuple[str, str]], *, at: int) -> None:
    """After an evaluation at this instant: who entered or left by it. `syncs`: (sync, audience)."""
    last = newest(warehouse)
    upto = _measured(ledger)
    known = list(syncs)
    moved = _moved(warehouse, last if upto is None else upto, at) if known else None
    with ledger.transaction():
        if moved is not None and moved.num_rows:
            bound = in_memory([{"sync": sync, "audience": audience} for sync, audience in known])
            lines = ibis.memtable(moved).join(bound, "audience").select(*AWAITED)
            # Who evaluates again at the same instant knows the message no more that moved them.
            new = lines.anti_join(ledger.table("awaited"), [*_WHOM, "moved_at"])
            ledger.merge("awaited", ledger.materialise("moved", new), _WHOM)
        if last != upto:
            ledger.replace("measured", in_memory({"ordinal": [last]}, {"ordinal": "int64"}))


def _measured(ledger: Ledger) -> int | None:
    for line in ledger.read(ledger.table("measured")).to_pylist():
        return int(line["ordinal"])
    return None


def _moved(warehouse: Warehouse, upto: int, at: int) -> pa.Table:
    """(audience, profile_id, leaving, received_at, moved_at); somebody who entered without a message is left out."""
    membership = warehouse.table("membership")
    entered, exited = microseconds_of(membership.entered_at), microseconds_of(membership.exited_at)
    moves = membership.filter((entered == at) | (exited == at)).select(
        "audience", "profile_id", leaving=membership.exited_at.notnull()
    )
    if not warehouse.read(moves.limit(1)).num_rows:
        return pa.table({})
    new = _news(warehouse, upto).join(warehouse.table("message_profile"), "ordinal")
    first = new.group_by("profile_id").aggregate(received_at=microseconds_of(new.received_at.min()))
    told = moves.left_join(first, "profile_id").select("audience", "profile_id", "leaving", "received_at")
    told = told.filter(told.leaving | told.received_at.notnull()).mutate(moved_at=ibis.literal(at, "int64"))
    return warehouse.read(told)


def _news(warehouse: Warehouse, upto: int) -> Table:
    """(ordinal, received_at): messages that came since, and those that were withdrawn, from when they were."""
    message = warehouse.table("message")
    new = message.filter(message.ordinal > upto).select("ordinal", "received_at")
    if not warehouse.has("withdrawn"):
        return new
    over = warehouse.table("withdrawn")
    return new.union(over.filter(over.after >= upto).select("ordinal", received_at=over["at"]))


def count_acknowledged(ledger: Ledger, journal: Journal, sync: str, *, right: bool, now: int) -> None:
    """After a run: who was acknowledged waited so long. `right`: nobody waits any more, whether sent or not."""
    awaited = ledger.table("awaited").filter(lambda t: t.sync == sync)
    if not ledger.read(awaited.limit(1)).num_rows:
        return
    done = ledger.materialise("acknowledged", _acknowledged(ledger, journal, sync, awaited))
    journal.note_waited(sync, _steps(ledger, done), now=now)
    with ledger.transaction():
        ledger.delete_keys("awaited", (awaited if right else done).select(*_WHOM), _WHOM)


def _acknowledged(ledger: Ledger, journal: Journal, sync: str, awaited: Table) -> Table:
    """(sync, profile_id, waited): by the last batch that took a row of theirs since they moved; milliseconds."""
    first = ledger.read(awaited.aggregate(first=awaited.moved_at.min())).to_pylist()[0]["first"]
    taken = [batch for batch in journal.sent_since(sync, first) if batch.state is BatchState.APPLIED]
    batches = in_memory(
        {"sent_at": [one.sent_at for one in taken], "answered_at": [one.answered_at for one in taken]},
        {"sent_at": "int64", "answered_at": "int64"},
    )
    rows = ledger.table("ledger").filter(lambda t: t.sync == sync)
    whose = ledger.table("ledger_person").filter(lambda t: t.sync == sync).select("row_key", "profile_id")
    sent = awaited.join(whose, "profile_id").join(rows.select("row_key", "add_sent_at", "remove_sent_at"), "row_key")
    sent = sent.mutate(sent_at=sent.leaving.ifelse(sent.remove_sent_at, sent.add_sent_at))
    sent = sent.filter(sent.sent_at >= sent.moved_at).join(batches, "sent_at")
    done = sent.group_by("sync", "profile_id", "received_at").aggregate(answered_at=sent.answered_at.max())
    return done.select("sync", "profile_id", waited=(done.answered_at - done.received_at) // _MILLISECOND)


def _steps(ledger: Ledger, done: Table) -> list[Waited]:
    """By whole milliseconds in the engine, by steps here; the clock of a source may be ahead of ours."""
    counted = done.filter(done.waited.notnull()).group_by("waited").aggregate(people=lambda t: t.count())
    steps: dict[int, Waited] = {}
    for line in ledger.read(counted).to_pylist():
        waited, people = max(int(line["waited"]), 0), int(line["people"])
        upto = step(waited)
        before = steps.get(upto, Waited(upto=upto, people=0, worst=0))
        steps[upto] = Waited(upto=upto, people=before.people + people, worst=max(before.worst, waited))
    return list(steps.values())


def removal_since(ledger: Ledger, sync: str) -> int | None:
    """Since when the oldest removal waits of somebody whom Meta still has from us; None without any."""
    awaited = ledger.table("awaited").filter(lambda t: (t.sync == sync) & t.leaving)
    there = ledger.table("ledger").filter(lambda t: (t.sync == sync) & (t.live != 0))
    whose = ledger.table("ledger_person").semi_join(there, ["sync", "row_key"])
    waiting = awaited.semi_join(whose, _WHOM)
    oldest = waiting.aggregate(since=ibis.coalesce(waiting.received_at, waiting.moved_at).min())
    found = ledger.read(oldest).to_pylist()[0]["since"]
    return None if found is None else int(found)

"""What a sync came to, counted once at the end of a run and kept where any process can read it."""

from dataclasses import replace

import orjson

from guestlist.destinations.meta.guard import there
from guestlist.destinations.meta.prepare import Wanted
from guestlist.store.journal import Journal
from guestlist.store.journal_counts import SyncCount
from guestlist.store.journal_tables import Sync
from guestlist.store.ledger import Ledger


def note_counts(ledger: Ledger, journal: Journal, sync: Sync, wanted: Wanted | None, *, now: int) -> None:
    """Count people and rows of a sync; `wanted` is None where the run did not come so far as to know it."""
    journal.save_sync(replace(sync, people_sent=_people_sent(ledger, sync.key)))
    before = journal.counts().get(sync.key)
    rows = _rows(ledger, sync.key)
    if wanted is not None:
        members, can, cannot = wanted.members, wanted.people, orjson.dumps(dict(wanted.cannot)).decode()
    elif before is not None:
        members, can, cannot = before.members, before.can_be_sent, before.cannot
    else:
        members, can, cannot = 0, 0, "{}"
    journal.save_count(
        SyncCount(
            sync=sync.key,
            at=now,
            members=members,
            can_be_sent=can,
            cannot=cannot,
            taken=rows["taken"],
            in_doubt=rows["in_doubt"],
            declined=rows["declined"],
        )
    )


def _people_sent(ledger: Ledger, sync: str) -> int:
    """How many people Meta has from us."""
    sent = there(ledger.table("ledger").filter(lambda t: t.sync == sync))
    whose = ledger.table("ledger_person").semi_join(sent, ["sync", "row_key"])
    counted = ledger.read(whose.select("profile_id").distinct().aggregate(people=lambda t: t.count())).to_pylist()
    return int(counted[0]["people"])


def _rows(ledger: Ledger, sync: str) -> dict[str, int]:
    mine = ledger.table("ledger").filter(lambda t: t.sync == sync)
    counted = mine.aggregate(
        taken=mine.count(where=(mine.known == "in") & (mine.live != 0)),
        in_doubt=mine.count(where=(mine.known == "maybe") & (mine.live != 0)),
        declined=mine.count(where=mine.known == "declined"),
    )
    found: dict[str, int] = ledger.read(counted).to_pylist()[0]
    return found

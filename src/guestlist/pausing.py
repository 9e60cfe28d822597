"""Syncs paused and resumed by people, beside whoever owns the space: the owner obeys before its next request.

A pause stops everything but what the do-not-send list and erasures ask for.
"""

from datetime import UTC, datetime

from guestlist.clock import microseconds
from guestlist.errors import WrongUseError
from guestlist.known_syncs import known_syncs
from guestlist.space import Space
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sync

_NOTHING_CHANGED = "Nothing was changed."


def pause(space: Space, journal: Journal, key: str, *, until: datetime | None, now: datetime, actor: str) -> Sync:
    """Pause a sync (`audience@destination`, or `audience` while it has one) until an instant, or until it is resumed."""
    if until is not None and until <= now:
        raise WrongUseError(
            "pause_over_already",
            "That time is past.",
            nothing_lost=_NOTHING_CHANGED,
            next_step="Give a later one: guestlist pause KEY --until TIME",
        )
    found = known_syncs(space, journal).meant(key).sync
    ends = None if until is None else microseconds(until)
    paused = Sync(key=found.key, audience=found.audience, destination=found.destination, paused=True, paused_until=ends)
    journal.pause_sync(paused)
    journal.audit(actor=actor, action="sync paused", about=found.key, counts={}, now=microseconds(now))
    return paused


def resume(space: Space, journal: Journal, key: str, *, now: datetime, actor: str) -> tuple[str, bool]:
    """Let a sync run again; gives its key, and whether it was paused."""
    found = known_syncs(space, journal).meant(key).sync.key
    was_paused = journal.resume_sync(found)
    if was_paused:
        journal.audit(actor=actor, action="sync resumed", about=found, counts={}, now=microseconds(now))
    return found, was_paused


def pause_in_words(one: Sync) -> str:
    """`paused`, or until when."""
    if one.paused_until is None:
        return "paused"
    return f"paused until {datetime.fromtimestamp(one.paused_until // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"

"""Syncs paused and resumed by people, beside whoever owns the space: the owner obeys before its next request.

A pause stops everything but what the do-not-send list and erasures ask for.
"""

from datetime import UTC, datetime

from guestlist.audiences.document import read_folder
from guestlist.clock import microseconds
from guestlist.errors import GuestlistError, WrongUseError
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
    found = _sync(space, journal, key)
    ends = None if until is None else microseconds(until)
    paused = Sync(key=found.key, audience=found.audience, destination=found.destination, paused=True, paused_until=ends)
    journal.pause_sync(paused)
    journal.audit(actor=actor, action="pause", about=found.key, counts={}, now=microseconds(now))
    return paused


def resume(space: Space, journal: Journal, key: str, *, now: datetime, actor: str) -> tuple[str, bool]:
    """Let a sync run again; gives its key, and whether it was paused."""
    found = _sync(space, journal, key).key
    was_paused = journal.resume_sync(found)
    if was_paused:
        journal.audit(actor=actor, action="resume", about=found, counts={}, now=microseconds(now))
    return found, was_paused


def pause_in_words(one: Sync) -> str:
    """`paused`, or until when."""
    if one.paused_until is None:
        return "paused"
    return f"paused until {datetime.fromtimestamp(one.paused_until // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"


def _sync(space: Space, journal: Journal, key: str) -> Sync:
    known = _known(space, journal)
    found = [one for one in known.values() if key in {one.key, one.audience}]
    if len(found) == 1:
        return found[0]
    raise no_sync(key, sorted(one.key for one in found) or sorted(known), several=bool(found))


def no_sync(key: str, known: list[str], *, several: bool) -> WrongUseError:
    """A sync was named that is none, or (`several`) more than one."""
    return WrongUseError(
        "unknown_sync",
        f"'{key}' goes to several destinations." if several else f"There is no sync '{key}'.",
        nothing_lost="Nothing was changed or sent.",
        next_step=f"Name one of: {', '.join(known)}" if known else "Give an audience a sync: line first.",
    )


def _known(space: Space, journal: Journal) -> dict[str, Sync]:
    """The syncs of the files, and those that ran once; where a file has a mistake, the latter must do."""
    known = {one.key: one for one in journal.syncs()}
    try:
        definitions = read_folder(space.audiences, destinations=space.settings.destinations)
    except GuestlistError:
        return known
    for definition in definitions:
        for wish in definition.syncs:
            key = f"{definition.key}@{wish.to}"
            known.setdefault(key, Sync(key=key, audience=definition.key, destination=wish.to))
    return known

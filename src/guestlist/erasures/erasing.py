"""Erasing people: listed first, then taken from this machine, then from Meta, with a receipt that says how far it is.

Asking is for any process; carrying out is for the one that has the stores. A crash at any point is finished by the
next call: everything asked and not yet done is done again.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from guestlist.clock import microseconds
from guestlist.destinations.meta.manifest import MANY
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.destinations.meta.rows import Identifier, read_record
from guestlist.destinations.settings import read_destination
from guestlist.hooks.departing import depart
from guestlist.profiles.do_not_send import identifier_token, token
from guestlist.profiles.erasure import Stored, earlier_ids, erase, find, messages_of, stored
from guestlist.records import JOURNAL_FILE, Records, find_people
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.store.journal_erasures import Erasure
from guestlist.store.journal_file import forget_copies
from guestlist.store.journal_tables import Listed
from guestlist.store.rewriting import rewrite

REASON = "erasure"


def ask(records: Records, kind: str, named: bytes, *, now: datetime) -> Erasure:
    """Record what is to be erased, and list it at once: from here on the person is not sent, whoever owns the space."""
    at = microseconds(now)
    receipt = Erasure(id=f"er-{secrets.token_hex(5)}", token=named, kind=kind, asked_at=at, listed=1)
    records.journal.list_do_not_send([Listed(token=named, kind=kind, listed_at=at, reason=REASON)])
    records.journal.ask_erasure(receipt)
    return receipt


def carry_out(space: Space, records: Records, *, now: datetime) -> None:
    """Take everything that was asked from this machine. Needs the warehouse for itself; another owner is told of."""
    asked = [one for one in records.journal.erasures() if one.erased_at is None]
    if not asked:
        return
    listed = dict.fromkeys((one.id for one in asked), 1)
    place = space.private / "warehouse.duckdb"
    if place.exists():
        with space.open_warehouse() as warehouse:
            find_people(space, warehouse, records)
            for one in asked:
                listed[one.id] = _erase_values(space, records, warehouse, one, now)
        # Deleted lines leave the file only so.
        rewrite(place, memory_limit=space.settings.memory_limit)
    forget_copies(space.private / JOURNAL_FILE)
    for one in asked:
        records.journal.values_erased(one.id, listed=listed[one.id], now=microseconds(now))
    _close_what_was_never_sent(records, now)


def _erase_values(space: Space, records: Records, warehouse: Warehouse, asked: Erasure, now: datetime) -> int:
    found = set(find(warehouse, asked.token, records.pepper)) | set(records.journal.erased_people(asked.id))
    profile_ids = sorted(found)
    people = stored(warehouse, profile_ids)
    entries = {asked.token: asked.kind, **_entries(space, people, records.pepper, now.year)}
    at = microseconds(now)
    records.journal.list_do_not_send(
        Listed(token=entry, kind=kind, listed_at=at, reason=REASON) for entry, kind in entries.items()
    )
    every_id = {*profile_ids, *earlier_ids(warehouse, profile_ids)}
    records.journal.forget_split_from(every_id)
    records.journal.found_for_erasure(
        asked.id,
        every_id,
        people=sum(1 for one in people if one.identifiers),
        identifiers=sum(len(one.identifiers) for one in people),
        messages=messages_of(warehouse, profile_ids),
    )
    depart(records, warehouse, profile_ids, earlier_ids(warehouse, profile_ids), now=at)
    if erase(warehouse, profile_ids).others:
        find_people(space, warehouse, records)
    return max(len(entries), asked.listed)


def _entries(space: Space, people: Sequence[Stored], pepper: str, year: int) -> dict[bytes, str]:
    """Tokens of every identifier, and of every strong cell that any destination would make of the person's traits."""
    entries = {}
    for one in people:
        for kind, value in one.identifiers:
            entries[identifier_token(pepper, kind, value)] = kind
        for settings in _readings(space, year):
            for key, sent in _cells(one, settings):
                entries[token(pepper, key, sent)] = key
    return entries


def _readings(space: Space, year: int) -> Iterator[MatchKeySettings]:
    usual = space.settings
    yield MatchKeySettings(
        this_year=year, country=usual.country or "", time_zone=usual.time_zone, date_order=usual.date_order
    )
    for name in usual.destinations:
        yield read_destination(usual, name).match_keys(usual, this_year=year)


def _cells(one: Stored, settings: MatchKeySettings) -> Iterable[tuple[str, str]]:
    traits = {key: _parsed(value) for key, value in one.traits.items()}
    identifiers = [Identifier(type=kind, value=value) for kind, value in one.identifiers]
    rows = read_record(traits, settings, identifiers).rows
    return {(key, sent) for row in rows for key in MANY if (sent := row.sent(key))}


def _parsed(value: str) -> Any:
    """A list is kept as JSON text."""
    if not value.startswith("["):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _close_what_was_never_sent(records: Records, now: datetime) -> None:
    """Where no audience was ever made at Meta, nothing is owed there."""
    if any(sync.remote_id or sync.creation_intended_at for sync in records.journal.syncs()):
        return
    for one in records.journal.erasures():
        if one.open and one.erased_at is not None:
            records.journal.close_erasure(one.id, now=microseconds(now))

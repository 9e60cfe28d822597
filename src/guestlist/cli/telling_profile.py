"""One person in full, as text and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from guestlist.cli.frame import add_row, say, show, table
from guestlist.destinations.meta.sent import AtMeta, at_meta
from guestlist.errors import GuestlistError
from guestlist.profiles.biography import Biography, DecisionKnown
from guestlist.space import Space
from guestlist.syncing import LEDGER_FILE, open_ledger
from guestlist.telling import masking
from guestlist.telling.explaining import clock

_WHY = {
    "limit": "the profile would have had too many of a type",
    "merge_cap": "the profile has been merged too often",
    "identifier_cap": "the profile would have had too many identifiers",
    "hub": "too many people share it",
    "split": "it was split off by hand",
}


def find_at_meta(space: Space, profile_id: str) -> AtMeta | None:
    """None while another process has the records of it open."""
    if not (space.private / LEDGER_FILE).exists():
        return AtMeta()
    try:
        with open_ledger(space) as ledger:
            return at_meta(ledger, profile_id)
    except GuestlistError as error:
        if error.code != "space_in_use":
            raise
        return None


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What there is to tell of a person."""

    biography: Biography
    at_meta: AtMeta | None
    reveal: bool

    def _identifier(self, kind: str, value: str) -> str:
        return value if self.reveal else masking.identifier(kind, value)

    def _profile(self, profile_id: str) -> str:
        return profile_id if self.reveal else masking.profile(profile_id)

    def _message(self, message_id: str | None) -> str | None:
        return message_id if self.reveal or message_id is None else masking.identity(message_id)

    def show(self, zone: ZoneInfo) -> None:
        """For a person to read."""
        one = self.biography
        say(
            f"Profile {self._profile(one.profile_id)}, {one.messages:,} {'message' if one.messages == 1 else 'messages'}"
        )
        self._table(
            ("identifier", "value", "from", "first seen", "last seen"),
            (
                (
                    *(known.type, self._identifier(known.type, known.value), ", ".join(known.sources)),
                    *(clock(known.first_seen, zone), clock(known.last_seen, zone)),
                )
                for known in one.identifiers
            ),
        )
        self._table(
            ("trait", "value", "from", "since"),
            (
                (known.key, self._trait(known.key, known.value), known.source, clock(known.at, zone))
                for known in one.traits
            ),
        )
        self._decisions("joined", one.merges, zone)
        self._decisions("set aside", one.set_aside, zone)
        self._table(
            ("audience", "in since", "left"),
            (
                (stay.audience, clock(stay.entered_at, zone), clock(stay.exited_at, zone) if stay.exited_at else "")
                for stay in one.stays
            ),
        )
        say("", *self._at_meta(zone))

    def _decisions(self, title: str, decisions: Sequence[DecisionKnown], zone: ZoneInfo) -> None:
        self._table(
            (title, "value", "at", "by message", "because"),
            (
                (
                    *(one.type, self._identifier(one.type, one.value), clock(one.at, zone) if one.at else ""),
                    f"{self._message(one.message_id)} of {one.source}" if one.message_id else "",
                    _WHY.get(one.reason, "one message carried it and an older one"),
                )
                for one in decisions
            ),
        )

    def _table(self, columns: Sequence[str], rows: Iterator[tuple[object, ...]]) -> None:
        made = table(*columns)
        for row in rows:
            add_row(made, row)
        if made.row_count:
            say("")
            show(made)

    def _trait(self, key: str, value: str) -> str:
        return value if self.reveal else masking.trait(key, value)

    def _at_meta(self, zone: ZoneInfo) -> Iterator[str]:
        if self.at_meta is None:
            yield "What Meta has of this person is not known now: another process is at work in this space."
            return
        if not self.at_meta.sent:
            yield "Meta has nothing of this person from here."
        for one in self.at_meta.sent:
            if one.rows:
                rows = "1 row" if one.rows == 1 else f"{one.rows} rows"
                yield f"{one.sync}: Meta has {rows}, sent at {_instant(one.added_at, zone)}."
            elif one.removed_at is not None:
                yield f"{one.sync}: removal taken by Meta at {_instant(one.removed_at, zone)}."
        for cell in self.at_meta.blank:
            yield f"{cell.destination}: {cell.words}."

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        one = self.biography
        return {
            "profile_id": self._profile(one.profile_id),
            "earlier_ids": [self._profile(earlier) for earlier in one.earlier_ids],
            "messages": one.messages,
            "identifiers": [
                {**asdict(known), "value": self._identifier(known.type, known.value)} for known in one.identifiers
            ],
            "traits": [{**asdict(known), "value": self._trait(known.key, known.value)} for known in one.traits],
            "merges": [self._decision(known) for known in one.merges],
            "set_aside": [self._decision(known) for known in one.set_aside],
            "stays": [asdict(stay) for stay in one.stays],
            "at_meta": None if self.at_meta is None else [asdict(each) for each in self.at_meta.sent],
            "blank_cells": None if self.at_meta is None else [asdict(each) for each in self.at_meta.blank],
        }

    def _decision(self, one: DecisionKnown) -> dict[str, Any]:
        masked = {"value": self._identifier(one.type, one.value), "message_id": self._message(one.message_id)}
        return {**asdict(one), **masked}


def _instant(microseconds: int | None, zone: ZoneInfo) -> str:
    return clock(datetime.fromtimestamp((microseconds or 0) / 1_000_000, UTC), zone)

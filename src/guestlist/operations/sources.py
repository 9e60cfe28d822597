"""Sources of live messages: their write keys, and what became of what they sent."""

import secrets
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from guestlist.audiences.mistakes import did_you_mean
from guestlist.errors import WrongUseError
from guestlist.externals import known_in, not_taken
from guestlist.loads.loading import scheduled_names
from guestlist.loads.sourcing import check_name
from guestlist.loads.sourcing import remove as remove_load
from guestlist.operations.desk import Desk
from guestlist.operations.loads import LoadStanding, load_standings
from guestlist.operations.operation import Operation, Scope, delete, get, post
from guestlist.owning.reaching import digest_of
from guestlist.sources.arrivals import REPEATED, TAKEN
from guestlist.store.journal_sources import Arrival, Source
from guestlist.store.vault import Secret
from guestlist.telling.answer import Answer, Value

_KEY_BYTES = 16
Name = Annotated[str, Field(description="Small letters, digits, _ and -.")]


class NewSource(Answer):
    """The source and its write key, which is shown this once: only its digest is kept."""

    key: str
    write_key: str


class AddSource(Operation[NewSource]):
    """Add a source of live messages. Its write key is shown once."""

    route = post("/sources", Scope.SETTINGS)
    tells_secret = True
    name: Name
    strict: Annotated[bool, Field(description="Refuse messages with mistakes, not only count them.")] = False

    def run(self, desk: Desk) -> NewSource:
        check_name(desk.space, desk.records, self.name)
        key = Secret(secrets.token_hex(_KEY_BYTES))
        made = Source(key=self.name, digest=digest_of(key), strict=self.strict, made_at=desk.now)
        desk.records.journal.add_source(made)
        desk.audit("source added", self.name)
        return NewSource(key=self.name, write_key=key.reveal())


class LeftOut(Value):
    """Messages that were not taken, for one reason, with one of them masked."""

    reason: str
    field: str
    messages: int
    sample: str


class SourceKnown(Value):
    """A source without its key. `strict`: mistakes are refused, not only counted."""

    key: str
    strict: bool
    taken: int
    repeated: int
    left_out: int
    reasons: tuple[LeftOut, ...]


class Sources(Answer):
    """All of live messages, by key, and all that are loaded. `notes`: what they tell of that nothing here goes by yet."""

    sources: tuple[SourceKnown, ...]
    notes: tuple[str, ...]
    loaded: tuple[LoadStanding, ...]


class ListSources(Operation[Sources]):
    """List the sources: of live messages with what became of these, and those that are loaded with how they stand."""

    route = get("/sources")

    def run(self, desk: Desk) -> Sources:
        arrivals = desk.records.journal.arrivals()
        found = tuple(_known(one, arrivals) for one in desk.records.journal.sources())
        return Sources(sources=found, notes=tuple(not_taken(known_in(desk.space))), loaded=load_standings(desk))


def _known(source: Source, arrivals: Sequence[Arrival]) -> SourceKnown:
    mine = [one for one in arrivals if one.source == source.key]
    left_out = [one for one in mine if one.outcome not in {TAKEN, REPEATED}]
    return SourceKnown(
        key=source.key,
        strict=source.strict,
        taken=sum(one.messages for one in mine if one.outcome == TAKEN),
        repeated=sum(one.messages for one in mine if one.outcome == REPEATED),
        left_out=sum(one.messages for one in left_out),
        reasons=tuple(
            LeftOut(reason=one.outcome, field=one.field, messages=one.messages, sample=one.sample) for one in left_out
        ),
    )


class SourceRemoved(Answer):
    """Its write key is refused, or nothing is loaded from it any more (`loaded`). What it sent or said stays."""

    key: str
    removed: bool
    loaded: bool


class RemoveSource(Operation[SourceRemoved]):
    """Take a source away: its write key is refused within two seconds, or nothing is loaded from it any more.

    What it sent or said stays.
    """

    route = delete("/sources/{name}", Scope.SETTINGS)
    name: Name

    def run(self, desk: Desk) -> SourceRemoved:
        loaded = remove_load(desk.space, desk.records, self.name, now=desk.now)
        if not loaded and not desk.records.journal.remove_source(self.name):
            known = [*(one.key for one in desk.records.journal.sources()), *scheduled_names(desk.space)]
            raise WrongUseError(
                "unknown_source",
                f"There is no source '{self.name}' that has a write key or is loaded.",
                nothing_lost="Nothing was changed.",
                next_step=did_you_mean(self.name, known) or "See them with: guestlist sources list",
            )
        desk.audit("source removed", self.name)
        return SourceRemoved(key=self.name, removed=True, loaded=loaded)

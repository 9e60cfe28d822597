"""Audiences of Segment Engage of which messages tell, and taking one over."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from guestlist import externals
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, get, post
from guestlist.telling.answer import Answer, Value

_MICROSECONDS = 1_000_000


class ExternalKnown(Value):
    """An audience of Engage, how many people it has, and the audiences here that ask about it."""

    key: str
    people: int
    told_at: datetime
    source: str
    asked_by: tuple[str, ...]


class Externals(Answer):
    """All that were heard of, by key."""

    external: tuple[ExternalKnown, ...]
    time_zone: str


class ListExternals(Operation[Externals]):
    """List the audiences of Segment Engage of which messages tell, and which of them an audience here asks about."""

    route = get("/externals")

    def run(self, desk: Desk) -> Externals:
        known = externals.known_externals(desk.records, externals.readable_definitions(desk.space))
        return Externals(external=tuple(_known(one) for one in known), time_zone=desk.space.settings.time_zone)


def _known(one: externals.Known) -> ExternalKnown:
    told = one.external
    return ExternalKnown(
        key=told.key,
        people=told.people,
        told_at=datetime.fromtimestamp(told.told_at / _MICROSECONDS, UTC),
        source=told.source,
        asked_by=one.asked_by,
    )


class ExternalTaken(Answer):
    """The audience that was written: its file in the space, its key, the destination to which it goes, if there is one."""

    file: str
    key: str
    to: str | None


class TakeExternal(Operation[ExternalTaken]):
    """Take over an audience of Segment Engage: write the file of an audience that has the same people."""

    route = post("/externals/take", Scope.AUDIENCES)
    key: Annotated[str, Field(description="The audience's key at Segment.")]
    to: Annotated[str | None, Field(description="The destination; left out while there is one.")] = None
    name: Annotated[str | None, Field(description="The audience's name at Meta.")] = None

    def run(self, desk: Desk) -> ExternalTaken:
        taken = externals.take(desk.space, desk.records, self.key, to=self.to, name=self.name, now=desk.now)
        desk.audit("external taken", taken.place.stem)
        file = taken.place.relative_to(desk.space.folder)
        return ExternalTaken(file=str(file), key=taken.place.stem, to=taken.to)

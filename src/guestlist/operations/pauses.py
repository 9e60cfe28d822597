"""Syncs paused and resumed. The records alone are written, so it works beside whoever keeps the space, who obeys."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from guestlist import pausing
from guestlist.errors import WrongUseError
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, post
from guestlist.operations.standing import iso
from guestlist.operations.syncs import Key
from guestlist.telling.answer import Answer, Value


class Paused(Answer):
    """The sync rests; `until`: when it goes on by itself, null where it does not."""

    sync: str
    paused: Literal[True] = True
    until: str | None


class PauseSync(Operation[Paused]):
    """Pause a sync: its audience stays at Meta as it is. Who must never be sent leaves all the same."""

    route = post("/syncs/{key}/pause", Scope.SYNCS)
    key: Key
    until: Annotated[
        str | None,
        Field(description="When it goes on by itself: a date is its first moment, what names no offset is local time."),
    ] = None

    def run(self, desk: Desk) -> Paused:
        ends = None if self.until is None else _instant(self.until, desk.space.settings.zone)
        journal, now = desk.records.journal, desk.clock.now()
        paused = pausing.pause(desk.space, journal, self.key, until=ends, now=now, actor=desk.actor)
        return Paused(sync=paused.key, until=None if paused.paused_until is None else iso(paused.paused_until))


def _instant(text: str, zone: ZoneInfo) -> datetime:
    """A date is its first moment; what names no offset is by the space's zone."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUseError(
            "no_such_time",
            "The time until which to pause is none.",
            nothing_lost="Nothing was changed.",
            next_step="Write it like 2026-12-01 or 2026-12-01T09:00: guestlist pause KEY --until 2026-12-01T09:00",
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=zone)


class ResumedSync(Value):
    """A sync that runs again."""

    sync: str
    paused: Literal[False] = False
    was_paused: bool


class Resumed(Answer):
    """Those that were told to run again."""

    syncs: tuple[ResumedSync, ...]


class ResumeSync(Operation[Resumed]):
    """Let a paused sync run again, also one whose audience was emptied. Who keeps the space runs it when it is due."""

    route = post("/syncs/{key}/resume", Scope.SYNCS)
    key: Key

    def run(self, desk: Desk) -> Resumed:
        return _resumed(desk, [self.key])


class ResumeAllSyncs(Operation[Resumed]):
    """Let every sync that is paused run again, as after a restore."""

    route = post("/syncs/resume", Scope.SYNCS)

    def run(self, desk: Desk) -> Resumed:
        return _resumed(desk, [one.key for one in desk.records.journal.syncs() if one.paused])


def _resumed(desk: Desk, keys: list[str]) -> Resumed:
    journal, now = desk.records.journal, desk.clock.now()
    ended = [pausing.resume(desk.space, journal, key, now=now, actor=desk.actor) for key in keys]
    return Resumed(syncs=tuple(ResumedSync(sync=key, was_paused=was) for key, was in ended))

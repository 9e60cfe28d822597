"""How a run ended, as whoever started it needs to know: it is right, it goes on by itself, or a person has to look."""

from collections.abc import Iterable
from enum import Enum

from guestlist.destinations.meta.client import MetaError
from guestlist.destinations.meta.deliver import Report, State
from guestlist.errors import GuestlistError

WAITS_FOR_LOAD = "source_not_loaded"


class Ending(Enum):
    """The worst comes last."""

    RIGHT = 0
    LATER = 1
    PERSON = 2


def waiting_cures(error: GuestlistError) -> bool:
    """Whether the same thing may work later without anybody doing anything."""
    if isinstance(error, MetaError):
        return error.rule is None or not error.rule.verdict.stops
    return error.code == WAITS_FOR_LOAD


def ending(report: Report) -> Ending:
    """Of one run. What Meta refused to remove for now is tried again, so it is not right yet."""
    if report.state is State.DONE:
        return Ending.LATER if report.debt else Ending.RIGHT
    if report.state in {State.WAITING, State.CANCELLED}:
        return Ending.LATER
    cured = report.error is not None and (report.again_at is not None or waiting_cures(report.error))
    return Ending.LATER if cured else Ending.PERSON


def worst(endings: Iterable[Ending]) -> Ending:
    """Of several; right where there is none."""
    return max(endings, key=lambda one: one.value, default=Ending.RIGHT)

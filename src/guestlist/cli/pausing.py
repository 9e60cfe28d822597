"""`guestlist pause | resume`: whether a sync runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from guestlist import pausing
from guestlist.cli.frame import AsJson, SpaceDir, answer, say
from guestlist.connected.connections import clock_of
from guestlist.errors import WrongUseError
from guestlist.records import open_records
from guestlist.space import open_space

_ACTOR = "command line"
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="One sync: audience@destination, or audience while it has one.")
]


def pause(
    key: Key,
    *,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help="When it goes on by itself, such as 2026-12-01 or 2026-12-01T09:00."
        ),
    ] = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Pause a sync: its audience stays at Meta as it is, until you resume it. Also beside a running service.

    People on the do-not-send list and people who are erased are taken out all the same. A request in flight is finished.

    guestlist pause left_a_cart

    guestlist pause left_a_cart@main --until 2026-12-01T09:00
    """
    here = open_space(space)
    ends = None if until is None else _instant(until, here.settings.zone)
    with open_records(here) as records:
        paused = pausing.pause(here, records.journal, key, until=ends, now=clock_of(here).now(), actor=_ACTOR)
    if as_json:
        answer({"sync": paused.key, "paused": True, "until": _iso(paused.paused_until)})
        return
    say(f"{paused.key} is {pausing.pause_in_words(paused)}. To let it run again: guestlist resume {paused.key}")


def resume(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="One sync, as of pause.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every sync that is paused, as after a restore.")] = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Let a paused sync run again. A running service does so at once.

    guestlist resume left_a_cart

    guestlist resume --all
    """
    if (key is None) != every:
        raise WrongUseError(
            "no_sync_named", "Name a sync, or all of them.", next_step="For example: guestlist resume --all"
        )
    here = open_space(space)
    with open_records(here) as records:
        now = clock_of(here).now()
        keys = [key] if key is not None else [one.key for one in records.journal.syncs() if one.paused]
        ended = [pausing.resume(here, records.journal, one, now=now, actor=_ACTOR) for one in keys]
    if as_json:
        answer({"syncs": [{"sync": one, "paused": False, "was_paused": was} for one, was in ended]})
        return
    say(*(f"{one} runs again." if was else f"{one} was not paused." for one, was in ended))


def _iso(microseconds: int | None) -> str | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()


def _instant(text: str, zone: ZoneInfo) -> datetime:
    """A date is its first moment; what names no offset is by the space's zone."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUseError(
            "no_such_time",
            "What stands after --until is no time.",
            nothing_lost="Nothing was changed.",
            next_step="Write it like 2026-12-01 or 2026-12-01T09:00: guestlist pause KEY --until 2026-12-01T09:00",
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=zone)

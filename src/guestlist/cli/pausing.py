"""`guestlist pause | resume | cancel`: whether a sync runs."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from guestlist.cli.frame import AsJson, answer, say
from guestlist.cli.place import HERE, SpaceAt
from guestlist.errors import WrongUseError
from guestlist.operations.pauses import Paused, PauseSync, ResumeAllSyncs, ResumeSync
from guestlist.operations.syncs import CancelSync

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
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Pause a sync: its audience stays at Meta as it is, until you resume it. Also beside a running service.

    People on the do-not-send list and people who are erased are taken out all the same. A request in flight is finished.

    guestlist pause left_a_cart

    guestlist pause left_a_cart@main --until 2026-12-01T09:00
    """
    paused = space.ask(PauseSync(key=key, until=until))
    if as_json:
        answer(paused)
        return
    say(f"{paused.sync} is {_in_words(paused)}. To let it run again: guestlist resume {paused.sync}")


def _in_words(paused: Paused) -> str:
    if paused.until is None:
        return "paused"
    return f"paused until {datetime.fromisoformat(paused.until).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def resume(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="One sync, as of pause.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every sync that is paused, as after a restore.")] = False,
    space: SpaceAt = HERE,
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
    told = space.ask(ResumeAllSyncs() if key is None else ResumeSync(key=key))
    if as_json:
        answer(told)
        return
    say(*(f"{one.sync} runs again." if one.was_paused else f"{one.sync} was not paused." for one in told.syncs))


def cancel(key: Key, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """End a sync that the service is running, after its request in flight. It runs again at its next time.

    What was sent stays at Meta, the rest is planned anew then. To keep it from running again: guestlist pause

    guestlist cancel left_a_cart
    """
    told = space.ask(CancelSync(key=key))
    if as_json:
        answer(told)
    elif told.syncs:
        say(*(f"{one} ends after its request in flight, and runs again at its next time." for one in told.syncs))
    else:
        say(f"{key} is not running, and was not told to.")

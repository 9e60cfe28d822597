"""The commands about audiences of Segment Engage."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from guestlist import externals
from guestlist.cli.frame import AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.records import open_records
from guestlist.space import Space, open_space
from guestlist.telling.explaining import clock

_MICROSECONDS = 1_000_000


def external(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the audiences of Segment Engage of which messages tell, and which of them an audience here asks about.

    guestlist audiences external
    """
    here = open_space(space)
    known = externals.known_in(here)
    if as_json:
        answer({"external": [_facts(one) for one in known]})
        return
    if not known:
        say("No message told of an audience of Segment Engage yet. docs/engage.md shows how to have them sent.")
        return
    shown = table("segment's audience", "people", "last heard", "from", "asked by", right=["people"])
    for one in known:
        told = one.external
        at = clock(_instant(told.told_at), here.settings.zone)
        add_row(shown, (told.key, f"{told.people:,}", at, told.source, ", ".join(one.asked_by) or "nobody"))
    show(shown)
    say(*externals.not_taken(known))


def take(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The audience's key at Segment.")],
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="The destination; left out while there is one.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="The audience's name at Meta.")] = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Take over an audience of Segment Engage: write the file of an audience that has the same people.

    guestlist audiences take high_value_users
    """
    here = open_space(space)
    with open_records(here) as records:
        place = externals.take(here, records, key, to=to, name=name)
    if as_json:
        answer({"file": str(place), "key": place.stem})
        return
    say(f"{place} is written: the people of '{key}' are its members.")
    say(f"See them: guestlist audiences members {place.stem}", *_goes_nowhere(here))


def _goes_nowhere(space: Space) -> list[str]:
    if space.settings.destinations:
        return []
    return ["It goes nowhere yet: guestlist destinations connect, then give it a line `sync: DESTINATION`."]


def _facts(one: externals.Known) -> dict[str, object]:
    told = one.external
    return {
        "key": told.key,
        "people": told.people,
        "told_at": _instant(told.told_at),
        "source": told.source,
        "asked_by": list(one.asked_by),
    }


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / _MICROSECONDS, UTC)

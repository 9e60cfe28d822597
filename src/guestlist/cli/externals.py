"""The commands about audiences of Segment Engage."""

from typing import Annotated

import typer

from guestlist.cli.frame import AsJson, add_row, answer, say, show, table, utc
from guestlist.cli.place import HERE, SpaceAt
from guestlist.externals import offer
from guestlist.operations.externals import ListExternals, TakeExternal


def external(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the audiences of Segment Engage of which messages tell, and which of them an audience here asks about.

    guestlist audiences external
    """
    told = space.ask(ListExternals())
    if as_json:
        answer(told)
        return
    if not told.external:
        say("No message told of an audience of Segment Engage yet. docs/engage.md shows how to have them sent.")
        return
    shown = table("segment's audience", "people", "last heard, UTC", "from", "asked by", right=["people"])
    for one in told.external:
        add_row(shown, (one.key, f"{one.people:,}", utc(one.told_at), one.source, ", ".join(one.asked_by) or "nobody"))
    show(shown)
    say(*(offer(one.key, one.people) for one in told.external if not one.asked_by))


def take(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The audience's key at Segment.")],
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="The destination; left out while there is one.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="The audience's name at Meta.")] = None,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Take over an audience of Segment Engage: write the file of an audience that has the same people.

    guestlist audiences take high_value_users
    """
    taken = space.ask(TakeExternal(key=key, to=to, name=name))
    if as_json:
        answer(taken)
        return
    say(f"{taken.file} is written: the people of '{key}' are its members.")
    say(f"See them: guestlist audiences members {taken.key}")
    if taken.to is None:
        say("It goes nowhere yet: give it a line `sync: DESTINATION`.")
        say("To connect one: guestlist destinations connect --help")

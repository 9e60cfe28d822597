"""`guestlist traits`: traits that are worked out, who has them, and what stands in them."""

from typing import Annotated

import typer

from guestlist.cli.frame import AsJson, Reveal, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.counts import counted
from guestlist.operations.traits import CheckTraits, ListTraits, ShowTrait

commands = typer.Typer(
    help="Traits that are worked out: check the definitions, see who has them, and what stands in them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@commands.command()
def check(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Check every file in traits/ and tell all mistakes at once; queries too, where there is data to ask.

    Nothing is changed.

    guestlist traits check
    """
    checked = space.ask(CheckTraits())
    if as_json:
        answer(checked)
        return
    number = len(checked.traits)
    say(f"{counted(number, 'trait')} checked, no mistake.")
    say(*(f"Note: {note}" for note in checked.notes))


@commands.command("list")
def list_traits(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the traits that are worked out, with how many people have each, as of the last sync.

    What nobody had by then, or was not there yet, is worked out as of now.

    guestlist traits list
    """
    told = space.ask(ListTraits())
    if as_json:
        answer(told)
        return
    if not told.traits:
        say(*(f"Note: {note}" for note in space.ask(CheckTraits()).notes))
        return
    shown = table("key", "what it is", "people", right=["people"])
    for one in told.traits:
        add_row(shown, (one.key, one.in_words, "-" if one.people is None else f"{one.people:,}"))
    show(shown)
    say(*(f"Note: {note}" for note in told.notes))
    if not told.notes and all(one.people is None for one in told.traits):
        say("There is no data yet, so nobody is counted. Import some: guestlist import FILE")


@commands.command("show")
def show_trait(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The trait: one of traits/, or one that people send.")],
    *,
    reveal: Reveal = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one trait as of now: what it is, how many people have it, and some of them, masked.

    Times without a time zone are counted: they are read on the clocks of the space's zone.

    guestlist traits show lifetime_value
    """
    one = space.ask(ShowTrait(key=key, reveal=reveal))
    if as_json:
        answer(one)
        return
    say(f"{one.name}  ({key})", *([one.description] if one.description else []))
    say("", f"What it is: {one.in_words}", f"People: {one.people:,}")
    if one.without_zone:
        say(f"Times without a time zone: {one.without_zone:,}, read on the clocks of {one.time_zone}.")
    if one.sample:
        shown = table("person", "value", "since, UTC", "source")
        for row in one.sample:
            add_row(shown, (row.profile_id, row.value, f"{row.at:%Y-%m-%d %H:%M}", row.source))
        say("")
        show(shown)

"""`guestlist audiences`: check definitions, see who is in them and why, take people out as a file."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from guestlist.audiences.schema import published
from guestlist.cli.asking import AsOf, File, Key, list_people, write_people
from guestlist.cli.at_meta import adopt
from guestlist.cli.converting import Form, convert, show_definition
from guestlist.cli.externals import external, take
from guestlist.cli.frame import AsJson, Reveal, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.cli.previewing import changes, diff, history, preview
from guestlist.counts import counted
from guestlist.operations.audiences import (
    FIRST,
    MOST,
    CheckAudiences,
    ExplainPerson,
    ExportMembers,
    ListAudiences,
    ListMembers,
    ShowAudience,
)
from guestlist.space import write_whole

commands = typer.Typer(
    help="Audiences: check the definitions, see who is in, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

commands.command("adopt")(adopt)


@commands.command()
def check(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Check every file in audiences/ and tell all mistakes at once, each with its place and what was probably meant.

    Needs no data. Nothing is changed.

    guestlist audiences check
    """
    checked = space.ask(CheckAudiences())
    if as_json:
        answer(checked)
        return
    number = len(checked.audiences)
    say(f"{counted(number, 'audience')} checked, no mistake.")
    say(*(f"Note: {note}" for note in checked.notes))


@commands.command()
def schema(
    *,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write it there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the JSON Schema of an audience's file, by which an editor helps while you type.

    An editor that knows it by its first line, "# yaml-language-server: $schema=../.guestlist/audience.schema.json",
    needs no more: guestlist init writes the schema there, and this command a newer one after an update.

    guestlist audiences schema > audience.schema.json

    guestlist audiences schema --to shop/.guestlist/audience.schema.json
    """
    if to is None:
        say(published().rstrip("\n"))
        return
    write_whole(to, published())
    if as_json:
        answer({"schema": str(to)})
    else:
        say(f"Wrote {to}")


@commands.command("list")
def list_audiences(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the audiences, with how many people are in each now.

    guestlist audiences list
    """
    told = space.ask(ListAudiences())
    if as_json:
        answer(told)
        return
    if not told.audiences:
        say(*space.ask(CheckAudiences()).notes)
        return
    shown = table("key", "audience", "people", "goes to", right=["people"])
    for one in told.audiences:
        goes = ", ".join(sync.to for sync in one.syncs) or "nowhere"
        add_row(shown, (one.key, one.name, "-" if one.people is None else f"{one.people:,}", goes))
    show(shown)
    say(*(f"{one.key}: {'; '.join(one.beside)}." for one in told.audiences if one.beside))
    say(*(f"Note: {note}" for note in told.notes))
    if not told.notes and all(one.people is None for one in told.audiences):
        say("There is no data yet, so nobody is counted. Import some: guestlist import FILE")


@commands.command("show")
def show_audience(
    key: Key,
    *,
    form: Annotated[Form, typer.Option("--as", help="In words, as a query or as YAML.")] = Form.WORDS,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one audience: who belongs to it in words, how many people these are, where it goes.

    With --as query or --as yaml only the definition is shown, to be pasted elsewhere.

    guestlist audiences show win_back

    guestlist audiences show win_back --as query
    """
    if form is not Form.WORDS:
        show_definition(space, key, form, as_json=as_json)
        return
    one = space.ask(ShowAudience(key=key))
    if as_json:
        answer(one)
        return
    say(f"{one.name}  ({one.key})")
    if one.description:
        say(one.description)
    say("", "Who:", *(f"  {line}" for line in one.in_words), "")
    if one.beside:
        say("Beside that:", *(f"  {line}" for line in one.beside), "")
    if one.people is None:
        say("People: not known" if one.notes else "People: no data yet")
    else:
        say(f"People: {one.people:,}")
    say(*(f"Note: {note}" for note in one.notes))
    goes = [f"Goes to: {where}" for where in one.syncs_in_words]
    say(*(goes or ["Goes to: nowhere; add `sync: DESTINATION`."]))


@commands.command()
def members(
    key: Key,
    *,
    as_of: AsOf = None,
    reveal: Reveal = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help=f"How many to list; {FIRST} when left out, with --json everybody."),
    ] = None,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """List the people in an audience, masked. With --json one person a line.

    guestlist audiences members win_back --limit 20

    guestlist audiences members win_back --as-of 2026-01-31 --json --reveal
    """
    if as_json and limit is None:
        for person in space.lines(ExportMembers(key=key, as_of=as_of, reveal=reveal)):
            answer(person)
        return
    found = space.ask(ListMembers(key=key, as_of=as_of, reveal=reveal, limit=limit or FIRST))
    if as_json:
        for person in found.people:
            answer(person)
        return
    list_people(found.people, ZoneInfo(found.time_zone))
    when = f" as of {as_of}" if as_of else ""
    say(f"{counted(found.number, 'person')} in {found.name}{when}.")
    left = found.number - len(found.people)
    if left:
        say(f"{left:,} more not shown. All of them: guestlist audiences export {found.audience} --file FILE")


@commands.command()
def explain(
    key: Key,
    person: Annotated[
        str,
        typer.Argument(metavar="TYPE:VALUE", help="email:…, phone:…, user_id:… or profile_id: as members shows it."),
    ],
    *,
    as_of: AsOf = None,
    reveal: Reveal = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Explain why a person is in an audience or is not: each condition, and what made it true or false.

    guestlist audiences explain win_back email:jane@example.org
    """
    told = space.ask(ExplainPerson(key=key, person=person, as_of=as_of, reveal=reveal))
    if as_json:
        answer(told)
    else:
        say(*told.in_words)


@commands.command()
def export(
    key: Key,
    *,
    file: File = None,
    as_of: AsOf = None,
    reveal: Reveal = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the people of an audience as CSV (with --json and without --file: one JSON object a line), masked.

    Cells that a spreadsheet would run as a formula begin with an apostrophe. A file is readable by its owner only.

    guestlist audiences export win_back --file win_back.csv --reveal
    """
    write_people(space.lines(ExportMembers(key=key, as_of=as_of, reveal=reveal)), file, as_json=as_json)


for _command in (convert, preview, diff, history, changes, external, take):
    commands.command()(_command)

"""`guestlist audiences`: check definitions, see who is in them and why, take people out as a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist.asking import check_lists
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition, references
from guestlist.audiences.document import read_folder
from guestlist.audiences.explain import explain as explained
from guestlist.audiences.mistakes import nearest
from guestlist.audiences.schedule import schedule_text
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.cli.asking import (
    AsOf,
    File,
    Key,
    asked,
    list_people,
    question_of,
    read_one,
    write_people,
)
from guestlist.cli.converting import Form, convert, show_definition
from guestlist.cli.frame import (
    AsJson,
    Reveal,
    SpaceDir,
    add_row,
    answer,
    say,
    show,
    table,
)
from guestlist.cli.previewing import changes, diff, history, preview
from guestlist.destinations.meta.sent import Sent, sent
from guestlist.errors import GuestlistError
from guestlist.space import Space, open_space
from guestlist.syncing import LEDGER_FILE, open_ledger
from guestlist.telling import explaining, people, wording

commands = typer.Typer(
    help="Audiences: check the definitions, see who is in, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SHOWN = 100


@commands.command()
def check(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Check every file in audiences/ and tell all mistakes at once, each with its place and what was probably meant.

    Needs no data. Nothing is changed.

    guestlist audiences check
    """
    here = open_space(space)
    connected = tuple(here.settings.destinations)
    definitions = evaluating.in_order(read_folder(here.audiences, destinations=connected or None))
    check_lists(here, definitions)
    notes = list(_notes(here, definitions))
    if as_json:
        answer({"audiences": [one.key for one in definitions], "notes": notes})
        return
    say(f"{_audiences(len(definitions))} checked, no mistake.")
    say(*(f"Note: {note}" for note in notes))


def _audiences(number: int) -> str:
    return "1 audience" if number == 1 else f"{number:,} audiences"


def _notes(space: Space, definitions: Sequence[Definition]) -> Iterator[str]:
    if not definitions:
        yield f"there is no audience yet: put a file into {space.audiences} (docs/audiences.md shows how)."
    goals = sorted({sync.to for one in definitions for sync in one.syncs})
    if goals and not space.settings.destinations:
        yield f"no destination is connected yet ({', '.join(goals)}): guestlist destinations connect"
    yield from _unheard_of(space, definitions)


def _unheard_of(space: Space, definitions: Sequence[Definition]) -> Iterator[str]:
    """Events and traits that nobody has: most often a slip, never an error, as the data may still come."""
    try:
        with people.known_people(space) as warehouse:
            known = {kind: people.names_of(warehouse, kind) for kind in ("event", "trait")}
            worked_out = people.names_of(warehouse, "computed_trait") if warehouse.has("computed_trait") else {}
            named = {key: 0 for trait in read_traits(space.traits) for key in trait.keys}
            known["trait"] |= named | worked_out
    except GuestlistError:  # no data yet, or the space is in use: definitions can be checked all the same
        return
    for one in definitions:
        for kind, name in sorted(wording.names(one.who)):
            if name not in known[kind]:
                told = "nobody has done" if kind == "event" else "nobody has the trait"
                yield f"{one.key}: {told} `{name}` yet. {_meant(kind, name, known[kind])}".rstrip()


def _meant(kind: str, name: str, known: Mapping[str, int]) -> str:
    near = nearest(name, known)
    if near is None:
        return ""
    has = f"It has {known[near]:,} events." if kind == "event" else f"{known[near]:,} people have it."
    return f"Did you mean `{near}`? {has}"


@commands.command("list")
def list_audiences(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the audiences, with how many people are in each now.

    guestlist audiences list
    """
    here = open_space(space)
    definitions = evaluating.in_order(read_folder(here.audiences))
    numbers = _numbers(here, definitions)
    by_key = sorted(definitions, key=lambda one: one.key)
    if as_json:
        answer({"audiences": [{**_facts(one), "people": numbers.get(one.key)} for one in by_key]})
        return
    if not by_key:
        say(*_notes(here, definitions))
        return
    shown = table("key", "audience", "people", "goes to", right=["people"])
    for one in by_key:
        goes = ", ".join(sync.to for sync in one.syncs) or "nowhere"
        add_row(shown, (one.key, one.name, f"{numbers[one.key]:,}" if numbers else "-", goes))
    show(shown)
    if not numbers:
        say("There is no data yet, so nobody is counted. Import some: guestlist import FILE")


def _numbers(space: Space, definitions: Sequence[Definition]) -> Mapping[str, int]:
    """How many people are in each audience; empty before there is any data."""
    if not people.has_data(space):
        return {}
    try:
        with people.known_people(space) as warehouse:
            question = question_of(warehouse, space, None, definitions)
            return {
                one.key: people.count(warehouse, evaluating.members(one, question, definitions)) for one in definitions
            }
    except GuestlistError as error:
        if error.code == people.NO_DATA:
            return {}
        raise


@commands.command("show")
def show_audience(
    key: Key,
    *,
    form: Annotated[Form, typer.Option("--as", help="In words, as a query or as YAML.")] = Form.WORDS,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Show one audience: who belongs to it in words, how many people these are, where it goes.

    With --as query or --as yaml only the definition is shown, to be pasted elsewhere.

    guestlist audiences show win_back

    guestlist audiences show win_back --as query
    """
    here = open_space(space)
    definitions, one = read_one(here, key)
    if form is not Form.WORDS:
        show_definition(one, form, frozenset(each.key for each in definitions), as_json=as_json)
        return
    number = _numbers(here, definitions).get(one.key)
    if as_json:
        answer({**_facts(one), "people": number})
        return
    say(f"{one.name}  ({one.key})")
    if one.description:
        say(one.description)
    say("", "Who:", *(f"  {line}" for line in wording.lines(one.who)), "")
    say("People: no data yet" if number is None else f"People: {number:,}")
    say(*([f"Goes to: {wording.sync(sync)}" for sync in one.syncs] or ["Goes to: nowhere; add `sync: DESTINATION`."]))


def _facts(one: Definition) -> dict[str, Any]:
    return {
        "key": one.key,
        "name": one.name,
        "description": one.description,
        "owner": one.owner,
        "in_words": list(wording.lines(one.who)),
        "asks_about": sorted(references(one.who)),
        "syncs": [
            {
                "to": sync.to,
                "every": schedule_text(sync.when),
                "mode": sync.mode,
                "adopt": sync.adopt,
                "rename": sync.rename,
            }
            for sync in one.syncs
        ],
    }


@commands.command()
def members(
    key: Key,
    *,
    as_of: AsOf = None,
    reveal: Reveal = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"How many to list; {SHOWN} when left out, with --json everybody."),
    ] = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """List the people in an audience, masked. With --json one person a line.

    guestlist audiences members win_back --limit 20

    guestlist audiences members win_back --as-of 2026-01-31 --json --reveal
    """
    here = open_space(space)
    with asked(here, key, as_of) as (warehouse, one, question, definitions):
        found = evaluating.members(one, question, definitions)
        most = limit if limit or as_json else SHOWN
        listed = people.read_people(warehouse, found, one.key, question, reveal=reveal, limit=most)
        if as_json:
            for person in listed:
                answer(person.facts())
            return
        list_people(listed, here)
        number = people.count(warehouse, found)
        when = f" as of {as_of}" if as_of else ""
        left = number - most if most and number > most else 0
        say(f"{number:,} {'person' if number == 1 else 'people'} in {one.name}{when}.")
        if left:
            say(f"{left:,} more not shown. All of them: guestlist audiences export {one.key} --file FILE")


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
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Explain why a person is in an audience or is not: each condition, and what made it true or false.

    guestlist audiences explain win_back email:jane@example.org
    """
    here = open_space(space)
    with asked(here, key, as_of, person) as (warehouse, one, question, definitions):
        profile_id = people.find(warehouse, here, person)
        inline = {each.key: each for each in definitions}
        reason = explained(one, profile_id, replace(question, inline=inline), warehouse)
        told = explaining.Told(
            person=people.one_person(warehouse, profile_id, one.key, question, reveal=reveal),
            audience=one,
            reason=reason,
            stays=tuple(people.stays(warehouse, profile_id, one.key)),
            as_of=question.as_of if as_of else None,
            zone=here.settings.zone,
            reveal=reveal,
            sent=_sent(here, profile_id, one.key),
        )
    if as_json:
        answer(told.facts())
    else:
        say(*told.lines())


def _sent(space: Space, profile_id: str, audience: str) -> tuple[Sent, ...] | None:
    """What Meta has of this person in this audience; None while another process has the records of it open."""
    if not (space.private / LEDGER_FILE).exists():
        return ()
    try:
        with open_ledger(space) as ledger:
            return tuple(one for one in sent(ledger, profile_id) if one.sync.rpartition("@")[0] == audience)
    except GuestlistError as error:
        if error.code != "space_in_use":
            raise
        return None


@commands.command()
def export(
    key: Key,
    *,
    file: File = None,
    as_of: AsOf = None,
    reveal: Reveal = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Write the people of an audience as CSV (with --json and without --file: one JSON object a line), masked.

    Cells that a spreadsheet would run as a formula begin with an apostrophe. A file is readable by its owner only.

    guestlist audiences export win_back --file win_back.csv --reveal
    """
    here = open_space(space)
    with asked(here, key, as_of) as (warehouse, one, question, definitions):
        found = evaluating.members(one, question, definitions)
        listed = people.read_people(warehouse, found, one.key, question, reveal=reveal)
        write_people(listed, file, as_json=as_json)


for _command in (convert, preview, diff, history, changes):
    commands.command()(_command)

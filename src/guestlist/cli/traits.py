"""`guestlist traits`: traits that are worked out, who has them, and what stands in them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist.asking import check_query, worked_out
from guestlist.audiences.mistakes import did_you_mean
from guestlist.audiences.traits.definition import ComputedTrait, SqlTrait, TraitDefinition
from guestlist.audiences.traits.document import read_folder
from guestlist.audiences.traits.keeping import dropped
from guestlist.audiences.traits.querying import LARGEST_LINE
from guestlist.cli.frame import AsJson, Reveal, SpaceDir, add_row, answer, say, show, table
from guestlist.connections import clock_of
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.space import Space, open_space
from guestlist.store import Warehouse
from guestlist.telling import masking, people, wording

commands = typer.Typer(
    help="Traits that are worked out: check the definitions, see who has them, and what stands in them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SAMPLE = 10


@commands.command()
def check(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Check every file in traits/ and tell all mistakes at once; queries too, where there is data to ask.

    Nothing is changed.

    guestlist traits check
    """
    here = open_space(space)
    definitions = read_folder(here.traits)
    notes = list(_notes(here, definitions))
    if as_json:
        answer({"traits": [key for one in definitions for key in one.keys], "notes": notes})
        return
    number = sum(len(one.keys) for one in definitions)
    say(f"{'1 trait' if number == 1 else f'{number:,} traits'} checked, no mistake.")
    say(*(f"Note: {note}" for note in notes))


def _notes(space: Space, definitions: Sequence[TraitDefinition]) -> Iterator[str]:
    if not definitions:
        yield f"there is no trait yet: put a file into {space.traits} (docs/traits.md shows how)."
    if not people.has_data(space):
        return
    try:
        with people.known_people(space) as warehouse:
            for one in definitions:
                if isinstance(one, SqlTrait):
                    check_query(space, warehouse, one, at=clock_of(space).now())
            yield from _unheard_of(warehouse, definitions)
            yield from _left_out(definitions, dropped(warehouse))
    except GuestlistError as error:
        if error.code not in {people.NO_DATA, "space_in_use"}:
            raise


def _unheard_of(warehouse: Warehouse, definitions: Sequence[TraitDefinition]) -> Iterator[str]:
    """Keys that people send too, and events that nobody has done."""
    sent, done = people.names_of(warehouse, "trait"), people.names_of(warehouse, "event")
    for one in definitions:
        for key in one.keys:
            if key in sent:
                yield f"{key}: people send a trait of that name too, which does not count any more. Choose another key."
        if isinstance(one, ComputedTrait):
            for event in dict.fromkeys(wording.events_of(one)):
                if event not in done:
                    yield f"{one.key}: nobody has done `{event}` yet. {did_you_mean(event, done)}".rstrip()


def _left_out(definitions: Sequence[TraitDefinition], numbers: Mapping[str, int]) -> Iterator[str]:
    """Queries of whose answer lines were too large, as they were run last."""
    for one in definitions:
        if isinstance(one, SqlTrait) and one.key in numbers:
            number = numbers[one.key]
            lines = "1 line of its query is" if number == 1 else f"{number:,} lines of its query are"
            yield f"{one.key}: {lines} larger than {LARGEST_LINE // 1024} KB and left out. Select less of them."


@commands.command("list")
def list_traits(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the traits that are worked out, with how many people have each, as of the last sync.

    guestlist traits list
    """
    here = open_space(space)
    definitions = read_folder(here.traits)
    numbers, too_large = _standing(here)
    notes = list(_left_out(definitions, too_large))
    told = [
        {"key": key, "name": one.name, "in_words": wording.trait(one), "people": numbers.get(key, 0)}
        for one in definitions
        for key in one.keys
    ]
    if as_json:
        answer({"traits": told, "notes": notes})
        return
    if not told:
        say(*(f"Note: {note}" for note in _notes(here, definitions)))
        return
    shown = table("key", "what it is", "people", right=["people"])
    for facts in told:
        add_row(shown, (facts["key"], facts["in_words"], f"{facts['people']:,}"))
    show(shown)
    say(*(f"Note: {note}" for note in notes))


def _standing(space: Space) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """How many people have each trait, and how many lines of queries were too large, as they were worked out last."""
    if not people.has_data(space):
        return {}, {}
    with space.open_warehouse() as warehouse:
        if not warehouse.has("computed_trait"):
            return {}, {}
        kept = warehouse.table("computed_trait")
        lines = warehouse.read(kept.group_by("key").aggregate(people=kept.count())).to_pylist()
        return {line["key"]: line["people"] for line in lines}, dropped(warehouse)


@commands.command("show")
def show_trait(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The trait: one of traits/, or one that people send.")],
    *,
    reveal: Reveal = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Show one trait as of now: what it is, how many people have it, and some of them, masked.

    Times without a time zone are counted: they are read on the clocks of the space's zone.

    guestlist traits show lifetime_value
    """
    here = open_space(space)
    definitions = read_folder(here.traits)
    one = next((each for each in definitions if key in each.keys), None)
    with people.known_people(here) as warehouse, warehouse.transaction():
        if one is None and key not in people.names_of(warehouse, "trait"):
            raise _unknown(key, warehouse, definitions)
        held = worked_out(here, warehouse, definitions, key, at=clock_of(here).now())
        facts = _facts(warehouse, held, key, one, reveal=reveal)
    if as_json:
        answer(facts)
        return
    say(f"{facts['name']}  ({key})", *([one.description] if one and one.description else []))
    say("", f"What it is: {facts['in_words']}", f"People: {facts['people']:,}")
    if facts["without_zone"]:
        say(f"Times without a time zone: {facts['without_zone']:,}, read on the clocks of {here.settings.time_zone}.")
    if facts["sample"]:
        shown = table("person", "value", "since", "source")
        for row in facts["sample"]:
            add_row(shown, (row["profile_id"], row["value"], f"{row['at']:%Y-%m-%d %H:%M}", row["source"]))
        say("")
        show(shown)


def _facts(warehouse: Warehouse, held: Any, key: str, one: TraitDefinition | None, *, reveal: bool) -> dict[str, Any]:
    clock = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"
    counted = held.aggregate(people=held.count(), without_zone=held.count(where=held.value.re_search(clock)))
    rows = warehouse.read(held.order_by("profile_id").limit(SAMPLE)).to_pylist()
    return {
        "key": key,
        "name": key if one is None else one.name,
        "in_words": "sent by people" if one is None else wording.trait(one),
        **warehouse.read(counted).to_pylist()[0],
        "sample": [
            {
                "profile_id": row["profile_id"] if reveal else masking.profile(row["profile_id"]),
                "value": row["value"] if reveal else masking.trait(key, row["value"]),
                "at": row["at"],
                "source": row["source"],
            }
            for row in rows
        ],
    }


def _unknown(key: str, warehouse: Warehouse, definitions: Sequence[TraitDefinition]) -> WrongUseError:
    known = {*people.names_of(warehouse, "trait"), *(each for one in definitions for each in one.keys)}
    hint = did_you_mean(key, known) or f"Here are: {', '.join(sorted(known))}."
    return WrongUseError(
        "unknown_trait", f"There is no trait `{key}`: nobody sends it, and no file has it.", next_step=hint
    )

"""`guestlist profile` and `guestlist identity`: one person in full, and the rules by which people are told apart."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from guestlist.audiences.document import read_folder
from guestlist.audiences.evaluate import in_order, relations
from guestlist.audiences.question import Question
from guestlist.cli.frame import AsJson, Reveal, SpaceDir, add_row, answer, say, show, table
from guestlist.cli.telling_profile import Whole, find_at_meta
from guestlist.connections import clock_of
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.profiles.biography import biography, find_by_text
from guestlist.profiles.settings import read_identity
from guestlist.profiles.views import known_identifiers
from guestlist.records import open_records, rules_of
from guestlist.space import Space, open_space
from guestlist.splitting import split_off, undo_split
from guestlist.telling import masking, people
from guestlist.trying import Difference, difference

commands = typer.Typer(
    help="People: all that is known of one, and why it is one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
identity_commands = typer.Typer(
    help="The rules by which identifiers become people.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FOUND = 20

Person = Annotated[
    str, typer.Argument(metavar="TYPE:VALUE", help="email:…, phone:…, user_id:… or profile_id: as members shows it.")
]


@commands.command("show")
def show_profile(person: Person, *, reveal: Reveal = False, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Show all that is known of a person: identifiers and where they came from, traits, which message joined what, what
    was set aside and why, audiences since when, and what Meta has.

    guestlist profile show email:jane@example.org
    """
    here = open_space(space)
    with people.known_people(here) as warehouse:
        profile_id = people.find(warehouse, here, person)
        whole = Whole(biography=biography(warehouse, profile_id), at_meta=find_at_meta(here, profile_id), reveal=reveal)
    if as_json:
        answer(whole.facts())
    else:
        whole.show(here.settings.zone)


@commands.command()
def find(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Part of an identifier or of a trait's value; or TYPE:VALUE.")
    ],
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to list.")] = FOUND,
    reveal: Reveal = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Find people by an identifier, or by part of an identifier or of a trait's value; capitals make no difference.

    guestlist profile find doe

    guestlist profile find phone:+491713920007
    """
    here = open_space(space)
    with people.known_people(here) as warehouse:
        found = _named(warehouse, here, text) or find_by_text(warehouse, text, limit=limit + 1)
        question = Question(relations=relations(warehouse), as_of=clock_of(here).now(), zone=here.settings.zone)
        known = known_identifiers(warehouse)
        ids = known.filter(known.profile_id.isin(found[:limit])).select("profile_id").distinct()
        listed = list(people.read_people(warehouse, ids, "", question, reveal=reveal))
    if as_json:
        answer({"people": [_without_since(one) for one in listed], "more": len(found) > limit})
        return
    shown = table("person", "user id", "e-mail", "phone", "name")
    for one in listed:
        cells = [", ".join(one.ids(kind)[:1]) + (" …" if len(one.ids(kind)) > 1 else "") for kind in people.IDS]
        add_row(shown, (one.profile_id, *cells, one.whole_name()))
    if listed:
        show(shown)
    say(f"More than {limit} people: type more, or --limit." if len(found) > limit else _people(len(listed)) + " found.")


def _without_since(one: people.Person) -> dict[str, Any]:
    return {key: value for key, value in one.facts().items() if key != "since"}


def _named(warehouse: Any, space: Space, text: str) -> list[str]:
    """Whom TYPE:VALUE names; nobody where it is not that."""
    if ":" not in text:
        return []
    try:
        return [people.find(warehouse, space, text)]
    except GuestlistError as error:
        if error.code in {"nobody_known", "unknown_id_type", "bad_person_value", "no_person_named"}:
            return []
        raise


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


@commands.command()
def split(
    identifier: Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="The identifier to take off its profile.")],
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Let it join again.")] = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Take an identifier off the profile that it joined by mistake, and never let it join one again.

    From then on it stands alone, whatever is imported; messages that carry nothing else are its own. It is not sent for the
    person any more, though their traits may hold it. Audiences follow with the next sync.

    guestlist profile split email:info@example.org

    guestlist profile split email:info@example.org --undo
    """
    here = open_space(space)
    with people.known_people(here) as warehouse, open_records(here) as records:
        kind, value = people.read_identifier(here, identifier)
        told, now = {"kind": kind, "value": value}, clock_of(here).now()
        if undo:
            done = undo_split(here, warehouse, records, now=now, **told)
        else:
            profile_id = people.find(warehouse, here, identifier)
            done = split_off(here, warehouse, records, profile_id=profile_id, now=now, **told)
    shown = masking.identifier(kind, value)
    if as_json:
        facts = {"identifier": {"type": kind, "value": shown}, "undone": undo, **asdict(done)}
        answer(facts)
    elif undo:
        say(f"{kind} {shown} joins again whom its messages join it to.")
    else:
        say(
            f"{kind} {shown} {'stands' if done.changed else 'stood'} alone{' from now on' if done.changed else ' already'}."
        )
        say("Audiences follow with the next sync, and Meta is sent it no more for who had it. To undo it: --undo")


@identity_commands.command("try")
def try_rules(
    rules: Annotated[
        Path, typer.Argument(metavar="RULES.yaml", help="What would stand under identity: in guestlist.yaml.")
    ],
    *,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Show what other rules would do: how many people would merge or split, who would enter and leave which audience.

    Works on a copy, which needs as much room on the disk as the data has. Nothing is changed.

    guestlist identity try rules.yaml
    """
    here = open_space(space)
    settings = read_identity(_document(rules))
    with people.known_people(here), open_records(here) as records:
        tried = rules_of(here, records, settings)
        definitions = in_order(read_folder(here.audiences))
    told = difference(here, tried, definitions, at=clock_of(here).now())
    if as_json:
        answer(_difference_facts(told))
    else:
        _tell_difference(told)


def _document(place: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe").load(place.read_text("utf-8"))
    except (YAMLError, UnicodeDecodeError):
        document = "no mapping"
    inner = document.get("identity", document) if isinstance(document, dict) else document
    if inner is None or isinstance(inner, dict):
        return inner or {}
    raise WrongUseError(
        "rules_not_yaml",
        f"{place} holds no rules in YAML.",
        nothing_lost="Nothing was changed.",
        next_step="Write what would stand under identity: in guestlist.yaml, such as: limits: {email: 2}",
    )


def _difference_facts(told: Difference) -> dict[str, Any]:
    return {
        "people": {"before": told.before, "after": told.after},
        "merged": told.merged,
        "split": told.split,
        "audiences": [
            {"key": one.key, "before": one.before, "after": one.after, "entering": one.entering, "leaving": one.leaving}
            for one in told.audiences
        ],
    }


def _tell_difference(told: Difference) -> None:
    say(f"{_people(told.before)} now, {_people(told.after)} by these rules.")
    say(f"{_people(told.merged)} would become one with others, {_people(told.split)} would become several.")
    if told.audiences:
        shown = table("audience", "now", "then", "entering", "leaving", right=("now", "then", "entering", "leaving"))
        for one in told.audiences:
            add_row(shown, (one.key, f"{one.before:,}", f"{one.after:,}", f"{one.entering:,}", f"{one.leaving:,}"))
        show(shown)
    say("Nothing was changed. To make it so, put these rules under identity: in guestlist.yaml.")

"""`guestlist profile` and `guestlist identity`: one person in full, and the rules by which people are told apart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from guestlist.cli.frame import AsJson, Reveal, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.cli.telling_profile import tell_profile
from guestlist.counts import counted
from guestlist.errors import WrongUseError
from guestlist.operations.people import (
    FOUND,
    MOST_FOUND,
    FindPeople,
    RulesTried,
    ShowProfile,
    SplitProfile,
    TryRules,
)
from guestlist.profiles.settings import read_identity
from guestlist.telling.people import IDS

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

Person = Annotated[
    str, typer.Argument(metavar="TYPE:VALUE", help="email:…, phone:…, user_id:… or profile_id: as members shows it.")
]


@commands.command("show")
def show_profile(person: Person, *, reveal: Reveal = False, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Show all that is known of a person: identifiers and where they came from, traits, which message joined what, what
    was set aside and why, audiences since when, and what Meta has.

    guestlist profile show email:jane@example.org
    """
    told = space.ask(ShowProfile(person=person, reveal=reveal))
    if as_json:
        answer(told)
    else:
        tell_profile(told)


@commands.command()
def find(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Part of an identifier or of a trait's value; or TYPE:VALUE.")
    ],
    *,
    limit: Annotated[int, typer.Option(min=1, max=MOST_FOUND, help="How many to list.")] = FOUND,
    reveal: Reveal = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Find people by an identifier, or by part of an identifier or of a trait's value; capitals make no difference.

    guestlist profile find doe

    guestlist profile find phone:+491713920007
    """
    found = space.ask(FindPeople(text=text, limit=limit, reveal=reveal))
    if as_json:
        answer(found)
        return
    shown = table("person", "user id", "e-mail", "phone", "name")
    for one in found.people:
        cells = [", ".join(one.ids(kind)[:1]) + (" …" if len(one.ids(kind)) > 1 else "") for kind in IDS]
        add_row(shown, (one.profile_id, *cells, one.whole_name()))
    if found.people:
        show(shown)
    number = counted(len(found.people), "person")
    say(f"More than {counted(limit, 'person')}: type more, or --limit." if found.more else f"{number} found.")


@commands.command()
def split(
    identifier: Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="The identifier to take off its profile.")],
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Let it join again.")] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Take an identifier off the profile that it joined by mistake, and never let it join one again.

    From then on it stands alone, whatever is imported; messages that carry nothing else are its own. It is not sent for the
    person any more, though their traits may hold it. Audiences follow with the next sync.

    guestlist profile split email:info@example.org

    guestlist profile split email:info@example.org --undo
    """
    done = space.ask(SplitProfile(identifier=identifier, undo=undo))
    kind, shown = done.identifier.type, done.identifier.value
    if as_json:
        answer(done)
    elif undo:
        say(f"{kind} {shown} joins again whom its messages join it to.")
    else:
        alone = "stands alone from now on" if done.changed else "stood alone already"
        say(f"{kind} {shown} {alone}.")
        say("Audiences follow with the next sync, and Meta is sent it no more for who had it. To undo it: --undo")


@identity_commands.command("try")
def try_rules(
    rules: Annotated[
        Path, typer.Argument(metavar="RULES.yaml", help="What would stand under identity: in guestlist.yaml.")
    ],
    *,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what other rules would do: how many people would merge or split, who would enter and leave which audience.

    The file stands for all of identity: what it is without is as usual, and rules that it leaves out are named.
    Works on a copy, which needs as much room on the disk as the data has. Nothing is changed.

    guestlist identity try rules.yaml
    """
    told = space.ask(TryRules(rules=_rules(rules)))
    if as_json:
        answer(told)
    else:
        _tell_difference(told)


def _rules(place: Path) -> dict[str, Any]:
    """Read here too, as an error then names the file."""
    document = _document(place)
    read_identity(document, str(place))
    return document


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


def _tell_difference(told: RulesTried) -> None:
    say(f"{counted(told.people.before, 'person')} now, {counted(told.people.after, 'person')} by these rules.")
    say(*_difference(told))
    if told.audiences:
        numbers = ("now", "entering", "leaving", "joined", "then")
        shown = table("audience", *numbers, right=numbers)
        for one in told.audiences:
            cells = (one.before, one.entering, one.leaving, one.joined, one.after)
            add_row(shown, (one.key, *(f"{number:,}" for number in cells)))
        show(shown)
        if any(one.joined for one in told.audiences):
            say("joined: by how many there are fewer because members are one person then")
    if told.left_out:
        say(f"Left out here, though in guestlist.yaml: {', '.join(told.left_out)}. There the usual rules were tried.")
    say("Nothing was changed. To make it so, let these rules be all that stands under identity: in guestlist.yaml.")


def _difference(told: RulesTried) -> Iterator[str]:
    """Whatever differs, so that the numbers add up."""
    if told.merged:
        yield f"{counted(told.merged, 'person')} would merge into {told.merged_into:,}."
    if told.split:
        yield f"{counted(told.split, 'person')} would be taken apart, and {told.split_off:,} more come of that."
    if told.vanishing:
        yield f"{counted(told.vanishing, 'person')} would be known by nothing that counts, and be nobody."
    if told.appearing:
        yield f"{counted(told.appearing, 'person')} would be known of whom nothing counts now."
    if not (told.merged or told.split or told.vanishing or told.appearing):
        yield "Nobody would merge with others or be taken apart."

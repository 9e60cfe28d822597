"""`guestlist sources`: where messages come from, and the keys with which they are sent."""

import re
import secrets
from pathlib import Path
from typing import Annotated

import typer

from guestlist.audiences.mistakes import did_you_mean
from guestlist.cli.frame import AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.clock import microseconds
from guestlist.connections import clock_of
from guestlist.errors import WrongUseError
from guestlist.records import open_records
from guestlist.service.write_keys import digest_of
from guestlist.sources.arrivals import REPEATED, TAKEN
from guestlist.space import Space, open_space
from guestlist.store.journal_sources import Arrival, Source

commands = typer.Typer(
    help="Sources of live messages: add one, list them with what they sent, take one away.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_KEY_BYTES = 16
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, _ and -.")]


@commands.command()
def add(
    name: Name,
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse messages with mistakes, not only count them.")
    ] = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Add a source of live messages and show its write key, this once: only a digest of it is kept.

    Segment's clients send with it to the address where Guestlist is served (docs/tracking.md).

    guestlist sources add website

    guestlist sources add backend --strict --json
    """
    here = open_space(space)
    _check_name(here, name)
    write_key = secrets.token_hex(_KEY_BYTES)
    now = microseconds(clock_of(here).now())
    with open_records(here) as records:
        records.journal.add_source(Source(key=name, digest=digest_of(write_key), strict=strict, made_at=now))
        records.journal.audit(actor="command line", action="source_added", about=name, counts={}, now=now)
    if as_json:
        answer({"key": name, "write_key": write_key})
        return
    say(f"Source {name} is there. Its write key, shown this once:", "", f"    {write_key}", "")
    say("Give it to your tracking clients (docs/tracking.md shows how).")


def _check_name(space: Space, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise WrongUseError(
            "source_name",
            "That cannot be a source's name.",
            nothing_lost="Nothing was changed.",
            next_step="Use small letters, digits, _ and -, such as website.",
        )
    if space.settings.sources.get(name, {"as": "messages"}).get("as") != "messages":
        raise WrongUseError(
            "source_exists",
            f"guestlist.yaml has a source '{name}' already, of files.",
            nothing_lost="Nothing was changed.",
            next_step="Choose another name.",
        )


@commands.command("list")
def list_sources(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the sources of live messages, and what became of what they sent.

    guestlist sources list
    """
    with open_records(open_space(space)) as records:
        found, arrivals = records.journal.sources(), records.journal.arrivals()
    if as_json:
        answer({"sources": [_facts(one, arrivals) for one in found]})
        return
    if not found:
        say("There is no source of live messages yet. Add one with: guestlist sources add NAME")
        return
    numbers = ("taken", "repeated", "left out")
    shown = table("source", "mistakes are", *numbers, right=numbers)
    for one in found:
        counts = _counts(one, arrivals)
        add_row(shown, (one.key, "refused" if one.strict else "counted", *(f"{count:,}" for count in counts)))
    show(shown)
    for left in (each for each in arrivals if _is_left_out(each)):
        say(f"{left.source}: {left.messages:,} left out, {left.outcome}{f' ({left.field})' if left.field else ''}")
        say(*([f"  such as {left.sample}"] if left.sample else []))


def _counts(source: Source, arrivals: list[Arrival]) -> tuple[int, int, int]:
    of = [one for one in arrivals if one.source == source.key]
    return (
        sum(one.messages for one in of if one.outcome == TAKEN),
        sum(one.messages for one in of if one.outcome == REPEATED),
        sum(one.messages for one in of if _is_left_out(one)),
    )


def _is_left_out(one: Arrival) -> bool:
    return one.outcome not in {TAKEN, REPEATED}


def _facts(source: Source, arrivals: list[Arrival]) -> dict[str, object]:
    taken, repeated, left_out = _counts(source, arrivals)
    reasons = [
        {"reason": one.outcome, "field": one.field, "messages": one.messages, "sample": one.sample}
        for one in arrivals
        if one.source == source.key and _is_left_out(one)
    ]
    counts = {"taken": taken, "repeated": repeated, "left_out": left_out}
    return {"key": source.key, "strict": source.strict, **counts, "reasons": reasons}


@commands.command()
def remove(name: Name, *, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Take a source away: its write key is refused from then on. What it sent stays.

    guestlist sources remove website
    """
    here = open_space(space)
    with open_records(here) as records:
        known = [one.key for one in records.journal.sources()]
        if not records.journal.remove_source(name):
            raise WrongUseError(
                "unknown_source",
                f"There is no source of live messages '{name}'.",
                nothing_lost="Nothing was changed.",
                next_step=did_you_mean(name, known) or "See them with: guestlist sources list",
            )
        now = microseconds(clock_of(here).now())
        records.journal.audit(actor="command line", action="source_removed", about=name, counts={}, now=now)
    if as_json:
        answer({"key": name, "removed": True})
        return
    say(f"Source {name} is gone; its write key is refused within two seconds. What it sent stays.")

"""`guestlist sources`: where messages come from: keys with which they are sent, places that are loaded."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from guestlist.audiences.mistakes import did_you_mean
from guestlist.cli.frame import DONE, AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.cli.imports import As
from guestlist.cli.loads import Given, add_load, load_facts, load_one, show_load, tell_loads
from guestlist.clock import microseconds
from guestlist.connections import clock_of
from guestlist.errors import WrongUseError
from guestlist.externals import known_in, not_taken
from guestlist.loading import standings
from guestlist.records import open_records
from guestlist.service.write_keys import digest_of
from guestlist.sources.arrivals import REPEATED, TAKEN
from guestlist.sources.mapping import Wish
from guestlist.sources.pulled import is_pulled
from guestlist.sourcing import check_name
from guestlist.sourcing import remove as remove_load
from guestlist.space import open_space
from guestlist.store.journal_sources import Arrival, Source

commands = typer.Typer(
    help="Sources: of live messages, and tables and files that are loaded on a schedule.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_KEY_BYTES = 16
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, _ and -.")]


@commands.command()
def add(
    name: Name,
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Live messages: refuse those with mistakes, not only count them.")
    ] = False,
    dsn_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Postgres: a file with the address, postgresql://…; it is kept encrypted."),
    ] = None,
    dsn_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Postgres: a variable of the environment that has the address.")
    ] = None,
    table_name: Annotated[
        str | None, typer.Option("--table", metavar="SCHEMA.TABLE", help="Postgres: the table or view.")
    ] = None,
    query: Annotated[str | None, typer.Option(metavar="SELECT", help="Postgres: one SELECT that only reads.")] = None,
    query_file: Annotated[Path | None, typer.Option(metavar="FILE", help="The same, in a file.")] = None,
    files: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="A folder, or files by a pattern such as exports/*.parquet.")
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="A file that is fetched by http or https.")] = None,
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="By which a line is the same line, however it changes.")
    ] = None,
    changed: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Postgres: differs whenever the line does; spares reading all.")
    ] = None,
    every: Annotated[str | None, typer.Option(metavar="TIME", help="How often: 15m, 1h (usual), 1d; manual.")] = None,
    cron: Annotated[str | None, typer.Option(metavar="LINE", help='Or when: "0 6 * * *" is 6:00 every day.')] = None,
    keep_gone: Annotated[
        bool, typer.Option("--keep-gone", help="What vanished lines said holds on: for logs that are cut off.")
    ] = False,
    reading: Annotated[As | None, typer.Option("--as", help="What the lines are.")] = None,
    event: Annotated[str | None, typer.Option(metavar="NAME", help="Events: what happened in every line.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="When it was.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="Who a line is about.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the proposed mapping.")] = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Add a source: of live messages, or one that is loaded from a table, files or an address.

    Without a location it is of live messages, and its write key is shown, this once: only a digest of it is kept.
    Segment's clients send with it to the address where Guestlist is served (docs/tracking.md). What a location may be,
    and what it means that lines change and vanish, docs/sources.md shows by examples.

    guestlist sources add website

    guestlist sources add crm --dsn-file dsn.txt --table customers --key id --changed updated_at

    guestlist sources add orders --files exports --key no --as events --event Bought --time paid_at
    """
    here = open_space(space)
    given = Given(dsn_file=dsn_file, dsn_env=dsn_env, table=table_name, query=query, query_file=query_file, files=files,
                  url=url, key=key, changed=changed, every=every, cron=cron, keep_gone=keep_gone)  # fmt: skip
    if given.said or is_pulled(here.settings.sources.get(name, {})):
        wish = Wish(reading=reading.value if reading else None, event=event, time=time, id=id_column)
        return add_load(here, name, given, wish, yes=yes, as_json=as_json)
    write_key = secrets.token_hex(_KEY_BYTES)
    now = microseconds(clock_of(here).now())
    with open_records(here) as records:
        check_name(here, records, name)
        records.journal.add_source(Source(key=name, digest=digest_of(write_key), strict=strict, made_at=now))
        records.journal.audit(actor="command line", action="source_added", about=name, counts={}, now=now)
    if as_json:
        answer({"key": name, "write_key": write_key})
        return DONE
    say(f"Source {name} is there. Its write key, shown this once:", "", f"    {write_key}", "")
    say("Give it to your tracking clients (docs/tracking.md shows how).")
    return DONE


@commands.command()
def load(
    name: Name,
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="It is right that so few lines are left: apply the load as it is.")
    ] = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Load a source now, whatever its schedule says. Where a service keeps the space, that loads it.

    guestlist sources load crm

    guestlist sources load crm --accept
    """
    return load_one(space, name, accept=accept, as_json=as_json)


@commands.command("show")
def show_source(name: Name, *, space: SpaceDir = Path(), as_json: AsJson = False) -> int:
    """Show how a source that is loaded stands: its last good load, its next one, and what to do if it is not right.

    guestlist sources show crm
    """
    return show_load(space, name, as_json=as_json)


@commands.command("list")
def list_sources(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the sources: of live messages with what became of these, and those that are loaded with how they stand.

    guestlist sources list
    """
    here = open_space(space)
    with open_records(here) as records:
        found, arrivals = records.journal.sources(), records.journal.arrivals()
        loads = standings(here, records, now=clock_of(here).now())
    hints = list(not_taken(known_in(here)))
    if as_json:
        sources = [_facts(one, arrivals) for one in found]
        answer({"sources": sources, "loaded": [load_facts(one) for one in loads], "notes": hints})
        return
    if loads:
        tell_loads(loads)
    if found:
        _tell_keys(found, arrivals)
        say(*hints)
    elif not loads:
        say("There is no source of live messages yet. Add one with: guestlist sources add NAME")


def _tell_keys(found: list[Source], arrivals: list[Arrival]) -> None:
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
    """Take a source away: its write key is refused, or nothing is loaded from it any more. What it sent or said stays.

    guestlist sources remove website
    """
    here = open_space(space)
    with open_records(here) as records:
        if remove_load(here, records, name, clock_of(here)):
            if as_json:
                answer({"key": name, "removed": True})
            else:
                say(f"Source {name} is gone; nothing is loaded from it any more. What it said stays.")
            return
        known = [*(one.key for one in records.journal.sources()), *here.settings.sources]
        if not records.journal.remove_source(name):
            raise WrongUseError(
                "unknown_source",
                f"There is no source '{name}'.",
                nothing_lost="Nothing was changed.",
                next_step=did_you_mean(name, known) or "See them with: guestlist sources list",
            )
        now = microseconds(clock_of(here).now())
        records.journal.audit(actor="command line", action="source_removed", about=name, counts={}, now=now)
    if as_json:
        answer({"key": name, "removed": True})
        return
    say(f"Source {name} is gone; its write key is refused within two seconds. What it sent stays.")

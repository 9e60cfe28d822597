"""`guestlist sources`: where messages come from: keys with which they are sent, places that are loaded."""

from pathlib import Path
from typing import Annotated

import typer

from guestlist.cli.frame import DONE, AsJson, add_row, answer, say, show, table
from guestlist.cli.imports import As
from guestlist.cli.loads import Given, add_load, load_one, show_load, tell_loads
from guestlist.cli.place import HERE, SpaceAt
from guestlist.operations.sources import AddSource, ListSources, RemoveSource, Sources
from guestlist.sources.pulled import is_pulled
from guestlist.space import open_space

commands = typer.Typer(
    help="Sources: of live messages, and tables and files that are loaded on a schedule.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
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
    space: SpaceAt = HERE,
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
    given = Given(dsn_file=dsn_file, dsn_env=dsn_env, table=table_name, query=query, query_file=query_file, files=files,
                  url=url, key=key, changed=changed, every=every, cron=cron, keep_gone=keep_gone)  # fmt: skip
    if given.said or (space.url is None and is_pulled(open_space(space.folder).settings.sources.get(name, {}))):
        order = given.order(name, reading=reading, event=event, time=time, id_=id_column)
        return add_load(space, order, yes=yes, as_json=as_json)
    made = space.ask(AddSource(name=name, strict=strict))
    if as_json:
        answer(made)
        return DONE
    say(f"Source {name} is there. Its write key, shown this once:", "", f"    {made.write_key}", "")
    say("Give it to your tracking clients (docs/tracking.md shows how).")
    return DONE


@commands.command()
def load(
    name: Name,
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="It is right that so few lines are left: apply the load as it is.")
    ] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Load a source now, whatever its schedule says. Where a service keeps the space, that loads it.

    guestlist sources load crm

    guestlist sources load crm --accept
    """
    return load_one(space, name, accept=accept, as_json=as_json)


@commands.command("show")
def show_source(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> int:
    """Show how a source that is loaded stands: its last good load, its next one, and what to do if it is not right.

    guestlist sources show crm
    """
    return show_load(space, name, as_json=as_json)


@commands.command("list")
def list_sources(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the sources: of live messages with what became of these, and those that are loaded with how they stand.

    guestlist sources list
    """
    told = space.ask(ListSources())
    if as_json:
        answer(told)
        return
    if told.loaded:
        tell_loads(told.loaded)
    if told.sources:
        _tell_keys(told)
        say(*told.notes)
    elif not told.loaded:
        say("There is no source of live messages yet. Add one with: guestlist sources add NAME")


def _tell_keys(told: Sources) -> None:
    numbers = ("taken", "repeated", "left out")
    shown = table("source", "mistakes are", *numbers, right=numbers)
    for one in told.sources:
        counts = (f"{count:,}" for count in (one.taken, one.repeated, one.left_out))
        add_row(shown, (one.key, "refused" if one.strict else "counted", *counts))
    show(shown)
    for one in told.sources:
        for left in one.reasons:
            say(f"{one.key}: {left.messages:,} left out, {left.reason}{f' ({left.field})' if left.field else ''}")
            say(*([f"  such as {left.sample}"] if left.sample else []))


@commands.command()
def remove(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Take a source away: its write key is refused, or nothing is loaded from it any more. What it sent or said stays.

    guestlist sources remove website
    """
    removed = space.ask(RemoveSource(name=name))
    if as_json:
        answer(removed)
    elif removed.loaded:
        say(f"Source {name} is gone; nothing is loaded from it any more. What it said stays.")
    else:
        say(f"Source {name} is gone; its write key is refused within two seconds. What it sent stays.")

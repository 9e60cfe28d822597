"""Definitions in other forms: as a query of Segment's Public API, as YAML."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from guestlist.audiences.document import keys_in
from guestlist.cli.frame import AsJson, answer
from guestlist.cli.place import HERE, Place, SpaceAt
from guestlist.errors import WrongUseError
from guestlist.operations.definitions import ConvertQuery, ShowDefinition, ShowQuery, converted


class Form(StrEnum):
    """How a definition is shown."""

    WORDS = "words"
    QUERY = "query"
    YAML = "yaml"


def show_definition(space: Place, key: str, form: Form, *, as_json: bool) -> None:
    """Print a definition to be pasted elsewhere."""
    if form is Form.QUERY:
        text = space.ask(ShowQuery(key=key)).query
        answer({"key": key, "query": text}) if as_json else typer.echo(text)
        return
    one = space.ask(ShowDefinition(key=key))
    answer({"key": one.key, "document": one.document}) if as_json else typer.echo(one.yaml, nl=False)


def convert(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="A query of Segment's Public API, a file of one, or - for stdin.")
    ],
    *,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Read a query as Segment writes it and print it as YAML, to be put into an audience's file.

    A query can also stand in the file as it is: `who: event('Order Completed').count() >= 2`.

    guestlist audiences convert "event('Order Completed').within(14 days).count() >= 2"

    guestlist audiences convert query.txt
    """
    said = _query(query)
    # On disk no space is needed, only what audiences there are if there is one.
    here = space.folder / "audiences"
    read = space.ask(ConvertQuery(query=said)) if space.url else converted(said, keys_in(here))
    if as_json:
        answer(read)
    else:
        typer.echo(read.yaml, nl=False)


def _query(said: str) -> str:
    """The query itself, which always has parentheses, or what is in the file of that name."""
    if said == "-":
        return sys.stdin.read()
    if "(" in said:
        return said
    try:
        return Path(said).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        told = f"{said} is neither a query nor a text file that can be read."
        raise WrongUseError("no_file", told, next_step="A query begins, for example, with event('...').") from None

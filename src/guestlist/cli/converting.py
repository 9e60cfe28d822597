"""Definitions in other forms: as a query of Segment's Public API, as YAML."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from guestlist.audiences.definition import Definition
from guestlist.audiences.document import keys_in
from guestlist.audiences.mistakes import DefinitionError, Mistakes
from guestlist.audiences.query import read_query
from guestlist.audiences.query_text import query_text
from guestlist.audiences.writing import as_yaml, condition_document, definition_document
from guestlist.cli.frame import AsJson, SpaceDir, answer
from guestlist.errors import WrongUseError


class Form(StrEnum):
    """How a definition is shown."""

    WORDS = "words"
    QUERY = "query"
    YAML = "yaml"


def show_definition(one: Definition, form: Form, audiences: frozenset[str], *, as_json: bool) -> None:
    """Print a definition to be pasted elsewhere; `audiences` are the keys known there."""
    if form is Form.QUERY:
        text = query_text(one.who, audiences=audiences)
        answer({"key": one.key, "query": text}) if as_json else typer.echo(text)
        return
    document = definition_document(one)
    answer({"key": one.key, "document": document}) if as_json else typer.echo(as_yaml(document), nl=False)


def convert(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="A query of Segment's Public API, a file of one, or - for stdin.")
    ],
    *,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Read a query as Segment writes it and print it as YAML, to be put into an audience's file.

    A query can also stand in the file as it is: `who: event('Order Completed').count() >= 2`.

    guestlist audiences convert "event('Order Completed').within(14 days).count() >= 2"

    guestlist audiences convert query.txt
    """
    mistakes = Mistakes()
    audiences = keys_in(space / "audiences")
    condition = read_query(_query(query), "query", mistakes, audiences=audiences)
    if condition is None:
        raise DefinitionError(mistakes.found)
    who = condition_document(condition)
    if as_json:
        answer({"who": who, "query": query_text(condition, audiences=audiences)})
    else:
        typer.echo(as_yaml({"who": who}), nl=False)


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

"""What all commands share: options, how answers are printed, how mistakes are told, what the exit codes mean."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.telling.answer import Value
from guestlist.telling.problems import discreet, problem

DONE, NEEDS_A_PERSON, WRONG_USE, SOMETHING_TO_SEND, GOES_ON_LATER = 0, 1, 2, 3, 4
WIDTH = 100

SpaceDir = Annotated[
    Path,
    typer.Option("--space", metavar="DIR", help="The space; the folder you are in when left out.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show what is stored about people in clear, not masked.")]


def exit_code(error: GuestlistError) -> int:
    """2 where another command line helps, else 1: something needs a person."""
    return WRONG_USE if isinstance(error, WrongUseError) else NEEDS_A_PERSON


def console(file: TextIO | None = None) -> Console:
    """Where texts go: as wide as the terminal, or 100 columns where there is none."""
    made = Console(file=file, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = WIDTH
    return made


def say(*lines: str | Text) -> None:
    """Print lines as they stand, so that a command or a path in them can be pasted."""
    for line in lines:
        console().print(line, soft_wrap=True)


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table that reads the same without colour; columns named in `right` hold numbers."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True, header_style="")
    numbers = set(right)
    for column in columns:
        number = column in numbers  # where room is short, words go on in the next line, numbers never do
        made.add_column(column, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return made


def add_row(made: Table, cells: Sequence[object]) -> None:
    """Add a row of plain text: nothing in data is read as markup."""
    made.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))


def show(made: Table) -> None:
    """Print a table."""
    console().print(made)


def answer(facts: Mapping[str, Any] | Value) -> None:
    """Print one JSON object on one line."""
    typer.echo(orjson.dumps(facts.facts() if isinstance(facts, Value) else facts).decode())


def tell(error: GuestlistError, *, as_json: bool) -> int:
    """Tell what went wrong, text on stderr or JSON on stdout; give the exit code."""
    if as_json:
        answer({"error": problem(error)})
    else:
        out = console(sys.stderr)
        out.print(discreet(error.message), soft_wrap=True)
        for line in (error.nothing_lost, error.next_step):
            if line:
                out.print(f"  {discreet(line)}", soft_wrap=True)
        out.print(f"  [{error.code}]", soft_wrap=True)
    return exit_code(error)

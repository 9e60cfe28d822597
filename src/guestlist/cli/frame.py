"""What all commands share: options, how answers are printed, how mistakes are told, what the exit codes mean."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TextIO

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.spans import span_of
from guestlist.telling.answer import Value
from guestlist.telling.problems import discreet, problem

DONE, NEEDS_A_PERSON, WRONG_USE, SOMETHING_TO_SEND, GOES_ON_LATER = 0, 1, 2, 3, 4
WIDTH = 100

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show what is stored about people in clear, not masked.")]


def utc(instant: datetime) -> str:
    """A time as tables of what goes on here show it; the column says UTC."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def amount_of_time(option: str, text: str, *, plain: str, least: timedelta, most: timedelta | None = None) -> timedelta:
    """What an option says of how long, such as 60s, 5m or 1h; `plain`: the unit of a number alone."""
    found = span_of(text, plain=plain)
    if found is None:
        happened = f"{option} {text} is no amount of time."
    elif found < least or (most is not None and found > most):
        happened = f"{option} {text} is too {'short' if found < least else 'long'}."
    else:
        return found
    step = "Write for example 60s, 5m, 1h or 2d."
    raise WrongUseError("bad_time", happened, nothing_lost="Nothing was changed.", next_step=step)


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
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def add_row(made: Table, cells: Sequence[object]) -> None:
    """Add a row of plain text: nothing in data is read as markup."""
    made.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))


def show(made: Table) -> None:
    """Print a table: as wide as what is in it, or, in a narrower terminal, with free text going on in the next line.

    Numbers, ids, keys and dates stay in one piece, so that they can be pasted: where there is no room for these either,
    the lines are longer than the terminal.
    """
    out = console()
    between = len(made.columns) * _GAP
    widths = [_natural(column) for column in made.columns]
    if out.is_terminal:
        least = [_least(column) for column in made.columns]
        while sum(widths) + between > out.width and widths != least:
            slack = [width - smallest for width, smallest in zip(widths, least, strict=True)]
            widths[slack.index(max(slack))] -= 1
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    out.width = max(out.width, sum(widths) + between)
    out.print(made)


_GAP = 2
_LONGEST_WORD = 40
"""Of free text: what is longer may break in a terminal."""
_WHOLE = re.compile(r"\S*|\d{4}-\d\d-\d\d \d\d:\d\d\S*( UTC)?")
"""A cell that is one word, or a time."""


def _texts(column: Column) -> list[str]:
    return [line for cell in column.cells for line in str(cell).split("\n")]


def _natural(column: Column) -> int:
    return max(map(cell_len, (str(column.header), *_texts(column))))


def _least(column: Column) -> int:
    """Where nothing but words of free text, and of the heading, are parted from each other."""
    texts = _texts(column)
    whole = column.justify == "right" or all(_WHOLE.fullmatch(text) for text in texts)
    longest = max((cell_len(piece) for text in texts for piece in ([text] if whole else text.split())), default=0)
    heading = max((cell_len(word) for word in str(column.header).split()), default=0)
    return max(heading, longest if whole else min(longest, _LONGEST_WORD))


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

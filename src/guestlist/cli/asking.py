"""What the commands about audiences share: options, showing people, writing them into a file."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo

import typer

from guestlist.cli.frame import add_row, answer, say, show, table
from guestlist.counts import counted
from guestlist.errors import WrongUseError
from guestlist.store.private_files import writing_private
from guestlist.telling import people
from guestlist.telling.explaining import clock

Key = Annotated[str, typer.Argument(metavar="KEY", help="The audience, by the key in its file.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="As it was at the end of that day, such as 2026-01-31.")
]
File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Where to write; the terminal or pipe when left out.")
]


def list_people(listed: Iterable[people.Person], zone: ZoneInfo) -> None:
    some = tuple(listed)
    grouped = any(person.group for person in some)
    shown = table(
        "person", "user id", "e-mail", "phone", "name", f"in since, {zone.key}", *(["group"] if grouped else [])
    )
    for person in some:
        cells = [_first(person.ids(kind)) for kind in people.IDS]
        since = clock(person.since, zone) if person.since else ""
        add_row(
            shown, (person.profile_id, *cells, person.whole_name(), since, *([person.group or ""] if grouped else []))
        )
    if shown.row_count:
        show(shown)


def _first(values: Sequence[str]) -> str:
    return f"{values[0]} +{len(values) - 1}" if len(values) > 1 else "".join(values)


def _plain_output() -> TextIO:
    # CSV is UTF-8 with CR LF on every system, whatever the terminal's own habit.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    return sys.stdout


def write_people(
    listed: Iterator[people.Known],
    file: Path | None,
    *,
    as_json: bool,
    columns: Sequence[str] = people.COLUMNS,
) -> None:
    """As CSV into a file or to the output; with JSON and no file one object a line."""
    if file is not None:
        _tell_written(file, _write_private(file, listed, columns), as_json=as_json)
    elif as_json:
        for person in listed:
            answer(person.facts())
    else:
        people.write_csv(_plain_output(), listed, columns)


def _write_private(place: Path, listed: Iterator[people.Known], columns: Sequence[str]) -> int:
    # Whole or not at all: a file cut short looks like an audience that lost people.
    try:
        with writing_private(place) as out:
            text = TextIOWrapper(out, encoding="utf-8", newline="")
            number = people.write_csv(text, listed, columns)
            text.detach()  # written on, and not closed with it
    except OSError as error:
        raise WrongUseError(
            "file_not_writable",
            f"{place} cannot be written: {error.strerror}.",
            nothing_lost="Nothing was changed.",
            next_step="Name another file with --file.",
        ) from None
    return number


def _tell_written(place: Path, number: int, *, as_json: bool) -> None:
    if as_json:
        answer({"file": str(place), "people": number})
    else:
        say(f"{counted(number, 'person')} written to {place}")

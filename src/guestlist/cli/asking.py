"""What the commands about one audience share: asking it, showing people, writing them into a file."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO

import typer

from guestlist.asking import question, together
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition
from guestlist.audiences.document import read_folder
from guestlist.audiences.mistakes import DefinitionError, did_you_mean
from guestlist.audiences.question import Question
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.cli.frame import add_row, answer, say, show, table
from guestlist.connections import clock_of
from guestlist.errors import WrongUseError
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.telling import explaining, people

Key = Annotated[str, typer.Argument(metavar="KEY", help="The audience, by the key in its file.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="As it was at the end of that day, such as 2026-01-31.")
]
File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Where to write; the terminal or pipe when left out.")
]


@contextmanager
def asked(
    space: Space, key: str, as_of: str | None, person: str | None = None, *, beside: str | None = None
) -> Iterator[tuple[Warehouse, Definition, Question, tuple[Definition, ...]]]:
    """The audience, and what it and the one beside it ask; `person`, as typed, where nobody else is asked about."""
    definitions, one = read_one(space, key)
    at = instant_of(as_of, space)
    # What is temporary is seen by a stream of a transaction only.
    with people.known_people(space) as warehouse, warehouse.transaction():
        alone = None if person is None else people.find(warehouse, space, person)
        chosen = [one] if beside is None else [one, read_one(space, beside)[1]]
        about = [each for some in chosen for each in together(definitions, some)]
        yield warehouse, one, question_of(warehouse, space, at, about, alone), definitions


def read_one(space: Space, key: str) -> tuple[tuple[Definition, ...], Definition]:
    """All audiences and the one that was named."""
    definitions = evaluating.in_order(read_folder(space.audiences))
    by_key = {one.key: one for one in definitions}
    if key in by_key:
        return definitions, by_key[key]
    hint = did_you_mean(key, by_key) or (f"Here are: {', '.join(sorted(by_key))}." if by_key else "There is none yet.")
    raise WrongUseError("unknown_audience", f"There is no audience `{key}` in {space.audiences}.", next_step=hint)


def question_of(
    warehouse: Warehouse,
    space: Space,
    at: datetime | None,
    about: Iterable[Definition],
    person: str | None = None,
) -> Question:
    """What these audiences ask, of now or of an instant gone by: `person` where nobody else is asked about."""
    return question(
        space,
        warehouse,
        about,
        read_traits(space.traits),
        at=clock_of(space).now() if at is None else at,
        gone_by=at is not None,
        profile_id=person,
    )


def instant_of(typed: str | None, space: Space, *, begins: bool = False) -> datetime | None:
    """The last instant of a day that was typed, or its first."""
    try:
        return None if typed is None else evaluating.as_of(typed, space.settings.zone, begins=begins)
    except DefinitionError as error:
        raise WrongUseError("bad_date", error.message, next_step="For example: --as-of 2026-01-31") from None


def list_people(listed: Iterator[people.Person], space: Space) -> None:
    shown = table("person", "user id", "e-mail", "phone", "name", "in since")
    for person in listed:
        cells = [_first(person.ids[kind]) for kind in people.IDS]
        since = explaining.clock(person.since, space.settings.zone) if person.since else ""
        add_row(shown, (person.profile_id, *cells, person.whole_name(), since))
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
    listed: Iterator[people.Person | people.Moved],
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


def _write_private(place: Path, listed: Iterator[people.Person | people.Moved], columns: Sequence[str]) -> int:
    # Whole or not at all: a file cut short looks like an audience that lost people.
    fresh = place.with_name(f".{place.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8", newline="") as out:  # noqa: PTH123 a handle, for its rights from the first
            number = people.write_csv(out, listed, columns)
        fresh.replace(place)
    except OSError as error:
        fresh.unlink(missing_ok=True)
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
        say(f"{number:,} {'person' if number == 1 else 'people'} written to {place}")

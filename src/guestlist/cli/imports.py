"""`guestlist import`: files of customer data into the space."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from guestlist.cli.frame import AsJson, SpaceDir, add_row, answer, console, table
from guestlist.connections import clock_of
from guestlist.errors import GuestlistError
from guestlist.records import find_people, open_records
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Clocks, Landed, land
from guestlist.sources.mapping import Chosen, Wish, choose
from guestlist.sources.masking import masked
from guestlist.space import Space, open_space

_SHOWN = 10
_GAPS = 6  # between three columns
_MEANING = {"": "left out", "time": "when", "message_id": "message id", "event": "what happened"}


class As(StrEnum):
    """What the lines of a table are."""

    PEOPLE = "people"
    EVENTS = "events"


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV, JSON Lines or Parquet; .gz too.")],
    *,
    reading: Annotated[As | None, typer.Option("--as", help="What the lines of a table are.")] = None,
    event: Annotated[str | None, typer.Option(metavar="NAME", help="Events: what happened in every line.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="When it was.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="Who a line is about.")] = None,
    message_id: Annotated[str | None, typer.Option(metavar="COLUMN", help="The line's own id: it counts once.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the proposed mapping.")] = False,
    folder: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Import customer data: tracking messages, people, or events.

    Without a mapping one is proposed from headers and values, shown with ten masked lines, and written to
    guestlist.yaml. The same file twice changes nothing. Lines that cannot come in are reported with field and reason.

    guestlist import customers.csv

    guestlist import orders.csv --as events --event "Order Completed" --time "Paid at" --id Email
    """
    wish = Wish(reading=reading.value if reading else None, event=event, time=time, id=id_column, message_id=message_id)
    space = open_space(folder)
    out = console(sys.stderr if as_json else None)
    chosen = _choose_all([DataFile(path) for path in files], wish, space)
    for file, choice in chosen:
        if choice.proposed:
            settle_mapping(out, file, choice, yes=yes)
    with space.open_warehouse() as warehouse, _progress(out) as advance:
        clocks = Clocks(now=clock_of(space).now(), zone=space.settings.time_zone, date_order=space.settings.date_order)
        landed = land(warehouse, chosen, clocks, space.reports, advance)
        with open_records(space) as records:
            find_people(space, warehouse, records)
        warehouse.checkpoint()
    _keep_mappings(space, chosen)
    if as_json:
        answer({"files": [_facts(one) for one in landed]})
    else:
        out.print(_results(landed))
        for one in landed:
            if one.report:
                out.print(f"Rejected lines of {one.file.name} (line, field, reason): {one.report}", soft_wrap=True)


def _choose_all(files: Sequence[DataFile], wish: Wish, space: Space) -> list[tuple[DataFile, Chosen]]:
    known: dict[str, dict[str, Any]] = dict(space.settings.sources)
    chosen = []
    for file in files:
        choice = choose(file, wish, known)
        chosen.append((file, choice))
        if choice.proposed:
            known[choice.source] = choice.mapping.entry()
    return chosen


def _keep_mappings(space: Space, chosen: Sequence[tuple[DataFile, Chosen]]) -> None:
    for _, choice in chosen:
        if choice.proposed:
            space = space.write_entry("sources", choice.source, choice.mapping.entry())


def settle_mapping(out: Console, file: DataFile, choice: Chosen, *, yes: bool) -> None:
    """Show what columns are taken for, and have it accepted."""
    _propose(out, file, choice, yes=yes)
    if yes:
        return
    if not sys.stdin.isatty():
        out.print("No terminal to ask at: this mapping is accepted and written to guestlist.yaml.")
        return
    if not typer.confirm("Import it so? (it will be written to guestlist.yaml)", default=True):
        raise GuestlistError(
            "mapping_refused",
            "The proposed mapping was not accepted.",
            nothing_lost="Nothing was imported.",
            next_step="Write the mapping into guestlist.yaml under sources, or use --as, --event, --time and --id.",
        )


def _propose(out: Console, file: DataFile, choice: Chosen, *, yes: bool) -> None:
    """What each column is taken for, with what stands in it: as many values as fit, of the first ten lines."""
    out.print(f"{file.path.name} as {choice.mapping.reading}, source {choice.source}", soft_wrap=True)
    meanings = _meanings(choice)
    side = (
        out.width // 3
    )  # a long header goes on in a second line; values are cut, as a column that may not wrap takes all
    left = out.width - sum(min(side, max(map(len, texts))) for texts in (meanings, meanings.values())) - _GAPS
    shown = table("column", "means", "first lines, masked: x a letter, 9 a digit")
    shown.columns[0].max_width = shown.columns[1].max_width = side
    for column, meaning in meanings.items():
        add_row(shown, (column, meaning, _cut(_values(file, column), left)))
    out.print(shown)
    if choice.mapping.reading == "people" and not yes:
        out.print("If its lines are orders or other events: --as events --event NAME --time COLUMN --id COLUMN")


def _meanings(choice: Chosen) -> dict[str, str]:
    ids = choice.mapping.ids()
    fact = "trait" if choice.mapping.reading == "people" else "property"
    return {
        column: f"id: {ids[column]}" if column in ids else _MEANING.get(target, f"{fact} {target}")
        for column, target in choice.mapping.columns.items()
    }


def _values(file: DataFile, column: str) -> str:
    given = [masked(line.get(column, "")) or "-" for line in file.sample[:_SHOWN]]
    return "  ".join(given) if set(given) != {"-"} else ""


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width, 1) - 1]}…"


def _results(landed: Sequence[Landed]) -> Table:
    numbers = ("lines", "in", "known", "rejected")
    made = table("file", "source", *numbers, right=numbers)
    for one in landed:
        counts = (f"{number:,}" for number in (one.lines, one.landed, one.known, one.rejected))
        add_row(made, (one.file.name, one.source, *counts))
    return made


def _facts(one: Landed) -> dict[str, Any]:
    return {
        "file": str(one.file),
        "source": one.source,
        "lines": one.lines,
        "landed": one.landed,
        "already_known": one.known,
        "rejected": one.rejected,
        "report": str(one.report) if one.report else None,
    }


@contextmanager
def _progress(out: Console) -> Iterator[Callable[[int], None]]:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} lines read"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("import", total=None)
        yield lambda lines: progress.advance(task, lines)

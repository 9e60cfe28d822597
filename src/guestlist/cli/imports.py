"""`guestlist import`: files of customer data into the space."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from guestlist.cli.frame import AsJson, add_row, answer, console, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.cli.remote import Remote
from guestlist.counts import counted
from guestlist.errors import GuestlistError
from guestlist.importing import Choice, choose_all, import_chosen
from guestlist.operations.desk import OnDisk
from guestlist.operations.imports import (
    LONGEST_NAME,
    Imported,
    ImportedFile,
    ImportFile,
    Proposal,
    ReadReport,
    imported,
    proposals,
)
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Landed
from guestlist.sources.repeats import LINES_KNOWN

_GAPS = 6  # between three columns
_LEAST = 16  # for a header to be readable
_LINES_OF_VALUES = 3
_REJECTED_SHOWN = 10
_Done = TypeVar("_Done")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")


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
    folder: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Import customer data: tracking messages, people, or events.

    Without a mapping one is proposed from headers and values, shown with masked values, and written to
    guestlist.yaml. The same file twice changes nothing. Lines that cannot come in are reported with field and reason.

    guestlist import customers.csv

    guestlist import orders.csv --as events --event "Order Completed" --time "Paid at" --id Email
    """
    out = console(sys.stderr if as_json else None)
    wish = ImportFile(reading=reading.value if reading else None, event=event, time=time, id=id_column,
                      message_id=message_id)  # fmt: skip
    importing = _Importing(files=files, wish=wish, out=out, yes=yes)
    told = folder.either(importing.here, importing.there)
    if as_json:
        answer(told)
        return
    out.print(_results(told.files))
    for one in told.files:
        if one.again:
            out.print(f"{Path(one.file).name}: these events were in source {one.again} already. They count once more.")
        if one.nobody:
            said = f"{one.nobody:,} of {counted(one.landed, 'line')} that came in"
            out.print(
                f"{Path(one.file).name}: nobody is named by {said}: the ids are blocked or cannot be read.",
                soft_wrap=True,
            )
        if one.report:
            out.print(f"Rejected lines of {Path(one.file).name} (line, field, reason): {one.report}", soft_wrap=True)
        for line in importing.rejected.get(one.file, ()):
            out.print(f"  {line}", soft_wrap=True)


@dataclass(kw_only=True)
class _Importing:
    """What is to be imported, here or by a service."""

    files: Sequence[Path]
    wish: ImportFile
    out: Console
    yes: bool
    accepted: bool = False
    rejected: dict[str, list[str]] = field(default_factory=dict)

    def here(self, desk: OnDisk) -> Imported:
        """In the space's folder: all files, or none."""
        chosen = choose_all([DataFile(path) for path in self.files], self.wish.wish, desk.space)
        proposed = proposals(chosen)
        self._settle(proposed)
        return imported(desk, self._asked_again(partial(self._land, desk, chosen)), proposed)

    def _land(self, desk: OnDisk, chosen: Sequence[Choice], *, repeats: bool) -> list[Landed]:
        with desk.space.open_warehouse() as warehouse, _progress(self.out) as advance:
            return import_chosen(
                desk.space,
                warehouse,
                desk.records,
                chosen,
                now=desk.clock.now(),
                progress=advance,
                repeats=repeats,
            )

    def there(self, service: Remote) -> Imported:
        """By the service, one file after the other."""
        for file in self.files:
            DataFile(file).kind  # noqa: B018 a file that is not there or cannot be read is told before any is sent
        if not self.yes and not self.accepted and sys.stdin.isatty():
            self._settle([one for file in self.files for one in self._sent(service, file, propose=True).proposed])
        told = [self._asked_again(partial(self._sent, service, file)) for file in self.files]
        proposed = tuple(one for each in told for one in each.proposed)
        self._settle(proposed)
        for file, each in zip(self.files, told, strict=True):
            for one in each.files:
                if one.report and not Path(one.report).exists():  # on another machine
                    self.rejected[str(file)] = _first_rejected(service, one)
        files = (one.model_copy(update={"file": str(file)}) for file, each in zip(self.files, told, strict=True)
                 for one in each.files)  # fmt: skip
        return Imported(files=tuple(files), proposed=proposed)

    def _sent(self, service: Remote, file: Path, **how: bool) -> Imported:
        return service.send(self.wish.model_copy(update={"name": _name_of(file), **how}), file)

    def _asked_again(self, done: Callable[..., _Done]) -> _Done:
        """With events that would count once more only if that is meant: nothing undoes it."""
        try:
            return done(repeats=self.yes)
        except GuestlistError as error:
            if error.code != LINES_KNOWN or not sys.stdin.isatty():
                raise
            self.out.print(error.message, soft_wrap=True)
            if not typer.confirm("Let them count once more? (nothing undoes it)", default=False):
                raise
        return done(repeats=True)

    def _settle(self, proposed: Sequence[Proposal]) -> None:
        """Show what columns are taken for, and have it accepted, once."""
        if self.accepted:
            return
        for one in proposed:
            settle_mapping(self.out, one, yes=self.yes)
        self.accepted = True


def _name_of(file: Path) -> str:
    """As a service takes it: the end of a long name tells what kind of file it is."""
    plain = _NOT_IN_A_NAME.sub("_", file.name).lstrip(".") or "file"
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 16] + plain[-16:]


def _first_rejected(service: Remote, one: ImportedFile) -> list[str]:
    told: list[str] = []
    for line in service.lines(ReadReport(report=one.report or "")):
        if len(told) == _REJECTED_SHOWN:
            return [*told, f"and {one.rejected - _REJECTED_SHOWN:,} more"]
        told.append(f"{line.line}: {line.reason}{f' ({line.field})' if line.field else ''}")
    return told


def settle_mapping(out: Console, proposed: Proposal, *, yes: bool) -> None:
    """Show what columns are taken for, and have it accepted."""
    _propose(out, proposed, yes=yes)
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


def _propose(out: Console, proposed: Proposal, *, yes: bool) -> None:
    """What each column is taken for, with some whole values of the first ten lines, each shape once."""
    out.print(f"{proposed.file} as {proposed.reading}, source {proposed.source}", soft_wrap=True)
    names, meanings = [one.column for one in proposed.columns], [one.means for one in proposed.columns]
    whole = max((len(value) for one in proposed.columns for value in one.first_lines), default=0)
    # A long header goes on in a second line, so that a value stands in one.
    side = max(min(out.width // 3, (out.width - _GAPS - whole) // 2), _LEAST)
    left = out.width - sum(min(side, max(map(len, texts), default=0)) for texts in (names, meanings)) - _GAPS
    shown = table("column", "means", "first lines, masked: x a letter, 9 a digit")
    for column, width in zip(shown.columns, (side, side, left), strict=True):
        column.max_width = width
    for one in proposed.columns:
        add_row(shown, (one.column, one.means, "\n".join(_packed(one.first_lines, left))))
    out.print(shown)
    if proposed.reading == "people" and not yes:
        out.print("If its lines are orders or other events: --as events --event NAME --time COLUMN --id COLUMN")


def _packed(values: Sequence[str], width: int) -> list[str]:
    """As many of them as fit into some lines, none cut; one that is wider than a line goes on in the next."""
    lines: list[str] = []
    for value in dict.fromkeys(values):
        if lines and len(lines[-1]) + 2 + len(value) <= width:
            lines[-1] += f"  {value}"
        elif len(lines) < _LINES_OF_VALUES:
            lines.append(value)
        else:
            break
    return lines


def _results(files: Sequence[ImportedFile]) -> Table:
    numbers = ("lines", "in", "known", "rejected")
    made = table("file", "source", *numbers, right=numbers)
    for one in files:
        counts = (f"{number:,}" for number in (one.lines, one.landed, one.already_known, one.rejected))
        add_row(made, (Path(one.file).name, one.source, *counts))
    return made


@contextmanager
def _progress(out: Console) -> Iterator[Callable[[int], None]]:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} lines read"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("import", total=None)
        yield lambda lines: progress.advance(task, lines)

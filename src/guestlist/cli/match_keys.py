"""`guestlist match-keys`: what Meta would be sent for each record of a file, key by key."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from guestlist.cli import frame
from guestlist.clock import WallClock
from guestlist.destinations.meta.manifest import FULL_NAME, MANY, TRACKING_ENABLED, TRAITS
from guestlist.destinations.meta.match_keys import Cell
from guestlist.destinations.meta.rows import Record, read_record
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.match_keys import RecordRead, record_read, settings_of
from guestlist.sources.columns import told_columns
from guestlist.sources.files import DataFile, Kind
from guestlist.sources.records import LINE, Batch
from guestlist.values.reading import TEXT

_NOT_AN_OBJECT = "not_a_json_object"
_CANNOT = {
    "has_none": "cannot be sent: it has no e-mail, phone or mobile id",
    "only_unusable": "cannot be sent: its e-mail, phone or mobile id is unusable",
}
_SENT_SHOWN = 16


class DateOrder(StrEnum):
    """Which part of 03/04/1990 is the day."""

    DMY = "dmy"
    MDY = "mdy"


def match_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON Lines or Parquet of traits; - for stdin.")],
    *,
    country: Annotated[str, typer.Option(metavar="CODE", help="The country of people who have none, such as US.")] = "",
    date_order: Annotated[DateOrder | None, typer.Option(help="How 03/04/1990 is read.")] = None,
    as_json: frame.AsJson = False,
) -> int:
    """Show how a file's people would be sent to Meta: raw value, normal form, what is sent, or the reason why not.

    Column names (or keys of the JSON objects) are traits: email, phone, first_name, address.city, … Nothing is stored
    and nothing leaves this machine. What you hand in is printed in clear.

    guestlist match-keys people.csv --country US --date-order mdy

    echo '{"email": "Ann@Example.org"}' | guestlist match-keys - --json
    """
    order: Literal["dmy", "mdy"] | None = None if date_order is None else date_order.value
    settings = settings_of(country, order, this_year=WallClock().now().year)
    rejected = 0
    with _nothing_stored(), _opened(file) as data:
        _refuse_without_traits(data, file)
        for line in _lines(data):
            rejected += line.traits is None
            record = read_record(line.traits, settings) if line.traits is not None else None
            if as_json:
                frame.answer(_facts(line, record))
            else:
                _show(line, record)
    return frame.NEEDS_A_PERSON if rejected else frame.DONE


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """One record of the file, counted from 1; without traits it was rejected, for this field and reason."""

    number: int
    traits: Mapping[str, Any] | None
    field: str = ""
    reason: str = ""


@contextmanager
def _nothing_stored() -> Iterator[None]:
    """What is wrong with a file is told as of an import, which this is not."""
    try:
        yield
    except GuestlistError as error:
        error.nothing_lost = "Nothing is stored by this command."
        raise


@contextmanager
def _opened(file: Path) -> Iterator[DataFile]:
    """The file; what comes from stdin is kept beside until it is read, since its kind is found out first."""
    if str(file) != "-":
        yield DataFile(file)
        return
    with tempfile.TemporaryDirectory(prefix="guestlist-") as folder:
        kept = Path(folder) / "stdin"
        with kept.open("wb") as copy:
            while piece := sys.stdin.buffer.read(1 << 20):
                copy.write(piece)
        yield DataFile(kept)


def _refuse_without_traits(data: DataFile, file: Path) -> None:
    known = {trait for traits in TRAITS.values() for trait in traits} | {*FULL_NAME, *TRACKING_ENABLED}
    known |= {trait.partition(".")[0] for trait in known}
    columns = data.columns
    if columns and not known.intersection(columns):
        raise WrongUseError(
            "no_match_key_columns",
            f"No column of {file} is a trait that a match key is made from. {told_columns(data)}",
            next_step="Name its columns email, phone, first_name, last_name, city, zip, country and so on.",
        )


def _lines(data: DataFile) -> Iterator[_Line]:
    for batch in data.batches():
        rejected = [
            _Line(number=rejection.line, traits=None, field=rejection.field, reason=str(rejection.reason))
            for rejection in batch.rejections
        ]
        yield from sorted([*rejected, *_good(batch, data.kind)], key=lambda line: line.number)


def _good(batch: Batch, kind: Kind) -> Iterator[_Line]:
    for row in batch.rows.to_pylist():
        number = row.pop(LINE)
        traits = _parsed(row["json"]) if kind is Kind.JSON_LINES else row
        yield _Line(number=number, traits=traits, reason="" if traits is not None else _NOT_AN_OBJECT)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _facts(line: _Line, record: Record | None) -> RecordRead:
    if record is not None:
        return record_read(line.number, record)
    return RecordRead(line=line.number, rows=(), issues=({"key": line.field, "raw": "", "reason": line.reason},))


def _show(line: _Line, record: Record | None) -> None:
    if record is None:
        frame.say(f"Record {line.number}: rejected ({line.reason}{f' in {line.field}' if line.field else ''})", "")
        return
    for n, row in enumerate(record.rows, start=1):
        several = f", row {n} of {len(record.rows)}" if len(record.rows) > 1 else ""
        frame.say(f"Record {line.number}{several}: {_CANNOT[row.cannot] if row.cannot else 'can be sent'}")
        made = frame.table("key", "raw", "normal form", "sent (its beginning), or why not")
        for key, cell in row.cells.items():
            frame.add_row(made, [key, cell.raw, cell.normal, _outcome(cell)])
        frame.show(made)
    _show_left_out(record)


def _show_left_out(record: Record) -> None:
    """The values of lists that are in no row."""
    shown = {(key, cell.raw) for row in record.rows for key, cell in row.cells.items()}
    for issue in record.issues:
        if issue.key in MANY and (issue.key, issue.raw) not in shown:
            frame.say(f"  {issue.key} {issue.raw}: {TEXT[issue.reason]} ({issue.reason})")


def _outcome(cell: Cell) -> str:
    """What is sent with what is worth knowing about it, or why nothing is."""
    shortened = f"{cell.sent[:_SENT_SHOWN]}…" if len(cell.sent) == 64 else cell.sent
    notes = [TEXT[flag] for flag in cell.flags]
    if cell.reason is not None:
        notes.append(f"{TEXT[cell.reason]} ({cell.reason})")
    if cell.detail is not None:
        notes.append(TEXT[cell.detail])
    if not cell.sent and not notes:
        notes.append("not needed beside FN")
    return "; ".join([shortened, *notes] if shortened else notes)

"""Files of customer data: sent in, what their columns mean, and the lines that could not come in."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from guestlist.errors import WrongUseError
from guestlist.importing import Choice, choose_all, import_chosen
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Export, Scope, Upload, get, post
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Landed
from guestlist.sources.mapping import Chosen, Wish
from guestlist.sources.masking import masked
from guestlist.telling.answer import Answer, Value

LONGEST_NAME = 60
_SHOWN = 10
_MEANING = {"": "left out", "time": "when", "message_id": "message id", "event": "what happened"}


class ColumnMeant(Value):
    """What a column is taken for. `first_lines`: what stands in it, masked: x a letter, 9 a digit, - nothing."""

    column: str
    means: str
    first_lines: tuple[str, ...]


class Proposal(Value):
    """A mapping that guestlist.yaml did not have."""

    file: str
    source: str
    reading: str
    columns: tuple[ColumnMeant, ...]


class ImportedFile(Value):
    """What became of the lines of one file. `report`: where those that were rejected are, with field and reason.

    `nobody`: of those that landed, how many name nobody, as their ids are blocked or cannot be read.
    `again`: the source whose events these lines were before, as other messages; they count once more.
    """

    file: str
    source: str
    lines: int
    landed: int
    already_known: int
    rejected: int
    report: str | None
    nobody: int = 0
    again: str | None = None


class Imported(Answer):
    """What came in. `proposed`: mappings that were not known before."""

    files: tuple[ImportedFile, ...]
    proposed: tuple[Proposal, ...] = ()


class ImportFile(Upload[Imported]):
    """Import a file of customer data: tracking messages, people, or events; CSV, JSON Lines or Parquet, .gz too.

    The file is the body of the request. Without a mapping one is proposed from headers and values, and written to
    guestlist.yaml; with `propose` it is only told, and nothing comes in. The same file twice changes nothing.
    """

    model_config = ConfigDict(populate_by_name=True)
    route = post("/imports", Scope.DATA)
    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_NAME,
            pattern=r"^[^\x00-\x1f\x7f/\\.][^\x00-\x1f\x7f/\\]*$",
            description="The file's name; a source that is not known yet is called by it.",
        ),
    ] = "upload"
    reading: Annotated[
        Literal["people", "events"] | None, Field(alias="as", description="What the lines of a table are.")
    ] = None
    event: Annotated[str | None, Field(description="Events: what happened in every line.")] = None
    time: Annotated[str | None, Field(description="The column that says when it was.")] = None
    id: Annotated[str | None, Field(description="The column that says who a line is about.")] = None
    message_id: Annotated[str | None, Field(description="The column with the line's own id: it counts once.")] = None
    propose: Annotated[bool, Field(description="Only tell the mapping; nothing comes in.")] = False
    repeats: Annotated[bool, Field(description="Events that came in before, as other messages, count once more.")] = (
        False
    )

    @property
    def wish(self) -> Wish:
        """What is said about the file."""
        return Wish(reading=self.reading, event=self.event, time=self.time, id=self.id, message_id=self.message_id)

    def run(self, desk: Desk, file: Path) -> Imported:
        chosen = choose_all([DataFile(file)], self.wish, desk.space)
        proposed = proposals(chosen)
        if self.propose:
            return Imported(files=(), proposed=proposed)
        with desk.stores() as syncing:
            landed = import_chosen(
                syncing.space,
                syncing.warehouse,
                syncing.records,
                chosen,
                now=desk.clock.now(),
                repeats=self.repeats,
            )
            told = imported(desk, landed, proposed)  # on record before anybody else has the stores
            desk.came_in(sum(one.landed for one in landed))
        # Where it lay while it was read is nobody's concern.
        return told.model_copy(
            update={"files": tuple(one.model_copy(update={"file": self.name}) for one in told.files)}
        )


def imported(desk: Desk, landed: Sequence[Landed], proposed: tuple[Proposal, ...]) -> Imported:
    """What is told of files that landed; it is put on record, too."""
    for one in landed:
        desk.audit("file imported", one.source, lines=one.lines, landed=one.landed, rejected=one.rejected)
    files = (
        ImportedFile(
            file=str(one.file),
            source=one.source,
            lines=one.lines,
            landed=one.landed,
            already_known=one.known,
            rejected=one.rejected,
            report=str(one.report) if one.report else None,
            nobody=one.nobody,
            again=one.again,
        )
        for one in landed
    )
    return Imported(files=tuple(files), proposed=proposed)


# --- mappings ---------------------------------------------------------------------------------------------------------


def proposals(chosen: Sequence[Choice]) -> tuple[Proposal, ...]:
    """The mappings among them that are new."""
    return tuple(proposal(file, choice) for file, choice in chosen if choice.proposed)


def proposal(file: DataFile, choice: Chosen) -> Proposal:
    """What each column is taken for, with what stands in it."""
    columns = (
        ColumnMeant(column=column, means=means, first_lines=_values(file, column))
        for column, means in _meanings(choice).items()
    )
    reading = choice.mapping.reading
    return Proposal(file=file.path.name, source=choice.source, reading=reading, columns=tuple(columns))


def _meanings(choice: Chosen) -> dict[str, str]:
    ids = choice.mapping.ids()
    fact = "trait" if choice.mapping.reading == "people" else "property"
    return {
        column: f"id: {ids[column]}" if column in ids else _MEANING.get(target, f"{fact} {target}")
        for column, target in choice.mapping.columns.items()
    }


def _values(file: DataFile, column: str) -> tuple[str, ...]:
    given = tuple(masked(line.get(column, "")) or "-" for line in file.sample[:_SHOWN])
    return given if set(given) != {"-"} else ()


# --- what did not come in ---------------------------------------------------------------------------------------------


class Rejected(Value):
    """A line that could not come in, counted from 1; the value is masked."""

    line: int
    field: str
    reason: str
    value: str


class ReadReport(Export[Rejected]):
    """The lines of a file that could not come in when it was last imported: one JSON object a line."""

    route = get("/imports/report", Scope.PEOPLE)
    report: Annotated[str, Field(description="The report, by its name or as the import told where it is.")]

    def lines(self, desk: Desk) -> Iterator[Rejected]:
        known = {place.name: place for place in desk.space.reports.glob("*.csv")}
        place = known.get(self.report.rpartition("/")[2])
        if place is None:
            raise WrongUseError(
                "no_such_report",
                "There is no such report of an import.",
                next_step="The answer of an import names its report, where lines were rejected.",
            )
        with place.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield Rejected(line=int(row["line"]), field=row["field"], reason=row["reason"], value=row["value"])

"""What Meta would be sent for a record, key by key. It tells in clear what it is handed, and keeps nothing of it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.destinations.meta.rows import Issue, Record, Row, read_record
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, ask
from guestlist.telling.answer import Answer, Value

MOST_RECORDS = 1000


class RecordRead(Value):
    """One record, counted from 1: its rows, key by key with raw, normal form and what is sent; what is wrong with it."""

    line: int
    rows: tuple[dict[str, Any], ...]
    issues: tuple[dict[str, str], ...]


class RecordsRead(Answer):
    """In the order given."""

    records: tuple[RecordRead, ...]


class ReadMatchKeys(Operation[RecordsRead]):
    """Show how records would be sent to Meta: raw value, normal form, what is sent, or the reason why not.

    Nothing is stored and nothing leaves the service. What you hand in is answered in clear.
    """

    route = ask("/match-keys")
    records: Annotated[
        tuple[dict[str, Any], ...],
        Field(max_length=MOST_RECORDS, description="Traits of people: email, phone, first_name, address.city, …"),
    ]
    country: Annotated[
        str | None, Field(description="The country of people who have none, such as US; the space's when left out.")
    ] = None
    date_order: Annotated[Literal["dmy", "mdy"] | None, Field(description="How 03/04/1990 is read.")] = None

    def run(self, desk: Desk) -> RecordsRead:
        usual = desk.space.settings
        settings = settings_of(
            self.country if self.country is not None else usual.country or "",
            self.date_order or usual.date_order,
            this_year=desk.clock.now().year,
        )
        return RecordsRead(
            records=tuple(
                record_read(number, read_record(record, settings)) for number, record in enumerate(self.records, 1)
            )
        )


def settings_of(country: str, date_order: Literal["dmy", "mdy"] | None, *, this_year: int) -> MatchKeySettings:
    """How values are read."""
    try:
        return MatchKeySettings(this_year=this_year, country=country, date_order=date_order)
    except GuestlistError as error:
        raise WrongUseError(error.code, error.message, next_step=error.next_step) from error


def record_read(number: int, record: Record) -> RecordRead:
    """A record as it is told."""
    return RecordRead(line=number, rows=tuple(map(_row, record.rows)), issues=tuple(map(_issue, record.issues)))


def _row(row: Row) -> dict[str, Any]:
    cells: dict[str, Any] = {
        key: {"raw": cell.raw, "normal": cell.normal, "sent": cell.sent} for key, cell in row.cells.items()
    }
    return {"can_be_sent": row.can_be_sent, **cells}


def _issue(issue: Issue) -> dict[str, str]:
    facts = {"key": issue.key, "raw": issue.raw, "reason": issue.reason.value}
    return facts | {"detail": issue.detail.value} if issue.detail else facts

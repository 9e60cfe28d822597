"""Audiences of another system of which messages tell: how many people are in each, where any process can read it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, Table, Text, delete, insert, select

from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class ExternalAudience:
    """`key` as it is there; `people` are in it by what was said last, `told_at`, by messages of `source`."""

    key: str
    people: int
    told_at: int
    source: str


external_audience = Table(
    "external_audience",
    metadata,
    Column("key", Text, primary_key=True),
    Column("people", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
)


class ExternalRecords(JournalPart):
    """The part of the journal that keeps them."""

    def note_externals(self, found: Iterable[ExternalAudience]) -> None:
        """These are all there are."""
        lines = [asdict(one) for one in found]
        with self._write() as connection:
            connection.execute(delete(external_audience))
            if lines:
                connection.execute(insert(external_audience), lines)

    def externals(self) -> list[ExternalAudience]:
        """All of them, by key."""
        with self._read() as connection:
            query = select(external_audience).order_by(external_audience.c.key)
            return [ExternalAudience(**row) for row in connection.execute(query).mappings()]

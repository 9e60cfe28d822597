"""How many of a sync stand where, as of its last run: for whoever asks, without the ledger."""

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, Table, Text, select
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class SyncCount:
    """`members` and `can_be_sent` are people; `taken`, `in_doubt` and `declined` are rows. `cannot`: JSON, by reason."""

    sync: str
    at: int
    members: int
    can_be_sent: int
    cannot: str
    taken: int
    in_doubt: int
    declined: int


sync_count = Table(
    "sync_count",
    metadata,
    Column("sync", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("members", BigInteger, nullable=False),
    Column("can_be_sent", BigInteger, nullable=False),
    Column("cannot", Text, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("in_doubt", BigInteger, nullable=False),
    Column("declined", BigInteger, nullable=False),
)


class CountRecords(JournalPart):
    """The part of the journal that keeps them."""

    def save_count(self, one: SyncCount) -> None:
        """In place of what was counted before."""
        values = asdict(one)
        statement = upsert(sync_count).values(values).on_conflict_do_update(index_elements=["sync"], set_=values)
        with self._owned() as connection:
            connection.execute(statement)

    def counts(self) -> dict[str, SyncCount]:
        """What was counted last, by sync."""
        with self._read() as connection:
            return {row["sync"]: SyncCount(**row) for row in connection.execute(select(sync_count)).mappings()}

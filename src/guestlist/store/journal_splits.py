"""Identifiers that a person split off: they join nobody, however often the data is read again."""

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class Split:
    """One identifier; the token is peppered, the value itself is nowhere."""

    token: bytes
    kind: str
    split_at: int


split = Table(
    "split",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("split_at", BigInteger, nullable=False),
)


class SplitRecords(JournalPart):
    """The part of the journal that keeps them."""

    def split(self, one: Split) -> bool:
        """Record it; False when it was recorded before."""
        with self._write() as connection:
            statement = upsert(split).values(asdict(one)).on_conflict_do_nothing()
            return bool(connection.execute(statement).rowcount)

    def undo_split(self, token: bytes) -> bool:
        """Let it join again; False when it was not split off."""
        with self._write() as connection:
            return bool(connection.execute(delete(split).where(split.c.token == token)).rowcount)

    def splits(self) -> list[Split]:
        """All of them, oldest first."""
        with self._read() as connection:
            query = select(split).order_by(split.c.split_at, split.c.token)
            return [Split(**row) for row in connection.execute(query).mappings()]

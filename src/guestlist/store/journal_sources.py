"""Sources that send messages: their write keys, and what became of what they sent."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, Table, Text, UniqueConstraint, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.errors import WrongUseError
from guestlist.store.journal_file import NOTHING_CHANGED, JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source with a write key, of which only the SHA-256 is kept. `strict`: mistakes are refused."""

    key: str
    digest: bytes
    strict: bool
    made_at: int


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """How many messages of a source came to the same end: taken, or why not and in which field; one of them masked."""

    source: str
    outcome: str
    field: str
    messages: int
    first_at: int
    last_at: int
    sample: str = ""


source = Table(
    "source",
    metadata,
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("strict", Boolean, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    UniqueConstraint("digest"),
)
arrival = Table(
    "arrival",
    metadata,
    Column("source", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("messages", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("sample", Text, nullable=False),
)


class SourceRecords(JournalPart):
    """The part of the journal that keeps them."""

    def add_source(self, new: Source) -> None:
        """Record a new source. Any process may, beside the owner of the space."""
        with self._write() as connection:
            if connection.scalar(select(source.c.key).where(source.c.key == new.key)) is not None:
                raise WrongUseError(
                    "source_exists",
                    f"There is a source '{new.key}' already.",
                    nothing_lost=NOTHING_CHANGED,
                    next_step=f"Choose another name, or take it away first: guestlist sources remove {new.key}",
                )
            connection.execute(insert(source).values(asdict(new)))

    def remove_source(self, key: str) -> bool:
        """Take away its write key and its counts; what it sent stays. False when there is none."""
        with self._write() as connection:
            connection.execute(delete(arrival).where(arrival.c.source == key))
            return bool(connection.execute(delete(source).where(source.c.key == key)).rowcount)

    def sources(self) -> list[Source]:
        """All of them, by name."""
        with self._read() as connection:
            query = select(source).order_by(source.c.key)
            return [Source(**row) for row in connection.execute(query).mappings()]

    def add_arrivals(self, arrivals: Iterable[Arrival]) -> None:
        """Count more messages; of an end that is known already the sample stays."""
        with self._write() as connection:
            known = set(connection.scalars(select(source.c.key)))
            for one in arrivals:
                if one.source not in known:
                    continue  # taken away meanwhile
                statement = upsert(arrival).values(asdict(one))
                more = {"messages": arrival.c.messages + one.messages, "last_at": one.last_at}
                ends = ["source", "outcome", "field"]
                connection.execute(statement.on_conflict_do_update(index_elements=ends, set_=more))

    def arrivals(self) -> list[Arrival]:
        """What was counted, by source."""
        with self._read() as connection:
            query = select(arrival).order_by(arrival.c.source, arrival.c.outcome, arrival.c.field)
            return [Arrival(**row) for row in connection.execute(query).mappings()]

"""Loads of sources on a schedule: how each of them stands, and what people asked of it. No line, no value."""

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class Pull:
    """How a source stands. `state` is the end of its last load; without a `good_at` there was no good one.

    `at`: when the last load began, or since when the source is known. `came` and `went`: lines of the last good load.
    `again_at`: when it is tried again, sooner than its schedule says. `asked_at`: when a person asked for a load that is
    not over yet; `accept`: and said that so few lines are right.
    """

    source: str
    at: int
    state: str | None = None
    good_at: int | None = None
    lines: int = 0
    came: int = 0
    went: int = 0
    rejected: int = 0
    failures: int = 0
    again_at: int | None = None
    asked_at: int | None = None
    accept: bool = False
    code: str | None = None
    happened: str | None = None
    nothing_lost: str | None = None
    next_step: str | None = None


pull = Table(
    "pull",
    metadata,
    Column("source", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("state", Text),
    Column("good_at", BigInteger),
    Column("lines", BigInteger, nullable=False),
    Column("came", BigInteger, nullable=False),
    Column("went", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("again_at", BigInteger),
    Column("asked_at", BigInteger),
    Column("accept", Boolean, nullable=False),
    Column("code", Text),
    Column("happened", Text),
    Column("nothing_lost", Text),
    Column("next_step", Text),
)


class PullRecords(JournalPart):
    """The part of the journal that keeps them."""

    def pulls(self) -> dict[str, Pull]:
        """All that are known, by source."""
        with self._read() as connection:
            return {row["source"]: Pull(**row) for row in connection.execute(select(pull)).mappings()}

    def save_pull(self, one: Pull) -> None:
        """Record how a source stands. What was asked since it was read stays asked."""
        values = asdict(one)
        asked = {"asked_at", "accept"}
        kept = {name: value for name, value in values.items() if name not in asked}
        statement = upsert(pull).values(values).on_conflict_do_update(index_elements=["source"], set_=kept)
        with self._write() as connection:
            connection.execute(statement)

    def ask_load(self, source: str, *, accept: bool, now: int) -> None:
        """Ask whoever owns the space to load this source soon. Any process may."""
        values = {**asdict(Pull(source=source, at=now)), "asked_at": now, "accept": accept}
        asked = {"asked_at": now, "accept": accept}
        with self._write() as connection:
            connection.execute(upsert(pull).values(values).on_conflict_do_update(index_elements=["source"], set_=asked))

    def load_done(self, one: Pull) -> None:
        """What was asked of this source was done, unless it was asked anew meanwhile."""
        mine = (pull.c.source == one.source) & (pull.c.asked_at == one.asked_at)
        with self._write() as connection:
            connection.execute(update(pull).where(mine).values(asked_at=None, accept=False))

    def forget_pull(self, source: str) -> None:
        """The source is taken away."""
        with self._write() as connection:
            connection.execute(delete(pull).where(pull.c.source == source))

"""Receipts of erasures: what was asked, what was done, what is still owed at Meta. Times and counts, never a value.

Any process may ask, also beside the owner of the space; whoever owns it carries out what was asked. The profile ids of
the erased are kept only until their receipt closes: by them the destination knows whose rows are to leave.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.errors import GuestlistError
from guestlist.store.journal_file import NOTHING_CHANGED, JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """A receipt. `token` is the do-not-send token of the identifier by which the person was named."""

    id: str
    token: bytes
    kind: str
    asked_at: int
    people: int = 0
    identifiers: int = 0
    listed: int = 0  # entries put on the do-not-send list
    messages: int = 0
    erased_at: int | None = None  # the raw values are gone from this machine
    handed_over_at: int | None = None  # Meta has acknowledged every removal
    closed_at: int | None = None  # settled at Meta, and the cells as sent are deleted too

    @property
    def open(self) -> bool:
        return self.closed_at is None


erasure = Table(
    "erasure",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("people", Integer, nullable=False),
    Column("identifiers", Integer, nullable=False),
    Column("listed", Integer, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("erased_at", BigInteger),
    Column("handed_over_at", BigInteger),
    Column("closed_at", BigInteger),
)
erasure_person = Table(
    "erasure_person",
    metadata,
    Column("erasure", Text, ForeignKey("erasure.id"), primary_key=True),
    Column("profile_id", Text, primary_key=True),
)


class ErasureRecords(JournalPart):
    """The part of the journal that keeps receipts."""

    def ask_erasure(self, asked: Erasure) -> None:
        """Record what is to be erased; whoever owns the space does it."""
        with self._write() as connection:
            connection.execute(insert(erasure).values(asdict(asked)))

    def erasure(self, receipt: str) -> Erasure | None:
        """The receipt of this number."""
        with self._read() as connection:
            row = connection.execute(select(erasure).where(erasure.c.id == receipt)).mappings().one_or_none()
            return Erasure(**row) if row else None

    def erasures(self) -> list[Erasure]:
        """All receipts, oldest first."""
        with self._read() as connection:
            query = select(erasure).order_by(erasure.c.asked_at, erasure.c.id)
            return [Erasure(**row) for row in connection.execute(query).mappings()]

    def erasures_page(self, *, most: int, before: Erasure | None, is_open: bool | None) -> list[Erasure]:
        """The newest first, so many; `before`: only those behind this one."""
        query = select(erasure).order_by(erasure.c.asked_at.desc(), erasure.c.id.desc()).limit(most)
        if before is not None:
            query = query.where(tuple_(erasure.c.asked_at, erasure.c.id) < (before.asked_at, before.id))
        if is_open is not None:
            query = query.where(erasure.c.closed_at.is_(None) if is_open else erasure.c.closed_at.is_not(None))
        with self._read() as connection:
            return [Erasure(**row) for row in connection.execute(query).mappings()]

    def erasure_asked(self) -> bool:
        """Whether somebody is still to be taken from this machine."""
        with self._read() as connection:
            return bool(connection.scalar(select(func.count()).where(erasure.c.erased_at.is_(None))))

    def found_for_erasure(
        self, receipt: str, profile_ids: Iterable[str], *, people: int, identifiers: int, messages: int
    ) -> None:
        """Who it is, before the first value goes: a crash in between is then finished by the ids. Counts only grow.

        `profile_ids` has also ids that these people had before they merged.
        """
        with self._write() as connection:
            statement = upsert(erasure_person).on_conflict_do_nothing()
            for profile_id in profile_ids:
                connection.execute(statement.values(erasure=receipt, profile_id=profile_id))
            counts = {
                "people": func.max(erasure.c.people, people),
                "identifiers": func.max(erasure.c.identifiers, identifiers),
                "messages": func.max(erasure.c.messages, messages),
            }
            _change(connection, receipt, counts)

    def erased_people(self, receipt: str | None = None) -> list[str]:
        """Profile ids whose rows are to leave Meta: of one receipt, or of all that are open."""
        query = select(erasure_person.c.profile_id).distinct().order_by(erasure_person.c.profile_id)
        if receipt is not None:
            query = query.where(erasure_person.c.erasure == receipt)
        with self._read() as connection:
            return list(connection.scalars(query))

    def values_erased(self, receipt: str, *, listed: int, now: int) -> None:
        """The raw values are gone from this machine, the bytes of the files included."""
        self._step(receipt, {"listed": listed, "erased_at": func.coalesce(erasure.c.erased_at, now)})

    def removals_handed_over(self, receipt: str, *, now: int) -> None:
        """Meta has acknowledged the removal of every row of these people."""
        self._step(receipt, {"handed_over_at": func.coalesce(erasure.c.handed_over_at, now)})

    def close_erasure(self, receipt: str, *, now: int) -> None:
        """Nothing is owed any more, and the cells as sent are deleted; from here on nothing names the person."""
        with self._write() as connection:
            _change(connection, receipt, {"closed_at": func.coalesce(erasure.c.closed_at, now)})
            connection.execute(delete(erasure_person).where(erasure_person.c.erasure == receipt))

    def _step(self, receipt: str, values: dict[str, Any]) -> None:
        with self._write() as connection:
            _change(connection, receipt, values)


def _change(connection: Connection, receipt: str, values: dict[str, Any]) -> None:
    if connection.execute(update(erasure).where(erasure.c.id == receipt).values(values)).rowcount:
        return
    raise GuestlistError(
        "no_such_receipt",
        f"There is no receipt {receipt}.",
        next_step="See all of them with: guestlist erase --receipt all",
        nothing_lost=NOTHING_CHANGED,
    )

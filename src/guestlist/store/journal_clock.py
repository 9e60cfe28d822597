"""The owner's signs of life, and what they tell of the clock: one that lies ahead means that it was set back since."""

from sqlalchemy import Connection, update

from guestlist.store import journal_tables as t
from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_hooks import hook
from guestlist.store.journal_keeping import timing
from guestlist.store.journal_pulls import pull
from guestlist.store.journal_tables import Owner
from guestlist.store.journal_tokens import parking, token_facts

_WAITS = (
    t.pause.c.not_before,
    *(timing.c[name] for name in ("at", "again_at")),
    *(pull.c[name] for name in ("at", "again_at", "asked_at")),
    parking.c.ask_at,
    token_facts.c.checked_at,
    t.sync.c.full_at,
    hook.c.again_at,
)
"""Instants that are waited for, or since which a wait counts. What people wrote down or want is not among them."""


class ClockRecords(JournalPart):
    """The part of the journal that keeps them."""

    def beat(self, *, now: int) -> None:
        """Show that the owner lives; who was fenced off learns of it here."""
        with self._owned() as connection:
            last = connection.scalar(t.owner.select().with_only_columns(t.owner.c.beat))
            set_back(connection, (last or now) - now)
            connection.execute(update(t.owner).values(beat=now))


def last_sign(owner: Owner | None) -> int:
    """When this owner last showed that it lived, 0 without one."""
    return max(owner.since, owner.beat or 0) if owner else 0


def set_back(connection: Connection, by: int) -> None:
    """The clock went back by so many microseconds: what waits goes on waiting as long as it would have."""
    if by <= 0:
        return
    for column in _WAITS:
        connection.execute(update(column.table).where(column.is_not(None)).values({column.name: column - by}))

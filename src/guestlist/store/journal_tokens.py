"""The life of a destination's token: until when it is good, and why its destination is parked once it is not.

Any process may write this: whoever meets a dead token first, and whoever brings a new one.
"""

from dataclasses import asdict, dataclass, replace

from sqlalchemy import BigInteger, Column, Integer, Table, Text, delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store import journal_tables as t
from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata

_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class KnownToken:
    """What Meta last told of a token. `warned`: the fewest days before its end that were logged."""

    destination: str
    checked_at: int
    kind: str
    expires_at: int | None = None
    data_access_ends_at: int | None = None
    warned: int | None = None


@dataclass(frozen=True, kw_only=True)
class Parked:
    """Why a destination is not called, and from when on Meta may be asked whether it is over (after `tries` of them)."""

    destination: str
    since: int
    code: str
    happened: str
    next_step: str
    tries: int
    ask_at: int
    resumed_at: int | None = None


token_facts = Table(
    "token_facts",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("checked_at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("data_access_ends_at", BigInteger),
    Column("warned", Integer),
)
parking = Table(
    "parking",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("happened", Text, nullable=False),
    Column("next_step", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("ask_at", BigInteger, nullable=False),
    Column("resumed_at", BigInteger),
)
emptied = Table(
    "emptied",
    metadata,
    Column("sync", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)


class TokenRecords(JournalPart):
    """The part of the journal that keeps them."""

    # --- tokens -------------------------------------------------------------------------------------------------------

    def known_token(self, destination: str) -> KnownToken | None:
        query = select(token_facts).where(token_facts.c.destination == destination)
        with self._read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return KnownToken(**row) if row else None

    def know_token(self, known: KnownToken) -> KnownToken:
        """Keep what Meta told; what was warned of stays warned of while the token ends at the same time."""
        values = asdict(known)
        statement = upsert(token_facts).values(values)
        told = {name: value for name, value in values.items() if name != "warned"}
        with self._write() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["destination"], set_=told))
            row = connection.execute(select(token_facts).where(token_facts.c.destination == known.destination))
            return KnownToken(**row.mappings().one())

    def note_warned(self, destination: str, days: int) -> None:
        with self._write() as connection:
            mine = update(token_facts).where(token_facts.c.destination == destination)
            connection.execute(mine.values(warned=days))

    def forget_token(self, destination: str) -> None:
        """There is another token now, or none: nothing is known of it, and nothing parks the destination."""
        with self._write() as connection:
            connection.execute(delete(token_facts).where(token_facts.c.destination == destination))
            connection.execute(delete(parking).where(parking.c.destination == destination))

    # --- parked destinations ------------------------------------------------------------------------------------------

    def parked(self, destination: str) -> Parked | None:
        """Why it is parked now, None where it is not."""
        with self._read() as connection:
            query = select(parking).where(parking.c.destination == destination, parking.c.resumed_at.is_(None))
            row = connection.execute(query).mappings().one_or_none()
        return Parked(**row) if row else None

    def park(self, new: Parked) -> Parked:
        """Park it. One that is parked already keeps since when; one that was until a day ago, how often it was asked of."""
        with self._write() as connection:
            row = connection.execute(select(parking).where(parking.c.destination == new.destination))
            before = Parked(**found) if (found := row.mappings().one_or_none()) else None
            if before is not None and before.resumed_at is None:
                new = replace(new, since=before.since, tries=before.tries, ask_at=before.ask_at)
            elif before is not None and before.code == new.code and new.since - (before.resumed_at or 0) < _DAY:
                new = replace(new, tries=before.tries + 1)
            values = asdict(new)
            statement = upsert(parking).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["destination"], set_=values))
        return new

    def ask_again(self, destination: str, *, tries: int, ask_at: int) -> None:
        """Meta was asked, and it is not over."""
        with self._write() as connection:
            mine = update(parking).where(parking.c.destination == destination)
            connection.execute(mine.values(tries=tries, ask_at=ask_at))

    def resume(self, destination: str, *, now: int) -> bool:
        """It may be called again; False where it was not parked."""
        with self._write() as connection:
            mine = update(parking).where(parking.c.destination == destination, parking.c.resumed_at.is_(None))
            return connection.execute(mine.values(resumed_at=now)).rowcount > 0

    # --- audiences that are kept empty --------------------------------------------------------------------------------

    def emptied(self) -> dict[str, int]:
        """Syncs whose audience was emptied on request and stays so, and when that was asked."""
        with self._read() as connection:
            return {row.sync: row.at for row in connection.execute(select(emptied))}

    def empty_sync(self, sync: str, *, now: int) -> None:
        """Pause a sync whose audience is to be empty, until it is resumed."""
        with self._write() as connection:
            paused = {"paused": True, "paused_until": None}
            connection.execute(update(t.sync).where(t.sync.c.key == sync).values(paused))
            connection.execute(delete(emptied).where(emptied.c.sync == sync))
            connection.execute(upsert(emptied).values(sync=sync, at=now))

    def resume_sync(self, key: str) -> bool:
        """Let a sync run again, also one whose audience was emptied; False where it was not paused."""
        paused = update(t.sync).where(t.sync.c.key == key, t.sync.c.paused)
        with self._write() as connection:
            connection.execute(delete(emptied).where(emptied.c.sync == key))
            return bool(connection.execute(paused.values(paused=False, paused_until=None)).rowcount)

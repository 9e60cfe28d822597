"""Keys of the API, and writes that were asked with an idempotency key."""

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, UniqueConstraint, delete, insert, select
from sqlalchemy import update as changing

from guestlist.errors import WrongUseError
from guestlist.store.journal_file import NOTHING_CHANGED, JournalPart
from guestlist.store.journal_tables import metadata

KEPT_FOR = 24 * 3600 * 1_000_000
"""Microseconds for which the answer to a write is kept by its idempotency key."""


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key, of which only the SHA-256 is kept. `scopes`: parted by spaces; empty for all of its role."""

    name: str
    digest: bytes
    role: str
    scopes: str
    made_at: int
    used_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """A write by its idempotency key. `status` is None while it is under way, or where its process ended meanwhile."""

    caller: str
    key: str
    digest: bytes
    at: int
    status: int | None = None
    body: bytes | None = None


api_key = Table(
    "api_key",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    UniqueConstraint("digest"),
)
repeatable = Table(
    "repeatable",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("status", Integer),
    Column("body", LargeBinary),
)


class AccessRecords(JournalPart):
    """The part of the journal that keeps them."""

    def add_api_key(self, new: ApiKey) -> None:
        """Record a new key."""
        with self._write() as connection:
            if connection.scalar(select(api_key.c.name).where(api_key.c.name == new.name)) is not None:
                raise WrongUseError(
                    "api_key_exists",
                    f"There is a key '{new.name}' already.",
                    nothing_lost=NOTHING_CHANGED,
                    next_step=f"Choose another name, or take it away first: guestlist keys remove {new.name}",
                )
            connection.execute(insert(api_key).values(asdict(new)))

    def remove_api_key(self, name: str) -> bool:
        """Take a key away; False when there is none of this name."""
        with self._write() as connection:
            return bool(connection.execute(delete(api_key).where(api_key.c.name == name)).rowcount)

    def api_keys(self) -> list[ApiKey]:
        """All of them, by name."""
        with self._read() as connection:
            return [ApiKey(**row) for row in connection.execute(select(api_key).order_by(api_key.c.name)).mappings()]

    def note_api_key_used(self, name: str, *, now: int) -> None:
        """When it was used last."""
        with self._write() as connection:
            connection.execute(changing(api_key).where(api_key.c.name == name).values(used_at=now))

    def begin_repeatable(self, new: Repeatable, *, forget_before: int) -> Repeatable | None:
        """Record that a write begins; gives what is known of one with the same key, and then records nothing."""
        mine = (repeatable.c.caller == new.caller) & (repeatable.c.key == new.key)
        with self._write() as connection:
            connection.execute(delete(repeatable).where(repeatable.c.at < forget_before))
            known = connection.execute(select(repeatable).where(mine)).mappings().first()
            if known is not None:
                return Repeatable(**known)
            connection.execute(insert(repeatable).values(asdict(new)))
            return None

    def forget_repeatables(self, *, now: int) -> None:
        """Let go of those that are older than they are kept for."""
        with self._write() as connection:
            connection.execute(delete(repeatable).where(repeatable.c.at < now - KEPT_FOR))

    def end_repeatable(self, ended: Repeatable) -> None:
        """Keep what was answered; without a status the write did not happen, and may be asked again."""
        mine = (repeatable.c.caller == ended.caller) & (repeatable.c.key == ended.key)
        with self._write() as connection:
            if ended.status is None:
                connection.execute(delete(repeatable).where(mine))
            else:
                connection.execute(changing(repeatable).where(mine).values(status=ended.status, body=ended.body))

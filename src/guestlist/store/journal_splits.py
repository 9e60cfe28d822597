"""Identifiers that a person split off, and what they were split off from: they join nobody, however often data is read."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Table, Text, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class Split:
    """One identifier; the token is peppered, the value itself is nowhere.

    `own_id`: of the profile that it is by itself. Earlier versions did not keep it, nor what it was split off from.
    """

    token: bytes
    kind: str
    split_at: int
    own_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class SplitFrom:
    """A profile id that was the one profile's with `own_id` before the split."""

    own_id: str
    profile_id: str


split = Table(
    "split",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("split_at", BigInteger, nullable=False),
    Column("own_id", Text),
)
split_profile = Table(
    "split_profile",
    metadata,
    Column("token", LargeBinary, ForeignKey("split.token", ondelete="CASCADE"), primary_key=True),
    Column("profile_id", Text, primary_key=True),
)


class SplitRecords(JournalPart):
    """The part of the journal that keeps them."""

    def split(self, one: Split, profile_ids: Iterable[str]) -> bool:
        """Record it, and every id of the profile it stands in now; False when it was recorded before."""
        with self._write() as connection:
            statement = upsert(split).values(asdict(one)).on_conflict_do_nothing()
            if not connection.execute(statement).rowcount:
                return False
            lines = [{"token": one.token, "profile_id": profile_id} for profile_id in profile_ids]
            if lines:
                connection.execute(insert(split_profile), lines)
            return True

    def undo_split(self, token: bytes) -> bool:
        """Let it join again; False when it was not split off."""
        with self._write() as connection:
            return bool(connection.execute(delete(split).where(split.c.token == token)).rowcount)

    def splits(self) -> list[Split]:
        """All of them, oldest first."""
        with self._read() as connection:
            query = select(split).order_by(split.c.split_at, split.c.token)
            return [Split(**row) for row in connection.execute(query).mappings()]

    def split_from(self) -> list[SplitFrom]:
        """What was split off from which profiles."""
        with self._read() as connection:
            query = (
                select(split.c.own_id, split_profile.c.profile_id)
                .join(split_profile)
                .where(split.c.own_id.is_not(None))
            )
            query = query.order_by(split.c.own_id, split_profile.c.profile_id)
            return [SplitFrom(**row) for row in connection.execute(query).mappings()]

    def forget_split_from(self, profile_ids: Iterable[str]) -> None:
        """Profiles that are erased."""
        with self._write() as connection:
            for profile_id in profile_ids:
                connection.execute(delete(split_profile).where(split_profile.c.profile_id == profile_id))

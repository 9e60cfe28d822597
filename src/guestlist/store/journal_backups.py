"""Backups that were asked for and made; restores, and which syncs they left in doubt.

A restored journal and ledger are older than Meta: what was sent after the backup is in neither. So each sync is in
doubt from the restore until its ledger was told so.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Boolean, Column, Table, Text, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store import journal_tables as t
from guestlist.store.journal_erasures import Erasure, erasure
from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import Listed, PlanState, metadata


@dataclass(frozen=True, kw_only=True)
class BackupRecord:
    """A backup that was asked for: made, or failed, or (neither) still to be made by who owns the space."""

    id: str
    path: str
    with_key: bool
    asked_at: int
    made_at: int | None = None
    size: int | None = None
    code: str | None = None
    happened: str | None = None
    next_step: str | None = None


@dataclass(frozen=True, kw_only=True)
class Restore:
    """When a space was restored, and from a backup of when."""

    restored_at: int
    backup_at: int


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What nobody here knows of a sync: since when, and whether anybody at all may be at Meta by it.

    An adopted audience may have people whom others put there: of these nobody is in doubt whom we never sent.
    """

    restored_at: int
    backup_at: int
    everybody: bool


backup = Table(
    "backup",
    metadata,
    Column("id", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("with_key", Boolean, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("made_at", BigInteger),
    Column("size", BigInteger),
    Column("code", Text),
    Column("happened", Text),
    Column("next_step", Text),
)
restore = Table(
    "restore",
    metadata,
    Column("restored_at", BigInteger, primary_key=True),
    Column("backup_at", BigInteger, nullable=False),
)
doubt = Table(
    "doubt",
    metadata,
    Column("sync", Text, primary_key=True),
    Column("everybody", Boolean, nullable=False),
    Column("told_at", BigInteger),
)


class BackupRecords(JournalPart):
    """The part of the journal that keeps them."""

    def ask_backup(self, asked: BackupRecord) -> None:
        """Record a backup that is wanted. Any process may."""
        with self._write() as connection:
            connection.execute(insert(backup).values(asdict(asked)))

    def backup_asked(self) -> bool:
        """Whether one is still to be made."""
        with self._read() as connection:
            return bool(
                connection.scalar(select(func.count()).where(backup.c.made_at.is_(None), backup.c.code.is_(None)))
            )

    def backups(self) -> list[BackupRecord]:
        """All whose file may be there, and the latest others, newest first."""
        with self._read() as connection:
            rows = connection.execute(select(backup).order_by(backup.c.asked_at.desc())).mappings()
            return [BackupRecord(**row) for row in rows]

    def backups_page(self, *, most: int, before: int | None) -> list[BackupRecord]:
        """The newest first, so many; `before`: only those that were asked for before this instant."""
        query = select(backup).order_by(backup.c.asked_at.desc()).limit(most)
        if before is not None:
            query = query.where(backup.c.asked_at < before)
        with self._read() as connection:
            return [BackupRecord(**row) for row in connection.execute(query).mappings()]

    def end_backup(self, ended: BackupRecord) -> None:
        """Record what became of one."""
        with self._write() as connection:
            connection.execute(update(backup).where(backup.c.id == ended.id).values(asdict(ended)))

    def forget_backup(self, backup_id: str) -> None:
        """It failed before somebody's eyes, or its file is gone."""
        with self._write() as connection:
            connection.execute(delete(backup).where(backup.c.id == backup_id))

    # --- a restored journal -------------------------------------------------------------------------------------------

    def mark_restored(self, one: Restore) -> None:
        """From here on every sync is in doubt, no plan waits, and backups that were asked for then are not made."""
        with self._write() as connection:
            connection.execute(upsert(restore).values(asdict(one)).on_conflict_do_nothing())
            connection.execute(delete(backup).where(backup.c.made_at.is_(None)))
            connection.execute(delete(doubt))
            for key, adopted in connection.execute(select(t.sync.c.key, t.sync.c.adopted)).all():
                connection.execute(insert(doubt).values(sync=key, everybody=not adopted))
            ended = {"state": PlanState.SUPERSEDED, "ended_at": one.restored_at}
            connection.execute(update(t.plan).where(t.plan.c.state.in_(t.OPEN_PLANS)).values(ended))

    def restores(self) -> list[Restore]:
        """Newest first."""
        with self._read() as connection:
            rows = connection.execute(select(restore).order_by(restore.c.restored_at.desc())).mappings()
            return [Restore(**row) for row in rows]

    def doubted(self, sync: str) -> Doubt | None:
        """What is in doubt of this sync since the last restore, until its ledger was told."""
        with self._read() as connection:
            last = connection.execute(select(restore).order_by(restore.c.restored_at.desc()).limit(1)).one_or_none()
            if last is None:
                return None
            known = connection.execute(select(doubt).where(doubt.c.sync == sync)).one_or_none()
        if known is not None and (known.told_at or 0) >= last.restored_at:
            return None
        # One that the backup does not know was made after it, so whoever is in it is ours.
        everybody = known is None or bool(known.everybody)
        return Doubt(restored_at=last.restored_at, backup_at=last.backup_at, everybody=everybody)

    def doubt_told(self, sync: str, *, now: int) -> None:
        """The ledger knows; only after it has committed that."""
        told = upsert(doubt).values(sync=sync, everybody=True, told_at=now)
        with self._owned() as connection:
            connection.execute(told.on_conflict_do_update(index_elements=["sync"], set_={"told_at": now}))

    def erase_again(self, receipts: list[Erasure]) -> int:
        """Take in erasures that this journal does not know, as asked and not carried out; gives how many."""
        with self._write() as connection:
            return sum(
                connection.execute(upsert(erasure).values(asdict(one)).on_conflict_do_nothing()).rowcount
                for one in receipts
            )

    def listed_since(self, instant: int) -> list[Listed]:
        """Entries of the do-not-send list from then or later."""
        with self._read() as connection:
            rows = connection.execute(select(t.do_not_send).where(t.do_not_send.c.listed_at >= instant)).mappings()
            return [Listed(**row) for row in rows]

"""Who changed what: entries of which each holds the digest of the one before, so that none can be taken out unseen."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from types import MappingProxyType

import orjson
from sqlalchemy import Connection, insert, select

from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import AuditEntry
from guestlist.store.journal_tables import audit as table


class AuditRecords(JournalPart):
    """The part of the journal that keeps them."""

    def audit(
        self, *, actor: str, action: str, about: str, counts: Mapping[str, int], reason: str = "", now: int
    ) -> AuditEntry:
        """Append who did what to which thing. Ids and counts only: an audit never holds a person's values."""
        with self._write() as connection:
            return append(connection, actor=actor, action=action, about=about, counts=counts, reason=reason, now=now)

    def audit_entries(self) -> list[AuditEntry]:
        """All of them, oldest first."""
        with self._read() as connection:
            query = select(table).order_by(table.c.seq)
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    def audit_page(self, *, most: int, before: int | None, actor: str | None, action: str | None) -> list[AuditEntry]:
        """The newest first, so many; `before`: only those with a smaller number."""
        query = select(table).order_by(table.c.seq.desc()).limit(most)
        if before is not None:
            query = query.where(table.c.seq < before)
        if actor is not None:
            query = query.where(table.c.actor == actor)
        if action is not None:
            query = query.where(table.c.action == action)
        with self._read() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    def first_broken_audit_entry(self) -> int | None:
        """The number of the first entry that was changed, or follows one that was taken out."""
        previous = ""
        for number, entry in enumerate(self.audit_entries(), start=1):
            if entry.seq != number or entry.previous != previous or entry.digest != _digest(entry):
                return number
            previous = entry.digest
        return None


def append(
    connection: Connection,
    *,
    actor: str,
    action: str,
    about: str,
    now: int,
    counts: Mapping[str, int] = MappingProxyType({}),
    reason: str = "",
) -> AuditEntry:
    """Add an entry in a transaction that is under way."""
    last = connection.execute(select(table.c.seq, table.c.digest).order_by(table.c.seq.desc()).limit(1)).one_or_none()
    entry = AuditEntry(
        seq=last.seq + 1 if last else 1,
        at=now,
        actor=actor,
        action=action,
        object=about,
        counts=orjson.dumps(dict(counts), option=orjson.OPT_SORT_KEYS).decode(),
        reason=reason,
        previous=last.digest if last else "",
        digest="",
    )
    entry = replace(entry, digest=_digest(entry))
    connection.execute(insert(table).values(asdict(entry)))
    return entry


def _digest(entry: AuditEntry) -> str:
    return hashlib.sha256(orjson.dumps(asdict(replace(entry, digest="")))).hexdigest()

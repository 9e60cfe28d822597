"""Files of the space as they were seen last, so that each change of them is noted in the audit once."""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Connection, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store.journal_audit import append
from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata

seen_file = Table(
    "seen_file",
    metadata,
    Column("item", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)
_BY = "unknown"


class EditRecords(JournalPart):
    """The part of the journal that keeps them."""

    def note_files(self, found: Mapping[str, str], *, now: int) -> None:
        """All there are now, by their digests: what differs from last time is noted and remembered, in one step.

        Where nothing was seen before there is nothing to compare with.
        """
        with self._read() as connection:
            if _known(connection) == found:
                return
        with self._write() as connection:
            known = _known(connection)
            changed = [item for item in sorted({*known, *found}) if known.get(item) != found.get(item)]
            for item in changed:
                if known:
                    append(connection, actor=_BY, action=_action(item, known, found), about=item, now=now)
                _remember(connection, item, found.get(item), now)

    def remember_files(self, found: Mapping[str, str | None], *, now: int) -> None:
        """These were changed by a command, which has its own entry; None: it is gone."""
        with self._write() as connection:
            for item, digest in found.items():
                _remember(connection, item, digest, now)


def _known(connection: Connection) -> dict[str, str]:
    return {row.item: row.digest for row in connection.execute(select(seen_file)).all()}


def _action(item: str, known: Mapping[str, str], found: Mapping[str, str]) -> str:
    if item not in known:
        return "added in the files"
    return "changed in the files" if item in found else "removed from the files"


def _remember(connection: Connection, item: str, digest: str | None, now: int) -> None:
    if digest is None:
        connection.execute(delete(seen_file).where(seen_file.c.item == item))
        return
    values = {"item": item, "digest": digest, "seen_at": now}
    statement = upsert(seen_file).values(values).on_conflict_do_update(index_elements=["item"], set_=values)
    connection.execute(statement)

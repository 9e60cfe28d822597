"""What Meta has from us of one person, as the ledger knows it."""

from dataclasses import dataclass

from guestlist.store.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Of one sync: rows that are to be there, and when the person was last added and last taken out.

    A row that was taken out may leave a key at Meta that somebody who stays has too.
    """

    sync: str
    rows: int
    added_at: int | None
    removed_at: int | None


def sent(ledger: Ledger, profile_id: str) -> list[Sent]:
    """By sync; instants in microseconds since 1970."""
    whose = ledger.table("ledger_person").filter(lambda t: t.profile_id == profile_id)
    lines = ledger.table("ledger").semi_join(whose, ["sync", "row_key"])
    taken_out = (lines.remove_sent_at > lines.add_sent_at).fill_null(False)
    found = lines.group_by("sync").aggregate(
        rows=lines.count(where=(lines.live != 0) & ~taken_out),
        added_at=lines.add_sent_at.max(),
        removed_at=lines.remove_sent_at.max(),
    )
    return [Sent(**line) for line in ledger.read(found.order_by("sync")).to_pylist()]

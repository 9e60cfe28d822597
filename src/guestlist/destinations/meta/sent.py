"""What Meta has from us of one person, as the ledger knows it, and what is not sent of them."""

from dataclasses import dataclass

from guestlist.store.ledger import Ledger
from guestlist.values.reading import TEXT

_TEXT = {str(reason): text for reason, text in TEXT.items()}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Of one sync: rows that are to be there, and when the person was last added and last taken out.

    A row that was taken out may leave a key at Meta that somebody who stays has too.
    """

    sync: str
    rows: int
    added_at: int | None
    removed_at: int | None


@dataclass(frozen=True, kw_only=True)
class BlankCell:
    """A cell that stays blank in the person's rows, though something was given for it."""

    destination: str
    key: str
    reason: str

    @property
    def words(self) -> str:
        """For a person to read."""
        return f"{self.key} left blank: {_TEXT.get(self.reason, self.reason)}"


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


def blank_cells(ledger: Ledger, profile_id: str) -> list[BlankCell]:
    """By destination, as of when the person's rows were last made."""
    cells = ledger.table("blank_cell").filter(lambda t: t.profile_id == profile_id)
    cells = cells.select("destination", "key", "reason").order_by("destination", "key", "reason")
    return [BlankCell(**line) for line in ledger.read(cells).to_pylist()]


@dataclass(frozen=True, kw_only=True)
class AtMeta:
    """What Meta has of a person, by sync, and what is not sent of them, by destination."""

    sent: tuple[Sent, ...] = ()
    blank: tuple[BlankCell, ...] = ()


def at_meta(ledger: Ledger, profile_id: str) -> AtMeta:
    """Both."""
    return AtMeta(sent=tuple(sent(ledger, profile_id)), blank=tuple(blank_cells(ledger, profile_id)))

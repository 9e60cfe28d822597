"""The last step of an erasure: once Meta has let go of a person, the cells that were sent are forgotten too."""

from collections.abc import Sequence
from pathlib import Path

from guestlist.destinations.meta.sweep import forget_people
from guestlist.store.in_memory import in_memory
from guestlist.store.journal import Journal
from guestlist.store.ledger import Ledger
from guestlist.store.rewriting import rewrite


def settle(journal: Journal, ledger: Ledger, delay: int, *, now: int) -> list[str]:
    """Note on the receipts what Meta has acknowledged, and delete the cells as sent where that is final.

    `delay` is how long, in microseconds, what was sent before may still take effect at Meta. Gives the receipts that
    can be closed once the file of the ledger is written anew.
    """
    waiting = [one.id for one in journal.erasures() if one.open and one.erased_at is not None]
    return [receipt for receipt in waiting if _is_over(journal, ledger, receipt, delay, now)]


def close(journal: Journal, ledger: Path, receipts: Sequence[str], *, now: int) -> None:
    """With the ledger closed: take the bytes of what was forgotten from its file, then close the receipts."""
    if not receipts:
        return
    rewrite(ledger)
    for receipt in receipts:
        journal.close_erasure(receipt, now=now)


def _is_over(journal: Journal, ledger: Ledger, receipt: str, delay: int, now: int) -> bool:
    people = in_memory({"profile_id": journal.erased_people(receipt)}, schema={"profile_id": "string"})
    whose = ledger.table("ledger_person").semi_join(people, "profile_id")
    lines = ledger.table("ledger").semi_join(whose, ["sync", "row_key"])
    found = ledger.read(lines.select("live", "remove_sent_at")).to_pylist()
    if any(line["live"] for line in found):
        return False
    journal.removals_handed_over(receipt, now=now)
    if any((line["remove_sent_at"] or 0) + delay > now for line in found):
        return False
    forget_people(ledger, people)
    return True

"""The small stores of a space, opened together: its records (syncs, do-not-send list, receipts) and its secrets.

Any process may open them, also beside the one that owns the space.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from guestlist.pipeline import identity_rules, resolve
from guestlist.space import Space, make_private
from guestlist.store import Warehouse
from guestlist.store.journal import Journal
from guestlist.store.vault import Vault

JOURNAL_FILE, KEY_FILE = "journal.sqlite", "key"
# Raise when a rule of identity changes: people are then found anew.
_IDENTITY_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Records:
    """Journal and vault of one space."""

    journal: Journal
    vault: Vault

    @property
    def pepper(self) -> str:
        """What makes do-not-send tokens of this space useless to others."""
        return self.vault.pepper.reveal()


@contextmanager
def open_records(space: Space) -> Iterator[Records]:
    """Journal and vault, made on first use."""
    make_private(space.private)
    with Journal.open(space.private / JOURNAL_FILE) as journal:
        yield Records(journal=journal, vault=Vault.open(space.private / KEY_FILE, journal))


def find_people(space: Space, warehouse: Warehouse, records: Records) -> bool:
    """Bring people, traits and events up to date with what was imported; says whether there was anything to do."""
    salt = hashlib.sha256(f"profile ids|{records.pepper}".encode()).hexdigest()
    country = space.settings.country
    unified = space.settings.traits.unify_spellings
    under = hashlib.sha256(f"{_IDENTITY_VERSION}|{country}|{salt}".encode()).hexdigest()[:16] + "u" * unified
    rules = identity_rules(country, salt)
    return resolve(warehouse, rules, fingerprint=under, unify_spellings=unified)

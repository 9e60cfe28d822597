"""The small stores of a space, opened together: its records (syncs, do-not-send list, receipts) and its secrets.

Any process may open them, also beside the one that owns the space.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from guestlist.identity_rules import identity_rules
from guestlist.pipeline import resolve, resolved_under
from guestlist.profiles.external import count_external
from guestlist.profiles.rules import IdentityRules
from guestlist.profiles.settings import IdentitySettings, read_identity
from guestlist.space import Space, make_private
from guestlist.store import Warehouse
from guestlist.store.journal import Journal
from guestlist.store.journal_externals import ExternalAudience
from guestlist.store.vault import Vault

JOURNAL_FILE, KEY_FILE = "journal.sqlite", "key"
# Raise when a rule of identity changes: people are then found anew.
_IDENTITY_VERSION = 5


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
    unified = space.settings.traits.unify_spellings
    under = _fingerprint(space, records)
    found = resolve(warehouse, rules_of(space, records), fingerprint=under, unify_spellings=unified)
    if found:
        told = warehouse.read(count_external(warehouse.table("external_membership"))).to_pylist()
        records.journal.note_externals(ExternalAudience(**one) for one in told)
    return found


def rules_changed(space: Space, warehouse: Warehouse, records: Records) -> bool:
    """Whether people who are known were found by other rules than those that hold now."""
    return resolved_under(warehouse) != _fingerprint(space, records)


def rules_of(space: Space, records: Records, settings: IdentitySettings | None = None) -> IdentityRules:
    """The rules of identity that hold in a space, or would with these settings."""
    return identity_rules(
        space.settings.country,
        salt_of(records),
        settings or read_identity(space.settings.identity),
        pepper=records.pepper,
        alone=frozenset(one.token.hex() for one in records.journal.splits()),
        split_from=tuple((one.own_id, one.profile_id) for one in records.journal.split_from()),
    )


def salt_of(records: Records) -> str:
    """Keeps the profile ids of this space from being guessed from an e-mail."""
    return hashlib.sha256(f"profile ids|{records.pepper}".encode()).hexdigest()


def _fingerprint(space: Space, records: Records) -> str:
    facts = [
        _IDENTITY_VERSION,
        space.settings.country,
        space.settings.traits.unify_spellings,
        salt_of(records),
        read_identity(space.settings.identity).model_dump(mode="json"),
        sorted(one.token.hex() for one in records.journal.splits()),
    ]
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

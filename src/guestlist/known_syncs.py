"""The syncs of a space by their key: those that the files wish for, and those that ran once.

The one place where it is said which of them a person means. A mistake in a file is about the syncs of its audience alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from guestlist.audiences.definition import Sync as Wish
from guestlist.audiences.document import read_usable
from guestlist.audiences.mistakes import DefinitionError
from guestlist.errors import WrongUseError
from guestlist.space import Space
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sync


@dataclass(frozen=True, kw_only=True)
class KnownSync:
    """A sync as it is recorded, and as the files wish it.

    `wish`: none where no file asks for it any more, or its file has a `mistake`.
    """

    sync: Sync
    name: str
    wish: Wish | None = None
    mistake: DefinitionError | None = None


@dataclass(frozen=True, kw_only=True)
class KnownSyncs:
    """All of them by key. `mistaken`: audiences whose file has a mistake; the syncs that it may wish for are not known."""

    by_key: Mapping[str, KnownSync]
    mistaken: Mapping[str, DefinitionError]

    def meant(self, key: str) -> KnownSync:
        """The one that is meant."""
        found = matching(key, self.by_key)
        mistake = self.mistaken.get(key.partition("@")[0])
        if not found and mistake is not None:
            raise mistake
        return self.by_key[one_of(key, self.by_key)]


def known_syncs(space: Space, journal: Journal) -> KnownSyncs:
    """As the files and the records are now."""
    definitions, mistaken = read_usable(space.audiences)
    kept = {one.key: one for one in journal.syncs()}
    found = {
        key: KnownSync(sync=sync, name=sync.remote_name or sync.audience, mistake=mistaken.get(sync.audience))
        for key, sync in kept.items()
    }
    for one in definitions:
        for wish in one.syncs:
            key = f"{one.key}@{wish.to}"
            sync = kept.get(key) or Sync(key=key, audience=one.key, destination=wish.to)
            found[key] = KnownSync(sync=sync, name=one.name, wish=wish)
    return KnownSyncs(by_key=found, mistaken=mistaken)


def matching(key: str, known: Iterable[str]) -> list[str]:
    """The sync of that key (`audience@destination`), or all of that audience."""
    every = sorted(known)
    return [key] if key in every else [one for one in every if one.partition("@")[0] == key]


def one_of(key: str, known: Iterable[str]) -> str:
    """The sync of that key, or the only one of that audience."""
    every = sorted(known)
    found = matching(key, every)
    if len(found) == 1:
        return found[0]
    raise WrongUseError(
        "unknown_sync",
        f"'{key}' goes to several destinations." if found else f"There is no sync '{key}'.",
        nothing_lost="Nothing was changed or sent.",
        next_step=f"Name one of: {', '.join(found or every)}" if every else "Give an audience a sync: line first.",
    )

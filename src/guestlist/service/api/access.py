"""Who calls: the key of a request, its role and scopes. Only digests of keys are kept."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from guestlist.clock import Clock, microseconds, stopwatch
from guestlist.errors import GuestlistError
from guestlist.operations.keys import scopes_of
from guestlist.operations.operation import Role, Scope
from guestlist.owning.reaching import digest_of
from guestlist.store.journal import Journal
from guestlist.store.journal_access import ApiKey
from guestlist.store.vault import Secret

_KEEP_S = 2.0
_USE_NOTED_EVERY = 60_000_000  # microseconds


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is asking. `name`: for the record."""

    name: str
    scopes: frozenset[Scope]

    def check(self, needed: frozenset[Scope]) -> None:
        """Refuse what this caller may not do."""
        missing = needed - self.scopes
        if missing:
            raise not_allowed(missing)


class Access:
    """The keys of one space, read anew every two seconds; and the key of commands on this machine."""

    def __init__(self, journal: Journal, clock: Clock, local: Secret) -> None:
        self._journal = journal
        self._clock = clock
        self._local = digest_of(local)
        self._known: dict[bytes, ApiKey] = {}
        self._age: Callable[[], float] | None = None
        self._noted: dict[str, int] = {}

    def caller(self, authorization: str | None) -> Caller:
        """Whose key the header `Authorization: Bearer …` has."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise not_authorised()
        digest = digest_of(Secret(key.strip()))
        if hmac.compare_digest(digest, self._local):
            return Caller(name="command line", scopes=Role.ADMIN.scopes)
        found = self._find(digest)
        if found is None:
            raise not_authorised()
        self._note_use(found)
        return Caller(name=f"key {found.name}", scopes=scopes_of(found))

    def _find(self, digest: bytes) -> ApiKey | None:
        if self._age is None or self._age() > _KEEP_S or digest not in self._known:
            self._known = {one.digest: one for one in self._journal.api_keys()}
            self._age = stopwatch()
        return self._known.get(digest)

    def _note_use(self, key: ApiKey) -> None:
        now = microseconds(self._clock.now())
        if now - self._noted.get(key.name, key.used_at or 0) > _USE_NOTED_EVERY:
            self._noted[key.name] = now
            self._journal.note_api_key_used(key.name, now=now)


def not_authorised() -> GuestlistError:
    """No key, or none of this space: which of the two is not told, nor whether there is such a space."""
    return GuestlistError(
        "not_authorised",
        "The request has no key that is good for this space.",
        nothing_lost="Nothing was changed.",
        next_step="Send Authorization: Bearer KEY. Make a key: guestlist keys add NAME --role viewer",
    )


def not_allowed(missing: frozenset[Scope]) -> GuestlistError:
    """The key is good, but not for this."""
    return GuestlistError(
        "not_allowed",
        f"The key may not do this: it lacks {', '.join(sorted(missing))}.",
        nothing_lost="Nothing was changed.",
        next_step="Use a key with a role that may: guestlist keys list shows them.",
    )

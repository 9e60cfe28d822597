"""Write keys: which source of which space a request is for. Only their SHA-256 is known here."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Protocol

from guestlist.clock import stopwatch
from guestlist.store.journal_sources import Source

_KEEP_S = 2.0
_ASK_AGAIN_S = 0.1


def digest_of(write_key: str) -> bytes:
    """What is kept of a write key. It is random and long, so a plain digest tells nothing of it."""
    return hashlib.sha256(write_key.encode("utf-8", "surrogatepass")).digest()


class SourceBook(Protocol):
    """Where sources are recorded: the journal."""

    def sources(self) -> list[Source]: ...


class WriteKeys:
    """The sources of one space, read anew every two seconds, and at once (ten times a second at most) for a new key."""

    def __init__(self, book: SourceBook) -> None:
        self._book = book
        self._known: dict[bytes, Source] = {}
        self._age: Callable[[], float] | None = None

    def find(self, digest: bytes) -> Source | None:
        """The source that has this key."""
        age = self._age() if self._age else float("inf")
        if age > _KEEP_S or (digest not in self._known and age > _ASK_AGAIN_S):
            self._known = {one.digest: one for one in self._book.sources()}
            self._age = stopwatch()
        return self._known.get(digest)


def basic_key(header: str) -> str | None:
    """The user name of Basic authorization, which is the write key; a missing colon is forgiven, as Segment does."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return pair.partition(":")[0] or None

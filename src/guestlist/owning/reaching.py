"""How commands on this machine reach the process that keeps a space: where it listens, and a key while it runs.

The file lies beside the stores and can be read by the same people: who can read them needs no further key.
"""

import hashlib
import secrets
from dataclasses import dataclass

import orjson

from guestlist.space import Space, make_private
from guestlist.store.private_files import write_private
from guestlist.store.vault import Secret

FILE = "service.json"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a space is served: `http://…/api/v1/spaces/NAME`."""

    url: str
    key: Secret


def new_key() -> Secret:
    """A key of the API."""
    return Secret(f"gl_{secrets.token_urlsafe(32)}")


def digest_of(key: Secret) -> bytes:
    """What is kept of a key. It is random and long, so a plain digest tells nothing of it."""
    return hashlib.sha256(key.reveal().encode("utf-8", "surrogatepass")).digest()


def announce(space: Space, address: Address) -> None:
    """Tell commands on this machine."""
    told = orjson.dumps({"url": address.url, "key": address.key.reveal()})
    write_private(make_private(space.private) / FILE, told)


def withdraw(space: Space) -> None:
    """It is served no longer."""
    (space.private / FILE).unlink(missing_ok=True)


def announced(space: Space) -> Address | None:
    """Where the space is said to be served; None where nobody said so."""
    try:
        told = orjson.loads((space.private / FILE).read_bytes())
        return Address(url=str(told["url"]), key=Secret(str(told["key"])))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None

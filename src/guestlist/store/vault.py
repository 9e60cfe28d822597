"""Secrets at rest, and the pepper that makes do-not-send tokens useless to others.

The key file is made with the space, readable by its owner only, and belongs in every backup: without it tokens must be
connected again, and the do-not-send list no longer recognises anyone.
"""

import base64
import binascii
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sealed
from guestlist.store.private_files import write_private

_HEADER = "guestlist-key 1"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_NOTHING_LOST = "Nothing was changed or sent."


class Secret:
    """A text that shows itself only when asked; never in a repr, a log, a traceback or a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


@dataclass(frozen=True, kw_only=True)
class _Keys:
    """The key file's content: keys by id, the newest last, and the pepper, which never changes."""

    ring: dict[str, bytes] = field(repr=False)
    pepper: str = field(repr=False)

    @property
    def newest(self) -> str:
        return list(self.ring)[-1]


class Vault:
    """The secrets of one space: encrypted in the journal, with a key from a file beside it."""

    def __init__(self, path: Path, journal: Journal, keys: _Keys) -> None:
        self._path = path
        self._journal = journal
        self._keys = keys

    @classmethod
    def open(cls, path: Path, journal: Journal) -> Self:
        """Read the key file; make it if nothing depends on an older one."""
        if not path.exists():
            if journal.secrets() or journal.do_not_send():
                raise GuestlistError(
                    "key_file_missing",
                    f"The key file {path} is missing, and this space holds secrets or a do-not-send list made with it.",
                    next_step="Put the key file back from the backup.",
                    nothing_lost=_NOTHING_LOST,
                )
            keys = _Keys(ring={_new_id(): secrets.token_bytes(_KEY_BYTES)}, pepper=secrets.token_hex(_KEY_BYTES))
            _write(path, keys)
        return cls(path, journal, _read(path))

    def save(self, name: str, secret: Secret, *, now: int) -> None:
        key_id = self._keys.newest
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(self._keys.ring[key_id])
        sealed = nonce + cipher.encrypt(nonce, secret.reveal().encode(), _bound_to(name, key_id))
        self._journal.save_secret(Sealed(name=name, key_id=key_id, sealed=sealed, written_at=now))

    def load(self, name: str) -> Secret | None:
        stored = self._journal.secret(name)
        return None if stored is None else self._opened(stored)

    def delete(self, name: str) -> bool:
        return self._journal.delete_secret(name)

    def rotate(self, *, now: int) -> int:
        """Encrypt every secret with a new key, then forget the old keys; gives how many secrets there were.

        The file holds both keys until all secrets are moved, so a crash at any point leaves everything readable.
        """
        opened = {stored.name: self._opened(stored) for stored in self._journal.secrets()}
        self._replace({**self._keys.ring, _new_id(): secrets.token_bytes(_KEY_BYTES)})
        for name, secret in opened.items():
            self.save(name, secret, now=now)
        self._replace({self._keys.newest: self._keys.ring[self._keys.newest]})
        return len(opened)

    @property
    def pepper(self) -> Secret:
        """What do-not-send tokens are made with."""
        return Secret(self._keys.pepper)

    def _replace(self, ring: dict[str, bytes]) -> None:
        self._keys = _Keys(ring=ring, pepper=self._keys.pepper)
        _write(self._path, self._keys)

    def _opened(self, stored: Sealed) -> Secret:
        key = self._keys.ring.get(stored.key_id)
        nonce, sealed = stored.sealed[:_NONCE_BYTES], stored.sealed[_NONCE_BYTES:]
        try:
            if key is not None:
                return Secret(AESGCM(key).decrypt(nonce, sealed, _bound_to(stored.name, stored.key_id)).decode())
        except InvalidTag:
            pass
        raise GuestlistError(
            "secret_unreadable",
            f"The stored secret '{stored.name}' cannot be opened with the key file {self._path}.",
            next_step="Put the key file back from the backup, or give that secret anew, as it was given first.",
            nothing_lost="Nothing is lost: audiences, plans and the do-not-send list are untouched.",
        )


def _bound_to(name: str, key_id: str) -> bytes:
    """A sealed secret opens only in its own place: copied to another row, it is refused."""
    return f"secret|{name}|sealed|{key_id}".encode()


def _new_id() -> str:
    return f"k{secrets.token_hex(4)}"


def _write(path: Path, keys: _Keys) -> None:
    """All or nothing, on disk before it returns: a half-written key file would lose every secret."""
    lines = [_HEADER, f"pepper {keys.pepper}"]
    lines += [f"{key_id} {base64.b64encode(key).decode()}" for key_id, key in keys.ring.items()]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, ("\n".join(lines) + "\n").encode("ascii"))


def _read(path: Path) -> _Keys:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise GuestlistError(
            "key_file_open_to_others",
            f"Others on this machine can read the key file {path}.",
            next_step=f"Run: chmod 600 {path}. If others may have read it, make new tokens at Meta as well.",
            nothing_lost=_NOTHING_LOST,
        )
    try:
        header, pepper, *ring = path.read_text(encoding="ascii").splitlines()
        keys = _Keys(ring=dict(map(_key, ring)), pepper=pepper.removeprefix("pepper "))
        if header == _HEADER and len(keys.pepper) == 2 * _KEY_BYTES and keys.ring:
            return keys
    except (ValueError, binascii.Error):
        pass
    raise GuestlistError(
        "key_file_damaged",
        f"The key file {path} is damaged, or no file of ours.",
        next_step="Put the key file back from the backup.",
        nothing_lost=_NOTHING_LOST,
    )


def _key(line: str) -> tuple[str, bytes]:
    key_id, text = line.split(" ")
    key = base64.b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError("wrong length")
    return key_id, key

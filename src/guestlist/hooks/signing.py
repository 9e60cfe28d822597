"""Signatures of webhooks, by the Standard Webhooks specification.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from guestlist.store.vault import Secret

PREFIX = "whsec_"
_BYTES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Signing:
    """The secrets with which a webhook is signed, the newest first; each but that one with its end in microseconds."""

    secrets: tuple[tuple[Secret, int | None], ...]

    def at(self, now: int) -> tuple[Secret, ...]:
        """Those that hold at an instant."""
        return tuple(secret for secret, until in self.secrets if until is None or until > now)

    def rotated(self, new: Secret, *, until: int, now: int) -> "Signing":
        """With a new one; those that hold now hold until then, too."""
        kept = [
            (secret, until if end is None else min(end, until)) for secret, end in self.secrets if self._holds(end, now)
        ]
        return Signing(secrets=((new, None), *kept))

    @staticmethod
    def _holds(end: int | None, now: int) -> bool:
        return end is None or end > now

    def sealed(self) -> Secret:
        """As one text for the vault."""
        return Secret(orjson.dumps([[secret.reveal(), until] for secret, until in self.secrets]).decode())

    @classmethod
    def opened(cls, sealed: Secret) -> "Signing":
        return cls(secrets=tuple((Secret(text), until) for text, until in orjson.loads(sealed.reveal())))


def new_secret() -> Secret:
    return Secret(PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode())


def signed(message_id: str, body: bytes, now: datetime, with_: Sequence[Secret]) -> dict[str, str]:
    """The three headers. `message_id` is the same at every try and holds no dot; the timestamp is of this try."""
    at = str(int(now.timestamp()))
    content = b".".join([message_id.encode(), at.encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(f"v1,{_signature(secret, content)}" for secret in with_),
    }


def _signature(secret: Secret, content: bytes) -> str:
    key = base64.b64decode(secret.reveal().removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()

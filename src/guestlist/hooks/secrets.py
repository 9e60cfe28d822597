"""What a hook proves itself with: the secrets of a webhook, or the write key of a Segment source. In the vault."""

import base64
from dataclasses import dataclass
from datetime import datetime

from guestlist.clock import microseconds
from guestlist.errors import GuestlistError
from guestlist.hooks.signing import Signing, new_secret, signed
from guestlist.store.journal_hooks import Hook
from guestlist.store.vault import Secret, Vault


def sealed_as(name: str) -> str:
    return f"hook {name}"


@dataclass(frozen=True, kw_only=False, slots=True)
class Keys:
    """The keys of one hook."""

    vault: Vault
    hook: Hook

    def headers(self, message_id: str, body: bytes, *, now: datetime) -> dict[str, str]:
        """Those that prove who sends."""
        sealed = self.vault.load(sealed_as(self.hook.name))
        if sealed is None:
            raise GuestlistError(
                "hook_key_missing",
                f"The key of the hook '{self.hook.name}' is not there.",
                nothing_lost="Nothing is lost: what it has not sent waits.",
                next_step="Put back the journal from the backup, or take the hook away and add it anew.",
            )
        if self.hook.kind == "segment":
            return {"Authorization": f"Basic {base64.b64encode(f'{sealed.reveal()}:'.encode()).decode()}"}
        return signed(message_id, body, now, Signing.opened(sealed).at(microseconds(now)))

    def rotate(self, *, overlap: int, now: int) -> Secret:
        """A new secret; those of before hold for `overlap` microseconds more."""
        sealed = self.vault.load(sealed_as(self.hook.name))
        before = Signing.opened(sealed) if sealed else Signing(secrets=())
        new = new_secret()
        rotated = before.rotated(new, until=now + overlap, now=now)
        self.vault.save(sealed_as(self.hook.name), rotated.sealed(), now=now)
        return new

"""Writes with an `Idempotency-Key`: asked twice, done once, answered the same.

The answer is kept for a day. A write whose process ended on its way is not done again blindly: who asked is told to look.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.responses import Response

from guestlist.clock import Clock, microseconds
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.records import Records
from guestlist.store.journal_access import KEPT_FOR, Repeatable

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The writes of one space that may be asked again."""

    records: Records
    clock: Clock

    def once(
        self, caller: str, key: str | None, asked: bytes, do: Callable[[], Response], *, secret: bool = False
    ) -> Response:
        """Do a write, or give what was answered when it was done. `asked`: all that tells it from other writes.

        `secret`: the answer is shown once and never kept.
        """
        if key is None:
            return do()
        if not _KEY.fullmatch(key):
            raise _bad_key()
        now = microseconds(self.clock.now())
        mine = Repeatable(caller=caller, key=key, digest=self._digest(asked), at=now)
        journal = self.records.journal
        known = journal.begin_repeatable(mine, forget_before=now - KEPT_FOR)
        if known is not None:
            return _again(known, mine)
        try:
            answered = do()
        except BaseException:
            journal.end_repeatable(mine)
            raise
        body = None if secret else bytes(answered.body)
        journal.end_repeatable(replace(mine, status=answered.status_code, body=body))
        return answered

    def _digest(self, asked: bytes) -> bytes:
        """By the secret of the space: what is asked may name a person, and could be guessed from a plain digest."""
        return hmac.new(self.records.pepper.encode(), asked, hashlib.sha256).digest()


def _again(known: Repeatable, asked: Repeatable) -> Response:
    if known.digest != asked.digest:
        raise WrongUseError(
            "asked_otherwise",
            "This Idempotency-Key was sent before with another request.",
            nothing_lost="Nothing was changed.",
            next_step="Take a new key for every new request, and the same one only to repeat it.",
        )
    if known.status is None:
        raise GuestlistError(
            "not_known_whether_done",
            "The same request is under way, or the process ended while it was.",
            nothing_lost="Nothing was done a second time.",
            next_step="Look whether it is done; if not, ask again with a new Idempotency-Key.",
        )
    if known.body is None:
        raise GuestlistError(
            "shown_once",
            "This was done before; its answer held a secret, which is shown once and kept nowhere.",
            nothing_lost="Nothing was done a second time.",
            next_step="If it was lost on its way: take the key away and make another one, or begin the login again.",
        )
    headers = {"Idempotency-Replayed": "true"}
    return Response(known.body, known.status, headers, "application/json")


def _bad_key() -> WrongUseError:
    return WrongUseError(
        "wrong_parameters",
        "An Idempotency-Key has 1 to 255 printable characters without blanks.",
        nothing_lost="Nothing was changed.",
        next_step="A random UUID is a good one.",
    )

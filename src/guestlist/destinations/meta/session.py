"""Upload sessions: Meta's brackets around requests of one direction and schema."""

import secrets
from dataclasses import dataclass, field

from guestlist.destinations.meta.answers import UsersAnswer
from guestlist.destinations.meta.client import Mark

_CLOSES_AFTER = 55 * 60 * 1_000_000  # Meta ends a session 90 minutes after its first request


@dataclass(kw_only=True)
class Session:
    """One session. It is not continued after anything unusual, so Meta's running counts always start from nothing."""

    group: str
    id: int = field(default_factory=lambda: secrets.randbits(62) + 1)
    batches: int = 0
    received: int = 0
    began: int = 0
    over: bool = False

    def mark(self, *, last: bool, now: int) -> Mark:
        """The next request's place in the session."""
        self.began = self.began or now
        self.batches += 1
        self.over = last or now - self.began > _CLOSES_AFTER
        return Mark(session_id=self.id, batch_seq=self.batches, last=self.over)

    def took_all(self, answer: UsersAnswer, rows: int) -> bool:
        """Whether Meta received what was sent: its count is of the session so far, or of the request alone."""
        right = answer.received in {self.received + rows, rows}
        self.received += rows
        self.over = self.over or not right or answer.invalid > 0
        return right

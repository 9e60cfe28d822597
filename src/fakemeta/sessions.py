"""Upload sessions: many requests that belong to one upload.

An id is used once per ad account; the session ends with `last_batch_flag` or 90 minutes after its first batch
(developers.facebook.com/docs/marketing-api/reference/custom-audience/users).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fakemeta.errors import GraphError, bad_parameter, graph_error

LIFE = 90 * 60.0
_MAX_ID = 2**63 - 1


@dataclass(kw_only=True, slots=True)
class UploadSession:
    id: int
    audience_id: str
    direction: str
    started: float
    received: int = 0
    invalid: int = 0
    matched: int = 0
    ended: float | None = None
    batches: list[int] = field(default_factory=list)

    def closed(self, now: float) -> GraphError | None:
        if self.ended is not None:
            return graph_error(2650, 1870159)
        if now > self.started + LIFE:
            return graph_error(2650, 1870158)
        return None

    def row(self, now: float, *, completes: bool, partial: bool = True) -> dict[str, str]:
        """One line of GET /{id}/sessions: all values are strings, and live answers stay `uploading` for long."""
        over = self.ended is not None or now > self.started + LIFE
        done = completes and over
        return {
            "session_id": str(self.id),
            "start_time": str(int(self.started)),
            "end_time": str(int(self.ended or self.started + LIFE)) if done else "0",
            "num_received": str(self.received),
            "num_matched": str(self.matched) if done else "-1",
            "num_invalid_entries": str(self.invalid) if partial else "0",
            "progress": "100" if done else "0",
            "stage": "completed" if done else "uploading",
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchMark:
    """The `session` parameter of one request."""

    session_id: int
    batch_seq: int
    last: bool


def parse_mark(raw: Any) -> BatchMark | None:
    """Forms carry numbers and booleans as strings, so both are read."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, Mapping):
        raise bad_parameter("param session must be an object.")
    try:
        session_id, seq = int(raw["session_id"]), int(raw.get("batch_seq", 1))
    except (KeyError, TypeError, ValueError) as error:
        raise bad_parameter("param session must have a numeric session_id and batch_seq.") from error
    if not 0 < session_id <= _MAX_ID or seq < 1:
        raise bad_parameter("session_id must be a positive 64-bit integer and batch_seq 1 or more.")
    return BatchMark(
        session_id=session_id, batch_seq=seq, last=str(raw.get("last_batch_flag")).lower() in ("true", "1")
    )


@dataclass(slots=True)
class Sessions:
    """The sessions of one ad account."""

    known: dict[int, UploadSession] = field(default_factory=dict)

    def join(self, mark: BatchMark, audience_id: str, direction: str, now: float) -> UploadSession:
        """The session this batch belongs to, opened if new. Does not check that it is still open."""
        session = self.known.get(mark.session_id)
        if session is None:
            session = UploadSession(id=mark.session_id, audience_id=audience_id, direction=direction, started=now)
            self.known[mark.session_id] = session
        if (session.audience_id, session.direction) != (audience_id, direction):
            raise bad_parameter("session_id is already used in this ad account.")
        return session

    def of(self, audience_id: str) -> list[UploadSession]:
        return [session for session in self.known.values() if session.audience_id == audience_id]

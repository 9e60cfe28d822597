"""The journal's tables, and the records that cross its border. Instants are whole microseconds since 1970, UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)


class PlanState(StrEnum):
    PLANNED = "planned"
    HELD = "held"  # waits for a person's yes
    RUNNING = "running"
    DONE = "done"
    SUPERSEDED = "superseded"


class BatchState(StrEnum):
    PLANNED = "planned"
    INTENDED = "intended"  # may be on its way to Meta
    APPLIED = "applied"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SUPERSEDED = "superseded"


PLAN_STEPS: dict[PlanState, frozenset[PlanState]] = {
    PlanState.PLANNED: frozenset({PlanState.RUNNING, PlanState.HELD, PlanState.SUPERSEDED}),
    PlanState.HELD: frozenset({PlanState.RUNNING, PlanState.SUPERSEDED}),
    PlanState.RUNNING: frozenset({PlanState.DONE, PlanState.SUPERSEDED}),
    PlanState.DONE: frozenset(),
    PlanState.SUPERSEDED: frozenset(),
}
BATCH_STEPS: dict[BatchState, frozenset[BatchState]] = {
    BatchState.PLANNED: frozenset({BatchState.INTENDED, BatchState.SUPERSEDED}),
    BatchState.INTENDED: frozenset({BatchState.APPLIED, BatchState.REFUSED, BatchState.UNKNOWN}),
    BatchState.APPLIED: frozenset(),
    BatchState.REFUSED: frozenset(),
    BatchState.UNKNOWN: frozenset(),
    BatchState.SUPERSEDED: frozenset(),
}
OPEN_PLANS = (PlanState.PLANNED, PlanState.HELD, PlanState.RUNNING)
ANSWERED = (BatchState.APPLIED, BatchState.REFUSED, BatchState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who may act on the space. A rising epoch makes an earlier owner's writes fail."""

    epoch: int
    name: str
    since: int
    host: str | None = None
    pid: int | None = None
    beat: int | None = None  # the last sign of life; an owner that gives none never counts as hung


@dataclass(frozen=True, kw_only=True)
class Definition:
    audience: str
    version: int
    digest: str
    document: str
    recorded_at: int


@dataclass(frozen=True, kw_only=True)
class Sync:
    """An audience bound to a destination, and what it is at Meta."""

    key: str
    audience: str
    destination: str
    remote_id: str | None = None
    remote_name: str | None = None
    creation_intended_at: int | None = None  # set before the create call, so that a crash cannot create twice
    created_at: int | None = None
    adopted: bool = False
    paused: bool = False
    passed_cause: str | None = None  # digest of the settings under which a plan last passed the guard
    full_at: int | None = None  # when a full re-assert was last finished
    right_at: int | None = None  # when Meta was last known to be right
    people_sent: int = 0  # people whom Meta has from us, as of the last run's end
    size_lower: int | None = None  # what Meta last showed of the audience's size,
    size_upper: int | None = None
    size_of: int | None = None  # and people_sent at that time
    remote_description: str | None = None  # as it was last given to Meta
    paused_until: int | None = None  # None while paused: until somebody resumes it
    removals_due: int = 0  # rows that should be out and were not taken, as of the last run's end
    obeyed: int | None = None  # entries of the do-not-send list up to this instant are out

    def paused_at(self, now: int) -> bool:
        """Whether it runs not by itself at this instant."""
        return self.paused and (self.paused_until is None or now < self.paused_until)


@dataclass(frozen=True, kw_only=True)
class Plan:
    id: str
    sync: str
    cause: str
    removals: int
    additions: int
    people_leaving: int = 0
    people_there: int = 0
    state: PlanState = PlanState.PLANNED
    made_at: int = 0
    ended_at: int | None = None
    confirmed_at: int | None = None
    confirmed_people: int | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    id: str
    plan: str
    sync: str
    ordinal: int
    direction: str  # add | remove
    rows: int
    state: BatchState = BatchState.PLANNED
    session: int | None = None
    sent_at: int | None = None
    answered_at: int | None = None
    received: int | None = None
    invalid: int | None = None
    code: int | None = None
    subcode: int | None = None
    fbtrace_id: str | None = None
    folded_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a batch ended. A request that was never sent is `REFUSED` without a code."""

    state: BatchState
    received: int | None = None
    invalid: int | None = None
    code: int | None = None
    subcode: int | None = None
    fbtrace_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One entry of the do-not-send list; the token is peppered, the value itself is nowhere."""

    token: bytes
    kind: str
    listed_at: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A secret as it is stored: encrypted, bound to its name and to the key that opens it."""

    name: str
    key_id: str
    sealed: bytes
    written_at: int


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    seq: int
    at: int
    actor: str
    action: str
    object: str
    counts: str
    reason: str
    previous: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Until when an ad account is left alone, and the stable code of why."""

    account: str
    not_before: int
    reason: str


# The names in the database are spelled out: a migration finds a constraint by its name only.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
_SYNC_KEY = "sync.key"

owner = Table(
    "owner",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("host", Text),
    Column("pid", BigInteger),
    Column("beat", BigInteger),
    CheckConstraint("id = 1", name="single"),
)
definition_version = Table(
    "definition_version",
    metadata,
    Column("audience", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)
sync = Table(
    "sync",
    metadata,
    Column("key", Text, primary_key=True),
    Column("audience", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("remote_id", Text),
    Column("remote_name", Text),
    Column("creation_intended_at", BigInteger),
    Column("created_at", BigInteger),
    Column("adopted", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("passed_cause", Text),
    Column("full_at", BigInteger),
    Column("right_at", BigInteger),
    Column("people_sent", Integer, nullable=False, server_default="0"),
    Column("size_lower", Integer),
    Column("size_upper", Integer),
    Column("size_of", Integer),
    Column("remote_description", Text),
    Column("paused_until", BigInteger),
    Column("removals_due", Integer, nullable=False, server_default="0"),
    Column("obeyed", BigInteger),
    UniqueConstraint("audience", "destination"),
    UniqueConstraint("destination", "remote_id"),  # two syncs never own one audience at Meta
)
plan = Table(
    "plan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sync", Text, ForeignKey(_SYNC_KEY), nullable=False),
    Column("cause", Text, nullable=False),
    Column("removals", Integer, nullable=False),
    Column("additions", Integer, nullable=False),
    Column("people_leaving", Integer, nullable=False),
    Column("people_there", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("confirmed_at", BigInteger),
    Column("confirmed_people", Integer),
    CheckConstraint("state IN ('planned', 'held', 'running', 'done', 'superseded')", name="state"),
    Index(None, "sync", "made_at"),
)
batch = Table(
    "batch",
    metadata,
    Column("id", Text, primary_key=True),
    Column("plan", Text, ForeignKey("plan.id"), nullable=False),
    Column("sync", Text, ForeignKey(_SYNC_KEY), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("direction", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("session", BigInteger),
    Column("sent_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("received", Integer),
    Column("invalid", Integer),
    Column("code", Integer),
    Column("subcode", Integer),
    Column("fbtrace_id", Text),
    Column("folded_at", BigInteger),
    CheckConstraint("state IN ('planned', 'intended', 'applied', 'refused', 'unknown', 'superseded')", name="state"),
    CheckConstraint("direction IN ('add', 'remove')", name="direction"),
    UniqueConstraint("sync", "sent_at"),  # folding orders the batches of a sync by this instant
    Index(None, "plan", "ordinal"),
    Index(None, "state", "folded_at"),
)
do_not_send = Table(
    "do_not_send",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("listed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)
secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("written_at", BigInteger, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
)
pause = Table(
    "pause",
    metadata,
    Column("account", Text, primary_key=True),
    Column("not_before", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)


def without_pause(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the owner may say of a sync. People pause it beside the owner, who must not undo that with an older copy."""
    return {name: value for name, value in values.items() if not name.startswith("paused")}

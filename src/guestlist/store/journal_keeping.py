"""What keeping a space on time needs to remember: when syncs ran, how fresh Meta is.

Figures are counts of people by how long they waited, in steps of an eighth of a doubling: a year of them is small, and
nothing in them tells of anybody.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store import journal_tables as t
from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import BatchState, PlanState, metadata

STEPS = 8
"""Steps in which a waiting time doubles."""
KEPT_DAYS = 35
_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When a sync last began (`ran`), or since when it is known; what stopped it, and when it goes on by itself."""

    sync: str
    at: int
    ran: bool = False
    again_at: int | None = None
    failures: int = 0  # in a row
    code: str | None = None
    happened: str | None = None
    nothing_lost: str | None = None
    next_step: str | None = None
    removal_since: int | None = None  # since when the oldest removal waits that Meta has not acknowledged


@dataclass(frozen=True, kw_only=True)
class Waited:
    """So many people waited at most `upto` milliseconds, and more than one step less; the last of them `worst`."""

    upto: int
    people: int
    worst: int


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """Milliseconds from the message received to the batch acknowledged, over the last days."""

    people: int
    p50: int
    p95: int
    worst: int


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A batch that was sent, and what came of it when."""

    state: BatchState
    sent_at: int
    answered_at: int


timing = Table(
    "timing",
    metadata,
    Column("sync", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("ran", Boolean, nullable=False),
    Column("again_at", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("code", Text),
    Column("happened", Text),
    Column("nothing_lost", Text),
    Column("next_step", Text),
    Column("removal_since", BigInteger),
)
freshness = Table(
    "freshness",
    metadata,
    Column("sync", Text, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("upto", BigInteger, primary_key=True),
    Column("people", BigInteger, nullable=False),
    Column("worst", BigInteger, nullable=False),
)


class KeepingRecords(JournalPart):
    """The part of the journal that keeps them."""

    def confirmed(self) -> frozenset[str]:
        """Syncs of which a held plan has a person's yes."""
        said_yes = select(t.plan.c.sync).where(t.plan.c.state == PlanState.HELD, t.plan.c.confirmed_at.is_not(None))
        with self._read() as connection:
            return frozenset(connection.scalars(said_yes))

    def sent_since(self, sync: str, instant: int) -> list[Answered]:
        """The sync's batches that were sent then or later and are answered."""
        columns = (t.batch.c.state, t.batch.c.sent_at, t.batch.c.answered_at)
        query = select(*columns).where(t.batch.c.sync == sync, t.batch.c.sent_at >= instant)
        with self._read() as connection:
            rows = connection.execute(query.where(t.batch.c.answered_at.is_not(None)))
            return [Answered(state=BatchState(state), sent_at=sent, answered_at=at) for state, sent, at in rows]

    def pause_sync(self, one: t.Sync) -> None:
        """Pause a sync, until `paused_until` or until it is resumed. Any process may, beside the owner of the space."""
        said = {"paused": True, "paused_until": one.paused_until}
        values = asdict(one) | said
        statement = upsert(t.sync).values(values).on_conflict_do_update(index_elements=["key"], set_=said)
        with self._write() as connection:
            connection.execute(statement)

    def waits(self) -> list[tuple[str, int]]:
        """What Meta is not to be called for, and until when."""
        with self._read() as connection:
            return [
                (account, until)
                for account, until in connection.execute(select(t.pause.c.account, t.pause.c.not_before))
            ]

    def timings(self) -> dict[str, Timing]:
        with self._read() as connection:
            return {row["sync"]: Timing(**row) for row in connection.execute(select(timing)).mappings()}

    def save_timing(self, one: Timing) -> None:
        values = asdict(one)
        statement = upsert(timing).values(values).on_conflict_do_update(index_elements=["sync"], set_=values)
        with self._owned() as connection:
            connection.execute(statement)

    def note_waited(self, sync: str, waited: Sequence[Waited], *, now: int) -> None:
        """Add people who were acknowledged; what is older than five weeks is let go."""
        day = now // _DAY
        with self._owned() as connection:
            connection.execute(delete(freshness).where(freshness.c.day < day - KEPT_DAYS))
            for one in waited:
                added = upsert(freshness).values(sync=sync, day=day, **asdict(one))
                worse = added.excluded.worst > freshness.c.worst
                more = {"people": freshness.c.people + added.excluded.people}
                keys = ["sync", "day", "upto"]
                connection.execute(added.on_conflict_do_update(index_elements=keys, set_=more))
                connection.execute(
                    upsert(freshness)
                    .values(sync=sync, day=day, **asdict(one))
                    .on_conflict_do_update(index_elements=keys, set_={"worst": added.excluded.worst}, where=worse)
                )

    def freshness(self, sync: str, *, now: int, days: int = 7) -> Freshness | None:
        """Of people acknowledged in the last days; None without any."""
        return self.freshness_of_all(now=now, days=days).get(sync)

    def freshness_of_all(self, *, now: int, days: int = 7) -> dict[str, Freshness]:
        """The same of every sync that has any."""
        found: dict[str, list[Waited]] = {}
        query = select(freshness.c.sync, freshness.c.upto, freshness.c.people, freshness.c.worst)
        with self._read() as connection:
            for sync, *told in connection.execute(query.where(freshness.c.day > now // _DAY - days)):
                found.setdefault(sync, []).append(Waited(**dict(zip(("upto", "people", "worst"), told, strict=True))))
        return {sync: summary(waited) for sync, waited in found.items()}


def summary(found: Sequence[Waited]) -> Freshness:
    """Percentiles are told to the step: at most a tenth above the truth, and never above the worst."""
    people, worst = sum(one.people for one in found), max(one.worst for one in found)
    return Freshness(people=people, p50=_share(found, people / 2), p95=_share(found, people * 0.95), worst=worst)


def _share(found: Sequence[Waited], wanted: float) -> int:
    counted = 0
    for one in sorted(found, key=lambda each: each.upto):
        counted += one.people
        if counted >= wanted:
            return min(one.upto, max(each.worst for each in found if each.upto == one.upto))
    return 0


def step(milliseconds: float) -> int:
    """The upper end of the step in which a waiting time lies."""
    return math.ceil(2 ** (math.ceil(STEPS * math.log2(max(milliseconds, 1))) / STEPS))

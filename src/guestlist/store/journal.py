"""The journal: everything small that must survive. It decides; the ledger follows.

Whoever owns the space holds an epoch, and every write that leads to a request checks it in the same transaction: a
worker that lost the space cannot record an intent, and without a recorded intent nothing is sent. Writes that any
process may make beside the owner (do-not-send list, confirmations, audit) do not ask for the epoch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.errors import GuestlistError
from guestlist.store import journal_tables as t
from guestlist.store.journal_access import AccessRecords
from guestlist.store.journal_alerts import AlertRecords
from guestlist.store.journal_audit import AuditRecords
from guestlist.store.journal_backups import BackupRecords
from guestlist.store.journal_clock import ClockRecords, last_sign, set_back
from guestlist.store.journal_counts import CountRecords
from guestlist.store.journal_edits import EditRecords
from guestlist.store.journal_erasures import ErasureRecords
from guestlist.store.journal_externals import ExternalRecords
from guestlist.store.journal_file import NOTHING_CHANGED, engine, make_private, migrate, translated
from guestlist.store.journal_hooks import HookRecords
from guestlist.store.journal_keeping import KeepingRecords
from guestlist.store.journal_pulls import PullRecords
from guestlist.store.journal_sources import SourceRecords
from guestlist.store.journal_splits import SplitRecords
from guestlist.store.journal_tables import (
    ANSWERED,
    BATCH_STEPS,
    OPEN_PLANS,
    PLAN_STEPS,
    Answer,
    Batch,
    BatchState,
    Definition,
    Listed,
    Owner,
    Pause,
    Plan,
    PlanState,
    Sealed,
    Sync,
)
from guestlist.store.journal_tokens import TokenRecords

T = TypeVar("T")
_OWNER = select(*(column for column in t.owner.c if column.name != "id"))


class Journal(
    AccessRecords,
    AlertRecords,
    AuditRecords,
    BackupRecords,
    ClockRecords,
    CountRecords,
    EditRecords,
    ErasureRecords,
    SourceRecords,
    SplitRecords,
    KeepingRecords,
    PullRecords,
    TokenRecords,
    ExternalRecords,
    HookRecords,
):
    """One open journal file. Safe to share between threads; each call is one transaction."""

    def __init__(self, database: Engine) -> None:
        self._engine = database
        self._epoch: int | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make the file, readable by its owner only, and bring its tables up to date."""
        make_private(path)
        database = engine(path)
        try:
            with translated(path), database.begin() as connection:
                migrate(connection, path)
        except BaseException:
            database.dispose()
            raise
        return cls(database)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- who owns the space -------------------------------------------------------------------------------------------

    def take_over(
        self, name: str, *, now: int, process: tuple[str, int] | None = None, instead_of: Owner | None = None
    ) -> int:
        """Become the owner. What an earlier owner had on its way is in doubt from here on; its plans end.

        Stored additions are never sent as they are: their person may have left meanwhile. So nothing is resumed,
        everything is planned again; held plans stay, because a person is still to say yes. A plan to which one had
        said yes is held again with that yes, so that the rest of it is not asked about once more.
        `process` (host, pid) gives signs of life from now on. Fails where the owner is no longer as `instead_of`.
        """
        with self._write() as connection:
            owner = _one(connection, _OWNER, Owner)
            if instead_of not in {None, owner}:
                raise _taken_over()
            set_back(connection, last_sign(owner) - now)
            epoch = (owner.epoch if owner else 0) + 1
            host, pid = process or (None, None)
            values = {"id": 1, "epoch": epoch, "name": name, "since": now, "host": host, "pid": pid}
            values["beat"] = now if process else None
            connection.execute(upsert(t.owner).values(values).on_conflict_do_update(index_elements=["id"], set_=values))
            lost = update(t.batch).where(t.batch.c.state == BatchState.INTENDED)
            connection.execute(lost.values(state=BatchState.UNKNOWN, answered_at=now))
            under_way = select(t.plan.c.id).where(t.plan.c.state.in_((PlanState.PLANNED, PlanState.RUNNING)))
            _hold_again(connection, under_way.where(t.plan.c.confirmed_at.is_not(None)))
            _supersede(connection, under_way, now)
        self._epoch = epoch
        return epoch

    def owner(self) -> Owner | None:
        with self._read() as connection:
            return _one(connection, _OWNER, Owner)

    # --- definitions and syncs ----------------------------------------------------------------------------------------

    def record_definition(self, audience: str, digest: str, document: str, *, now: int) -> Definition:
        """The version of this definition: a new one if it differs from the last, else the last."""
        with self._owned() as connection:
            last = _latest(connection, audience)
            if last is not None and last.digest == digest:
                return last
            version = last.version + 1 if last else 1
            new = Definition(audience=audience, version=version, digest=digest, document=document, recorded_at=now)
            connection.execute(insert(t.definition_version).values(asdict(new)))
        return new

    def definition(self, audience: str) -> Definition | None:
        with self._read() as connection:
            return _latest(connection, audience)

    def save_sync(self, sync: Sync) -> None:
        values, kept = asdict(sync), t.without_pause(asdict(sync))
        statement = upsert(t.sync).values(values).on_conflict_do_update(index_elements=["key"], set_=kept)
        with self._owned() as connection:
            _refuse_shared_audience(connection, sync)
            connection.execute(statement)

    def sync(self, key: str) -> Sync | None:
        with self._read() as connection:
            return _one(connection, select(t.sync).where(t.sync.c.key == key), Sync)

    def syncs(self) -> list[Sync]:
        with self._read() as connection:
            return _all(connection, select(t.sync).order_by(t.sync.c.key), Sync)

    # --- plans --------------------------------------------------------------------------------------------------------

    def save_plan(self, plan: Plan, batches: Sequence[Batch], *, now: int, beside: str | None = None) -> Plan:
        """Record a plan and its batches; every other open plan of the sync is superseded, but for the one `beside`.

        A held plan may be saved again under its id, with what it has become since: a yes stays with it.
        """
        with self._owned() as connection:
            others = select(t.plan.c.id).where(t.plan.c.sync == plan.sync, t.plan.c.state.in_(OPEN_PLANS))
            _supersede(connection, others.where(t.plan.c.id.not_in([plan.id, beside or ""])), now)
            held = _plan(connection, plan.id)
            if held is not None:
                plan = _renewed(connection, held, plan)
            else:
                plan = replace(plan, made_at=now)
                connection.execute(insert(t.plan).values(_plain(plan)))
            if batches:
                connection.execute(insert(t.batch), [_plain(_fresh(batch, plan)) for batch in batches])
        return plan

    def plan(self, plan_id: str) -> Plan | None:
        with self._read() as connection:
            return _plan(connection, plan_id)

    def plans(self, sync: str, *, last: int = 20) -> list[Plan]:
        """The newest plans of a sync, newest first."""
        query = select(t.plan).where(t.plan.c.sync == sync).order_by(t.plan.c.made_at.desc(), t.plan.c.id).limit(last)
        with self._read() as connection:
            return _all(connection, query, _as_plan)

    def runs(self, *, sync: str | None, state: PlanState | None, before: Plan | None, most: int) -> list[Plan]:
        """Plans, newest first: of one sync or all, in one state or any; `before`: only those that stand behind it."""
        query = select(t.plan).order_by(t.plan.c.made_at.desc(), t.plan.c.id).limit(most)
        if sync is not None:
            query = query.where(t.plan.c.sync == sync)
        if state is not None:
            query = query.where(t.plan.c.state == state)
        if before is not None:
            earlier, same = t.plan.c.made_at < before.made_at, t.plan.c.made_at == before.made_at
            query = query.where(earlier | (same & (t.plan.c.id > before.id)))
        with self._read() as connection:
            return _all(connection, query, _as_plan)

    def held_plan(self, sync: str) -> Plan | None:
        query = select(t.plan).where(t.plan.c.sync == sync, t.plan.c.state == PlanState.HELD)
        with self._read() as connection:
            return _one(connection, query, _as_plan)

    def confirm(self, plan_id: str, *, now: int) -> Plan:
        """A person's yes, from any process; it covers as many people as the plan shows at this moment."""
        with self._write() as connection:
            plan = _plan(connection, plan_id)
            if plan is None or plan.state is not PlanState.HELD:
                raise GuestlistError(
                    "plan_not_held",
                    f"No plan {plan_id} waits for a yes.",
                    next_step="See what waits with: guestlist status",
                    nothing_lost=NOTHING_CHANGED,
                )
            yes: dict[str, Any] = {"confirmed_at": now, "confirmed_people": plan.people_leaving}
            connection.execute(update(t.plan).where(t.plan.c.id == plan_id).values(yes))
        return replace(plan, **yes)

    def move_plan(self, plan_id: str, to: PlanState, *, now: int) -> None:
        """Start, hold or end a plan. Superseding one supersedes its unsent batches."""
        with self._owned() as connection:
            plan = _plan(connection, plan_id)
            if plan is None or to not in PLAN_STEPS[plan.state]:
                raise _impossible("plan", plan_id, plan.state if plan else None, to)
            if to is PlanState.SUPERSEDED:
                _supersede(connection, select(t.plan.c.id).where(t.plan.c.id == plan_id), now)
                return
            ended = now if to is PlanState.DONE else None
            connection.execute(update(t.plan).where(t.plan.c.id == plan_id).values(state=to, ended_at=ended))

    # --- batches ------------------------------------------------------------------------------------------------------

    def intend(self, batch_id: str, *, rows: int, session: int | None, now: int) -> int:
        """Record that a batch is about to be sent; nothing may be sent before this returns. Gives its instant.

        The instant is later than that of every earlier batch of the sync, whatever the clock says: folding needs
        their order.
        """
        with self._owned() as connection:
            batch = _movable(connection, batch_id, BatchState.INTENDED)
            plan = _plan(connection, batch.plan)
            if plan is None or plan.state is not PlanState.RUNNING:
                raise _impossible("batch", batch_id, batch.state, BatchState.INTENDED)
            sent_at = max(now, _last_sent_at(connection, batch.sync) + 1)
            change = {"state": BatchState.INTENDED, "rows": rows, "session": session, "sent_at": sent_at}
            connection.execute(update(t.batch).where(t.batch.c.id == batch_id).values(change))
        return sent_at

    def answer(self, batch_id: str, answer: Answer, *, now: int) -> None:
        with self._owned() as connection:
            _movable(connection, batch_id, answer.state)
            change = _plain(answer) | {"answered_at": now}
            connection.execute(update(t.batch).where(t.batch.c.id == batch_id).values(change))

    def last_sent_at(self, sync: str) -> int:
        """The instant of the sync's last batch, 0 without any; every later batch has a later one."""
        with self._read() as connection:
            return _last_sent_at(connection, sync)

    def batches(self, plan_id: str) -> list[Batch]:
        query = select(t.batch).where(t.batch.c.plan == plan_id).order_by(t.batch.c.ordinal)
        with self._read() as connection:
            return _all(connection, query, _as_batch)

    def unfolded(self) -> list[Batch]:
        """Answered batches that the ledger may not know yet, in the order in which they were sent."""
        query = select(t.batch).where(t.batch.c.state.in_(ANSWERED), t.batch.c.folded_at.is_(None))
        with self._read() as connection:
            return _all(connection, query.order_by(t.batch.c.sync, t.batch.c.sent_at), _as_batch)

    def folded(self, batch_ids: Iterable[str], *, now: int) -> None:
        """Only after the ledger has committed them; saying it twice changes nothing."""
        with self._owned() as connection:
            for batch_id in batch_ids:
                known = update(t.batch).where(t.batch.c.id == batch_id, t.batch.c.state.in_(ANSWERED))
                connection.execute(known.where(t.batch.c.folded_at.is_(None)).values(folded_at=now))

    def rows_by_state(self, sync: str) -> dict[BatchState, int]:
        """Counts come from states, never from attempts."""
        query = select(t.batch.c.state, func.sum(t.batch.c.rows)).where(t.batch.c.sync == sync)
        with self._read() as connection:
            return {BatchState(state): rows for state, rows in connection.execute(query.group_by(t.batch.c.state))}

    # --- do-not-send list, secrets, waits -----------------------------------------------------------------------------

    def list_do_not_send(self, entries: Iterable[Listed]) -> int:
        """Add entries; gives how many were new."""
        with self._write() as connection:
            statement = upsert(t.do_not_send).on_conflict_do_nothing()
            return sum(connection.execute(statement.values(asdict(entry))).rowcount for entry in entries)

    def unlist_do_not_send(self, tokens: Iterable[bytes]) -> int:
        with self._write() as connection:
            return sum(
                connection.execute(delete(t.do_not_send).where(t.do_not_send.c.token == token)).rowcount
                for token in tokens
            )

    def do_not_send(self) -> list[Listed]:
        with self._read() as connection:
            return _all(connection, select(t.do_not_send), Listed)

    def do_not_send_mark(self) -> tuple[int, int]:
        """Changes with the list: how many entries it has, and when the newest was added."""
        query = select(func.count(), func.coalesce(func.max(t.do_not_send.c.listed_at), 0)).select_from(t.do_not_send)
        with self._read() as connection:
            count, newest = connection.execute(query).one()
        return int(count), int(newest)

    def save_secret(self, secret: Sealed) -> None:
        values = asdict(secret)
        statement = upsert(t.secret).values(values).on_conflict_do_update(index_elements=["name"], set_=values)
        with self._write() as connection:
            connection.execute(statement)
        self._forget_old_pages()

    def secret(self, name: str) -> Sealed | None:
        with self._read() as connection:
            return _one(connection, select(t.secret).where(t.secret.c.name == name), Sealed)

    def secrets(self) -> list[Sealed]:
        with self._read() as connection:
            return _all(connection, select(t.secret).order_by(t.secret.c.name), Sealed)

    def delete_secret(self, name: str) -> bool:
        with self._write() as connection:
            gone = connection.execute(delete(t.secret).where(t.secret.c.name == name)).rowcount > 0
        self._forget_old_pages()
        return gone

    def save_pause(self, pause: Pause) -> None:
        """A wait only grows: a shorter one, learnt from an older answer, does not cut it."""
        values = asdict(pause)
        statement = upsert(t.pause).values(values)
        longer = statement.excluded.not_before > t.pause.c.not_before
        with self._owned() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["account"], set_=values, where=longer))

    def pause(self, account: str) -> Pause | None:
        with self._read() as connection:
            return _one(connection, select(t.pause).where(t.pause.c.account == account), Pause)

    def note_size(self, key: str, *, lower: int, upper: int, of: int) -> None:
        """Keep what Meta shows of an audience's size, beside how many people it had from us then. Not the owner's alone."""
        with self._write() as connection:
            told = {"size_lower": lower, "size_upper": upper, "size_of": of}
            connection.execute(update(t.sync).where(t.sync.c.key == key).values(told))

    # --- transactions -------------------------------------------------------------------------------------------------

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated(), self._engine.connect().execution_options(reading=True) as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _owned(self) -> Iterator[Connection]:
        with self._write() as connection:
            if self._epoch is None or connection.scalar(select(t.owner.c.epoch)) != self._epoch:
                raise _taken_over()
            yield connection

    def _forget_old_pages(self) -> None:
        """Overwritten values leave the file by secure_delete, but stay in the WAL until it is checkpointed."""
        with self._engine.connect().execution_options(plain=True) as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _taken_over() -> GuestlistError:
    return GuestlistError(
        "space_taken_over",
        "Another Guestlist process has taken over this space.",
        next_step="Leave the space to that process; guestlist status says which one it is.",
        nothing_lost="Nothing is lost: it goes on from what is recorded.",
    )


def _latest(connection: Connection, audience: str) -> Definition | None:
    table = t.definition_version
    query = select(table).where(table.c.audience == audience).order_by(table.c.version.desc()).limit(1)
    return _one(connection, query, Definition)


def _refuse_shared_audience(connection: Connection, sync: Sync) -> None:
    if sync.remote_id is None:
        return
    same = select(t.sync.c.key).where(t.sync.c.destination == sync.destination, t.sync.c.remote_id == sync.remote_id)
    other = connection.scalar(same.where(t.sync.c.key != sync.key))
    if other is not None:
        raise GuestlistError(
            "audience_owned_by_other_sync",
            f"{sync.key}: the audience {sync.remote_id} at Meta already belongs to the sync {other}.",
            next_step="Adopt another audience, or set adopt: false to make a new one.",
            nothing_lost=NOTHING_CHANGED,
        )


def _plan(connection: Connection, plan_id: str) -> Plan | None:
    return _one(connection, select(t.plan).where(t.plan.c.id == plan_id), _as_plan)


def _batch(connection: Connection, batch_id: str) -> Batch | None:
    return _one(connection, select(t.batch).where(t.batch.c.id == batch_id), _as_batch)


def _last_sent_at(connection: Connection, sync: str) -> int:
    return connection.scalar(select(func.max(t.batch.c.sent_at)).where(t.batch.c.sync == sync)) or 0


def _renewed(connection: Connection, held: Plan, plan: Plan) -> Plan:
    """The held plan with its new counts; its old unsent batches give way to the new ones."""
    if held.state is not PlanState.HELD or held.sync != plan.sync:
        raise _impossible("plan", plan.id, held.state, plan.state)
    renewed = replace(
        plan, made_at=held.made_at, confirmed_at=held.confirmed_at, confirmed_people=held.confirmed_people
    )
    _supersede_batches(connection, [plan.id])
    connection.execute(update(t.plan).where(t.plan.c.id == plan.id).values(_plain(renewed)))
    return renewed


def _hold_again(connection: Connection, plans: Any) -> None:
    ids = list(connection.scalars(plans))
    _supersede_batches(connection, ids)
    connection.execute(update(t.plan).where(t.plan.c.id.in_(ids)).values(state=PlanState.HELD))


def _supersede(connection: Connection, plans: Any, now: int) -> None:
    ids = list(connection.scalars(plans))
    _supersede_batches(connection, ids)
    connection.execute(update(t.plan).where(t.plan.c.id.in_(ids)).values(state=PlanState.SUPERSEDED, ended_at=now))


def _supersede_batches(connection: Connection, plan_ids: Sequence[str]) -> None:
    unsent = update(t.batch).where(t.batch.c.plan.in_(plan_ids), t.batch.c.state == BatchState.PLANNED)
    connection.execute(unsent.values(state=BatchState.SUPERSEDED))


def _movable(connection: Connection, batch_id: str, to: BatchState) -> Batch:
    batch = _batch(connection, batch_id)
    if batch is None or to not in BATCH_STEPS[batch.state]:
        raise _impossible("batch", batch_id, batch.state if batch else None, to)
    return batch


def _impossible(kind: str, what: str, state: str | None, to: str) -> GuestlistError:
    return GuestlistError(
        "journal_step_refused",
        f"{kind} {what} is {state or 'not recorded'} and cannot become {to}.",
        next_step="Run: guestlist sync, which plans again. If it comes back, report this code.",
        nothing_lost=NOTHING_CHANGED,
    )


def _fresh(batch: Batch, plan: Plan) -> Batch:
    """Only a batch that was never sent may be recorded, and only under its own plan."""
    return replace(batch, plan=plan.id, sync=plan.sync, state=BatchState.PLANNED)


def _plain(record: Plan | Batch | Answer) -> dict[str, Any]:
    return asdict(record) | {"state": record.state.value}


def _one(connection: Connection, query: Select[Any], record: Callable[..., T]) -> T | None:
    row = connection.execute(query).mappings().one_or_none()
    return record(**row) if row else None


def _all(connection: Connection, query: Select[Any], record: Callable[..., T]) -> list[T]:
    return [record(**row) for row in connection.execute(query).mappings()]


def _as_plan(*, state: str, **values: Any) -> Plan:
    return Plan(state=PlanState(state), **values)


def _as_batch(*, state: str, **values: Any) -> Batch:
    return Batch(state=BatchState(state), **values)

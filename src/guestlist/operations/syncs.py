"""Syncs: how each one stands in full, and what it is told to do."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import orjson
from pydantic import Field

from guestlist.audiences.definition import Sync as Wish
from guestlist.audiences.schedule import Past, due, schedule_text
from guestlist.clock import microseconds
from guestlist.destinations.settings import read_destination, readable_destinations
from guestlist.errors import GuestlistError
from guestlist.known_syncs import KnownSync, known_syncs
from guestlist.operations.desk import Desk, KeeperTold, not_kept
from guestlist.operations.operation import Operation, Scope, get, post
from guestlist.operations.standing import (
    Run,
    Stopped,
    Waited,
    iso,
    now_in_words,
    plan_of,
    run_of,
    waited,
    what_stops,
)
from guestlist.store.journal_counts import SyncCount
from guestlist.store.journal_keeping import Timing
from guestlist.store.journal_tables import Batch, BatchState, PlanState, Sync
from guestlist.telling.answer import Answer, Value

State = Literal["right", "running", "paused", "held", "stopped"]
Key = Annotated[str, Field(description="audience@destination, or audience while it goes to one.")]


# --- how each one stands ----------------------------------------------------------------------------------------------


class SyncInFull(Answer):
    """One sync by its records alone: nothing is asked of Meta, so it costs nothing to look often.

    `asked`: it was told to run and has not begun. `again_at`: when it is tried again after what went wrong.

    `quota`: percent of its calls that the ad account has used up, as Meta said last in a run by this process.

    People: `members`, `can_be_sent`, `cannot_be_sent` (by reason), `people_sent`. Rows: `taken` by Meta, `in_doubt`,
    `declined`; `waiting`: planned last and not sent, taken or in doubt, though that run was broken off, waits for a yes or
    was refused for now. All but `waiting` are of `counted_at`, the end of the last run.
    """

    sync: str
    audience: str
    destination: str
    name: str
    mode: str | None
    schedule: str | None
    paused: bool
    now: str
    asked: bool
    running: bool
    members: int | None
    can_be_sent: int | None
    cannot_be_sent: dict[str, int]
    people_sent: int
    taken: int
    in_doubt: int
    declined: int
    waiting: int
    counted_at: str | None
    last_run: str | None
    last_right: str | None
    next_run: str | None
    again_at: str | None
    calls_again_at: str | None
    quota: float | None
    plan_waiting: str | None
    received_to_acknowledged: Waited | None
    removal_waits_since: str | None
    size_at_meta: tuple[int, int] | None
    audience_id: str | None
    error: Stopped | None


class Syncs(Answer):
    """All syncs, by key."""

    syncs: tuple[SyncInFull, ...]


class ListSyncs(Operation[Syncs]):
    """List all syncs, those too whose audience is no longer defined but still at Meta. Nothing is asked of Meta."""

    route = get("/syncs")
    state: Annotated[
        State | None,
        Field(description="Only those that are right, running, paused, held until a yes, or stopped by an error."),
    ] = None
    audience: Annotated[str | None, Field(description="Only those of this audience, by its key.")] = None
    destination: Annotated[str | None, Field(description="Only those that go there.")] = None

    def run(self, desk: Desk) -> Syncs:
        known = known_syncs(desk.space, desk.records.journal).by_key
        timings, counts = desk.records.journal.timings(), desk.records.journal.counts()
        chosen = [
            key
            for key in sorted(known)
            if self.audience in {None, known[key].sync.audience}
            and self.destination in {None, known[key].sync.destination}
        ]
        every = (_told(desk, known[key], timings.get(key), counts.get(key)) for key in chosen)
        return Syncs(syncs=tuple(one for one in every if self.state is None or _is(one, self.state)))


def _is(one: SyncInFull, state: State) -> bool:
    """A sync may be in several states at once: one that is paused may have been stopped by an error before."""
    return {
        "right": one.now == "right",
        "running": one.running or one.now.startswith("under way"),
        "paused": one.paused,
        "held": one.plan_waiting is not None,
        "stopped": one.error is not None,
    }[state]


class ShowSync(Operation[SyncInFull]):
    """Show one sync: people and rows, when it was last right at Meta, when it runs next, what stopped it."""

    route = get("/syncs/{key}")
    key: Key

    def run(self, desk: Desk) -> SyncInFull:
        journal = desk.records.journal
        found = known_syncs(desk.space, journal).meant(self.key)
        key = found.sync.key
        return _told(desk, found, journal.timings().get(key), journal.counts().get(key))


def _told(desk: Desk, known: KnownSync, timing: Timing | None, count: SyncCount | None) -> SyncInFull:
    sync, name, wish = known.sync, known.name, known.wish
    journal, at = desk.records.journal, desk.now
    held = journal.held_plan(sync.key)
    note = known.mistake or what_stops(journal, sync, timing)
    sizes = (sync.size_lower, sync.size_upper)
    return SyncInFull(
        sync=sync.key,
        audience=sync.audience,
        destination=sync.destination,
        name=name,
        mode=wish.mode if wish else None,
        schedule=schedule_text(wish.when) if wish else None,
        paused=sync.paused_at(at),
        now=now_in_words(journal, sync, waits=held is not None, stopped=note is not None, at=at),
        asked=desk.keeper is not None and sync.key in desk.keeper.asked,
        running=desk.keeper is not None and desk.keeper.running == sync.key,
        members=count.members if count else None,
        can_be_sent=count.can_be_sent if count else None,
        cannot_be_sent=orjson.loads(count.cannot) if count else {},
        people_sent=sync.people_sent,
        taken=count.taken if count else 0,
        in_doubt=count.in_doubt if count else 0,
        declined=count.declined if count else 0,
        waiting=_waiting(desk, sync),
        counted_at=iso(count.at) if count else None,
        last_run=iso(timing.at) if timing and timing.ran else None,
        last_right=iso(sync.right_at) if sync.right_at else None,
        next_run=_next_run(desk, wish, timing) if wish and not sync.paused_at(at) else None,
        again_at=iso(timing.again_at) if timing and timing.again_at else None,
        calls_again_at=calls_again_at(desk, sync.destination, at),
        quota=desk.keeper.quota(sync.destination) if desk.keeper is not None else None,
        plan_waiting=held.id if held else None,
        received_to_acknowledged=waited(journal.freshness(sync.key, now=at)),
        removal_waits_since=iso(timing.removal_since) if timing and timing.removal_since else None,
        size_at_meta=(sizes[0], sizes[1]) if sizes[0] is not None and sizes[1] is not None else None,
        audience_id=sync.remote_id,
        error=None if note is None else stopped_by(note),
    )


def stopped_by(error: GuestlistError) -> Stopped:
    return Stopped(code=error.code, message=error.message, next=error.next_step)


def _waiting(desk: Desk, sync: Sync) -> int:
    """Rows that are still to be sent: of the newest plan, and removals that Meta would not take."""
    journal = desk.records.journal
    newest = next(iter(journal.plans(sync.key, last=1)), None)
    if newest is None or newest.state is PlanState.DONE or (sync.right_at or 0) >= newest.made_at:
        return sync.removals_due
    if newest.state is PlanState.HELD:
        return newest.additions + newest.removals
    return sum(one.rows for one in journal.batches(newest.id) if one.state not in _SENT)


_SENT = frozenset({BatchState.APPLIED, BatchState.UNKNOWN})


def _next_run(desk: Desk, wish: Wish, timing: Timing | None) -> str | None:
    """When it runs by itself if nothing new comes; in the past where it is about to."""
    now = desk.clock.now()
    past = Past(at=_instant(timing.at), ran=timing.ran).seen_at(now) if timing else Past(at=now, ran=False)
    when = due(wish.when, past, zone=desk.space.settings.zone, changed=False)
    if timing is not None and timing.again_at is not None:
        again = _instant(timing.again_at)
        when = again if when is None or timing.code is not None else min(when, again)
    return None if when is None else iso(microseconds(when))


def calls_again_at(desk: Desk, destination: str, at: int) -> str | None:
    """Until when Meta takes no calls of the account, by its own word."""
    try:
        account = read_destination(desk.space.settings, destination).account
    except GuestlistError:
        return None
    pause = desk.records.journal.pause(account)
    return iso(pause.not_before) if pause is not None and pause.not_before > at else None


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)


# --- what was sent ----------------------------------------------------------------------------------------------------


class Call(Value):
    """One request to Meta: how many rows, and how it ended. `fbtrace_id`: what Meta's support asks for."""

    number: int
    direction: str
    rows: int
    state: str
    sent_at: str | None
    seconds: float | None
    received: int | None
    invalid: int | None
    code: int | None
    subcode: int | None
    fbtrace_id: str | None


class RunInFull(Answer):
    """One run with its calls, in their order; never what was in them."""

    run: Run
    calls: tuple[Call, ...]


class ShowRun(Operation[RunInFull]):
    """Show one run: every call to Meta with its rows, time, code and trace id."""

    route = get("/runs/{plan}")
    plan: Annotated[str, Field(description="The run, by its plan.")]

    def run(self, desk: Desk) -> RunInFull:
        journal = desk.records.journal
        plan = plan_of(journal, self.plan)
        return RunInFull(run=run_of(journal, plan), calls=tuple(_call(one) for one in journal.batches(plan.id)))


def _call(one: Batch) -> Call:
    seconds = None if one.sent_at is None or one.answered_at is None else (one.answered_at - one.sent_at) / 1_000_000
    return Call(
        number=one.ordinal,
        direction=one.direction,
        rows=one.rows,
        state=one.state.value,
        sent_at=iso(one.sent_at) if one.sent_at else None,
        seconds=seconds,
        received=one.received,
        invalid=one.invalid,
        code=one.code,
        subcode=one.subcode,
        fbtrace_id=one.fbtrace_id,
    )


# --- told -------------------------------------------------------------------------------------------------------------


class Ordered(Answer):
    """Which syncs were told what. `at`: when; a run of theirs that begins later has heard it. `mistaken`: audiences whose
    files have mistakes, so that what they say now is not gone by.
    """

    syncs: tuple[str, ...]
    at: str
    mistaken: tuple[str, ...] = ()


class RunSyncs(Operation[Ordered]):
    """Let syncs run now, however they are timed. Answers at once: `GET /syncs/{key}` tells how it goes on."""

    route = post("/syncs/run", Scope.SYNCS)
    key: Annotated[str | None, Field(description="One sync; all when left out.")] = None
    full: Annotated[bool, Field(description="Send every row again, also those that Meta has.")] = False

    def run(self, desk: Desk) -> Ordered:
        keeper = keeper_of(desk)
        chosen = self._chosen(desk)
        for key in chosen:
            keeper.run_now(key, full=self.full)
        desk.audit("sync ordered", self.key or "all", syncs=len(chosen))
        mistaken = known_syncs(desk.space, desk.records.journal).mistaken if self.key is None else ()
        return Ordered(syncs=tuple(chosen), at=iso(desk.now), mistaken=tuple(sorted(mistaken)))

    def _chosen(self, desk: Desk) -> list[str]:
        """Those that can run at all: a file asks for them, or they are to be emptied, and their destination can be used."""
        journal = desk.records.journal
        known, emptied = known_syncs(desk.space, journal), journal.emptied()
        if self.key is None:
            usable = readable_destinations(desk.space.settings)
            can = {key: one for key, one in known.by_key.items() if one.sync.destination in usable}
            return sorted(key for key, one in can.items() if one.wish is not None or key in emptied)
        one = known.meant(self.key)
        if one.sync.key not in emptied:
            _check_is_wished(one)
        read_destination(desk.space.settings, one.sync.destination)
        return [one.sync.key]


def _check_is_wished(one: KnownSync) -> None:
    if one.mistake is not None:
        raise one.mistake
    if one.wish is None:
        raise GuestlistError(
            "sync_left_alone",
            f"No file asks for the sync {one.sync.key} any more: its audience at Meta is left as it is.",
            nothing_lost="Nothing was sent.",
            next_step="Put it into the audience's file again (sync: { to: … }), or empty the audience at Meta.",
        )


class CancelSync(Operation[Ordered]):
    """End a sync after its request in flight; it runs again at its next time."""

    route = post("/syncs/{key}/cancel", Scope.SYNCS)
    key: Key

    def run(self, desk: Desk) -> Ordered:
        ended_so = "What a command runs is ended by Ctrl-C where it was typed."
        keeper = keeper_of(desk, next_step=ended_so)
        known = known_syncs(desk.space, desk.records.journal)
        key = known.meant(self.key).sync.key
        cancelled = keeper.cancel(key)
        if cancelled:
            desk.audit("sync cancelled", key)
        return Ordered(syncs=(key,) if cancelled else (), at=iso(desk.now))


_RUN_IT = "Run it yourself: guestlist sync. Or start the service: guestlist serve"


def keeper_of(desk: Desk, *, next_step: str = _RUN_IT) -> KeeperTold:
    """Who can be told what to run: the one who keeps the space, and not one that waits for it."""
    if desk.keeper is None:
        raise GuestlistError(
            "not_served", "No service keeps this space.", nothing_lost="Nothing was sent.", next_step=next_step
        )
    if not desk.keeper.keeps:
        raise not_kept()
    return desk.keeper

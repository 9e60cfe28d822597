"""How every sync stands, and what was sent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from guestlist.connected import parking, watching
from guestlist.connected.connections import Connections, open_connections
from guestlist.counts import counted
from guestlist.destinations.meta.account import Standing, standing
from guestlist.destinations.meta.token_life import PARKING_CODES, parks
from guestlist.destinations.meta.verdicts import to_type, verdict_of
from guestlist.destinations.settings import read_destination
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.known_syncs import known_syncs
from guestlist.operations.desk import Desk
from guestlist.operations.destinations import DestinationTold, told_of
from guestlist.operations.operation import Operation, get
from guestlist.owning.holding import lives, named
from guestlist.pausing import pause_in_words
from guestlist.store.journal import Journal
from guestlist.store.journal_keeping import Freshness, Timing
from guestlist.store.journal_tables import BatchState, Plan, PlanState, Sync
from guestlist.telling.answer import Answer, Value


class Waited(Value):
    """How long it took from messages received to their people acknowledged by Meta, in the last seven days."""

    people: int
    p50_seconds: float
    p95_seconds: float
    worst_seconds: float


class Stopped(Value):
    """What stopped a sync, and what to do."""

    code: str
    message: str
    next: str


class SyncStanding(Value):
    """How one sync stands: what the records say, and what Meta shows. `listed_still_in`: the do-not-send list has
    entries that this audience was not freed of yet.
    """

    sync: str
    name: str
    people_sent: int
    size_at_meta: str
    lower: int | None
    upper: int | None
    at_meta: str
    now: str
    last_right: str | None
    plan_waiting: str | None
    link: str | None
    received_to_acknowledged: Waited | None
    removal_waits_since: str | None
    rows_still_to_remove: int
    listed_still_in: bool
    goes_on_at: str | None
    error: Stopped | None

    @property
    def needs_a_person(self) -> bool:
        """Whether nothing goes on by itself."""
        return self.plan_waiting is not None or self.error is not None

    @property
    def owes_removals(self) -> bool:
        """Whether somebody who should be out may still be there."""
        return self.rows_still_to_remove > 0 or self.listed_still_in


class ChannelFailing(Value):
    """A way by which people are told what is the matter, and why it does not work."""

    channel: str
    code: str
    message: str
    next: str


class Mistaken(Value):
    """An audience whose file has a mistake: it is gone by as it was before, or not at all."""

    audience: str
    error: Stopped


class Status(Answer):
    """All syncs and destinations. `mistaken`: audiences whose files cannot be gone by as they are now; `kept_by`: the
    process that keeps the space right; `alerts_failing`: ways that fail.
    """

    syncs: tuple[SyncStanding, ...]
    mistaken: tuple[Mistaken, ...]
    destinations: tuple[DestinationTold, ...]
    kept_by: str | None
    alerts_failing: tuple[ChannelFailing, ...]


class ShowStatus(Operation[Status]):
    """Show how every audience stands, and what waits. Asks Meta for size and state; sends nothing."""

    route = get("/status")

    def run(self, desk: Desk) -> Status:
        journal, at = desk.records.journal, desk.now
        timings = journal.timings()
        with open_connections(desk.space, desk.records, asking="never") as connections:
            destinations = tuple(_destinations(desk, connections, at))
            syncs = tuple(_standing(desk, connections, sync, timings.get(sync.key), at) for sync in journal.syncs())
        owner = journal.owner()
        kept_by = named(owner) if lives(owner, now=at) else None
        broken = tuple(
            ChannelFailing(channel=one.name, code=one.code or "", message=one.happened or "", next=one.next_step or "")
            for one in journal.channels()
            if one.failures
        )
        return Status(
            syncs=syncs,
            mistaken=_mistaken(desk),
            destinations=destinations,
            kept_by=kept_by,
            alerts_failing=broken,
        )


def _mistaken(desk: Desk) -> tuple[Mistaken, ...]:
    found = known_syncs(desk.space, desk.records.journal).mistaken
    return tuple(
        Mistaken(audience=key, error=Stopped(code=one.code, message=one.message, next=one.next_step or ""))
        for key, one in sorted(found.items())
    )


def _destinations(desk: Desk, connections: Connections, at: int) -> Iterator[DestinationTold]:
    """How long we may send to each; one with a mistake in its settings is left to its syncs to tell."""
    for name in desk.space.settings.destinations:
        with suppress(GuestlistError):
            yield told_of(watching.look(desk.space, desk.records.journal, connections, name, now=at))


def _standing(desk: Desk, connections: Connections, sync: Sync, timing: Timing | None, at: int) -> SyncStanding:
    journal = desk.records.journal
    waits = journal.held_plan(sync.key)
    shown, note = None, what_stops(journal, sync, timing)
    stopped = note is not None
    try:
        shown = _at_meta(desk, connections, sync)
    except GuestlistError as error:
        note = note or error
    return SyncStanding(
        sync=sync.key,
        name=sync.remote_name or sync.audience,
        people_sent=sync.people_sent,
        size_at_meta=shown.size if shown else "not known yet",
        lower=shown.lower if shown else None,
        upper=shown.upper if shown else None,
        at_meta=shown.state if shown else "not known now" if sync.remote_id else "not there yet",
        now=now_in_words(journal, sync, waits=waits is not None, stopped=stopped, at=at),
        last_right=iso(sync.right_at) if sync.right_at else None,
        plan_waiting=waits.id if waits else None,
        link=shown.link if shown else None,
        received_to_acknowledged=waited(journal.freshness(sync.key, now=at)),
        removal_waits_since=iso(timing.removal_since) if timing and timing.removal_since else None,
        rows_still_to_remove=sync.removals_due,
        listed_still_in=listed_still_in(journal, sync),
        goes_on_at=iso(timing.again_at) if timing and timing.again_at else None,
        error=None if note is None else Stopped(code=note.code, message=note.message, next=note.next_step),
    )


def listed_still_in(journal: Journal, sync: Sync) -> bool:
    """Whether the do-not-send list has entries of after it was last obeyed in full."""
    _, newest = journal.do_not_send_mark()
    return sync.remote_id is not None and sync.obeyed is not None and newest > sync.obeyed


def _at_meta(desk: Desk, connections: Connections, sync: Sync) -> Standing | None:
    account = read_destination(desk.space.settings, sync.destination).account
    since = None if sync.right_at is None else datetime.fromtimestamp(sync.right_at / 1_000_000, UTC)
    shown = standing(connections.client(sync.destination), sync, account, since=since)
    if shown is not None and shown.ready and shown.lower is not None and shown.upper is not None:
        journal = desk.records.journal
        journal.note_size(sync.key, lower=shown.lower, upper=shown.upper, of=sync.people_sent)
    return shown


def waited(known: Freshness | None) -> Waited | None:
    """How long it took, in seconds."""
    if known is None:
        return None
    return Waited(
        people=known.people,
        p50_seconds=known.p50 / 1000,
        p95_seconds=known.p95 / 1000,
        worst_seconds=known.worst / 1000,
    )


def what_stops(journal: Journal, sync: Sync, timing: Timing | None) -> GuestlistError | None:
    """Why nothing goes on by itself: its destination is parked, or its last run stopped."""
    parked = journal.parked(sync.destination)
    return parking.error_of(parked) if parked else stop_of(journal, sync) or kept_error(timing, sync)


def kept_error(timing: Timing | None, sync: Sync) -> GuestlistError | None:
    """What stopped the last run by itself, if that was after Meta was last right."""
    if timing is None or timing.code is None or (sync.right_at or 0) > timing.at:
        return None
    if timing.code in PARKING_CODES:  # and the destination is parked no more: it is about to go on
        return None
    code, happened = timing.code, timing.happened or ""
    return GuestlistError(code, happened, nothing_lost=timing.nothing_lost, next_step=timing.next_step or "")


def stop_of(journal: Journal, sync: Sync) -> GuestlistError | None:
    """Why the last run stopped, if a person has to do something about it."""
    for plan in journal.plans(sync.key, last=1):
        sent = [batch for batch in journal.batches(plan.id) if batch.sent_at]
        last = max(sent, key=lambda batch: batch.sent_at or 0, default=None)
        if last is None or last.code is None or plan.state is PlanState.DONE:
            return None
        rule = verdict_of(last.code, last.subcode)
        if rule.verdict.stops and not parks(rule):
            return GuestlistError(
                rule.name,
                f"{sync.key}: {rule.happened}",
                nothing_lost="Nothing is lost.",
                next_step=to_type(rule.next_step, destination=sync.destination),
            )
    return None


def now_in_words(journal: Journal, sync: Sync, *, waits: bool, stopped: bool, at: int) -> str:
    """What is going on with a sync at the moment."""
    if journal.parked(sync.destination) is not None:
        return "parked"
    running = next((plan for plan in journal.plans(sync.key, last=1) if plan.state is PlanState.RUNNING), None)
    if running is not None:
        taken = sum(batch.rows for batch in journal.batches(running.id) if batch.state is BatchState.APPLIED)
        return f"under way: {taken:,} of {counted(running.additions + running.removals, 'row')}"
    if sync.paused_at(at):
        return "kept empty" if sync.key in journal.emptied() else pause_in_words(sync)
    if waits:
        return "waits for a yes"
    if stopped:
        return "stopped"
    pause = journal.pause(f"{sync.key} removals")
    until = pause.not_before if pause is not None else 0
    if until > at:
        return f"removals wait until {iso(until)[11:16]} UTC"
    if sync.removals_due or listed_still_in(journal, sync):
        return "removals wait"
    return "right" if sync.right_at else "never right yet"


class Run(Value):
    """What was planned and sent at one time. All but `calls` are rows; `errors`: code/subcode and fbtrace_id."""

    at: str
    sync: str
    plan: str
    state: str
    add: int
    remove: int
    taken: int
    in_doubt: Annotated[int, Field(alias="in doubt")]
    refused: int
    calls: int
    errors: tuple[str, ...]


class Runs(Answer):
    """The newest first. `next`: the last of these where there are others, for `before`."""

    runs: tuple[Run, ...]
    next: str | None


class ListRuns(Operation[Runs]):
    """List what was sent, newest first: rows by what became of them."""

    route = get("/runs")
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    sync: Annotated[str | None, Field(description="Of one: audience@destination, or audience while it has one.")] = None
    state: Annotated[PlanState | None, Field(description="Only those in this state; `held` waits for a yes.")] = None
    before: Annotated[str | None, Field(description="Only runs behind this one: `next` of a page.")] = None

    def run(self, desk: Desk) -> Runs:
        journal = desk.records.journal
        sync = None if self.sync is None else known_syncs(desk.space, journal).meant(self.sync).sync.key
        before = None if self.before is None else plan_of(journal, self.before)
        found = journal.runs(sync=sync, state=self.state, before=before, most=self.limit + 1)
        page = found[: self.limit]
        more = page[-1].id if len(found) > len(page) else None
        return Runs(runs=tuple(run_of(journal, one) for one in page), next=more)


def plan_of(journal: Journal, plan: str) -> Plan:
    """The plan of that id."""
    found = journal.plan(plan)
    if found is None:
        raise WrongUseError("no_such_plan", "There is no such plan.", next_step="See them: guestlist runs")
    return found


def run_of(journal: Journal, one: Plan) -> Run:
    """One plan, and what became of its rows."""
    rows: Counter[BatchState] = Counter()
    batches = journal.batches(one.id)
    for batch in batches:
        rows[batch.state] += batch.rows
    sent = [batch for batch in batches if batch.sent_at]
    return Run(
        at=iso(one.made_at),
        sync=one.sync,
        plan=one.id,
        state=one.state.value,
        add=one.additions,
        remove=one.removals,
        taken=rows[BatchState.APPLIED],
        in_doubt=rows[BatchState.UNKNOWN],
        refused=rows[BatchState.REFUSED],
        calls=len(sent),
        errors=tuple(sorted({f"{b.code}/{b.subcode or '-'} {b.fbtrace_id}" for b in sent if b.code})),
    )


def iso(microseconds: int) -> str:
    """An instant, to the second."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()


def expected_size(syncs: Sequence[Sync], destination: str, people: int) -> int | None:
    """How many of so many people Meta should find, going by the sizes it showed of what this destination got before."""
    known = [one for one in syncs if one.destination == destination and one.size_of]
    sent = sum(one.size_of or 0 for one in known)
    found = sum(((one.size_lower or 0) + (one.size_upper or 0)) / 2 for one in known)
    return round(people * min(1.0, found / sent)) if sent else None

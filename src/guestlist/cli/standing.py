"""`guestlist status | runs`: how every audience stands, and what was sent. Both work beside a running sync."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.clock import microseconds
from guestlist.connections import Connections, clock_of, open_connections
from guestlist.destinations.meta.account import Standing, standing
from guestlist.destinations.meta.verdicts import verdict_of
from guestlist.destinations.settings import read_destination
from guestlist.errors import GuestlistError
from guestlist.holding import named
from guestlist.records import open_records
from guestlist.space import Space, open_space
from guestlist.store.journal import Journal
from guestlist.store.journal_keeping import Freshness, Timing
from guestlist.store.journal_tables import BatchState, Plan, PlanState, Sync

_ALIVE = 120_000_000


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One sync: what the records say, what Meta shows, and what a person should know about it."""

    sync: Sync
    shown: Standing | None
    now: str
    waits: str | None
    note: GuestlistError | None
    timing: Timing | None
    freshness: Freshness | None

    @property
    def needs_a_person(self) -> bool:
        return self.waits is not None or self.note is not None


def status(*, space: SpaceDir = Path(), as_json: AsJson = False) -> int:
    """Show how every audience stands: at Meta, and what waits. Asks Meta for size and state; sends nothing.

    Works beside a running sync. Ends with 1 when something needs a person.

    guestlist status
    """
    here = open_space(space)
    at = microseconds(clock_of(here).now())
    with ExitStack() as stack:
        records = stack.enter_context(open_records(here))
        connections = stack.enter_context(open_connections(here, records))
        timings = records.journal.timings()
        lines = [
            _line(here, records.journal, connections, sync, timings.get(sync.key), at)
            for sync in records.journal.syncs()
        ]
        owner = records.journal.owner()
    kept_by = owner if owner and owner.beat and at - owner.beat < _ALIVE else None
    if as_json:
        answer({"syncs": [_facts(line) for line in lines], "kept_by": named(kept_by) if kept_by else None})
    else:
        _tell(lines)
        if kept_by:
            say(f"Kept right by: {named(kept_by)}")
    return NEEDS_A_PERSON if any(line.needs_a_person for line in lines) else DONE


def _line(
    space: Space, journal: Journal, connections: Connections, sync: Sync, timing: Timing | None, at: int
) -> _Line:
    waits = journal.held_plan(sync.key)
    shown, note = None, _stop(journal, sync) or _kept_error(timing, sync)
    try:
        account = read_destination(space.settings, sync.destination).account
        since = None if sync.right_at is None else datetime.fromtimestamp(sync.right_at / 1_000_000, UTC)
        shown = standing(connections.client(sync.destination), sync, account, since=since)
        if shown is not None and shown.ready and shown.lower is not None and shown.upper is not None:
            journal.note_size(sync.key, lower=shown.lower, upper=shown.upper, of=sync.people_sent)
    except GuestlistError as error:
        note = note or error
    return _Line(
        sync=sync,
        shown=shown,
        now=_now(journal, sync, waits=waits is not None, stopped=note is not None, at=at),
        waits=waits.id if waits else None,
        note=note,
        timing=timing,
        freshness=journal.freshness(sync.key, now=at),
    )


def _kept_error(timing: Timing | None, sync: Sync) -> GuestlistError | None:
    """What stopped the last run by itself, if that was after Meta was last right."""
    if timing is None or timing.code is None or (sync.right_at or 0) > timing.at:
        return None
    code, happened = timing.code, timing.happened or ""
    return GuestlistError(code, happened, nothing_lost=timing.nothing_lost, next_step=timing.next_step or "")


def _stop(journal: Journal, sync: Sync) -> GuestlistError | None:
    """Why the last run stopped, if a person has to do something about it."""
    for plan in journal.plans(sync.key, last=1):
        sent = [batch for batch in journal.batches(plan.id) if batch.sent_at]
        last = max(sent, key=lambda batch: batch.sent_at or 0, default=None)
        if last is None or last.code is None or plan.state is PlanState.DONE:
            return None
        rule = verdict_of(last.code, last.subcode)
        if rule.verdict.stops:
            return GuestlistError(
                rule.name, f"{sync.key}: {rule.happened}", nothing_lost="Nothing is lost.", next_step=rule.next_step
            )
    return None


def _now(journal: Journal, sync: Sync, *, waits: bool, stopped: bool, at: int) -> str:
    running = next((plan for plan in journal.plans(sync.key, last=1) if plan.state is PlanState.RUNNING), None)
    if running is not None:
        taken = sum(batch.rows for batch in journal.batches(running.id) if batch.state is BatchState.APPLIED)
        return f"under way: {taken:,} of {running.additions + running.removals:,} rows"
    if waits:
        return "waits for a yes"
    if stopped:
        return "stopped"
    pauses = [journal.pause(name) for name in (f"{sync.key} removals",)]
    until = max((pause.not_before for pause in pauses if pause is not None), default=0)
    if until > at:
        return f"removals wait until {_iso(until)[11:16]} UTC"
    return "right" if sync.right_at else "never right yet"


def _facts(line: _Line) -> dict[str, Any]:
    shown = line.shown
    return {
        "sync": line.sync.key,
        "name": line.sync.remote_name or line.sync.audience,
        "people_sent": line.sync.people_sent,
        "size_at_meta": shown.size if shown else "not known yet",
        "lower": shown.lower if shown else None,
        "upper": shown.upper if shown else None,
        "at_meta": shown.state if shown else "not there yet",
        "now": line.now,
        "last_right": _iso(line.sync.right_at) if line.sync.right_at else None,
        "plan_waiting": line.waits,
        "link": shown.link if shown else None,
        "received_to_acknowledged": None
        if line.freshness is None
        else {
            "people": line.freshness.people,
            "p50_seconds": line.freshness.p50 / 1000,
            "p95_seconds": line.freshness.p95 / 1000,
            "worst_seconds": line.freshness.worst / 1000,
        },
        "removal_waits_since": _iso(line.timing.removal_since) if line.timing and line.timing.removal_since else None,
        "goes_on_at": _iso(line.timing.again_at) if line.timing and line.timing.again_at else None,
        "error": None
        if line.note is None
        else {"code": line.note.code, "message": line.note.message, "next": line.note.next_step},
    }


def _tell(lines: Sequence[_Line]) -> None:
    if not lines:
        say("Nothing was synced yet: guestlist plan, then guestlist sync")
        return
    made = table("audience", "people sent", "Meta shows", "match, estimated", "at Meta", "now", "last right",
                 right=("people sent", "Meta shows", "match, estimated"))  # fmt: skip
    for line in lines:
        facts = _facts(line)
        last = (facts["last_right"] or "never")[:16].replace("T", " ")
        add_row(made, (facts["name"], f"{facts['people_sent']:,}", facts["size_at_meta"], _match(facts),
                       facts["at_meta"], facts["now"], last))  # fmt: skip
    show(made)
    for line in lines:
        _tell_times(line)
        if line.waits:
            say(f"{line.sync.key}: plan {line.waits} waits for a yes. See it: guestlist plan",
                f"  If that is right: guestlist sync --confirm {line.waits}")  # fmt: skip
        if line.note:
            say(f"{line.note.message}", f"  {line.note.next_step}  [{line.note.code}]")


def _tell_times(line: _Line) -> None:
    fresh, timing = line.freshness, line.timing
    if fresh:
        told = f"half within {_span(fresh.p50)}, 95 % within {_span(fresh.p95)}, all within {_span(fresh.worst)}"
        say(f"{line.sync.key}: from message to Meta, last 7 days: {told} ({fresh.people:,} people)")
    if timing and timing.removal_since:
        say(f"{line.sync.key}: the oldest removal waits since {_iso(timing.removal_since)[:16].replace('T', ' ')} UTC")


def _span(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _match(facts: Mapping[str, Any]) -> str:
    lower, upper, sent = facts["lower"], facts["upper"], facts["people_sent"]
    if not sent or lower is None or upper is None or upper <= 1000:
        return "-"
    return f"{100 * lower // sent}-{100 * upper // sent} %"


def runs(
    *,
    last: Annotated[int, typer.Option("--last", min=1, help="How many of each sync.")] = 5,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """List what was sent, newest first: rows by what became of them. Beside a running sync too.

    guestlist runs --last 20
    """
    here = open_space(space)
    with open_records(here) as records:
        listed = [
            _run_facts(records.journal, one) for sync in records.journal.syncs()
            for one in records.journal.plans(sync.key, last=last)
        ]  # fmt: skip
    listed.sort(key=lambda run: str(run["at"]), reverse=True)
    if as_json:
        answer({"runs": listed})
        return
    if not listed:
        say("Nothing was sent yet: guestlist plan, then guestlist sync")
        return
    columns = ("at", "sync", "plan", "state", "add", "remove", "taken", "in doubt", "refused", "calls")
    made = table(*columns, right=columns[4:])
    for run in listed:
        add_row(made, [str(run[name])[:16].replace("T", " ") if name == "at" else run[name] for name in columns])
    show(made)


def _run_facts(journal: Journal, one: Plan) -> dict[str, Any]:
    rows: Counter[BatchState] = Counter()
    batches = journal.batches(one.id)
    for batch in batches:
        rows[batch.state] += batch.rows
    sent = [batch for batch in batches if batch.sent_at]
    return {
        "at": _iso(one.made_at),
        "sync": one.sync,
        "plan": one.id,
        "state": one.state.value,
        "add": one.additions,
        "remove": one.removals,
        "taken": rows[BatchState.APPLIED],
        "in doubt": rows[BatchState.UNKNOWN],
        "refused": rows[BatchState.REFUSED],
        "calls": len(sent),
        "errors": sorted({f"{batch.code}/{batch.subcode or '-'} {batch.fbtrace_id}" for batch in sent if batch.code}),
    }


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()


def expected_size(syncs: Sequence[Sync], destination: str, people: int) -> int | None:
    """How many of so many people Meta should find, going by the sizes it showed of what this destination got before."""
    known = [one for one in syncs if one.destination == destination and one.size_of]
    sent = sum(one.size_of or 0 for one in known)
    found = sum(((one.size_lower or 0) + (one.size_upper or 0)) / 2 for one in known)
    return round(people * min(1.0, found / sent)) if sent else None

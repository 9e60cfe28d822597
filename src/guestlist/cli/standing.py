"""`guestlist status | runs`: how every audience stands, and what was sent. Both work beside a running sync."""

from collections.abc import Sequence
from typing import Annotated

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.cli.telling_destinations import tell_destination
from guestlist.counts import counted
from guestlist.operations.standing import ListRuns, ShowStatus, SyncStanding
from guestlist.store.journal_tables import PlanState


def status(*, space: SpaceAt = HERE, as_json: AsJson = False) -> int:
    """Show how every audience stands: at Meta, and what waits. Asks Meta for size and state; sends nothing.

    Works beside a running sync. Ends with 1 when something needs a person.

    guestlist status
    """
    told = space.ask(ShowStatus())
    if as_json:
        answer(told)
    else:
        _tell(told.syncs)
        for broken in told.mistaken:
            say(f"{broken.audience}: its file has a mistake, so what it says now is not gone by.")
            say(f"  {broken.error.message}", f"  {broken.error.next}  [{broken.error.code}]")
        for one in told.destinations:
            tell_destination(one)
        if told.kept_by:
            say(f"Kept right by: {told.kept_by}")
        for way in told.alerts_failing:
            say(f"Alerts by {way.channel} do not arrive. {way.message}", f"  {way.next}  [{way.code}]")
    # Without a service the next try is a person's, too.
    needed = any(one.needs_a_person or (one.owes_removals and not told.kept_by) for one in told.syncs)
    needed = needed or any(one.needs_a_person for one in told.destinations)
    return NEEDS_A_PERSON if needed or told.mistaken or told.alerts_failing else DONE


def _tell(syncs: Sequence[SyncStanding]) -> None:
    if not syncs:
        say("Nothing was synced yet: guestlist plan, then guestlist sync")
        return
    numbers = ("people sent", "Meta shows", "match, estimated")
    made = table("audience", *numbers, "at Meta", "now", "last right, UTC", right=numbers)
    for one in syncs:
        last = (one.last_right or "never")[:16].replace("T", " ")
        sent = (f"{one.people_sent:,}", one.size_at_meta, _match(one))
        add_row(made, (_label(one, syncs), *sent, one.at_meta, one.now, last))
    show(made)
    for one in syncs:
        _tell_times(one)
        if one.rows_still_to_remove:
            say(f"{one.sync}: {one.rows_still_to_remove:,} rows are still to be removed. Each sync tries again.")
        elif one.listed_still_in:
            say(f"{one.sync}: the do-not-send list has new entries that are not taken out yet. Each sync tries again.")
        if one.plan_waiting:
            say(f"{one.sync}: plan {one.plan_waiting} waits for a yes. See it: guestlist plan",
                f"  If that is right: guestlist sync --confirm {one.plan_waiting}")  # fmt: skip
        if one.error and one.now != "parked":
            say(_about(one.sync, one.error.message), f"  {one.error.next}  [{one.error.code}]")


def _label(one: SyncStanding, others: Sequence[SyncStanding]) -> str:
    """An audience that goes to several destinations has several lines of one name."""
    audience, _, destination = one.sync.rpartition("@")
    several = sum(1 for other in others if other.sync.rpartition("@")[0] == audience) > 1
    return f"{one.name} @ {destination}" if several else one.name


def _about(sync: str, happened: str) -> str:
    """Many errors are of an audience or an account, some begin with the sync: it is named once."""
    return happened if happened.startswith(f"{sync}:") else f"{sync}: {happened}"


def _tell_times(one: SyncStanding) -> None:
    fresh = one.received_to_acknowledged
    if fresh:
        told = ", ".join(
            f"{share} within {_span(seconds)}"
            for share, seconds in (
                ("half", fresh.p50_seconds),
                ("95 %", fresh.p95_seconds),
                ("all", fresh.worst_seconds),
            )
        )
        say(f"{one.sync}: from message to Meta, last 7 days: {told} ({counted(fresh.people, 'person')})")
    if one.removal_waits_since:
        since = one.removal_waits_since[:16].replace("T", " ")
        say(f"{one.sync}: the oldest removal waits since {since} UTC")


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _match(one: SyncStanding) -> str:
    if not one.people_sent or one.lower is None or one.upper is None or one.upper <= 1000:
        return "-"
    return f"{100 * one.lower // one.people_sent}-{100 * one.upper // one.people_sent} %"


def runs(
    *,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="How many.")] = 20,
    sync: Annotated[str | None, typer.Option("--sync", help="Of one sync only.")] = None,
    state: Annotated[PlanState | None, typer.Option("--state", help="Only those in this state.")] = None,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """List what was sent, newest first: rows by what became of them. Beside a running sync too.

    guestlist runs --last 20
    """
    told = space.ask(ListRuns(limit=last, sync=sync, state=state))
    if as_json:
        answer(told)
        return
    if not told.runs:
        say("Nothing was sent yet: guestlist plan, then guestlist sync")
        return
    columns = ("at, UTC", "sync", "plan", "state", "add", "remove", "taken", "in doubt", "refused", "calls")
    made = table(*columns, right=columns[4:])
    for run in told.runs:
        facts, fields = run.facts(), ("at", *columns[1:])
        add_row(made, [str(facts[name])[:16].replace("T", " ") if name == "at" else facts[name] for name in fields])
    show(made)

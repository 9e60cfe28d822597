"""`guestlist plan | sync`: what would be sent, and sending it."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from guestlist.cli.frame import (
    DONE,
    NEEDS_A_PERSON,
    AsJson,
    SpaceDir,
    add_row,
    answer,
    console,
    say,
    show,
    table,
)
from guestlist.cli.place import HERE, SpaceAt
from guestlist.clock import microseconds
from guestlist.connections import clock_of
from guestlist.destinations.meta.deliver import Progress, Report, State
from guestlist.errors import GuestlistError
from guestlist.operations.syncs import PlannedSync, PlanSyncs, some_of
from guestlist.records import open_records
from guestlist.space import open_space
from guestlist.syncing import Bound, Syncing, open_to_sync

SOMETHING_TO_SEND = 3
_SECONDS_PER_CALL = 0.4
_FEW = 100
CANNOT = {
    "has_none": "no e-mail, phone or ad id",
    "only_unusable": "all of them unusable",
    "do_not_send": "on the do-not-send list",
}

Key = Annotated[
    str | None, typer.Argument(metavar="[KEY]", help="One sync: audience@destination, or audience while it has one.")
]


def plan(
    key: Key = None,
    *,
    why: Annotated[bool, typer.Option("--why", help="Say who cannot be sent, and which cells stay blank.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 3 when there is something to send.")] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Show what a sync would send now. Nothing is sent.

    guestlist plan

    guestlist plan left_a_cart --why
    """
    told = space.ask(PlanSyncs(key=key))
    if as_json:
        answer(told)
    else:
        _tell_plans(told.plans, why=why)
    to_send = any(one.add_rows or one.remove_rows for one in told.plans)
    return SOMETHING_TO_SEND if exit_code and to_send else DONE


def _tell_plans(plans: Sequence[PlannedSync], *, why: bool) -> None:
    numbers = ("people", "can be sent", "add", "remove", "unchanged", "calls", "about")
    made = table("audience", *numbers, right=numbers)
    for one in plans:
        cells = (one.members, one.can_be_sent, one.add_rows, one.remove_rows, one.unchanged_rows, one.calls)
        add_row(made, (_label(one, plans), *(f"{number:,}" for number in cells), _about(one.calls)))
    show(made)
    say("People are counted once; add, remove and unchanged are rows: a person with two e-mails has two.")
    for one in plans:
        _tell_notes(one, why=why)
    say("Nothing was sent. To send it: guestlist sync")


def _label(one: PlannedSync, others: Sequence[PlannedSync]) -> str:
    several = sum(1 for other in others if other.audience == one.audience) > 1
    return f"{one.name} @ {one.sync.rpartition('@')[2]}" if several else one.name


def _about(calls: int) -> str:
    seconds = math.ceil(calls * _SECONDS_PER_CALL)
    return f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"


def _tell_notes(one: PlannedSync, *, why: bool) -> None:
    cannot = sum(one.cannot_be_sent.values())
    if cannot:
        said = "; ".join(f"{n:,} {CANNOT.get(reason, reason)}" for reason, n in sorted(one.cannot_be_sent.items()))
        say(f"{one.name}: {cannot:,} cannot be sent ({said})")
    if one.can_be_sent < _FEW:
        say(f"{one.name}: ads need {_FEW} matched people at Meta; this has {one.can_be_sent:,} that can be sent.")
    if one.needs_a_yes:
        leaving, there = one.people_leaving, one.people_at_meta
        say(f"{one.name}: {leaving:,} of {there:,} people would leave. guestlist sync will ask for a yes first.")
    if why:
        for blank in sorted(one.blank_cells, key=lambda each: -each.people):
            say(f"  {blank.key:10} left blank  {blank.people:>9,} people  {blank.reason}")


def sync(
    key: Key = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Send every row again, also those that Meta has.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="PLAN", help="Say yes to a plan that waits for one.")
    ] = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Bring the audiences at Meta to what they should be: who left is removed, who entered is added.

    Can be stopped and started at any time; it goes on from what Meta has taken.

    guestlist sync

    guestlist sync left_a_cart --confirm 3f9a1c
    """
    here = open_space(space)
    if confirm is not None:
        # Into the records only, so that it works beside a running sync too.
        with open_records(here) as records:
            records.journal.confirm(confirm, now=microseconds(clock_of(here).now()))
    ended: list[tuple[Bound, Report]] = []
    with open_to_sync(here) as syncing:
        syncing.refresh()
        stale = {trait: error.message for trait, error in sorted(syncing.refreshed.traits.items())}
        if not as_json:
            say(*(f"The trait {trait} stays as it was. {told}" for trait, told in stale.items()))
        chosen = some_of(syncing, key)
        syncing.make_rows(chosen)
        width = max(len(bound.definition.name) for bound in chosen)
        for bound in chosen:
            with _progress(bound.definition.name.ljust(width), quiet=as_json) as tell:
                report = _run(syncing, bound, full=full, tell=tell)
            ended.append((bound, report))
            if not as_json:
                _tell_report(bound.definition.name.ljust(width), report)
        if key is None:
            ended += _hand_over_left_alone(syncing)
    if as_json:
        syncs = [_report_facts(bound, report) for bound, report in ended]
        answer({"syncs": syncs, "traits_not_renewed": stale})
    return DONE if all(report.state is State.DONE for _, report in ended) else NEEDS_A_PERSON


def _hand_over_left_alone(syncing: Syncing) -> list[tuple[Bound, Report]]:
    """Audiences that no file names any more keep whom they have, but for those who must never be sent."""
    reports = syncing.hand_over(syncing.left_alone())
    return [(bound, report) for bound, report in reports if report.requests or report.error]


def _run(syncing: Syncing, bound: Bound, *, full: bool, tell: Callable[[Progress], None]) -> Report:
    """One sync; what stops it does not stop the others."""
    try:
        return syncing.sync(bound, full=full, progress=tell)
    except GuestlistError as error:
        return Report(state=State.STOPPED, error=error)


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    out = console()
    if quiet or not out.is_terminal:
        yield lambda _: None
        return
    with Bar(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} rows"), console=out,
             transient=True) as bar:  # fmt: skip
        task = bar.add_task(name, total=None)
        yield lambda at: bar.update(task, completed=at.done, total=at.of)


def _tell_report(name: str, report: Report) -> None:
    parts = [f"{report.added:,} rows added", f"{report.removed:,} removed"]
    for count, word in (
        (report.in_doubt, "in doubt, asked again"),
        (report.declined, "declined by Meta"),
        (report.refused, "refused"),
        (report.debt, "still to be removed"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    parts.append(f"{report.requests:,} {'call' if report.requests == 1 else 'calls'}")
    say(f"{name}  {_STATE[report.state]}  {', '.join(parts)}")
    if report.held:
        say(f"  Plan {report.held} waits for a yes: too many people would leave at once. See: guestlist plan",
            f"  If that is right: guestlist sync --confirm {report.held}")  # fmt: skip
    if report.again_at:
        say(f"  Goes on at {_time(report.again_at)} or later: run guestlist sync then.")
    if report.error:
        say(f"  {report.error.message}")
        for line in (report.error.nothing_lost, report.error.next_step):
            if line:
                say(f"  {line}")
        say(f"  [{report.error.code}]")


_STATE = {State.DONE: "right", State.HELD: "held", State.WAITING: "waits", State.STOPPED: "stopped",
          State.CANCELLED: "cancelled"}  # fmt: skip


def _report_facts(bound: Bound, report: Report) -> dict[str, Any]:
    error = report.error
    return {
        "sync": bound.key,
        "state": report.state.value,
        "added_rows": report.added,
        "removed_rows": report.removed,
        "in_doubt_rows": report.in_doubt,
        "declined_rows": report.declined,
        "refused_rows": report.refused,
        "rows_still_to_remove": report.debt,
        "calls": report.requests,
        "plan_waiting": report.held,
        "again_at": _iso(report.again_at),
        "error": None if error is None else {"code": error.code, "message": error.message, "next": error.next_step},
    }


def _iso(microseconds: int | None) -> str | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()


def _time(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%H:%M UTC")

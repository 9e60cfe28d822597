"""Rounds of `guestlist sync`: one, or one after the other until all is right or a person is needed; told as they end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from guestlist.cli.frame import console, say
from guestlist.clock import microseconds, pause, stopwatch
from guestlist.connected.connections import clock_of
from guestlist.counts import counted
from guestlist.destinations.meta.deliver import Progress, Report, State
from guestlist.emptying import keep_empty
from guestlist.errors import IN_USE, GuestlistError, WrongUseError
from guestlist.operations.at_meta import SyncReport, report_of
from guestlist.operations.plans import notes_of, some_of
from guestlist.owning.reaching import announced
from guestlist.records import open_records
from guestlist.results import renew_results
from guestlist.runs.ending import Ending, ending, worst
from guestlist.space import Space
from guestlist.spans import span_of
from guestlist.syncing import Bound, Syncing, open_to_sync
from guestlist.traces import tracing

LOOK_EVERY = 5.0
"""Seconds between two looks at what goes on by itself."""


def read_timeout(text: str) -> float:
    """Seconds."""
    found = span_of(text)
    if not found:
        raise WrongUseError(
            "bad_timeout",
            f"--timeout {text} is no amount of time.",
            nothing_lost="Nothing was sent.",
            next_step="Write for example 60s, 30m or 2h.",
        )
    return found.total_seconds()


class Rounds:
    """The syncs of a space, or one of them, again and again."""

    def __init__(self, space: Space, key: str | None, *, full: bool, anyway: bool, quiet: bool) -> None:
        self._space = space
        self._key = key
        self._full = full
        self._anyway = anyway
        self._quiet = quiet
        self.stale: dict[str, str] = {}
        self.notes: tuple[str, ...] = ()
        self.beside: Ending | None = None
        """How it ended in the service that keeps the space, where one does."""

    def once(self) -> list[tuple[Bound, Report]]:
        """One round."""
        ended: list[tuple[Bound, Report]] = []
        with tracing(), open_to_sync(self._space) as syncing:
            syncing.refresh()
            self._tell_stale(syncing)
            # Audiences that no file names any more are there all the same, and people to be taken out of them.
            left = _hand_over_left_alone(syncing) if self._key is None else []
            chosen = some_of(syncing, self._key) if self._key is not None or not left else syncing.bound()
            self._tell_notes(notes_of(syncing, chosen))
            syncing.make_rows(chosen)
            width = max((len(bound.definition.name) for bound in chosen), default=0)
            for bound in chosen:
                with _progress(bound.definition.name.ljust(width), quiet=self._quiet) as tell:
                    report = _run(syncing, bound, _Manner(full=self._full, anyway=self._anyway, tell=tell))
                ended.append((bound, report))
                if not self._quiet:
                    tell_report(bound.definition.name.ljust(width), report_of(bound.key, report))
            for bound, report in left if not self._quiet else ():
                tell_report(bound.definition.name, report_of(bound.key, report))
            ended += left
            renew_results(self._space, syncing.warehouse, syncing.records.journal)
        self._full = False  # the next round goes on from this one
        return ended

    def until_settled(self, seconds: float) -> list[tuple[Bound, Report]]:
        """Rounds until nothing goes on by itself, or so much time has gone by. Between them the space is free."""
        took, began = stopwatch(), microseconds(clock_of(self._space).now())
        ended: list[tuple[Bound, Report]] = []
        while True:
            try:
                ended = self.once()
                found = self.ending_of(ended)
            except GuestlistError as error:
                if error.code != IN_USE or announced(self._space) is not None:
                    raise  # a service that can be asked
                found = self.beside = self._seen_beside(began)
            if found is not Ending.LATER or took() >= seconds:
                return ended
            pause(min(LOOK_EVERY, max(seconds - took(), 0.0)))

    def ending_of(self, ended: list[tuple[Bound, Report]]) -> Ending:
        """How a round ended. A paused sync is as people want it, unless it was asked for by its key."""
        fine = set() if self._key is not None else {State.PAUSED}
        return worst(ending(report) for _, report in ended if report.state not in fine)

    def _seen_beside(self, began: int) -> Ending:
        """What the service says of the syncs: right once each has run since then, and nothing stopped it."""
        with open_records(self._space) as records:
            timings = records.journal.timings()
            syncs = {kept.key: kept for kept in records.journal.syncs()}
            held = {key for key in syncs if records.journal.held_plan(key) is not None}
        keys = [one for one in timings if self._key in {None, one, one.rpartition("@")[0]}]
        endings = [] if keys else [Ending.LATER]
        for key in keys:
            timing = timings[key]
            if key in held:
                endings.append(Ending.PERSON)
            elif key in syncs and (syncs[key].right_at or 0) >= began:
                endings.append(Ending.RIGHT)
            else:
                stopped = timing.at >= began and timing.code is not None and timing.again_at is None
                endings.append(Ending.PERSON if stopped else Ending.LATER)
        return worst(endings)

    def _tell_notes(self, notes: tuple[str, ...]) -> None:
        """Once, however many rounds there are."""
        if not self._quiet:
            say(*(f"Note: {note}" for note in notes if note not in self.notes))
        self.notes = notes

    def _tell_stale(self, syncing: Syncing) -> None:
        self.stale = {trait: error.message for trait, error in sorted(syncing.refreshed.traits.items())}
        if not self._quiet:
            say(*(f"The trait {trait} stays as it was. {told}" for trait, told in self.stale.items()))


def _hand_over_left_alone(syncing: Syncing) -> list[tuple[Bound, Report]]:
    """Audiences that no file names any more keep whom they have, but for those who must never be sent."""
    reports = [(bound, _left_alone(syncing, bound)) for bound in syncing.left_alone()]
    return [(bound, report) for bound, report in reports if report.requests or report.error]


def _left_alone(syncing: Syncing, bound: Bound) -> Report:
    try:
        if bound.key in syncing.records.journal.emptied():
            return keep_empty(syncing, bound)
        return syncing.hand_over([bound])[0][1]
    except GuestlistError as error:
        return Report(state=State.STOPPED, error=error)


@dataclass(frozen=True, kw_only=True)
class _Manner:
    """How a sync is run; `anyway`: though it is paused."""

    full: bool
    anyway: bool
    tell: Callable[[Progress], None]


def _run(syncing: Syncing, bound: Bound, manner: _Manner) -> Report:
    """One sync; what stops it does not stop the others. Of one that is paused, only who must never be sent leaves."""
    journal = syncing.records.journal
    kept = journal.sync(bound.key)
    try:
        if bound.key in journal.emptied():
            return keep_empty(syncing, bound)
        if kept is not None and kept.paused_at(syncing.now) and not manner.anyway:
            left = next((report for _, report in syncing.hand_over([bound])), Report())
            return replace(left, state=State.PAUSED) if left.state is State.DONE else left
        return syncing.sync(bound, full=manner.full, progress=manner.tell)
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


def tell_report(name: str, report: SyncReport) -> None:
    """What a sync came to, in words."""
    state = "waits" if report.state == State.DONE.value and report.rows_still_to_remove else _STATE[report.state]
    parts = [f"{counted(report.added_rows, 'row')} added", f"{report.removed_rows:,} removed"]
    for count, word in (
        (report.in_doubt_rows, "in doubt, asked again"),
        (report.declined_rows, "declined by Meta"),
        (report.refused_rows, "refused"),
        (report.rows_still_to_remove, "still to be removed"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    parts.append(counted(report.calls, "call"))
    say(f"{name}  {state}  {', '.join(parts)}")
    if report.plan_waiting:
        say(f"  Plan {report.plan_waiting} waits for a yes: too many people would leave at once. See: guestlist plan",
            f"  If that is right: guestlist sync --confirm {report.plan_waiting}")  # fmt: skip
    if report.state == State.PAUSED.value:
        say(
            f"  To let it run again: guestlist resume {report.sync}",
            f"  To run it once all the same: guestlist sync {report.sync} --anyway",
        )
    if report.again_at:
        say(f"  Goes on at {_time(report.again_at)} or later: run guestlist sync then.")
    if report.error:
        say(f"  {report.error.message}")
        for line in (report.error.nothing_lost, report.error.next):
            if line:
                say(f"  {line}")
        say(f"  [{report.error.code}]")


_STATE = {State.DONE.value: "right", State.HELD.value: "held", State.WAITING.value: "waits",
          State.STOPPED.value: "stopped", State.CANCELLED.value: "cancelled", State.PAUSED.value: "paused"}  # fmt: skip


def _time(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%H:%M} UTC"

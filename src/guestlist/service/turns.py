"""The syncs of an open space, each in its turn: what is due is evaluated and run, what fails is kept and tried again.

One thread does all of it. So that a long upload holds back neither an evaluation nor another sync, a delivery is
interrupted between two requests: by a newer evaluation, after which it is planned anew, and by its slice of time being
over while others wait. Nothing is lost by that, since every run begins with a plan from what is wanted.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from guestlist.audiences.schedule import GATHERING, USUAL, Past, due, length
from guestlist.backups.backing_up import note_since
from guestlist.clock import microseconds, stopwatch
from guestlist.destinations.meta.deliver import Report, State
from guestlist.edits import note_edits
from guestlist.emptying import keep_empty
from guestlist.erasures.forgetting import settle
from guestlist.errors import GuestlistError
from guestlist.records import rules_changed
from guestlist.results import renew_results
from guestlist.runs.ending import waiting_cures
from guestlist.runs.freshness import count_acknowledged, note_moves, removal_since
from guestlist.service.destinations import Destinations
from guestlist.service.failing import LOST, Backoff, growing, strange
from guestlist.service.lending import Lending
from guestlist.service.loads import Loads
from guestlist.service.logs import Log
from guestlist.service.orders import Orders
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.store.journal_keeping import Timing
from guestlist.syncing import Bound, Syncing, longest_delay

TakeIn = Callable[[Warehouse], int]
"""Takes in what arrived since last time; gives how many messages."""
SLICE = 90.0
"""Seconds for which a delivery goes on while others wait."""
SLICE_FOR_REQUESTS = 5.0
"""The same while a request waits to have the stores."""
RENEWED_EVERY = 60.0
"""Seconds after which a delivery that is still going on heeds new data."""
SETTLED_EVERY = 600.0
REST_AFTER = 30.0
"""Seconds without work after which the memory that it took is given back."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(kw_only=True)
class Memory:
    """What outlives the closing and opening of the stores, but not the process."""

    data: int = 0  # messages taken in
    evaluated: int = -1  # how many when audiences were evaluated last; -1 before, and once files have changed
    since: Callable[[], float] = field(default_factory=stopwatch)  # seconds since then
    seen: dict[str, int] = field(default_factory=dict)  # how many when a sync last began
    served: dict[str, int] = field(default_factory=dict)  # the order in which syncs had their turn
    obeyed: tuple[int, int] | None = None  # the do-not-send list as it was last handed over
    settings: tuple[int, int] | None = None  # the settings by which it was handed over
    files: frozenset[tuple[str, int, int]] | None = None  # definitions as they were read last
    confirmed: frozenset[str] = frozenset()  # syncs that were run since a person said yes
    quota: dict[str, float] = field(default_factory=dict)  # of each destination, as Meta said last
    loads: Loads = field(default_factory=Loads)


class Turns:
    """Looks again and again at what there is to do. Between two requests it decides whether a delivery goes on."""

    def __init__(
        self,
        syncing: Syncing,
        *,
        take_in: TakeIn,
        orders: Orders,
        lending: Lending,
        log: Log,
        memory: Memory,
        evaluated: Callable[[], None] = lambda: None,
    ) -> None:
        self._syncing = syncing
        self._journal = syncing.records.journal
        self._take_in_arrived = take_in
        self._orders = orders
        self._lending = lending
        self._log = log
        self._memory = memory
        self._tell_evaluated = evaluated
        self._running: str | None = None
        self._pausable = False  # handing over who must never be sent is not
        self._slice: Callable[[], float] | None = None  # runs from when a delivery could first send something
        self._evaluated, self._evaluated_data = stopwatch(), -1
        self._settled = stopwatch()
        self._worked, self._rested = False, stopwatch()
        self._settings = _print_of_settings(syncing.space)
        if memory.settings != self._settings:  # a destination that could not be read was handed nothing over
            memory.settings, memory.obeyed, memory.evaluated = self._settings, None, -1
        self._unreadable = Backoff(first=2, longest=60)
        self._handing_over = Backoff(first=15, longest=240)
        self._destinations = Destinations(syncing, log)

    # --- one look -----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Do all that there is to do now."""
        self.take_in()
        self._memory.data += self._memory.loads.look(self._syncing, self._log)
        self._read_files()
        self._go_on()
        self._obey()
        self._read_files()  # handing over may have taken a while
        waiting = self._due()
        if not (waiting or self._is_waited_for()) or not self._unreadable.over:
            return
        if not self._try_to_evaluate():
            return
        for bound in waiting:
            if self._orders.stopping or self.to_reopen:
                break
            self._run(bound)
            self._lending.lend()
        self._renew_results()

    def _renew_results(self) -> None:
        try:
            renew_results(self._syncing.space, self._syncing.warehouse, self._journal)
        except GuestlistError as error:
            self._log.event("results_not_written", code=error.code, space=self._name)

    @property
    def to_reopen(self) -> bool:
        """Whether the stores are to be closed and opened again: to erase, to forget, to back up, to go by other settings;
        or to give back the memory that work took, when there is nothing to do."""
        if (
            self._journal.erasure_asked()
            or self._journal.backup_asked()
            or self._settings != _print_of_settings(self._syncing.space)
        ):
            return True
        if self._worked and self._rested() > REST_AFTER:
            return True
        if self._settled() < SETTLED_EVERY:
            return False
        self._settled = stopwatch()
        space, journal = self._syncing.space, self._journal
        journal.forget_repeatables(now=self._syncing.now)
        return bool(settle(journal, self._syncing.ledger, longest_delay(space), now=self._syncing.now))

    def take_in(self) -> None:
        """Land what arrived."""
        took = self._take_in_arrived(self._syncing.warehouse)
        if took:
            self._note_work()
            self._memory.data += took
            self._log.event("taken_in", messages=took, space=self._name)

    def _note_work(self) -> None:
        self._worked, self._rested = True, stopwatch()

    @cached_property
    def _name(self) -> str:
        return self._syncing.space.folder.name

    # --- files --------------------------------------------------------------------------------------------------------

    def _read_files(self) -> None:
        """Go by the definitions as they are now; where there is a mistake in them, as they were."""
        files = _print_of(self._syncing.space)
        if files == self._memory.files and "bounds" in self.__dict__:
            return
        if files != self._memory.files:
            self._memory.files, self._memory.evaluated = files, -1
        note_edits(self._syncing.space, self._journal, now=self._syncing.now)
        try:
            self._syncing.read_again()
        except GuestlistError as error:
            self._log.event("files_not_read", code=error.code, space=self._name)
            self._syncing.keep_definitions()
        self.__dict__.pop("bounds", None)
        self._evaluated_data = -1

    @cached_property
    def bounds(self) -> list[Bound]:
        """The syncs that can be run; one with a mistake in its destination costs only itself."""
        found = []
        for key, wished in self._syncing.wished().items():
            try:
                found.append(self._syncing.bind(*wished))
            except GuestlistError as error:
                self._fail(key, error, again_at=None)
        return found

    # --- what is due --------------------------------------------------------------------------------------------------

    def _due(self) -> list[Bound]:
        """The syncs that are to run now; who had a turn longest ago first."""
        now, timings = self._syncing.clock.now(), self._journal.timings()
        resting = {kept.key for kept in self._journal.syncs() if kept.paused_at(microseconds(now))}
        paused = resting - self._journal.emptied().keys()
        confirmed = self._journal.confirmed()
        self._memory.confirmed &= confirmed
        told = self._orders.asked() | (confirmed - self._memory.confirmed)
        waiting = [
            bound
            for bound in [*self.bounds, *self._to_be_emptied()]
            if bound.key not in paused and (bound.key in told or self._is_due(bound, timings.get(bound.key), now))
        ]
        return sorted(waiting, key=lambda bound: self._memory.served.get(bound.key, 0))

    def _to_be_emptied(self) -> list[Bound]:
        """Audiences that no file names any more are left alone, unless somebody said that nobody is to be in them."""
        emptied = self._journal.emptied()
        return [bound for bound in self._syncing.left_alone() if bound.key in emptied] if emptied else []

    def _is_waited_for(self) -> bool:
        """Whether an evaluation is waited for that no sync asks for: by hooks, or by who looks at people and audiences.

        By the memory of the process: to open the stores anew is no reason.
        """
        changed, hooks = self._memory.evaluated != self._memory.data, bool(self._journal.hooks())
        if self._memory.evaluated < 0 and (hooks or self._rules_changed()):
            return True
        soon = changed and (hooks or not self.bounds)
        return (changed or hooks) and self._memory.since() > (GATHERING if soon else length(USUAL)).total_seconds()

    def _rules_changed(self) -> bool:
        """Whether people are to be found anew, by other rules: else who looks would be shown those of before."""
        syncing = self._syncing
        if not syncing.warehouse.has("identifier"):
            return False
        try:
            return rules_changed(syncing.space, syncing.warehouse, syncing.records)
        except GuestlistError:  # the evaluation tells what is wrong with them
            return True

    def _is_due(self, bound: Bound, known: Timing | None, now: datetime) -> bool:
        timing = known or Timing(sync=bound.key, at=microseconds(now))
        past = Past(at=_instant(timing.at), ran=timing.ran).seen_at(now)
        if microseconds(past.at) != timing.at:
            timing = replace(timing, at=microseconds(past.at), again_at=None)
        if timing != known:
            self._journal.save_timing(timing)
        when = self._when(bound, timing, past)
        return when is not None and when <= now

    def _when(self, bound: Bound, timing: Timing, past: Past) -> datetime | None:
        changed = self._memory.seen.get(bound.key) != self._memory.data
        regular = due(bound.wish.when, past, zone=self._syncing.space.settings.zone, changed=changed)
        if timing.again_at is None:
            return regular
        again = _instant(timing.again_at)
        return again if timing.code is not None or regular is None else min(regular, again)

    def _go_on(self) -> None:
        """Give the syncs of a destination their turn that may be called again."""
        for key in self._destinations.look(self.bounds):
            self._orders.run_now(key)
            self._handing_over.passed()

    # --- evaluating ---------------------------------------------------------------------------------------------------

    def _try_to_evaluate(self) -> bool:
        try:
            self._evaluate()
        except GuestlistError as error:
            if error.code == LOST:
                raise
            self._unreadable.failed()
            self._log.event("not_evaluated", code=error.code, space=self._name)
            return False
        self._unreadable.passed()
        return True

    def _evaluate(self) -> None:
        """As of now, unless that was a moment ago and nothing came since."""
        if self._evaluated_data == self._memory.data and self._evaluated() < RENEWED_EVERY / 2:
            return
        data, took = self._memory.data, stopwatch()
        self._syncing.refresh()
        self._evaluated, self._evaluated_data = stopwatch(), data
        self._memory.evaluated, self._memory.since = data, stopwatch()
        at = self._syncing.refreshed_at
        if at is not None:
            syncs = [(bound.key, bound.definition.key) for bound in self.bounds]
            note_moves(self._syncing.warehouse, self._syncing.ledger, syncs, at=microseconds(at))
        self._tell_evaluated()
        self._note_work()
        self._log.event("evaluated", seconds=round(took(), 3), space=self._name)

    # --- between two requests: `Interlude` ----------------------------------------------------------------------------

    def halted(self) -> bool:
        """Whether the delivery under way is to end."""
        if self._orders.ended_early() or self._is_paused():
            return True
        if self._slice is None:
            # Work before that counts not: else two long plans would make room for each other for ever.
            self._slice = stopwatch()
        ran = self._slice()
        return (ran > SLICE_FOR_REQUESTS and self._lending.wanted) or (ran > SLICE and self._others_wait())

    def _is_paused(self) -> bool:
        kept = self._journal.sync(self._running) if self._running and self._pausable else None
        return kept is not None and kept.paused_at(self._syncing.now)

    def _others_wait(self) -> bool:
        if self._journal.erasure_asked() or self._journal.backup_asked():
            return True
        if self._journal.do_not_send_mark() != self._memory.obeyed:
            return True
        return any(bound.key != self._running for bound in self._due())

    def stale(self) -> bool:
        """Whether data came that the delivery under way does not know of."""
        if self._evaluated() < RENEWED_EVERY:
            return False
        self.take_in()
        return self._evaluated_data != self._memory.data

    def renew(self) -> None:
        """Evaluate again if need be."""
        if self.stale():
            self._try_to_evaluate()

    def sleep(self, seconds: float) -> None:
        self._orders.pause(seconds)

    # --- a turn -------------------------------------------------------------------------------------------------------

    def _run(self, bound: Bound) -> None:
        began, took = self._syncing.now, stopwatch()
        full = self._begin(bound.key)
        report = Report(state=State.CANCELLED)
        if not self._is_paused():  # since it was found to be due
            report = self._report_of(lambda: self._sync(bound, full=full))
        if report.state is State.CANCELLED and self._is_paused():
            report.state = State.PAUSED
        self._note_quota(bound.wish.to)
        cancelled = self._orders.end()
        self._running, self._pausable = None, False
        self._note_work()
        right = report.state is State.DONE and not report.debt
        count_acknowledged(self._syncing.ledger, self._journal, bound.key, right=right, now=self._syncing.now)
        self._memory.seen[bound.key] = self._evaluated_data
        made_room = report.state in {State.CANCELLED, State.PAUSED}
        if not made_room or cancelled:
            self._save(bound.key, began, report)
        elif not self._orders.stopping:
            # It has its turn again once the others had theirs, or once it is resumed.
            self._orders.run_now(bound.key, full=full)
        self._log.event(
            "synced", sync=bound.key, state=report.state.value, added_rows=report.added, removed_rows=report.removed,
            debt_rows=report.debt or None, requests=report.requests, seconds=round(took(), 3), space=self._name,
            code=report.error.code if report.error else None,
        )  # fmt: skip

    def _note_quota(self, destination: str) -> None:
        used = self._syncing.connections.used(destination)
        if used is not None:
            self._memory.quota[destination] = used

    def _sync(self, bound: Bound, *, full: bool) -> Report:
        """An audience that was emptied on request has its removals settled, and stays empty."""
        if bound.key in self._journal.emptied():
            return keep_empty(self._syncing, bound)
        return self._syncing.sync(bound, full=full)

    def _begin(self, key: str) -> bool:
        memory = self._memory
        memory.served[key] = max(memory.served.values(), default=0) + 1
        memory.seen[key] = self._evaluated_data
        memory.confirmed |= {key}
        self._running, self._slice, self._pausable = key, None, key not in self._journal.emptied()
        return self._orders.begin(key)

    def _report_of(self, run: Callable[[], Report]) -> Report:
        """What a run came to. Its error is its own; only the loss of the space is everybody's."""
        try:
            return run()
        except GuestlistError as error:
            if error.code == LOST:
                raise
            return Report(state=State.STOPPED, error=error)
        except Exception as error:  # noqa: BLE001 whatever it is, the other syncs have nothing to do with it
            return Report(state=State.STOPPED, error=strange(error))

    def _save(self, key: str, began: int, report: Report) -> None:
        if report.error is not None:
            self._fail(key, report.error, again_at=report.again_at, began=began)
            return
        since = removal_since(self._syncing.ledger, key)
        again = report.again_at if report.state in {State.WAITING, State.DONE} else None
        self._journal.save_timing(Timing(sync=key, at=began, ran=True, again_at=again, removal_since=since))

    def _fail(self, key: str, error: GuestlistError, *, again_at: int | None, began: int | None = None) -> None:
        """Keep what stopped a sync. What waiting cures is tried again after growing waits, all else at its next time."""
        now = self._syncing.now
        failures = 1 + self._journal.timings().get(key, Timing(sync=key, at=now)).failures
        if again_at is not None or waiting_cures(error):
            again_at = max(again_at or 0, now + int(growing(failures) * 1_000_000))
        self._journal.save_timing(
            Timing(
                sync=key,
                at=began if began is not None else now,
                ran=True,
                again_at=again_at,
                failures=failures,
                code=error.code,
                happened=error.message,
                nothing_lost=error.nothing_lost,
                next_step=error.next_step,
                removal_since=removal_since(self._syncing.ledger, key),
            )
        )

    # --- who must never be sent ---------------------------------------------------------------------------------------

    def _obey(self) -> None:
        """Take out whom the do-not-send list or an erasure asks for, of every audience, also of those that are paused."""
        mark = self._journal.do_not_send_mark()
        if mark == self._memory.obeyed or not self._handing_over.over:
            return
        note_since(self._syncing.records)
        handed_over = [self._hands_over(bound) for bound in self._all_there()]
        if all(handed_over):
            self._memory.obeyed = mark
            self._handing_over.passed()
        else:
            self._handing_over.failed()

    def _all_there(self) -> Iterable[Bound]:
        kept = {one.key for one in self._journal.syncs() if one.remote_id}
        return [bound for bound in [*self.bounds, *self._syncing.left_alone()] if bound.key in kept]

    def _hands_over(self, bound: Bound) -> bool:
        if self._orders.stopping:
            return False
        self._running, self._slice = bound.key, None
        report = self._report_of(lambda: self._hand_over(bound))
        self._running = None
        if report.requests or report.error:
            code = report.error.code if report.error else None
            self._log.event(
                "handed_over",
                sync=bound.key,
                removed_rows=report.removed,
                requests=report.requests,
                code=code,
                space=self._name,
            )
        return report.state is State.DONE and not report.debt

    def _hand_over(self, bound: Bound) -> Report:
        # One that is to be empty wants nobody back, not even who is in doubt there.
        if bound.key in self._journal.emptied():
            return keep_empty(self._syncing, bound)
        return self._syncing.hand_over([bound])[0][1]


def _instant(microseconds_since_1970: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + microseconds_since_1970 * _MICROSECOND


def _print_of(space: Space) -> frozenset[tuple[str, int, int]]:
    """Changes whenever a definition does."""
    return frozenset(
        (path.name, told.st_mtime_ns, told.st_size)
        for folder in (space.audiences, space.traits)
        if folder.is_dir()
        for path in folder.iterdir()
        if (told := path.stat())
    )


def _print_of_settings(space: Space) -> tuple[int, int]:
    told = space.settings_file.stat()
    return told.st_mtime_ns, told.st_size

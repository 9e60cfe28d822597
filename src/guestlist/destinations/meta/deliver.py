"""The only loop that sends: one sync, removals before additions, batch by batch.

For each batch: the last gate, the intent in the journal, the request, what came of it in the journal; now and then the
answered ones into the ledger. Whatever was not surely taken is planned again, from what is wanted and what the ledger
says; so a crash, a lost answer and a refusal all end in the same place, and there is no second way to recover.
"""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from guestlist.clock import Clock
from guestlist.destinations.meta.answers import Outcome, Reply
from guestlist.destinations.meta.client import Mark, UsersReply, failure
from guestlist.destinations.meta.drawing import Drawer, Drawn, Terms
from guestlist.destinations.meta.folding import fold_answered, recover, write_named
from guestlist.destinations.meta.gate import gate
from guestlist.destinations.meta.guard import Held
from guestlist.destinations.meta.manifest import ROWS_PER_REQUEST
from guestlist.destinations.meta.pace import Direction, Usage, not_before, pause_before
from guestlist.destinations.meta.pack import Load, Packer, Parcel
from guestlist.destinations.meta.prepare import Wanted
from guestlist.destinations.meta.relations import Relations
from guestlist.destinations.meta.session import Session
from guestlist.destinations.meta.verdicts import TRIES_WHEN_UNKNOWN, Verdict
from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Answer, Batch, BatchState, Pause, PlanState
from guestlist.store.ledger import Ledger

_SECOND = 1_000_000
_FOLD_EVERY = 20  # batches: what a crash may leave to be folded again
_ROUNDS = 8
_FAILURES_IN_A_ROW = 5


class Sender(Protocol):
    """The part of the Meta client that sends rows."""

    def send(
        self, direction: Direction, audience: str, schema: Sequence[str], rows: Sequence[str], mark: Mark
    ) -> UsersReply: ...


class Source(Protocol):
    """Where the newest wanted comes from."""

    def wanted(self) -> Wanted:
        """What is wanted now."""

    def newer(self) -> bool:
        """Whether something newer than the last `wanted` is there: then the unsent rest is planned again."""

    def gate(self) -> Relations | None:
        """What the last gate goes by; None while it can be nothing else than at the time of `wanted`."""


class State(Enum):
    """How a run ended."""

    DONE = "done"
    HELD = "held"  # a plan waits for a person's yes
    WAITING = "waiting"  # goes on by itself, not before `again_at`
    STOPPED = "stopped"  # goes on after a person did what `error` says
    PAUSED = "paused"  # a person paused the sync: only who must never be sent is taken out
    CANCELLED = "cancelled"  # was asked to end: the request in flight was the last, the rest is planned anew next time


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands, in rows of the present plan."""

    direction: Direction
    done: int
    of: int


@dataclass(kw_only=True)
class Report:
    """What a run came to. Rows are counted by what became of them in it, however often they were sent: `refused` at its
    end, `in_doubt` at one time; `held` is the plan that waits.
    """

    state: State = State.DONE
    added: int = 0
    removed: int = 0
    in_doubt: int = 0
    refused: int = 0
    declined: int = 0
    requests: int = 0
    debt: int = 0  # rows that should be out and may not be
    plans: list[str] = field(default_factory=list)
    held: str | None = None
    again_at: int | None = None
    error: GuestlistError | None = None


class _End(Enum):
    """How the sending of one plan ended."""

    ALL_TAKEN = "all taken"
    AGAIN = "again"  # plan what is left anew, now
    LATER = "later"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


@dataclass(kw_only=True)
class Delivery:
    """One sync's worker."""

    ledger: Ledger
    journal: Journal
    client: Sender
    clock: Clock
    source: Source
    terms: Terms
    audience: str  # its id at Meta
    account: str
    rows_per_request: int = ROWS_PER_REQUEST
    patience: float = 300.0  # seconds to wait within a run; longer waits end it
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random | None = None
    progress: Callable[[Progress], None] = lambda _progress: None
    halted: Callable[[], bool] = lambda: False  # asked before each request: is this run to end?
    _report: Report = field(default_factory=Report, init=False)
    _wanted: Wanted | None = field(default=None, init=False)
    _packer: Packer | None = field(default=None, init=False)
    _answered: list[Batch] = field(default_factory=list, init=False)
    _folder: ThreadPoolExecutor | None = field(default=None, init=False)
    _folding: Future[None] | None = field(default=None, init=False)
    _doubtful: int = field(default=0, init=False)  # rows of the present plan in doubt
    _failures: int = field(default=0, init=False)  # in a row
    _unknown: int = field(default=0, init=False)  # errors that the table does not know
    _listed_at: int = field(default=0, init=False)  # the newest entry of the do-not-send list that the plan knows
    _put_off: bool = field(default=False, init=False)  # removals were refused in this run
    _usage: Usage = field(default_factory=Usage, init=False)  # what the latest answer said, until it is heeded
    _smaller: bool = field(default=False, init=False)  # the rest is to be cut smaller
    _finished: bool = field(default=False, init=False)  # every batch of the plan had its turn
    _yes: Held | None = field(default=None, init=False)  # what this run may do without asking again

    def run(self) -> Report:
        """Bring Meta to what is wanted, as far as it lets us now."""
        with ThreadPoolExecutor(1, thread_name_prefix="fold") as self._folder:
            return self._run()

    def _run(self) -> Report:
        recover(self.ledger, self.journal, now=self._now())
        for _ in range(_ROUNDS):
            drawn = self._draw_up()
            if not drawn.parcels:
                return self._ended(_held_or_done(drawn))
            end = self._send_all(drawn)
            if end is _End.ALL_TAKEN:
                return self._ended(_held_or_done(drawn))
            if end is not _End.AGAIN:
                return self._ended(_STATES[end])
        self._report.again_at = self._report.again_at or self._now()
        return self._ended(State.WAITING)

    # --- a plan -------------------------------------------------------------------------------------------------------

    def _draw_up(self) -> Drawn:
        # What an earlier plan was refused is in this one again, and counts once.
        self._report.refused = self._doubtful = 0
        drawer = Drawer(ledger=self.ledger, journal=self.journal, terms=self.terms)
        packer = self._packer = Packer(
            ledger=self.ledger,
            sync=self.terms.sync,
            destination=self.terms.destination,
            keys=self.terms.keys,
            size=self.rows_per_request,
        )
        _, self._listed_at = self.journal.do_not_send_mark()  # before: what is listed meanwhile is not obeyed yet
        wanted = self._wanted = self.source.wanted()
        removes = "listed" if self._removals_wait() else None
        drawn = drawer.draw_up(wanted, packer, now=self._now(), removes=removes, yes=self._yes)
        if drawn.parcels:
            self._report.plans.append(drawer.record(drawn, now=self._now()).id)
        if self.terms.scope.is_asked_for:
            return drawn
        if drawn.waits is None:
            self._pass(drawn)
        else:
            self._report.held = drawn.waits.id
            if not drawn.parcels:
                drawer.hold(drawn.waits, now=self._now())
        return drawn

    def _pass(self, drawn: Drawn) -> None:
        """The guard let a plan go: until the run ends as many people may leave, and its settings are the known ones."""
        waited = self.journal.held_plan(self.terms.sync)
        if waited is not None and not drawn.parcels:
            # What it would have done is no longer wanted, or is done.
            self.journal.move_plan(waited.id, PlanState.SUPERSEDED, now=self._now())
        self._yes = self._yes or Held(
            plan=drawn.plan.id, causes=self.terms.causes, shown=drawn.plan.people_leaving, confirmed=True
        )
        sync = self.journal.sync(self.terms.sync)
        if sync is not None and self.terms.passed_cause not in {None, sync.passed_cause}:
            self.journal.save_sync(replace(sync, passed_cause=self.terms.passed_cause))

    def _send_all(self, drawn: Drawn) -> _End:
        try:
            end = self._send_each(drawn)
        finally:
            self._fold()
            self._await_fold()
        done = end is _End.ALL_TAKEN or self._finished
        self.journal.move_plan(drawn.plan.id, PlanState.DONE if done else PlanState.SUPERSEDED, now=self._now())
        if drawn.waits is not None:
            Drawer(ledger=self.ledger, journal=self.journal, terms=self.terms).hold(drawn.waits, now=self._now())
        return end

    def _send_each(self, drawn: Drawn) -> _End:
        """Parcel by parcel; what is to be sent again is left to the next plan."""
        again, self._finished = False, False
        session: Session | None = None
        planned = {batch.id: batch for batch in self.journal.batches(drawn.plan.id)}
        total, done = sum(parcel.rows for parcel in drawn.parcels), 0
        for parcel, following in zip(drawn.parcels, [*drawn.parcels[1:], None], strict=True):
            if not self._may_send(parcel.direction):
                return _End.LATER
            if self.halted():
                return _End.CANCELLED
            if self.source.newer():
                return _End.AGAIN
            last = following is None or following.group != parcel.group
            if session is None or session.over or session.group != parcel.group:
                session = Session(group=parcel.group)
            end = self._send(planned[parcel.batch], parcel, session, last=last, waiting=total - done)
            if end in _STATES:
                return end
            again = again or end is _End.AGAIN
            if self._smaller:
                return _End.AGAIN
            done += parcel.rows
            self.progress(Progress(direction=parcel.direction, done=done, of=total))
        self._finished = True
        return _End.AGAIN if again else _End.ALL_TAKEN

    # --- a batch ------------------------------------------------------------------------------------------------------

    def _send(self, batch: Batch, parcel: Parcel, session: Session, *, last: bool, waiting: int) -> _End:
        self._smaller = False
        load = self._gated(parcel)
        if not load.rows:
            return _End.ALL_TAKEN
        now = self._now()
        mark = session.mark(last=last, now=now)
        sent_at = self.journal.intend(batch.id, rows=len(load.rows), session=mark.session_id, now=now)
        sent = self.client.send(parcel.direction, self.audience, parcel.schema, load.rows, mark)
        self._report.requests += 1
        self._usage = sent.reply.usage
        taken = sent.answer is not None and session.took_all(sent.answer, len(load.rows))
        session.over = session.over or not taken
        answer = self._answer(batch, sent, load, taken=taken)
        self.journal.answer(batch.id, answer, now=self._now())
        self._answered.append(
            replace(batch, rows=len(load.rows), state=answer.state, sent_at=sent_at, invalid=answer.invalid)
        )
        if len(self._answered) >= _FOLD_EVERY:
            self._fold()
        self._count(parcel.direction, answer, len(load.rows), sent)
        return self._react(sent, answer, again=_rest_goes_again(parcel.direction, sent), waiting=waiting)

    def _gated(self, parcel: Parcel) -> Load:
        """What may still be sent, asked directly before the intent."""
        packer = self._packer
        assert packer is not None
        newest = self.source.gate()
        if newest is not None:
            with self.ledger.transaction():
                op = self.ledger.table("op").filter(lambda t: t.batch == parcel.batch)
                passed = gate(op, newest, materialise=self.ledger.materialise)
                packer.passed(parcel, passed.op, passed.op_person)
        return packer.load(parcel, gated=newest is not None)

    def _answer(self, batch: Batch, sent: UsersReply, load: Load, *, taken: bool) -> Answer:
        if sent.answer is not None:
            if not taken:
                return Answer(state=BatchState.UNKNOWN, invalid=sent.answer.invalid)
            named = [(load.row_keys[number], reason) for number, reason in sent.answer.named.items()]
            write_named(self.ledger, batch, named)
            return Answer(state=BatchState.APPLIED, received=len(load.rows), invalid=sent.answer.invalid)
        certain = sent.reply.outcome in {Outcome.REFUSED, Outcome.NOT_SENT}
        rule = sent.reply.rule
        return Answer(
            state=BatchState.REFUSED if certain else BatchState.UNKNOWN,
            code=rule.code if rule else None,
            subcode=rule.subcode if rule else None,
            fbtrace_id=sent.reply.trace,
        )

    def _count(self, direction: Direction, answer: Answer, rows: int, sent: UsersReply) -> None:
        report = self._report
        if answer.state is BatchState.UNKNOWN:
            self._doubtful += rows
        elif answer.state is BatchState.REFUSED:
            report.refused += rows if sent.reply.outcome is Outcome.REFUSED else 0
        elif direction == "add":
            named = len(sent.answer.named) if sent.answer else 0
            report.declined += named
            if _rest_goes_again(direction, sent):
                self._doubtful += rows - named
            else:
                report.added += rows - named
        else:
            report.removed += rows - (answer.invalid or 0)
            self._doubtful += answer.invalid or 0
        report.in_doubt = max(report.in_doubt, self._doubtful)

    def _fold(self) -> None:
        """What was answered into the ledger, beside the sending of what comes next: one fold at a time, in order."""
        self._await_fold()
        assert self._folder is not None
        answered, self._answered = self._answered, []
        self._folding = self._folder.submit(fold_answered, self.ledger, self.journal, answered, now=self._now())

    def _await_fold(self) -> None:
        folding, self._folding = self._folding, None
        if folding is not None:
            folding.result()

    # --- what an answer means for the rest ----------------------------------------------------------------------------

    def _react(self, sent: UsersReply, answer: Answer, *, again: bool, waiting: int) -> _End:
        if answer.state is BatchState.APPLIED:
            self._failures = 0
            return _End.AGAIN if again else _End.ALL_TAKEN
        reply, rule = sent.reply, sent.reply.rule
        verdict = rule.verdict if rule is not None else Verdict.RETRY
        if verdict is Verdict.REFUSED_FOR_NOW:
            self._put_off_removals(reply)
            return _End.ALL_TAKEN
        if verdict is Verdict.SPLIT and self.rows_per_request > 1:
            self.rows_per_request = max(1, self.rows_per_request // 2)
            self._smaller = True
            return _End.AGAIN
        self._unknown += verdict is Verdict.UNKNOWN
        if verdict.stops or verdict is Verdict.SPLIT or self._unknown >= TRIES_WHEN_UNKNOWN:
            self._report.error = self._failed(reply, waiting)
            return _End.STOPPED
        self._failures += 1
        return self._wait_after(reply)

    def _wait_after(self, reply: Reply) -> _End:
        now = self._now()
        if reply.rule is not None:
            until = not_before(reply.rule, reply.usage, attempt=self._failures, now=now, rng=self.rng)
            reason = reply.rule.name
        else:
            # A single lost answer says nothing about the next request.
            until = now + (2 ** (self._failures - 1) - 1) * _SECOND
            reason = "meta_answer_lost" if reply.outcome is Outcome.UNKNOWN else "meta_unreachable"
        if until > now:
            self.journal.save_pause(Pause(account=self.account, not_before=until, reason=reason))
        if self._failures >= _FAILURES_IN_A_ROW:
            self._report.again_at = max(until, now + 60 * _SECOND)
            self._report.error = self._failed(reply)
            return _End.LATER
        return _End.AGAIN

    def _failed(self, reply: Reply, waiting: int | None = None) -> GuestlistError:
        return failure(
            reply,
            thing=self.terms.sync,
            waiting=waiting,
            destination=self.terms.destination,
            account=self.account,
        )

    def _may_send(self, direction: Direction) -> bool:
        """Wait as long as Meta asks; False where that is longer than this run may last."""
        # Not the client's: what an answer said long ago is over, also where none has said anything since.
        usage, self._usage = pause_before(self._usage, direction), Usage()
        stored = self.journal.pause(self.account)
        now = self._now()
        wait = max(usage, (stored.not_before - now) / _SECOND if stored else 0.0)
        if wait <= 0:
            return True
        if wait > self.patience:
            self._report.again_at = now + int(wait * _SECOND)
            if usage > 0:
                self.journal.save_pause(
                    Pause(account=self.account, not_before=self._report.again_at, reason="meta_usage")
                )
            return False
        self.sleep(wait)
        return True

    # --- refused removals ---------------------------------------------------------------------------------------------

    @property
    def _removals(self) -> str:
        return f"{self.terms.sync} removals"

    def _removals_wait(self) -> bool:
        pause = self.journal.pause(self._removals)
        return self._put_off or (pause is not None and pause.not_before > self._now())

    def _put_off_removals(self, reply: Reply) -> None:
        """They stay due and are tried again with growing waits; nothing else waits for them."""
        if self._put_off or reply.rule is None:
            return
        self._put_off = True
        attempt = 1 + self._refusals_before()
        until = not_before(reply.rule, reply.usage, attempt=attempt, now=self._now(), rng=self.rng)
        self.journal.save_pause(Pause(account=self._removals, not_before=until, reason=reply.rule.name))

    def _refusals_before(self) -> int:
        """How many plans in a row, before this one, had their removals refused."""
        count = 0
        for plan in self.journal.plans(self.terms.sync):
            if plan.id in self._report.plans:
                continue
            states = {batch.state for batch in self.journal.batches(plan.id) if batch.direction == "remove"}
            if BatchState.REFUSED in states:
                count += 1
            elif BatchState.APPLIED in states:
                break
        return count

    # --- the end ------------------------------------------------------------------------------------------------------

    def _ended(self, state: State) -> Report:
        report = self._report
        report.state = state
        report.debt = self._debt(state)
        self._tell_given_up()
        self._note()
        pause = self.journal.pause(self._removals)
        if report.debt and pause is not None and report.again_at is None:
            report.again_at = pause.not_before
        return report

    def _debt(self, state: State) -> int:
        """Removals that are due and were not taken."""
        if self._wanted is None or (state is State.DONE and not self._removals_wait()):
            return 0
        drawer = Drawer(ledger=self.ledger, journal=self.journal, terms=self.terms)
        return drawer.preview(self._wanted, now=self._now()).removals

    def _tell_given_up(self) -> None:
        """Removals that Meta would not take are a person's to look at; nothing else waited for them."""
        report = self._report
        if report.state is not State.DONE or self._wanted is None or report.error is not None:
            return
        rows = Drawer(ledger=self.ledger, journal=self.journal, terms=self.terms).given_up(self._wanted)
        if rows:
            report.state, report.debt = State.STOPPED, report.debt + rows
            report.error = GuestlistError(
                "meta_removals_not_taken",
                f"{self.terms.sync}: Meta did not take {rows:,} removals in three tries; these rows may still be there.",
                nothing_lost="Everything else was sent.",
                next_step="Try once more with: guestlist sync --full. If that fails too, delete the audience at Meta and "
                "run it again: it is made anew.",
            )

    def _note(self) -> None:
        """What whoever asks later is told: is it right, and what is still to be taken out."""
        sync, out = self.journal.sync(self.terms.sync), self._report.state is State.DONE and self._report.debt == 0
        if sync is None:
            return
        noted = replace(sync, removals_due=self._report.debt, obeyed=self._listed_at if out else sync.obeyed)
        if out and self.terms.scope.makes_right:
            full = self._now() if self.terms.reassert_before is not None else sync.full_at
            noted = replace(noted, right_at=self._now(), full_at=full)
        self.journal.save_sync(noted)

    def _now(self) -> int:
        return int(self.clock.now().timestamp() * _SECOND)


_STATES = {_End.LATER: State.WAITING, _End.STOPPED: State.STOPPED, _End.CANCELLED: State.CANCELLED}


def _rest_goes_again(direction: Direction, sent: UsersReply) -> bool:
    """A removal with invalid entries stays due and goes in halves; an addition goes without those that Meta named.

    An addition with others than those counts as taken: nothing says which rows to leave out.
    """
    answer = sent.answer
    if answer is None or not answer.invalid:
        return False
    return direction == "remove" or len(answer.named) >= answer.invalid


def _held_or_done(drawn: Drawn) -> State:
    return State.HELD if drawn.waits is not None else State.DONE

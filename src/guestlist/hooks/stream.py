"""The moves of one hook, one request after the other, so that those of a person arrive in their order.

A move is dealt with once the journal says so, after the answer: what a crash cuts off is sent again. While an address
does not answer the stream waits, and the moves with it. What an address refuses for good becomes a dead letter; of its
people nothing later is sent until that was, or is given up. So nobody who exited is told of as having entered last.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from guestlist.clock import Clock, microseconds
from guestlist.hooks.departing import owed_move
from guestlist.hooks.moves import Move, Moves, last_number
from guestlist.hooks.posting import Answer, Poster, Verdict
from guestlist.hooks.secrets import Keys
from guestlist.hooks.shapes import CONTACTS, Told, body, portions, told
from guestlist.profiles.do_not_send import identifier_token
from guestlist.records import Records
from guestlist.store.journal_hooks import Held, Hook, Letter, OwedExit

LOT = 4_000
"""Moves read at once."""
MOST = 200
"""Moves in a request."""
TRIES = 3
"""How often what is refused is sent before it becomes a dead letter."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 600.0
MOST_REFUSED = 20
"""So many single moves refused one after the other: that is no fault of the people in them."""
Note = Callable[[str, Hook, str | None, int], None]
"""Told of what happened: a name, the hook, a code, how many moves."""


@dataclass(kw_only=True)
class Stream:
    """One hook at work. `step` until it says that there is nothing to do."""

    name: str
    records: Records
    moves: Moves
    poster: Poster
    clock: Clock
    note: Note = lambda *_: None
    chance: Random = field(default_factory=Random)
    _lot: list[Move] = field(default_factory=list)
    _read_in: int = 0
    _most: int = MOST
    _refused: int = 0
    _listed: tuple[tuple[int, int], frozenset[bytes]] | None = None

    @property
    def _now(self) -> int:
        return microseconds(self.clock.now())

    def hook(self) -> Hook | None:
        """The hook as it is recorded now; None once it was taken away."""
        return next((one for one in self.records.journal.hooks() if one.name == self.name), None)

    def step(self) -> float | None:
        """Send at most one request. Gives the seconds to wait before the next: 0 for none, None where nothing is to do."""
        hook = self.hook()
        if hook is None or hook.upto is None or hook.stopped:
            return None
        if hook.again_at is not None and hook.again_at > self._now:
            return (hook.again_at - self._now) / 1_000_000
        for owed in self.records.journal.owed_exits(self.name):
            if owed.letter is None:
                return self._tell_exit(hook, owed)
        for letter in self.records.journal.letters(self.name):
            if letter.asked_at is not None:
                return self._send_again(hook, letter)
        return self._go_on(hook)

    # --- the next moves -----------------------------------------------------------------------------------------------

    def _go_on(self, hook: Hook) -> float | None:
        assert hook.upto is not None
        upto = hook.upto
        if self._read_in != self.moves.opened:
            self._lot, self._read_in = [], self.moves.opened
        self._lot = [move for move in self._lot if move.number > upto]
        if not self._lot and not self._read_lot(hook, upto):
            return None
        held = self._held()
        first, next_one = self._portion(hook, [move for move in self._lot if move.profile_id not in held])
        # All that lies before the next one to be sent is dealt with by the same record.
        rest = last_number(self._lot) + 1 if next_one is None else next_one.move.number
        dealt = [move for move in self._lot if move.number < rest]
        if not first:
            self._pass(dealt, first, held)
            return 0
        answer = self._post(hook, first)
        if answer.verdict is Verdict.TAKEN:
            self._pass(dealt, first, held)
            self._taken(hook, len(first))
            return 0
        return self._not_taken(hook, answer, first, lambda: self._pass(dealt, [], held, buried=first))

    def _portion(self, hook: Hook, moves: Iterable[Move]) -> tuple[list[Told], Told | None]:
        """What the next request takes, and the one that comes after it; no more is made into documents than that."""
        self._know_listed()
        made: list[Told] = []

        def making() -> Iterator[Told]:
            for move in moves:
                one = self._may_send(move, hook)
                if one is not None:
                    made.append(one)
                    yield one

        first = next(portions(making(), most=self._most), [])
        return first, made[-1] if len(made) > len(first) else None

    def _read_lot(self, hook: Hook, upto: int) -> bool:
        """Read on; says whether there is something for this hook."""
        newest = self.moves.newest()
        if newest <= upto:
            return False
        self._lot = self.moves.after(hook, limit=LOT)
        if not self._lot:
            self.records.journal.passed(self.name, newest, sent=0, left_out=0, held=(), now=self._now)
        return bool(self._lot)

    def _held(self) -> dict[str, int]:
        """Whose moves wait in which letter, by the ids that people have now."""
        held = self.records.journal.held_people(self.name)
        now = self.moves.survivors(held)
        return {now.get(whose, whose): letter for whose, letter in held.items()}

    def _pass(
        self,
        dealt: Sequence[Move],
        sent: Sequence[Told],
        held: Mapping[str, int],
        *,
        buried: Sequence[Told] = (),
    ) -> None:
        waiting = [(held[move.profile_id], (move.number, move.profile_id)) for move in dealt if move.profile_id in held]
        left_out = len(dealt) - len(sent) - len(buried) - len(waiting)
        upto = last_number(dealt)
        self.records.journal.passed(self.name, upto, sent=len(sent), left_out=left_out, held=waiting, now=self._now)
        self._lot = [move for move in self._lot if move.number > upto]

    def _may_send(self, move: Move, hook: Hook) -> Told | None:
        """Nobody on the do-not-send list is told of as entering; that they exited is told by as little as can be."""
        if not self._is_listed(move):
            return told(move, hook)
        contacts = tuple(one for one in hook.also if one in CONTACTS)
        return None if move.inside else told(move, replace(hook, also=())) or told(move, replace(hook, also=contacts))

    def _is_listed(self, move: Move) -> bool:
        tokens = self._listed[1] if self._listed else frozenset()
        return bool(tokens) and any(identifier_token(self.records.pepper, *one) in tokens for one in move.known)

    def _know_listed(self) -> None:
        journal = self.records.journal
        mark = journal.do_not_send_mark()
        if self._listed is None or self._listed[0] != mark:
            self._listed = (mark, frozenset(entry.token for entry in journal.do_not_send()))

    # --- what was refused ---------------------------------------------------------------------------------------------

    def _send_again(self, hook: Hook, letter: Letter) -> float:
        journal = self.records.journal
        numbers = journal.letter_moves(letter.id, limit=LOT)
        owed = self._owed_in(letter)
        there = [move for one in owed if (move := self._owed_move(one))] + self.moves.numbered(hook, numbers)
        first, _ = self._portion(hook, there)
        if not first:
            self._delivered(letter, numbers, owed)
            return 0
        answer = self._post(hook, first)
        if answer.verdict is Verdict.TAKEN:
            last = first[-1].move.number
            self._delivered(letter, [number for number in numbers if number <= last], owed)
            self._count(hook, len(first))
            return 0
        if answer.verdict is Verdict.LATER or (answer.verdict is Verdict.SMALLER and len(first) > 1):
            return self._not_taken(hook, answer, first, lambda: None)
        journal.bury_again(letter.id, answer.code)
        self.note("hook_refused", hook, answer.code, len(first))
        if answer.verdict is not Verdict.SMALLER:
            journal.stop_hook(self.name, answer.code)
        return 0

    def _delivered(self, letter: Letter, numbers: Sequence[int], owed: Sequence[OwedExit]) -> None:
        for one in owed:
            if -one.id in numbers:
                self._forget_exit(one)
        self.records.journal.delivered(letter.id, numbers)

    def _not_taken(self, hook: Hook, answer: Answer, some: Sequence[Told], passed: Callable[[], None]) -> float:
        if answer.verdict is Verdict.SMALLER and len(some) > 1:
            self._most = len(some) // 2
            return 0
        failures = hook.failures + 1
        final = answer.verdict is Verdict.GONE or (answer.verdict is not Verdict.LATER and failures >= TRIES)
        if not final:
            wait = self._wait(failures, answer)
            again_at = self._now + int(wait * 1_000_000)
            self.records.journal.failed(self.name, answer.code, failures=failures, again_at=again_at)
            self.note("hook_waits", hook, answer.code, len(some))
            return wait
        self._bury(hook, answer, some, passed)
        return 0

    def _bury(self, hook: Hook, answer: Answer, some: Sequence[Told], passed: Callable[[], None]) -> None:
        buried: list[Held] = [(one.move.number, one.move.profile_id) for one in some]
        # The letter first: after a crash between the two its people are held, and their moves added to it once more.
        self.records.journal.bury(self.name, answer.code, buried, now=self._now)
        passed()
        self.note("hook_refused", hook, answer.code, len(some))
        self._refused += 1
        if answer.verdict is not Verdict.SMALLER or self._refused >= MOST_REFUSED:
            self._refused = 0
            self.records.journal.stop_hook(self.name, answer.code)
            self.note("hook_stopped", hook, answer.code, 0)

    def _wait(self, failures: int, answer: Answer) -> float:
        """Growing, and drawn by lot, so that not all who failed at once come back at once."""
        longest = min(FIRST_WAIT * 2.0 ** min(failures - 1, 20), LONGEST_WAIT)
        drawn = self.chance.uniform(longest / 2, longest)
        return drawn if answer.wait is None else max(answer.wait, drawn)

    def _count(self, hook: Hook, moves: int) -> None:
        """Moves that arrived out of turn."""
        assert hook.upto is not None
        self.records.journal.passed(self.name, hook.upto, sent=moves, left_out=0, held=(), now=self._now)
        self._taken(hook, moves)

    def _taken(self, hook: Hook, moves: int) -> None:
        self._refused = 0
        self._most = min(self._most * 2, MOST)
        self.note("hook_sent", hook, None, moves)

    # --- exits of people who were erased ------------------------------------------------------------------------------

    def _tell_exit(self, hook: Hook, owed: OwedExit) -> float:
        move = self._owed_move(owed)
        one = None if move is None else told(move, hook)
        if one is not None:
            answer = self._post(hook, [one])
            if answer.verdict is not Verdict.TAKEN:
                return self._not_taken(hook, answer, [one], lambda: None)
            self._count(hook, 1)
        self._forget_exit(owed)
        return 0

    def _owed_move(self, owed: OwedExit) -> Move | None:
        sealed = self.records.vault.load(owed.sealed_as)
        return None if sealed is None else owed_move(owed, sealed)

    def _owed_in(self, letter: Letter) -> list[OwedExit]:
        return [one for one in self.records.journal.owed_exits(self.name) if one.letter == letter.id]

    def _forget_exit(self, owed: OwedExit) -> None:
        self.records.journal.exit_told(owed.id)
        self.records.vault.delete(owed.sealed_as)

    # --- one request --------------------------------------------------------------------------------------------------

    def _post(self, hook: Hook, some: Sequence[Told]) -> Answer:
        now = self.clock.now()
        content = body(some, hook, now=now)
        first, last = some[0].move.number, some[-1].move.number
        message_id = f"msg_{hook.mark}_{first}_{last}"
        keys = Keys(self.records.vault, hook)
        return self.poster.post(hook.url, content, keys.headers(message_id, content, now=now), now=now)

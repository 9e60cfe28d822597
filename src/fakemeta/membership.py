"""Who is in an audience: what was accepted, what is in force, and when the one becomes the other.

Meta answers at once and changes the audience later (up to a day; removals slower). Until then it waits here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fakemeta.behaviour import Behaviour
from fakemeta.matching import Hit, Token

Direction = Literal["add", "remove"]
_NO_TOKENS: frozenset[Token] = frozenset()
_NEVER_FOLLOWED = 3600.0  # a request held back for the next one goes in after an hour when none comes


@dataclass(kw_only=True, slots=True)
class Change:
    """One accepted request on its way into the audience."""

    seq: float
    at: float
    due: float
    direction: Direction
    hits: Sequence[Hit]
    held: bool = False  # waits for the next request to overtake it
    in_order: bool = True  # false: a fault put it outside the pipeline's order


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """One line of Audience History: a request that was applied. `people` are those it matched; never a cell."""

    at: float
    action: Direction
    rows: int
    invalid: int
    people: tuple[int, ...]
    session_id: str

    def as_dict(self, *, with_people: bool) -> dict[str, Any]:
        line: dict[str, Any] = {
            "at": self.at,
            "action": self.action,
            "rows": self.rows,
            "invalid": self.invalid,
            "matched": len(self.people),
            "session_id": self.session_id,
        }
        return line | ({"people": list(self.people)} if with_people else {})


@dataclass(slots=True)
class Membership:
    """A set of people. Under `membership: keys` each carries the tokens that hold them in; else none."""

    tokens: dict[int, frozenset[Token]] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)
    settled_once: bool = False
    _seq: int = 0

    def accept(
        self,
        direction: Direction,
        hits: Sequence[Hit],
        now: float,
        behaviour: Behaviour,
        *,
        late: float | None = None,
        hold: bool = False,
    ) -> None:
        """Queue a change. `late` overrides delay and order; `hold` lets the next accepted request overtake this one."""
        self._seq += 1
        delay = behaviour.add_delay if direction == "add" else behaviour.remove_delay
        due = now + (delay if late is None else late)
        if late is None and behaviour.order == "kept":
            due = max([due, *(change.due for change in self.pending if change.in_order)])
        change = Change(seq=self._seq, at=now, due=due, direction=direction, hits=hits, held=hold)
        change.in_order = late is None and not hold
        if hold:
            change.due += _NEVER_FOLLOWED
        else:
            self._release_held(change)
        self.pending.append(change)

    def _release_held(self, overtaking: Change) -> None:
        for change in self.pending:
            if change.held:
                change.held, change.due, change.seq = False, overtaking.due, overtaking.seq + 0.5

    def settle(self, now: float, *, by_people: bool) -> bool:
        """Apply what is due, in the order it falls due. True when anything changed hands."""
        due = sorted((c for c in self.pending if c.due <= now), key=lambda c: (c.due, c.seq))
        if not due:
            return False
        self.pending = [c for c in self.pending if c.due > now]
        for change in due:
            apply(self.tokens, change, by_people=by_people)
        self.settled_once = True
        return True

    def eventually(self, *, by_people: bool) -> set[int]:
        """Who will be in when everything accepted has been applied."""
        if not self.pending:
            return set(self.tokens)
        tokens = dict(self.tokens)
        for change in sorted(self.pending, key=lambda c: (c.due, c.seq)):
            apply(tokens, change, by_people=by_people)
        return set(tokens)


def apply(tokens: dict[int, frozenset[Token]], change: Change, *, by_people: bool) -> None:
    if change.direction == "add":
        for token, person in change.hits:
            held = tokens.get(person, _NO_TOKENS)
            tokens[person] = held if by_people else held | {token}
        return
    for token, person in change.hits:
        left = tokens.pop(person, _NO_TOKENS) - {token}
        if left and not by_people:
            tokens[person] = left


def people_of(hits: Iterable[Hit]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(person for _, person in hits))

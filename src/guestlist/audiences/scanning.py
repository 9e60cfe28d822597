"""Events read once for many conditions: narrow relations with the properties that are asked about taken out of their JSON.

To parse a document costs far more than to compare a column, and a team's audiences ask the same few properties of the
same few events again and again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import taken_out
from guestlist.audiences.measuring import OF_VALUES
from guestlist.audiences.question import Question, stamp
from guestlist.audiences.steps import EACH, split_path
from guestlist.audiences.times import span

_KEPT = ("profile_id", "at")
_IDENTITY = ("source", "message_id")
_OFTEN = 2
"""From so many readings of a property on it pays to take properties out beforehand."""


class Materialise(Protocol):
    """Write an intermediate result under a name that ends with this process."""

    def __call__(self, name: str, rows: Any, /) -> Any: ...


@dataclass(kw_only=True)
class _Use:
    """What all conditions ask of one kind of event; `after` None: somebody asks back to the beginning."""

    paths: Counter[str] = field(default_factory=Counter)
    after: list[datetime | None] = field(default_factory=list)
    identity: bool = False
    """Whether somebody asks which event it is: its source, what came after it, which of several is the last."""

    @property
    def whole(self) -> bool:
        """Whether somebody looks into lists, which only the whole document can answer."""
        return any(EACH in split_path(path) for path in self.paths)

    def floor(self) -> datetime | None:
        known = [after for after in self.after if after is not None]
        return min(known) if len(known) == len(self.after) else None


def scanned(question: Question, definitions: Iterable[d.Definition], materialise: Materialise) -> Question:
    """The question with a relation of its own for each event whose properties are asked about more than once."""
    uses = _uses(question, definitions)
    often = {name: use for name, use in uses.items() if use.paths.total() >= _OFTEN}
    scans = {
        name: materialise(f"scan_{number}", _scan(question, name, use))
        for number, (name, use) in enumerate(sorted(often.items()))
    }
    return replace(question, scans=scans)


def _scan(question: Question, name: str, use: _Use) -> ir.Table:
    event = question.relations.event
    tests = [event.event == name, event.at <= stamp(event.at, question.as_of)]
    floor = use.floor()
    if floor is not None:
        tests.append(event.at > stamp(event.at, floor))
    kept = (*_KEPT, *(_IDENTITY if use.identity else ()), *(["properties"] if use.whole else []))
    plain = [path for path in sorted(use.paths) if EACH not in split_path(path)]
    return taken_out(event.filter(*tests), kept, plain)


def _uses(question: Question, definitions: Iterable[d.Definition]) -> dict[str, _Use]:
    uses: dict[str, _Use] = defaultdict(_Use)
    for definition in definitions:
        for condition in d.every(definition.who):
            if isinstance(condition, d.Event):
                _note(uses, condition, question)
    return uses


def _note(uses: dict[str, _Use], condition: d.Event, question: Question) -> None:
    first = uses[condition.step.event]
    first.after.append(span(condition.window, question.as_of, question.zone).after)
    if isinstance(condition.measure, d.Aggregate):
        first.paths[condition.measure.property] += 1
        first.identity |= condition.measure.reducer in OF_VALUES
    for number, step in enumerate(d.steps(condition.step)):
        use = uses[step.event]
        use.identity |= step.source is not None or any(True for _ in d.nexts(step.where))
        use.paths.update(test.path for test in d.property_tests(step.where))
        if number:
            use.after.append(None)
    for parent, path in _parents(condition.step):
        uses[parent].paths[path] += 1


def _parents(step: d.Step) -> Iterator[tuple[str, str]]:
    """The properties of each event that the steps after it are compared with."""
    for then in d.nexts(step.where):
        for test in d.property_tests(then.step.where):
            if isinstance(test.test, d.Like) and test.test.reference.of == "parent":
                yield step.event, test.test.reference.path
        yield from _parents(then.step)

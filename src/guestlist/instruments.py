"""Steps that are looked at while they run: how long they took, and what may be told of them.

Nobody looks unless told to, and then a step costs a comparison. Facts are of known names: ids of ours, counts, codes and
seconds; a fact that is not on the list cannot be told, so no personal value, token or address gets out by mistake.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from guestlist.clock import stopwatch
from guestlist.errors import GuestlistError

Fact = str | int | float
P = ParamSpec("P")
R = TypeVar("R")
FACTS = frozenset(
    {"sync", "destination", "account", "method", "edge", "outcome", "status", "code", "subcode", "fbtrace_id", "quota",
     "messages", "rows", "removals", "additions"}
)  # fmt: skip


@dataclass(kw_only=True)
class Step:
    """One step. `seconds` and `failed` are known once it is over."""

    name: str
    facts: dict[str, Fact] = field(default_factory=dict)
    seconds: float = 0.0
    failed: bool = False

    def note(self, **facts: Fact | None) -> None:
        """Tell more of it; facts without a value are left out."""
        strange = facts.keys() - FACTS
        if strange:
            message = f"not on the list of what may be told of a step: {', '.join(sorted(strange))}"
            raise ValueError(message)
        self.facts |= {name: fact for name, fact in facts.items() if fact is not None}


Looker = Callable[[Step], AbstractContextManager[None]]
"""Is entered when a step begins, and left when it is over."""
_lookers: list[Looker] = []


@contextmanager
def step(name: str, **facts: Fact | None) -> Iterator[Step]:
    """A step that begins now and is over with the block."""
    if not _lookers:
        yield Step(name=name)
        return
    made = Step(name=name)
    made.note(**facts)
    with ExitStack() as looking:
        for looker in tuple(_lookers):
            looking.enter_context(looker(made))
        took = stopwatch()
        try:
            yield made
        except BaseException as error:
            made.failed = True
            made.note(code=error.code if isinstance(error, GuestlistError) else type(error).__name__)
            raise
        finally:
            made.seconds = took()


def measured(
    name: str, facts: Callable[..., dict[str, Fact]] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Every call of a function is a step; `facts` says what is told of it, by what it was called with."""

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> R:
            with step(name, **(facts(*args, **named) if facts and _lookers else {})):
                return function(*args, **named)

        return call

    return wrap


@contextmanager
def looking(looker: Looker) -> Iterator[None]:
    """Look at every step of this process, of any thread, that begins within the block."""
    _lookers.append(looker)
    try:
        yield
    finally:
        _lookers.remove(looker)

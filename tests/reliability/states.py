"""Every state that one row can reach, whatever Meta, the network, a crash and the person do.

Per tick the person may enter or leave, late requests may land in any order, and the one request that the real plan asks
for meets any fate. From each state reached a run without faults must end with Meta as wanted, and silent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations

from tests.reliability.lockstep import TICK, Design, Engine, Row

from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.relations import Rules
from guestlist.destinations.meta.settle import Settings

NOW, KEY, PERSON = 1000, 7, 1
IN_FLIGHT = 2
ROW = (1, KEY, None, None, None, None, None)
CLOCKS = ("add_sent_at", "remove_sent_at", "removed_email", "folded_at")
APPLIED, UNKNOWN = "applied", "unknown"
FATES = [
    (APPLIED, "now"),
    (APPLIED, "late"),
    (UNKNOWN, "now"),
    (UNKNOWN, "late"),
    (UNKNOWN, "never"),
    ("refused", "never"),
]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The design under test; `delay` is what it believes, `real` what Meta does."""

    delay: int = 2
    real: int = 2
    rules: Rules = field(default_factory=Rules)
    cursor_before_delivery: bool = False
    late_answers: bool = False  # also requests that were answered may take effect late


@dataclass(frozen=True)
class State:
    """Ledger times are ages in ticks, as far as they can matter; a job is (direction, ticks left to land)."""

    wanted: bool = False
    member: bool = False
    ledger: tuple[tuple[str, object], ...] | None = None
    jobs: tuple[tuple[str, int], ...] = ()

    def row(self, now: int) -> Row | None:
        if self.ledger is None:
            return None
        row = dict(self.ledger)
        return row | {c: None if row[c] is None else (now - int(str(row[c]))) * TICK + 1 for c in CLOCKS}


def aged(row: Row | None, now: int, cap: int) -> tuple[tuple[str, object], ...] | None:
    """The row with ages for times: gaps longer than the delay are all alike."""
    if row is None:
        return None
    ages = sorted({now - row[c] // TICK for c in CLOCKS if row[c] is not None})
    short: dict[int, int] = {}
    last_age = last_short = 0
    for age in ages:
        last_short += min(age - last_age, cap)
        last_age = age
        short[age] = last_short
    known = {k: v for k, v in row.items() if k not in ("sync", "row_key")}
    return tuple((known | {c: None if row[c] is None else short[now - row[c] // TICK] for c in CLOCKS}).items())


class Model:
    """The real functions, asked about many states at once."""

    def __init__(self, setup: Setup) -> None:
        settings = Settings(pipeline_delay=setup.delay * TICK, network_delay=min(setup.delay, 1) * TICK)
        self.setup, self.design = setup, Design(settings=settings, rules=setup.rules)
        self.engine = Engine(self.design)
        self.columns = list(self.engine.arrow["ledger"].names)
        self.engine.put("listed_key", [])
        self.engine.put("named", [])

    def _load(self, states: list[State], rows: list[Row | None]) -> None:
        there = [i for i, s in enumerate(states) if s.wanted]
        known = [(i, row) for i, row in enumerate(rows) if row]
        self.engine.put("wanted", ((i, *ROW) for i in there))
        self.engine.put("wanted_person", ((i, 1, PERSON) for i in there))
        lines = ({**row, "sync": i, "row_key": 1} for i, row in known)
        self.engine.put("ledger", ([line[c] for c in self.columns] for line in lines))
        self.engine.put("ledger_person", ((i, 1, PERSON) for i, _ in known))

    def asks(self, states: list[State], rows: list[Row | None], now: int) -> list[str | None]:
        """What the plan wants to send for each state."""
        self._load(states, rows)
        removals, additions = self.engine.plan(
            self.design, dict.fromkeys(range(len(states)), (now * TICK + 2, Scope.MIRROR, None))
        )
        return ["remove" if removals[i] else "add" if additions[i] else None for i in range(len(states))]

    def told(self, cases: list[tuple[State, Row | None, str, str]], now: int) -> list[Row | None]:
        """The ledger row after a request (direction) that ended in a state."""
        self._load([c[0] for c in cases], [c[1] for c in cases])
        states = ["applied" if self.setup.cursor_before_delivery else c[3] for c in cases]
        self.engine.put("op", ((i, *ROW, 0, c[2], int(c[2] == "remove"), 0, False) for i, c in enumerate(cases)))
        self.engine.put("op_person", ((i, 0, 1, PERSON) for i, c in enumerate(cases) if c[2] == "add"))
        self.engine.put("outcome", ((i, 0, state, now * TICK + 1, 0) for i, state in enumerate(states)))
        self.engine.fold(self.design)
        ledger = self.engine.ledger()
        return [ledger[i][0] if ledger[i] else None for i in range(len(cases))]


def explore(setup: Setup) -> list[State]:
    """All states reachable from nothing."""
    model, seen = Model(setup), {State()}
    frontier = [State()]
    while frontier:
        fresh = [s for s in dict.fromkeys(_followers(model, frontier)) if s not in seen]
        seen.update(fresh)
        frontier = fresh
    return sorted(seen, key=repr)


def _followers(model: Model, states: list[State]) -> list[State]:
    setup = model.setup
    cap = max(setup.delay, setup.real) + 1
    begun = list(dict.fromkeys(b for s in states for b in _begin(s)))
    rows = [s.row(NOW) for s in begun]
    asked = model.asks(begun, rows, NOW)
    cases = [
        (s, row, ask, state, effect)
        for s, row, ask in zip(begun, rows, asked, strict=True)
        if ask
        for state, effect in FATES
        if (effect != "late" or len(s.jobs) < IN_FLIGHT)
        and (setup.late_answers or (state, effect) != (APPLIED, "late"))
    ]
    after = model.told([c[:4] for c in cases], NOW) if cases else []
    found = [replace(s, ledger=aged(r, NOW + 1, cap)) for s, r, ask in zip(begun, rows, asked, strict=True) if not ask]
    for (s, _, ask, _, effect), row in zip(cases, after, strict=True):
        member = (ask == "add") if effect == "now" else s.member
        jobs = tuple(sorted((*s.jobs, (ask, setup.real)))) if effect == "late" else s.jobs
        found.append(State(s.wanted, member, aged(row, NOW + 1, cap), jobs))
    return found


def _begin(state: State) -> Iterable[State]:
    """A tick begins: the person may have moved, and any of the late requests land, those at their limit surely."""
    jobs = [(direction, left - 1) for direction, left in state.jobs]
    for wanted in (True, False):
        for n in range(len(jobs) + 1):
            for landing in combinations(range(len(jobs)), n):
                rest = tuple(sorted(job for i, job in enumerate(jobs) if i not in landing))
                if any(left <= 0 for _, left in rest):
                    continue
                for member in {jobs[i][0] == "add" for i in landing} or {state.member}:
                    yield State(wanted, member, state.ledger, rest)


def never_right(setup: Setup, states: list[State]) -> list[State]:
    """The states from which a run without faults does not end as wanted, or does not fall silent."""
    model, now = Model(setup), NOW
    current, rows = list(states), [s.row(NOW) for s in states]
    asked: list[str | None] = []
    for now in range(NOW, NOW + 6 * (setup.real + 1)):
        current = [_land(s) for s in current]
        asked = model.asks(current, rows, now)
        cases = [(s, row, ask or "", APPLIED) for s, row, ask in zip(current, rows, asked, strict=True)]
        sent = [i for i, ask in enumerate(asked) if ask]
        told = model.told([cases[i] for i in sent], now) if sent else []
        for i, row in zip(sent, told, strict=True):
            rows[i] = row
            current[i] = replace(current[i], member=asked[i] == "add")
    return [states[i] for i, s in enumerate(current) if s.member != s.wanted or asked[i]]


def _land(state: State) -> State:
    jobs = [(direction, left - 1) for direction, left in state.jobs]
    landed = [direction for direction, left in jobs if left <= 0]
    rest = tuple(job for job in jobs if job[1] > 0)
    return replace(state, jobs=rest, member=landed[-1] == "add" if landed else state.member)

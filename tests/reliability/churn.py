"""The churn model: worlds whose people change while Meta misbehaves, in lock-step through the real functions.

Then churn and faults stop, a few delays pass, and Meta's set of people is compared with the wanted one; and once more
after a full re-assert, which must heal even what could not be known.
"""

import argparse
import random
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.reliability.lockstep import KINDS, TICK, Design, Engine, Row
from tests.reliability.worlds import IDS, KIND_OF, Cells, Key, Meta, Population, columns_of, keys_in, keys_of

from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.relations import Rules
from guestlist.destinations.meta.settle import Settings

DELAY, NETWORK, BATCH = 5, 1, 2
REGIMES = ("A", "A2", "B")


def designed(delay: int = DELAY, *, settle_per_row: bool = False, **off: bool) -> Design:
    """The law, with rules set otherwise."""
    settings = Settings(pipeline_delay=delay * TICK, network_delay=min(delay, NETWORK) * TICK)
    return Design(settings=settings, rules=Rules(**off), settle_per_row=settle_per_row)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The product's way, or something switched off or wrong in the design or in the sending."""

    design: Design = field(default_factory=designed)
    cursor_before_delivery: bool = False  # the answer is not awaited: whatever was sent counts as applied
    refused_blocks: bool = False  # additions that share a key with a refused removal wait
    always_small: bool = False  # Meta goes on refusing removals from small audiences


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Ticks with churn and faults, then without."""

    noisy: int = 50
    quiet: int = 7 * DELAY


LAW = Variant()


@dataclass
class Batch:
    direction: str
    items: list[Row]
    state: str = "intended"
    at: int = 0
    named: set[int] = field(default_factory=set)
    invalid: int = 0


class World:
    """One sync: its population, its Meta, and the fate of each request."""

    def __init__(self, sync: int, seed: int, regime: str, variant: Variant) -> None:
        self.rng = random.Random(f"{seed}/{regime}")
        self.sync, self.seed, self.regime, self.variant = sync, seed, regime, variant
        self.population = Population(self.rng, regime)
        r = self.rng
        self.meta = Meta(
            self.population.people,
            r.choice(["any", "any", "first"]),
            r.choice(["off", "fallback", "union"]),
            r.random() < 0.5,
        )
        self.small, self.scopes = r.random() < 0.3, r.random() < 0.3
        self.scope = Scope.MIRROR
        self.seq = self.requests = self.rows = self.late_requests = 0
        self.changed = True
        self.blocked: set[Key] = set()
        self.crashed: Batch | None = None
        self.queue: list[Batch] = []

    def bad(self, cells: Cells) -> bool:
        return zlib.crc32(repr((self.seed, cells)).encode()) % 100 < 4

    def begin(self, now: int, noisy: bool) -> None:
        """Time passes: late requests land, people change."""
        if noisy:
            for _ in range(self.rng.choice([0, 1, 1, 2])):
                self.population.churn()
            self.changed = True
            if self.scopes and self.rng.random() < 0.15:
                self.scope = self.rng.choice(list(Scope))
        else:
            self.scope = Scope.MIRROR
        self.meta.run_late(now)

    def take(self, removals: list[Row], additions: list[Row], noisy: bool) -> None:
        """Cut the plan into batches: removals first, each doubtful one by itself."""
        for rows in (removals, additions):  # the same in whatever company the world is run
            rows.sort(key=lambda row: IDS.values[row["row_key"]])
        if noisy:
            self.rng.shuffle(removals)
            self.rng.shuffle(additions)
        self.blocked = set()
        rest = [r for r in removals if not r["tries"]]
        self.queue = [Batch("remove", [r]) for r in removals if r["tries"]]
        self.queue += [Batch("remove", rest[i : i + BATCH]) for i in range(0, len(rest), BATCH)]
        self.queue += [Batch("add", additions[i : i + BATCH]) for i in range(0, len(additions), BATCH)]

    def next_batch(self, noisy: bool) -> Batch | None:
        """The next batch; in between wanted may change, and the rest be superseded."""
        if self.queue and noisy and self.rng.random() < 0.1:
            self.population.churn()
            self.changed = True
            if self.rng.random() < 0.5:
                self.queue = []
        return self.queue.pop(0) if self.queue else None

    def send(self, batch: Batch, passed: list[Row], now: int, noisy: bool) -> None:
        """Meta meets the batch with some fate; a crash keeps the batch without an answer till the next tick."""
        sets = {r["row_key"]: self._sent(batch, r) for r in passed}
        sets = {k: v for k, v in sets.items() if not (batch.direction == "add" and v & self.blocked)}
        batch.items = [r for r in passed if r["row_key"] in sets]
        if not batch.items:
            return
        self.seq += 1
        self.requests += 1
        self.rows += len(batch.items)
        batch.at = now * TICK + self.seq
        fate = self._fate(batch, noisy)
        broken = self._broken(batch, noisy)
        job = [sets[k] for k in sets if k not in broken]
        if fate in ("ok", "applied?", "crash2"):
            self.meta.apply(batch.direction, job)
        if fate in ("late?", "oklate", "crash1"):
            self.meta.queue.append((now + self.rng.randint(1, DELAY), self.seq, batch.direction, job))
        batch.state = {"ok": "applied", "oklate": "applied", "refused": "refused"}.get(fate, "unknown")
        if self.variant.cursor_before_delivery:
            batch.state = "applied"
        if fate == "refused" and batch.direction == "remove" and self.variant.refused_blocks:
            self.blocked |= set().union(*sets.values())
            self.blocked |= {k for r in batch.items for k in keys_in(IDS.values[r["row_key"]], r["blanked"])}
        if fate.startswith("crash"):
            self.crashed, self.queue = batch, []

    def _sent(self, batch: Batch, row: Row) -> frozenset[Key]:
        cells = IDS.values[row["row_key"]]
        return keys_of(cells) if batch.direction == "add" else keys_in(cells, row["sent"])

    def _fate(self, batch: Batch, noisy: bool) -> str:
        fates = ["ok"] * 5 + ["refused", "lost", "applied?", "late?", "oklate", "crash0", "crash1", "crash2"]
        fate = self.rng.choice(fates) if noisy else "ok"
        return (
            "refused" if noisy and self.small and batch.direction == "remove" and len(self.meta.members) < 2 else fate
        )

    def _broken(self, batch: Batch, noisy: bool) -> set[int]:
        broken = {r["row_key"] for r in batch.items if self.bad(IDS.values[r["row_key"]])}
        if batch.direction == "remove" and noisy and self.rng.random() < 0.05:
            broken |= {self.rng.choice(batch.items)["row_key"]}
        batch.invalid = len(broken)
        if broken and self.rng.random() < 0.6:
            batch.named = broken
        return broken

    def judge(self, ledger: list[Row], persons: dict[int, set[int]]) -> dict[str, set[int]]:
        """Who is in and should not be, and the other way round; what nobody can know is told apart."""
        m, w = self.meta, self.population.wanted()
        pids: set[int] = set().union(*w.values())
        allowed: set[int] = set().union(
            *(m.match({k}) for c in w for k in keys_of(c)), *(m.match(keys_of(c)) for c in w)
        )
        live = {r["row_key"]: keys_in(IDS.values[r["row_key"]], r["live"]) for r in ledger}
        waiting = {r["row_key"]: live[r["row_key"]] | self._owed_weak(r, ledger) for r in ledger}
        kept: set[int] = set().union(
            *(m.match({k for k in keys if k[0] == "W"}) for row, keys in waiting.items() if persons[row] & pids)
        )
        asked: set[int] = set().union(
            *(m.match({k}) for r in ledger if r["tries"] >= 3 for k in keys_of(IDS.values[r["row_key"]]))
        )
        must: set[int] = set().union(*(m.match(keys_of(c)) for c in w if not self.bad(c)))
        out = must - m.members
        return {
            "wrong_in": m.members - allowed - kept - asked,
            "asked": (m.members - allowed - kept) & asked,
            "kept_weak": (m.members - allowed) & kept,
            "wrong_out": out,
            "wrong_out_known": {i for i in out if not self._unknowable(i, live, persons)},
        }

    def _owed_weak(self, row: Row, ledger: list[Row]) -> frozenset[Key]:
        """A removed weak tuple that is still owed waits as long as its person has a wanted row."""
        sent_at, delay = row["removed_weak"], self.variant.design.settings.pipeline_delay
        owed = sent_at is not None and any(
            r["weak"] == row["weak"] and r["add_sent_at"] is not None and 0 < sent_at - r["add_sent_at"] < delay
            for r in ledger
        )
        return frozenset(k for k in keys_of(IDS.values[row["row_key"]]) if owed and k[0] == "W")

    def _unknowable(self, person: int, live: dict[int, frozenset[Key]], persons: dict[int, set[int]]) -> bool:
        """The account has a shared key by which another profile left, and no live row of its own says so."""
        own: set[Key] = set().union(*(keys for row, keys in live.items() if 0 in persons[row]))
        shared = {("E", h) for h in self.population.shared}
        return bool(self.meta.people[person]["s"] & shared - own) if self.regime == "A2" else self.regime == "B"


class Run:
    """Many worlds in one engine; each by its own variant."""

    def __init__(self, worlds: Sequence[World], pace: Pace) -> None:
        self.worlds, self.pace = worlds, pace
        self.groups: dict[Design, list[World]] = {}
        for w in worlds:
            self.groups.setdefault(w.variant.design, []).append(w)
        self.engine = Engine(*self.groups)

    def go(self) -> None:
        for now in range(self.pace.noisy + self.pace.quiet):
            self.tick(now, noisy=now < self.pace.noisy)

    def heal(self) -> None:
        """A full re-assert."""
        self.tick(self.pace.noisy + self.pace.quiet, noisy=False, full=True)

    def tick(self, now: int, *, noisy: bool, full: bool = False) -> None:
        self._restart()
        for w in self.worlds:
            w.begin(now, noisy)
        self._put_wanted()
        before = now * TICK if full else None
        scopes = self.scopes()
        for design, worlds in self.groups.items():
            plans = self.engine.plan(design, {w.sync: (now * TICK, scopes[w.sync], before) for w in worlds})
            for w in worlds:
                w.take(plans[0][w.sync], plans[1][w.sync], noisy)
        already = {w.sync: w.requests for w in self.worlds}
        while any(w.queue for w in self.worlds):
            self._step(now, noisy)
        if now >= self.pace.noisy + self.pace.quiet - DELAY and not full:
            for w in self.worlds:
                w.late_requests += w.requests - already[w.sync]

    def scopes(self) -> dict[int, Scope]:
        """What each world's next plan may do."""
        return {w.sync: w.scope for w in self.worlds}

    def _step(self, now: int, noisy: bool) -> None:
        """One batch of every world that has one: gate, intent, send, fold."""
        turn = [(w, b) for w in self.worlds if (b := w.next_batch(noisy))]
        self._put_wanted()
        self.engine.put("op", (_op(w, b, r) for w, b in turn for r in b.items))
        passed, persons = self.engine.gate()
        for rows in passed.values():
            rows.sort(key=lambda row: IDS.values[row["row_key"]])
        for w, b in turn:
            w.send(b, passed[w.sync], now, noisy)
        self.engine.put(
            "op_person", ((s, r["batch"], r["row_key"], r["profile_id"]) for s in persons for r in persons[s])
        )
        answered = [(w, b) for w, b in turn if b.items]
        for w, b in answered:
            if w.crashed is b:
                b.items = [
                    dict(r, persons=[p["profile_id"] for p in persons[w.sync] if p["row_key"] == r["row_key"]])
                    for r in b.items
                ]
        self._answers([(w, b) for w, b in answered if w.crashed is not b])

    def _answers(self, answered: list[tuple[World, Batch]]) -> None:
        for design in self.groups:
            mine = [(w, b) for w, b in answered if w.variant.design == design]
            if not mine:
                continue
            self.engine.put("op", (_op(w, b, r) for w, b in mine for r in b.items))
            self.engine.put("outcome", ((w.sync, 0, b.state, b.at, b.invalid) for w, b in mine))
            self.engine.put("named", ((w.sync, 0, k, "bad") for w, b in mine for k in b.named))
            self.engine.fold(design)

    def _restart(self) -> None:
        """What was intended and has no answer is unknown."""
        left = [(w, w.crashed) for w in self.worlds if w.crashed]
        for w, b in left:
            b.state = "applied" if w.variant.cursor_before_delivery else "unknown"
            w.crashed = None
        self.engine.put(
            "op_person", ((w.sync, 0, r["row_key"], p) for w, b in left for r in b.items for p in r["persons"])
        )
        self._answers(left)

    def _put_wanted(self) -> None:
        changed = [w for w in self.worlds if w.changed]
        if not changed:
            return
        self.engine.merge([(w.sync, old, new) for w in changed for old, new in w.population.merged])
        for w in changed:
            w.population.merged, w.changed = [], False
        wanted = {w.sync: w.population.wanted() for w in self.worlds}
        self.engine.put("wanted", ((s, IDS.of(c), *columns_of(c)) for s, rows in wanted.items() for c in rows))
        self.engine.put(
            "wanted_person",
            ((s, IDS.of(c), p) for s, rows in wanted.items() for c, people in rows.items() for p in people),
        )
        self.engine.put("listed_key", (line for w in self.worlds for line in listed_keys(w)))
        self.engine.put("listed_person", (line for w in self.worlds for line in listed_persons(w)))

    def judge(self) -> list[dict[str, set[int]]]:
        ledger, persons = self.engine.ledger(), self.engine.persons()
        return [w.judge(ledger[w.sync], persons[w.sync]) for w in self.worlds]


def _op(w: World, b: Batch, r: Row) -> tuple[Any, ...]:
    keys = (r[k] for k in (*KINDS, "name"))
    extra = (r["sent"], r["blanked"], r["stays"]) if b.direction == "remove" else (0, 0, False)
    return (w.sync, r["row_key"], *keys, 0, b.direction, *extra)


def listed_keys(w: World) -> Iterator[tuple[int, str, int]]:
    return ((w.sync, KIND_OF[k], IDS.of((k, v))) for k, v in w.population.listed if k != "id")


def listed_persons(w: World) -> Iterator[tuple[int, int]]:
    ids = {v for k, v in w.population.listed if k == "id"} | {
        p for p in w.population.profiles if w.population.is_listed(p)
    }
    return ((w.sync, p) for p in ids)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One world to simulate."""

    seed: int
    regime: str
    variant: Variant = LAW


def simulate(cases: Sequence[Case], pace: Pace) -> list[Counter[str]]:
    """Counts for each case; `healed_*` after a full re-assert."""
    worlds = [World(i, case.seed, case.regime, case.variant) for i, case in enumerate(cases)]
    run = Run(worlds, pace)
    run.go()
    counts = [Counter({k: len(v) for k, v in verdict.items()}) for verdict in run.judge()]
    for w, count in zip(worlds, counts, strict=True):
        count.update(loop=w.late_requests, requests=w.requests, rows=w.rows)
    run.heal()
    for verdict, count in zip(run.judge(), counts, strict=True):
        count.update({f"healed_{k}": len(verdict[k]) for k in ("wrong_in", "wrong_out")})
    return counts


def by_regime(n: int, pace: Pace, first: int = 0) -> dict[str, Counter[str]]:
    """Sums over n worlds of each regime."""
    cases = [Case(seed=seed, regime=regime) for regime in REGIMES for seed in range(first, first + n)]
    sums: dict[str, Counter[str]] = {regime: Counter() for regime in REGIMES}
    for case, count in zip(cases, simulate(cases, pace), strict=True):
        sums[case.regime].update(count)
    return sums


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", type=int, nargs="?", default=300)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    start = time.perf_counter()
    for regime, counted in by_regime(options.worlds, Pace(), options.first).items():
        print(regime, dict(counted))
    print(f"{time.perf_counter() - start:.1f} s")

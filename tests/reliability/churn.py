"""The churn model: worlds whose people change while Meta misbehaves, all driven in lock-step through the real functions.

Then churn and faults stop, a few delays pass, and Meta's set of people is compared with the wanted one; and once more
after a full re-assert, which must heal even what could not be known.
"""

import argparse
import random
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.reliability.lockstep import KINDS, TICK, Engine, Row
from tests.reliability.worlds import IDS, KIND_OF, Cells, Key, Meta, Population, columns_of, keys_in, keys_of

from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.relations import Rules
from guestlist.destinations.meta.settle import Settings

DELAY, NETWORK, BATCH, NOISY = 5, 1, 2, 50
QUIET = 7 * DELAY


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is switched off or wrong, to see that the model notices."""

    rules: Rules = field(default_factory=Rules)
    delay: int = DELAY
    network: int = NETWORK
    cursor_before_delivery: bool = False  # the answer is not awaited: whatever was sent counts as applied
    settle_per_row: bool = False  # one removal time per row
    refused_blocks: bool = False  # additions that share a key with a refused removal wait
    full: bool = True


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
        self.seq = self.requests = self.late_requests = 0
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
        kept: set[int] = set().union(
            *(m.match({k for k in keys if k[0] == "W"}) for row, keys in live.items() if persons[row] & pids)
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

    def _unknowable(self, person: int, live: dict[int, frozenset[Key]], persons: dict[int, set[int]]) -> bool:
        """The account has a shared key by which another profile left, and no live row of its own says so."""
        own: set[Key] = set().union(*(keys for row, keys in live.items() if 0 in persons[row]))
        shared = {("E", h) for h in self.population.shared}
        return bool(self.meta.people[person]["s"] & shared - own) if self.regime == "A2" else self.regime == "B"


class Run:
    """Many worlds in one engine."""

    def __init__(self, worlds: list[World], variant: Variant) -> None:
        settings = Settings(pipeline_delay=variant.delay * TICK, network_delay=variant.network * TICK)
        self.engine, self.worlds, self.variant = Engine(settings, variant.rules), worlds, variant

    def go(self) -> None:
        for now in range(NOISY + QUIET):
            self.tick(now, noisy=now < NOISY)

    def tick(self, now: int, *, noisy: bool, full: bool = False) -> None:
        self._fold([(w, w.crashed) for w in self.worlds if w.crashed], state="unknown")
        for w in self.worlds:
            w.crashed = None
            w.begin(now, noisy)
        self._put_wanted()
        before = now * TICK if full else None
        removals, additions = self.engine.plan({w.sync: (now * TICK, w.scope, before) for w in self.worlds})
        for w in self.worlds:
            w.take(removals[w.sync], additions[w.sync], noisy)
        already = {w.sync: w.requests for w in self.worlds}
        while any(w.queue for w in self.worlds):
            self._step(now, noisy)
        if now >= NOISY + QUIET - DELAY and not full:
            for w in self.worlds:
                w.late_requests += w.requests - already[w.sync]

    def _step(self, now: int, noisy: bool) -> None:
        """One batch of every world that has one: gate, intent, send, fold."""
        turn = [(w, b) for w in self.worlds if (b := w.next_batch(noisy))]
        self._put_wanted()
        self.engine.put("op", (_op(w, b, r) for w, b in turn for r in b.items))
        passed, persons = self.engine.gate()
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
        if not answered:
            return
        self.engine.put("op", (_op(w, b, r) for w, b in answered for r in b.items))
        self.engine.put("outcome", ((w.sync, 0, b.state, b.at, b.invalid) for w, b in answered))
        self.engine.put("named", ((w.sync, 0, k, "bad") for w, b in answered for k in b.named))
        self.engine.fold()

    def _fold(self, batches: list[tuple[World, Batch | None]], state: str) -> None:
        """After a restart: what was intended and has no answer is unknown."""
        known = [(w, b) for w, b in batches if b]
        for _, b in known:
            b.state = "applied" if self.variant.cursor_before_delivery else state
        people = ((w.sync, 0, r["row_key"], p) for w, b in known for r in b.items for p in r["persons"])
        self.engine.put("op_person", people)
        self._answers(known)

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
        self.engine.put("listed_key", (line for w in self.worlds for line in _listed_keys(w)))
        self.engine.put("listed_person", (line for w in self.worlds for line in _listed_persons(w)))

    def judge(self) -> list[dict[str, set[int]]]:
        ledger, persons = self.engine.ledger(), self.engine.persons()
        return [w.judge(ledger[w.sync], persons[w.sync]) for w in self.worlds]


def _op(w: World, b: Batch, r: Row) -> tuple[Any, ...]:
    keys = (r[k] for k in (*KINDS, "name"))
    extra = (r["sent"], r["blanked"], r["stays"]) if b.direction == "remove" else (0, 0, False)
    return (w.sync, r["row_key"], *keys, 0, b.direction, *extra)


def _listed_keys(w: World) -> Iterator[tuple[int, str, int]]:
    return ((w.sync, KIND_OF[k], IDS.of((k, v))) for k, v in w.population.listed if k != "id")


def _listed_persons(w: World) -> Iterator[tuple[int, int]]:
    ids = {v for k, v in w.population.listed if k == "id"} | {
        p for p in w.population.profiles if w.population.is_listed(p)
    }
    return ((w.sync, p) for p in ids)


def simulate(
    n: int, regimes: tuple[str, ...] = ("A", "A2", "B"), variant: Variant | None = None, first: int = 0
) -> dict[str, Counter[str]]:
    """Run n worlds of each regime; sums by regime. `healed_*` is counted after a full re-assert."""
    variant = variant or Variant()
    seeds = [(seed, regime) for regime in regimes for seed in range(first, first + n)]
    worlds = [World(i, seed, regime, variant) for i, (seed, regime) in enumerate(seeds)]
    run = Run(worlds, variant)
    run.go()
    sums: dict[str, Counter[str]] = {regime: Counter() for regime in regimes}
    for w, verdict in zip(worlds, run.judge(), strict=True):
        sums[w.regime].update({k: len(v) for k, v in verdict.items()})
        sums[w.regime].update(loop=w.late_requests, requests=w.requests)
        for k in ("wrong_in", "wrong_out"):
            if verdict[k]:
                sums[w.regime][f"{k} worlds"] += 1
    run.tick(NOISY + QUIET, noisy=False, full=True)
    for w, verdict in zip(worlds, run.judge(), strict=True):
        sums[w.regime].update({f"healed_{k}": len(verdict[k]) for k in ("wrong_in", "wrong_out")})
    return sums


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", type=int, nargs="?", default=300)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    start = time.perf_counter()
    for regime, counted in simulate(options.worlds, first=options.first).items():
        print(regime, dict(counted))
    print(f"{time.perf_counter() - start:.1f} s")

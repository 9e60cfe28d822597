"""The churn model with mistakes in it: definitions that suddenly leave out most people, and the guard before each plan.

The guard is the real one, over the real relations. What it should have said is worked out beside it, person by person,
from the world. A person of the model stands for many, so that a handful of them is a number that the guard looks at.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
from tests.reliability.churn import LAW, Pace, Run, World, listed_persons
from tests.reliability.lockstep import Row
from tests.reliability.worlds import IDS, keys_in

from guestlist.destinations.meta.guard import Cause, Exodus, Held, Verdict, exodus, judge
from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.relations import Relations

STANDS_FOR = (40, 101)
DEFINITION = frozenset({Cause.DEFINITION})

Judge = Callable[[Exodus, frozenset[Cause], str, Held | None], Verdict]


@dataclass(frozen=True, kw_only=True)
class Guard:
    """The product's way, or something wrong in it."""

    judge: Judge = judge
    exodus: Callable[[Relations], ibis.Table] = exodus
    stops: bool = True  # what is held is not sent


def waved_through(people: Exodus, causes: frozenset[Cause], plan: str, earlier: Held | None) -> Verdict:
    return replace(judge(people, causes, plan, earlier), held=None)


def blind_to_causes(people: Exodus, causes: frozenset[Cause], plan: str, earlier: Held | None) -> Verdict:
    return judge(people, frozenset(), plan, earlier)


def by_number_alone(people: Exodus, causes: frozenset[Cause], plan: str, earlier: Held | None) -> Verdict:
    return judge(replace(people, at_meta=people.left), causes, plan, earlier)


def one_yes_for_all(people: Exodus, causes: frozenset[Cause], plan: str, earlier: Held | None) -> Verdict:
    return judge(people, causes, plan, replace(earlier, shown=people.left) if earlier else None)


def listed_count(given: Relations) -> ibis.Table:
    return exodus(replace(given, listed_person=given.listed_person.limit(0)))


class GuardedWorld(World):
    """A world whose definition is changed now and then, well or by mistake, and whose owner says yes in the end."""

    def __init__(self, sync: int, seed: int, guard: Guard) -> None:
        super().__init__(sync, seed, "A", LAW)
        self.guard, self.each = guard, self.rng.choice(STANDS_FOR)
        self.scopes = False  # the mode stays
        self.persons: Mapping[int, set[int]] = {}
        self.causes: frozenset[Cause] = frozenset()
        self.waits: Held | None = None
        self.said_yes_to: tuple[int, frozenset[Cause]] | None = None
        self.verdicts = Counter[str]()

    def begin(self, now: int, noisy: bool) -> None:
        if self.waits is not None and (not noisy or self.rng.random() < 0.3):
            self.waits = replace(self.waits, confirmed=True)  # and then more may leave than were shown
            self.said_yes_to = (self.waits.shown, self.waits.causes)
            if noisy and self.rng.random() < 0.5:
                for profile in [p for p in self.population.profiles.values() if p.inn][:1]:
                    profile.inn = False
        super().begin(now, noisy)
        if not noisy:
            return
        chance = self.rng.random()
        if chance < 0.3:
            self._lose(self.rng.choice([0.3, 0.6, 1.0]))
            self.causes = self.causes | (DEFINITION if self.rng.random() < 0.6 else frozenset())
        elif chance < 0.6:  # else nobody is left to leave
            self._lose(0.0)
        elif chance < 0.7:
            self.population.listed.add(("id", self.rng.choice(list(self.population.profiles))))
        self.changed = True

    def _lose(self, share: float) -> None:
        """So many leave; all others are in."""
        for profile in self.population.profiles.values():
            profile.inn = self.rng.random() >= share

    def judged(self, counted: Exodus, ledger: Sequence[Row], persons: Mapping[int, set[int]]) -> Scope:
        """Ask the guard, and compare with what is right."""
        there: set[int] = set().union(*(persons[row["row_key"]] for row in ledger if row["live"]))
        wanted: set[int] = set().union(*self.population.wanted().values())
        left = there - wanted - self.listed_people
        self.persons = persons
        many = len(left) * self.each > 100 and len(left) > len(there) * (0.2 if self.causes else 0.8)
        shown, why = self.said_yes_to or (0, frozenset())
        should_hold = many and not (len(left) * self.each <= shown and self.causes <= why)
        people = Exodus(at_meta=counted.at_meta * self.each, left=counted.left * self.each)
        held = self.guard.judge(people, self.causes, "a plan", self.waits).held
        self.verdicts[("held" if should_hold else "passed") if (held is not None) == should_hold else "wrong"] += 1
        self.verdicts["stopped wrongly"] += held is not None and not should_hold
        self.verdicts["passed wrongly"] += held is None and should_hold
        self.waits, self.said_yes_to = held, None
        if held is None:
            self.causes = frozenset()
        return Scope.HELD if held is not None and self.guard.stops else Scope.MIRROR

    def take(self, removals: list[Row], additions: list[Row], noisy: bool) -> None:
        """While a plan waits, whoever is on the do-not-send list leaves, and nobody else."""
        if self.waits is not None:
            for row in removals:
                asked_for = keys_in(IDS.values[row["row_key"]], row["sent"]) & self.population.listed
                self.verdicts["slipped through"] += not (asked_for or self.persons[row["row_key"]] & self.listed_people)
        super().take(removals, additions, noisy)

    @property
    def listed_people(self) -> set[int]:
        return {person for _, person in listed_persons(self)}


class GuardedRun(Run):
    """Those worlds in one engine."""

    def __init__(self, worlds: list[GuardedWorld], pace: Pace) -> None:
        super().__init__(worlds, pace)
        self.guarded = worlds
        given = Relations(**{name: self.engine.con.table(name) for name in Relations.__dataclass_fields__})
        self._counting = {way: self.engine.con.compile(way(given)) for way in {w.guard.exodus for w in worlds}}

    def scopes(self) -> dict[int, Scope]:
        counted = {
            (way, line["sync"]): Exodus(at_meta=line["at_meta"], left=line["left"])
            for way, asked in self._counting.items()
            for line in self.engine.rows(asked)
        }
        nobody, ledger, persons = Exodus(at_meta=0, left=0), self.engine.ledger(), self.engine.persons()
        return {
            w.sync: w.judged(counted.get((w.guard.exodus, w.sync), nobody), ledger[w.sync], persons[w.sync])
            for w in self.guarded
        }


def simulate(guards: Sequence[Guard], seeds: range, pace: Pace) -> list[Counter[str]]:
    """What each guard said, and who is wrongly in or out at the end, over worlds of these seeds."""
    cases = [(number, seed, guard) for number, guard in enumerate(guards) for seed in seeds]
    worlds = [GuardedWorld(sync, seed, guard) for sync, (_, seed, guard) in enumerate(cases)]
    run = GuardedRun(worlds, pace)
    run.go()
    sums = [Counter[str]() for _ in guards]
    for (number, _, _), w, judged in zip(cases, worlds, run.judge(), strict=True):
        sums[number].update(w.verdicts)
        sums[number].update({name: len(people) for name, people in judged.items()}, loop=w.late_requests)
    return sums

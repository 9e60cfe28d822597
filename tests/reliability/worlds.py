"""Random worlds: profiles (ours), accounts at Meta (people), churn of both, and how Meta matches and forgets.

Cells of a row: E(mail) P(hone) M(ADID) X (EXTERN_ID) and the weak ones F(irst) L(ast) Z(ip) Y(ear of birth).
Regime A: every account belongs to one profile, shared e-mails are accounts of their own. A2: a shared e-mail sits on
the account of one of its holders. B: e-mails, phones, names are spread over accounts and profiles at random.
"""

import random
from dataclasses import dataclass, field
from typing import Any

STRONG = "EPMX"
Key = tuple[str, Any]
Cells = tuple[tuple[str, str], ...]
KIND_OF = {"E": "email", "P": "phone", "M": "madid", "X": "extern_id", "W": "weak"}
LETTERS = "EPMXW"


def weak_key(c: dict[str, str]) -> Key | None:
    return ("W", (c["F"], c["L"], c["Z"], c["Y"])) if c["F"] and c["L"] and (c["Z"] or c["Y"]) else None


def keys_of(cells: Cells) -> frozenset[Key]:
    c = dict(cells)
    strong = {(k, c[k]) for k in STRONG if c[k]}
    weak = weak_key(c)
    return frozenset(strong | {weak} if weak else strong)


class Ids:
    """Whole numbers for values, the same all over: that other worlds use the same keys must change nothing."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.values: list[Any] = []

    def of(self, value: Any) -> int:
        if value not in self.numbers:
            self.numbers[value] = len(self.values)
            self.values.append(value)
        return self.numbers[value]


IDS = Ids()


def columns_of(cells: Cells) -> tuple[int | None, ...]:
    """The six key columns."""
    by_kind = {k: IDS.of((k, v)) for k, v in keys_of(cells)}
    weak = weak_key(dict(cells))
    name = IDS.of(("name", weak[1][:2])) if weak else None
    return (*(by_kind.get(k) for k in LETTERS), name)


def keys_in(cells: Cells, mask: int) -> frozenset[Key]:
    return frozenset(k for k in keys_of(cells) if mask >> LETTERS.index(k[0]) & 1)


class Meta:
    """A set of people. A row matches by any strong key, or the first that hits; by its weak cells too, or alone."""

    def __init__(self, people: list[dict[str, Any]], strong: str, weak: str, loose: bool) -> None:
        self.people, self.strong, self.weak, self.loose = people, strong, weak, loose
        self.members: set[int] = set()
        self.queue: list[tuple[int, int, str, list[frozenset[Key]]]] = []

    def by_weak(self, first: str, last: str, z: str, y: str) -> set[int]:
        hit = set()
        for i, p in enumerate(self.people):
            if p["w"] and p["w"][:2] == (first, last):
                eq = [a == b for a, b in zip((z, y), p["w"][2:], strict=True) if a and b]
                if eq and (any(eq) if self.loose else all(eq)):
                    hit.add(i)
        return hit if len(hit) == 1 else set()

    def match(self, keys: frozenset[Key] | set[Key]) -> set[int]:
        hits = [{i for i, p in enumerate(self.people) if k in p["s"]} for k in sorted(k for k in keys if k[0] != "W")]
        hits = [h for h in hits if h]
        out: set[int] = set() if not hits else hits[0] if self.strong == "first" else set().union(*hits)
        for kind, w in keys:
            if kind == "W" and (self.weak == "union" or (self.weak == "fallback" and not out)):
                out = out | self.by_weak(*w)
        return out

    def apply(self, direction: str, keysets: list[frozenset[Key]]) -> None:
        for keys in keysets:
            self.members = self.members | self.match(keys) if direction == "add" else self.members - self.match(keys)

    def run_late(self, now: int) -> None:
        for job in sorted((j for j in self.queue if j[0] <= now), key=lambda j: j[:2]):
            self.queue.remove(job)
            self.apply(job[2], job[3])


@dataclass
class Profile:
    inn: bool
    known_by: bool  # are its e-mails and phones identifiers, or traits only
    values: dict[str, list[str]] = field(default_factory=dict)
    weak: dict[str, str] = field(default_factory=dict)


class Population:
    """The profiles of one world, its accounts, its do-not-send list, and how they change."""

    def __init__(self, rng: random.Random, regime: str) -> None:
        self.rng, self.regime = rng, regime
        self.listed: set[tuple[str, Any]] = set()
        self.merged: list[tuple[int, int]] = []
        self.shared = [] if regime == "B" else ["h0", "h1"]
        self.pool = [_pool(i) for i in range(5)]
        if rng.random() < 0.3:
            self.pool[1].update(F=["f0"], L=["l0"])
        self.people: list[dict[str, Any]] = []
        _accounts_b(self) if regime == "B" else _accounts_a(self)
        self.profiles = {i: self._fresh(i) for i in range(5)}

    def _fresh(self, i: int) -> Profile:
        p = Profile(inn=self.rng.random() < 0.6, known_by=self.rng.random() < 0.7)
        self._churn_keys(p, i, "EPMXW")
        if self.regime == "A2" and i == 0:
            p.values["E"] = list(dict.fromkeys(p.values["E"] + self.shared))
        return p

    def _churn_keys(self, p: Profile, i: int, what: str) -> None:
        rng, q = self.rng, self.pool[i]
        if "E" in what:
            p.values["E"] = rng.sample(q["E"] + self.shared, rng.choice([0, 1, 1, 2]))
        for k in "PM":
            if k in what:
                p.values[k] = rng.sample(q[k], rng.choice([0, 1, 1, 2] if k == "P" else [0, 0, 0, 1, 2]))
        if "X" in what:
            p.values["X"] = rng.sample(q["X"], rng.choice([0, 0, 1]))
        if "W" in what:
            first = rng.choice([*q["F"], *q["F"], ""])
            p.weak = {"F": first, "L": q["L"][0], "Z": rng.choice(q["Z"]), "Y": rng.choice(q["Y"])}

    def wanted(self) -> dict[Cells, set[int]]:
        out: dict[Cells, set[int]] = {}
        for pid, p in self.profiles.items():
            if not p.inn or self.is_listed(pid):
                continue
            for n in range(max(len(p.values[k]) for k in "EPM")):
                c = {k: v[n] if n < len(v) else v[0] if v else "" for k, v in p.values.items()}
                c = {k: "" if (k, v) in self.listed else v for k, v in c.items()}
                if any(c[k] for k in "EPM"):
                    out.setdefault(tuple(sorted((c | p.weak).items())), set()).add(pid)
        return out

    def is_listed(self, pid: int) -> bool:
        if ("id", pid) in self.listed:
            return True
        p = self.profiles.get(pid)
        return p is not None and p.known_by and any((k, v) in self.listed for k in "EP" for v in p.values[k])

    def churn(self) -> None:
        rng = self.rng
        pid = rng.choice(list(self.profiles))
        p, q, a = self.profiles[pid], self.pool[pid], rng.random()
        if a < 0.42:
            p.inn = not p.inn
        elif a < 0.90:
            self._churn_keys(p, pid, "P" if a < 0.58 else "E" if a < 0.76 else "W" if a < 0.85 else rng.choice("MX"))
        elif a < 0.95:
            choices: list[tuple[str, Any]] = [("E", rng.choice(q["E"])), ("P", rng.choice(q["P"])), ("id", pid)]
            self.listed ^= {rng.choice(choices + [("E", h) for h in self.shared])}
        elif a < 0.965 and len(self.profiles) > 2:
            self.listed |= {(k, v) for k in STRONG for v in p.values[k]} | {("id", pid)}
            del self.profiles[pid]
        elif a < 0.98 and len(self.profiles) > 2:
            other = rng.choice([x for x in self.profiles if x != pid])
            gone = self.profiles.pop(other)
            for k in STRONG:
                p.values[k] = list(dict.fromkeys(p.values[k] + gone.values[k]))[: 1 if k == "X" else 3]
            p.inn |= gone.inn
            self.merged.append((other, pid))


def _pool(i: int) -> dict[str, list[str]]:
    return {
        "E": [f"e{i}{j}" for j in "abc"], "P": [f"p{i}{j}" for j in "ab"], "M": [f"m{i}{j}" for j in "ab"],
        "X": [f"x{i}"], "F": [f"f{i}"], "L": [f"l{i}"], "Z": [f"z{i}", f"q{i}", ""], "Y": [f"y{i}", ""],
    }  # fmt: skip


def _accounts_a(w: Population) -> None:
    rng = w.rng
    for q in w.pool:
        keys = [(k, v) for k in STRONG for v in q[k]]
        rng.shuffle(keys)
        cut = rng.randint(0, 6)
        weak = (q["F"][0], q["L"][0], q["Z"][0], q["Y"][0]) if rng.random() < 0.8 else None
        w.people.append({"s": set(keys[:cut]), "w": weak})
        if rng.random() < 0.3:
            w.people.append({"s": set(keys[cut : cut + 2]), "w": None})
    for h in w.shared:
        if w.regime == "A2" and rng.random() < 0.7:
            w.people[0]["s"].add(("E", h))
        else:
            w.people.append({"s": {("E", h)}, "w": None})


def _accounts_b(w: Population) -> None:
    rng = w.rng
    emails, phones, madids = ([f"{k}{i}" for i in range(n)] for k, n in (("e", 9), ("p", 7), ("m", 6)))
    for q in w.pool:
        q.update(E=rng.sample(emails, 4), P=rng.sample(phones, 3), M=rng.sample(madids, 2))
        q.update(F=[rng.choice(["f0", "f1"])], L=["l0"], Z=["z0", "z1", ""], Y=["y0", "y1", ""])
    for values in (emails, phones, madids):
        rng.shuffle(values)
    for _ in range(5):
        keys = {("E", emails.pop())}
        for letter, values, chance in (("E", emails, 0.5), ("P", phones, 0.7), ("M", madids, 0.4)):
            if values and rng.random() < chance:
                keys.add((letter, values.pop()))
        weak = (rng.choice(["f0", "f1"]), "l0", rng.choice(["z0", "z1"]), rng.choice(["y0", "y1"]))
        w.people.append({"s": keys, "w": weak if rng.random() < 0.7 else None})

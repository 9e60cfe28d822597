"""Which people a row stands for.

Any strong key is enough; weak cells count only together and only when they point at one person. What is not the
digest that Meta would have made (plain text, a hash of something else) is simply in no index: it is taken, counted, and
never matched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fakemeta import normalise
from fakemeta.behaviour import Behaviour
from fakemeta.people import Person

Token = tuple[str, str]  # (key, cell as sent)
Hit = tuple[Token, int]  # what matched, and whom

ALIASES = {"EMAIL_SHA256": "EMAIL", "PHONE_SHA256": "PHONE", "MOBILE_ADVERTISER_ID": "MADID"}
STRONG = ("EMAIL", "PHONE", "MADID")
WEAK = ("FN", "FI", "LN", "GEN", "DOBY", "DOBM", "DOBD", "ST", "CT", "ZIP", "COUNTRY")
HASHED = frozenset((*WEAK, "EMAIL", "PHONE"))
_DAY = 86_400.0


@dataclass(slots=True)
class ExternMemory:
    """What an ad account taught Meta about its own ids: extern id -> (people, learnt at)."""

    known: dict[str, tuple[tuple[int, ...], float]] = field(default_factory=dict)

    def recall(self, extern_id: str, now: float, days: int) -> tuple[int, ...]:
        people, at = self.known.get(extern_id, ((), 0.0))
        return people if now - at <= days * _DAY else ()

    def learn(self, extern_id: str, people: tuple[int, ...], now: float) -> None:
        self.known[extern_id] = (people, now)


class PeopleIndex:
    """Digest -> people with an account. Weak digests are made when the first weak row asks: most runs never do."""

    def __init__(self, accents: str = "kept") -> None:
        self.people: dict[int, Person] = {}
        self._accents = accents
        self._strong: dict[str, dict[str, tuple[int, ...]]] = {key: {} for key in STRONG}
        self._names: dict[Token, dict[str, list[int]]] | None = None
        self._weak: dict[int, Mapping[str, frozenset[str]]] = {}

    def add(self, people: Iterable[Person]) -> int:
        count = 0
        for person in people:
            if person.id in self.people:
                raise ValueError(f"person {person.id} is there already")
            self.people[person.id] = person
            count += 1
            if person.account:
                self._index_strong(person)
        self._names = None
        return count

    def refold(self, accents: str) -> None:
        """Forget the weak digests: the accent rule changed."""
        self._accents, self._names = accents, None
        self._weak.clear()

    def by_strong(self, key: str, cell: str) -> tuple[int, ...]:
        return self._strong[key].get(cell, ())

    def by_names(self, first: Token, last: str) -> Sequence[int]:
        if self._names is None:
            self._names = self._index_names()
        return self._names.get(first, {}).get(last, ())

    def weak_forms(self, person_id: int) -> Mapping[str, frozenset[str]]:
        """Every digest that this person's weak keys may have, made once."""
        if person_id not in self._weak:
            self._weak[person_id] = weak_forms(self.people[person_id], self._accents)
        return self._weak[person_id]

    def _index_strong(self, person: Person) -> None:
        for value in person.emails:
            self._put("EMAIL", normalise.digest(normalise.email(value)), person.id)
        for value in person.phones:
            self._put("PHONE", normalise.digest(normalise.phone(value)), person.id)
        for value in person.madids:
            self._put("MADID", normalise.madid(value), person.id)

    def _put(self, key: str, cell: str, person_id: int) -> None:
        had = self._strong[key].get(cell, ())
        if person_id not in had:
            self._strong[key][cell] = (*had, person_id)

    def _index_names(self) -> dict[Token, dict[str, list[int]]]:
        names: dict[Token, dict[str, list[int]]] = {}
        for person in self.people.values():
            if not person.account:
                continue
            forms = name_forms(person, self._accents)
            for first in ("FN", "FI"):
                for cell in forms[first]:
                    for last in forms["LN"]:
                        names.setdefault((first, cell), {}).setdefault(last, []).append(person.id)
        return names


def name_forms(person: Person, accents: str) -> dict[str, frozenset[str]]:
    first, last = normalise.name(person.first_name), normalise.name(person.last_name)
    return {
        "FN": _variants(first, accents),
        "FI": _variants(first[:1], accents),
        "LN": _variants(last, accents),
    }


def weak_forms(person: Person, accents: str) -> dict[str, frozenset[str]]:
    year, month, day = normalise.birth(person.birth_date)
    plain = {
        "GEN": normalise.gender(person.gender),
        "DOBY": year,
        "DOBM": month,
        "DOBD": day,
        "ST": normalise.state(person.state, person.country),
        "CT": normalise.place(person.city),
        "ZIP": normalise.postal(person.zip, person.country),
        "COUNTRY": person.country.lower(),
    }
    return name_forms(person, accents) | {key: _variants(value, "kept") for key, value in plain.items()}


def _variants(value: str, accents: str) -> frozenset[str]:
    kept, stripped = value, normalise.without_accents(value)
    chosen = {"kept": {kept}, "stripped": {stripped}, "both": {kept, stripped}}[accents]
    return frozenset(normalise.digest(item) for item in chosen if item)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Matches rows of one schema for one ad account at one moment."""

    index: PeopleIndex
    memory: ExternMemory
    behaviour: Behaviour
    now: float

    def rows(self, schema: Sequence[str], rows: Iterable[Sequence[str]], *, learn: bool) -> Iterator[list[Hit]]:
        """The hits of each row. With `learn` (additions), a strong hit teaches the row's EXTERN_ID."""
        keys = [ALIASES.get(key, key) for key in schema]
        strong = [(keys.index(key), key) for key in STRONG if key in keys]
        extern = keys.index("EXTERN_ID") if "EXTERN_ID" in keys else None
        weak = self._weak_columns(keys)
        for row in rows:
            hits = self._strong_hits(strong, row)
            if extern is not None and row[extern]:
                hits = self._with_extern(row[extern], hits, learn=learn)
            if weak and (not hits or self.behaviour.weak == "union"):
                hits = [*hits, *self._weak_hit({key: row[n] for n, key in weak if row[n]})]
            yield hits

    def _weak_columns(self, keys: Sequence[str]) -> list[tuple[int, str]]:
        if self.behaviour.weak == "off":
            return []
        return [(n, key) for n, key in enumerate(keys) if key in WEAK]

    def _strong_hits(self, columns: Sequence[tuple[int, str]], row: Sequence[str]) -> list[Hit]:
        hits: list[Hit] = []
        for n, key in columns:
            people = self._lookup(key, row[n])
            hits += [((key, row[n]), person) for person in people]
            if hits and self.behaviour.strong == "first":
                break
        return hits

    def _lookup(self, key: str, cell: str) -> tuple[int, ...]:
        folded = cell.lower() if self.behaviour.uppercase_hex == "matched" and key != "MADID" else cell
        people = self.index.by_strong(key, folded)
        return people[:1] if self.behaviour.shared_key == "one" else people

    def _with_extern(self, extern_id: str, hits: list[Hit], *, learn: bool) -> list[Hit]:
        """EXTERN_ID ranks below personal keys; only rows that a strong key explains can teach it (kept 90 days)."""
        known = self.memory.recall(extern_id, self.now, self.behaviour.extern_id_days)
        if hits and learn:
            self.memory.learn(extern_id, tuple(dict.fromkeys(person for _, person in hits)), self.now)
        if hits and self.behaviour.strong == "first":
            return hits
        token = ("EXTERN_ID", extern_id)
        learnt = tuple(person for _, person in hits) if learn else ()
        return [*hits, *((token, person) for person in dict.fromkeys((*known, *learnt)))]

    def _weak_hit(self, cells: Mapping[str, str]) -> list[Hit]:
        last = cells.get("LN")
        first = next((key for key in ("FN", "FI") if key in cells), None)
        if last is None or first is None:
            return []
        candidates = self.index.by_names((first, cells[first]), last)
        found = [person for person in candidates if self._agrees(self.index.weak_forms(person), cells)]
        token = ("WEAK", "|".join(f"{key}={cells[key]}" for key in sorted(cells)))
        return [(token, found[0])] if len(found) == 1 else []

    def _agrees(self, forms: Mapping[str, frozenset[str]], cells: Mapping[str, str]) -> bool:
        """strict: COUNTRY and a place or date are given and all cells agree. loose: one place or date agrees."""
        same = {key: cell in forms[key] for key, cell in cells.items() if forms[key]}
        anchors = [key for key in ("ZIP", "CT", "DOBY") if key in same]
        if self.behaviour.weak_rule == "loose":
            return any(same[key] for key in anchors)
        return bool(anchors) and "COUNTRY" in same and all(same.values())

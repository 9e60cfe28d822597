"""The people who may or may not have an account at Meta: generated from a seed, or loaded from a JSON Lines file."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_FIRST = {
    "f": [
        "Mary",
        "Anna",
        "Zoë",
        "Sofía",
        "Chloé",
        "Ingrid",
        "Aylin",
        "Fatma",
        "María",
        "Élodie",
        "Jana",
        "Yuki",
        "Olga",
        "Lucía",
        "Grace",
    ],
    "m": [
        "John",
        "Paul",
        "José",
        "Søren",
        "Łukasz",
        "Müslüm",
        "Jörg",
        "André",
        "Ivan",
        "Kenji",
        "Omar",
        "Liam",
        "Noah",
        "Émile",
        "Tom",
    ],
}
_LAST = [
    "Smith",
    "Müller",
    "O'Brien",
    "García",
    "Dupont",
    "Anne-Marie",
    "Jensen",
    "Kowalski",
    "Şahin",
    "Rossi",
    "Novák",
    "Silva",
    "Okafor",
    "Tanaka",
    "Johansson",
    "Bianchi",
    "López",
    "Schröder",
    "Petit",
    "Moreau",
    "Walker",
    "Hughes",
    "Weiß",
    "Çelik",
    "Núñez",
    "Lefèvre",
    "Björk",
    "Nowak",
    "Horvat",
    "Costa",
]
_PLACES = (
    ("us", "New York", "New York", "10001"),
    ("us", "San José", "California", "95112"),
    ("us", "St. Louis", "Missouri", "63101"),
    ("gb", "London", "", "SW1A 1AA"),
    ("de", "München", "Bayern", "80331"),
    ("de", "Köln", "Nordrhein-Westfalen", "50667"),
    ("fr", "Saint-Étienne", "", "42000"),
    ("es", "A Coruña", "Galicia", "15001"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Clear values, as a person typed them at Meta. `account` is false for those who cannot be matched at all."""

    id: int
    account: bool = True
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    madids: tuple[str, ...] = ()
    first_name: str = ""
    last_name: str = ""
    gender: str = ""
    birth_date: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


def person_from(record: dict[str, Any], *, default_id: int) -> Person:
    """A person from a JSON object whose keys are the fields of `Person`; unknown keys are refused by name."""
    known = set(Person.__slots__)
    unknown = set(record) - known
    if unknown:
        raise ValueError(
            f"unknown person field {', '.join(sorted(unknown))}; the fields are {', '.join(sorted(known))}"
        )
    values = dict(record)
    for plural in ("emails", "phones", "madids"):
        values[plural] = tuple(str(item) for item in record.get(plural) or ())
    return Person(**({"id": default_id} | values))


def load(path: Path) -> Iterator[Person]:
    """People of a JSON Lines file, one object a line."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield person_from(orjson.loads(line), default_id=number)


def to_record(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in Person.__slots__}


def generate(count: int, *, seed: int = 7) -> Iterator[Person]:
    """`count` people, the same for the same seed: six in ten have an account, one in fifty shares an e-mail."""
    rng = random.Random(seed)  # noqa: S311 - a reproducible population, not a secret
    phones = _reserved_phones()
    earlier = ""
    for number in range(1, count + 1):
        person = _person(rng, number, phones, earlier)
        earlier = person.emails[0] if person.emails else earlier
        yield person


def _person(rng: random.Random, number: int, phones: Iterator[str], earlier: str) -> Person:
    gender = rng.choice("fm")
    first, last = rng.choice(_FIRST[gender]), rng.choice(_LAST)
    country, city, state, postal = rng.choice(_PLACES)
    emails = [f"person{number}@{rng.choice(('example.com', 'example.org'))}"]
    if rng.random() < 0.2:
        emails.append(f"p{number}.alt@example.org")
    if earlier and rng.random() < 0.02:
        emails.append(earlier)
    own_phones = _take(phones, rng.choice((0, 1, 1, 1, 2)))
    return Person(
        id=number,
        account=rng.random() < 0.6,
        emails=tuple(emails),
        phones=own_phones,
        madids=(_madid(rng),) if rng.random() < 0.5 else (),
        first_name=first,
        last_name=last,
        gender=gender,
        birth_date=f"{rng.randint(1940, 2005)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        city=city,
        state=state,
        zip=postal,
        country=country,
    )


def _take(phones: Iterator[str], count: int) -> tuple[str, ...]:
    return tuple(phone for phone, _ in zip(phones, range(count), strict=False))


def _madid(rng: random.Random) -> str:
    raw = f"{rng.getrandbits(128):032X}"
    return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"


def _reserved_phones() -> Iterator[str]:
    """Numbers kept for fiction only: Ofcom's 07700 900xxx, ARCEP's drama ranges, North America's 555-01xx."""
    yield from (f"+44 7700 900{n:03}" for n in range(1000))
    yield from _french()
    yield from (f"+1 {area} 555 01{n:02}" for area in range(201, 990) for n in range(100))


def _french() -> Iterable[str]:
    for prefix in ("6 39 98", "1 99 00", "2 61 91", "3 53 01", "4 65 71", "5 36 49"):
        for n in range(10_000):
            yield f"+33 {prefix} {n // 100:02} {n % 100:02}"

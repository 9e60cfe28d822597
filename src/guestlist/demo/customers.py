"""The people of the shop as they are: who they are, and whom of them Meta knows."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from guestlist.demo.phones import Phone, numbers
from guestlist.demo.words import LANDS, Land

PEOPLE = 19_842
FIRST_ID = 1000
EXPLAINED = 42
"""This person (u1042) left a cart and buys on the next day; the demo explains it."""
NOTHING, UNUSABLE, HUB, HASHED, HOUSEHOLDS, STAFF = 232, 92, 61, 150, 200, 40
_STRANGERS = 2_000


@dataclass(kw_only=True, slots=True)
class Customer:
    """One person. `emails`, `phones` and `madids` are the true ones; how the shop wrote them is another matter."""

    number: int
    land: Land
    woman: bool
    first_name: str
    last_name: str
    emails: list[str] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    madids: list[str] = field(default_factory=list)
    kind: str = ""
    shares: bool = False

    @property
    def user_id(self) -> str:
        return f"u{FIRST_ID + self.number}"


def make_customers(rng: random.Random) -> list[Customer]:
    """All of them, the same for the same random numbers."""
    kinds = _kinds(rng)
    supply = {land.code: numbers(land.code) for land in LANDS}
    lands = rng.choices(LANDS, [land.share for land in LANDS], k=PEOPLE)
    customers = [_customer(rng, number, land, kinds[number], supply) for number, land in enumerate(lands)]
    _share_emails(rng, customers)
    return customers


def accounts(rng: random.Random, customers: Sequence[Customer]) -> list[dict[str, Any]]:
    """The simulator's people: six in ten customers, some under another e-mail, and strangers.

    Meta is not told where they live or when they were born: then every match is by e-mail, phone or ad id, and the
    proof needs no second reading of names and places.
    """
    known = [_account(rng, customer) for customer in customers if customer.number == EXPLAINED or rng.random() < 0.6]
    strangers = range(PEOPLE + 1, PEOPLE + 1 + _STRANGERS)
    return known + [{"id": number, "emails": [f"stranger{number}@example.com"]} for number in strangers]


def _kinds(rng: random.Random) -> list[str]:
    kinds = [""] * PEOPLE
    sizes = {"nothing": NOTHING, "unusable": UNUSABLE, "hub": HUB, "hashed": HASHED, "staff": STAFF}
    free = rng.sample(range(EXPLAINED + 1, PEOPLE), sum(sizes.values()))
    for kind, size in sizes.items():
        for number in free[:size]:
            kinds[number] = kind
        free = free[size:]
    return kinds


def _customer(rng: random.Random, number: int, land: Land, kind: str, supply: dict[str, Iterator[Phone]]) -> Customer:
    woman = rng.random() < 0.56
    customer = Customer(
        number=number,
        land=land,
        woman=woman,
        first_name=rng.choice(land.women if woman else land.men),
        last_name=rng.choice(land.last),
        kind=kind,
    )
    if kind in {"nothing", "unusable"}:
        return customer
    if kind != "hub":
        _give_emails(rng, customer)
    wanted = rng.choices((0, 1, 2), (36, 56, 8))[0]
    customer.phones = list(islice(supply[land.code], wanted))
    if number % 11 == 0:
        customer.madids = [_madid(rng)]
    return customer


def _give_emails(rng: random.Random, customer: Customer) -> None:
    plain = "".join(letter for letter in f"{customer.first_name}.{customer.last_name}".lower() if letter in _LETTERS)
    name = plain.strip(".") or "kunde"
    customer.emails = [f"{name}{customer.number}@example.{rng.choice(('org', 'com'))}"]
    if rng.random() < 0.1:
        customer.emails.append(f"{name}.{customer.number}+shop@example.org")


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz.")


def _madid(rng: random.Random) -> str:
    raw = f"{rng.getrandbits(128):032x}"
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


def _share_emails(rng: random.Random, customers: Sequence[Customer]) -> None:
    """Couples with one mailbox: the second has no e-mail of their own."""
    plain = [one for one in customers if not one.kind and one.emails and one.number > EXPLAINED]
    chosen = rng.sample(plain, 2 * HOUSEHOLDS)
    for one, other in zip(chosen[::2], chosen[1::2], strict=True):
        other.emails = [one.emails[0]]
        one.shares = other.shares = True


def _account(rng: random.Random, customer: Customer) -> dict[str, Any]:
    emails = list(customer.emails)
    luck = rng.random()
    if customer.number != EXPLAINED and luck < 0.1:
        emails = [f"private{customer.number}@example.com"]
    elif luck < 0.2:
        emails.append(f"second{customer.number}@example.com")
    return {
        "id": customer.number + 1,
        "emails": emails,
        "phones": [f"+{phone.digits}" for phone in customer.phones if rng.random() < 0.7],
        "madids": customer.madids,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "gender": "f" if customer.woman else "m",
        "country": customer.land.code.lower(),
    }

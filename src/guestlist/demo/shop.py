"""The imaginary shop: its files, its audiences, the people at Meta, and the true answer to all of it.

The same every time but for its times, which lie around the `now` that is given.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from guestlist.demo.behaviour import Doings, first_day, members, next_day
from guestlist.demo.customers import EXPLAINED, FIRST_ID, Customer, accounts, make_customers
from guestlist.demo.export import customers_csv
from guestlist.demo.tracking import first_events, next_events

_SEED = 20
_SAMPLE = """\
email,phone,first_name,country
 Customer.One@Example.ORG ,0171 3920007,JOSÉ-Luis,Germany
customer.two@example.com,+0000000000,정,South Korea
Customer Three <three@example.org>,(650) 555-0123,D'Arcy Jr.,United States
"""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What was made."""

    folder: Path
    customers: list[Customer]
    people: list[dict[str, Any]]
    first: list[Doings]
    both_days: list[Doings]
    erased: int

    @property
    def explained_id(self) -> str:
        return f"u{FIRST_ID + EXPLAINED}"

    @property
    def erased_id(self) -> str:
        return self.customers[self.erased].user_id

    def wanted(self, key: str, *, day: int, moment: int) -> set[int]:
        """Ids at Meta that belong into an audience, `moment` milliseconds after the shop's now; day 1 or 2."""
        gone = {self.erased} if day == 2 else set()
        return self.at_meta(members(self.first if day == 1 else self.both_days, key, moment) - gone)

    def at_meta(self, numbers: Iterable[int]) -> set[int]:
        """The accounts that these people's e-mails, phones and ad ids point at."""
        owners: dict[str, list[int]] = {}
        for person in self.people:
            for value in (*person["emails"], *person.get("phones", ()), *person.get("madids", ())):
                owners.setdefault(value, []).append(person["id"])
        return {owner for number in numbers for value in self._values(number) for owner in owners.get(value, ())}

    def _values(self, number: int) -> list[str]:
        customer = self.customers[number]
        return [*customer.emails, *(f"+{phone.digits}" for phone in customer.phones), *customer.madids]


def make_shop(folder: Path, now: datetime) -> Shop:
    """Write all files of the shop into `folder`: `data/`, `sample.csv` and `people.jsonl`."""
    rng = random.Random(_SEED)  # noqa: S311 - made-up people, the same every time
    customers = make_customers(rng)
    export = customers_csv(rng, customers, now)
    people = accounts(rng, customers)
    first = first_day(rng, customers)
    erased = _to_erase(customers, people, first)
    day = next_day(rng, first, {erased})
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "customers.csv").write_bytes(export)
    (data / "events.jsonl").write_bytes(first_events(rng, customers, first, now))
    (folder / "day2.jsonl").write_bytes(next_events(rng, customers, day, {erased}, now))
    (folder / "sample.csv").write_text(_SAMPLE, "utf-8")
    (folder / "people.jsonl").write_bytes(b"\n".join(map(orjson.dumps, people)) + b"\n")
    return Shop(
        folder=folder,
        customers=customers,
        people=people,
        first=first,
        both_days=[_together(doings, day.get(number)) for number, doings in enumerate(first)],
        erased=erased,
    )


def write_audiences(folder: Path) -> list[str]:
    """The shop's audiences into a space; their keys."""
    folder.mkdir(parents=True, exist_ok=True)
    definitions = sorted((files("guestlist.demo") / "audiences").iterdir(), key=lambda file: file.name)
    for file in definitions:
        (folder / file.name).write_text(file.read_text("utf-8"), "utf-8")
    return [file.name.removesuffix(".yaml") for file in definitions]


def _together(first: Doings, second: Doings | None) -> Doings:
    if second is None:
        return first
    return Doings(added=first.added + second.added, ordered=first.ordered + second.ordered, staff=first.staff)


def _to_erase(customers: list[Customer], people: list[dict[str, Any]], first: list[Doings]) -> int:
    """Somebody whom Meta knows by an e-mail of their own, and who bought lately."""
    known = {person["id"] - 1 for person in people if person.get("phones")}
    buyers = members(first, "recent_buyers", 24 * 3_600_000) & known
    return next(number for number in sorted(buyers) if not (customers[number].shares or customers[number].kind))

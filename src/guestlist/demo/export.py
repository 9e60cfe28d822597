"""customers.csv: the shop's export, with all that is wrong with real ones."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from guestlist.demo.customers import Customer
from guestlist.demo.phones import Phone
from guestlist.demo.words import NOTES, UNUSABLE_EMAILS, UNUSABLE_PHONES

HEADER = (
    *("Customer ID", "E-Mail", "E-Mail 2", "Phone", "Mobile Phone", "First Name", "Last Name", "Gender"),
    *("Date of Birth", "City", "State/Region", "Post Code", "Country", "Customer Group", "Newsletter?", "Updated At"),
    "Notes (internal)",
)
DUPLICATES, GUESTS = 906, 406
RAGGED, UNDECODABLE, TOO_LONG, NOBODY = 60, 40, 2, 6
REJECTED = RAGGED + UNDECODABLE + TOO_LONG + NOBODY
HUB_EMAIL = "test@test.com"
# Encoding and delimiter are found out from the beginning of a file, as they should be: the damage is further down.
_DAMAGE_AFTER = 4_000
Cells = list[str]


def customers_csv(rng: random.Random, customers: Sequence[Customer], now: datetime) -> bytes:
    """The whole file: byte order mark, semicolons, CRLF. Duplicates bring some people a further e-mail or phone."""
    lines = [_line(_cells(rng, customer, now)) for customer in customers]
    lines[_DAMAGE_AFTER:_DAMAGE_AFTER] = _duplicates(rng, customers, now)
    for bad in _damaged(rng, customers, now):
        lines.insert(rng.randrange(_DAMAGE_AFTER, len(lines)), bad)
    return b"\xef\xbb\xbf" + b"\r\n".join((_line(list(HEADER)), *lines)) + b"\r\n"


def _line(cells: Cells) -> bytes:
    return ";".join(map(_quoted, cells)).encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if '"' in cell or ";" in cell else cell


def _cells(rng: random.Random, customer: Customer, now: datetime) -> Cells:
    city, state, postal = rng.choice(customer.land.places)
    country = "" if rng.random() < 0.06 else rng.choice(customer.land.spellings)
    email, second = _emails(rng, customer)
    phone, mobile = _phones(rng, customer, bool(country))
    return [
        *(customer.user_id, email, second, phone, mobile),
        _name(rng, customer.first_name),
        _name(rng, customer.last_name),
        _missing(rng, _gender(rng, customer.woman)),
        _missing(rng, _birth(rng)),
        _missing(rng, city),
        _missing(rng, state),
        _missing(rng, postal),
        country,
        "staff" if customer.kind == "staff" else rng.choice(("", "retail", "retail", "B2B")),
        rng.choice(("yes", "ja", "1", "0", "nein", "")),
        _updated(now, rng.uniform(1, 200)),
        rng.choice(NOTES),
    ]


def _emails(rng: random.Random, customer: Customer) -> tuple[str, str]:
    if customer.kind == "hub":
        return rng.choice((HUB_EMAIL, HUB_EMAIL, "TEST@test.com ")), ""
    if customer.kind == "unusable":
        return UNUSABLE_EMAILS[customer.number % len(UNUSABLE_EMAILS)], ""
    if not customer.emails:
        return "", ""
    if customer.kind == "hashed":
        return sha256(customer.emails[0].encode()).hexdigest().upper(), ", ".join(customer.emails[1:])
    if _two_in_one(customer):
        return "; ".join(customer.emails), ""
    second = customer.emails[1] if len(customer.emails) > 1 else ""
    return _written(rng, customer, customer.emails[0]), second


def _two_in_one(customer: Customer) -> bool:
    """Both e-mails stand in one cell."""
    return len(customer.emails) == 2 and customer.number % 30 == 0


def _written(rng: random.Random, customer: Customer, email: str) -> str:
    """An e-mail as people type it: in one case of twelve not as it is."""
    ways = (email.upper(), email.title(), f" {email} ", f"mailto:{email}", f"{email}.", f"\u00a0{email}")
    named = f"{customer.land.code} Kunde <{email}>"
    return rng.choice((*ways, named)) if rng.random() < 0.08 else email


def _phones(rng: random.Random, customer: Customer, has_country: bool) -> tuple[str, str]:
    if customer.kind == "unusable":
        return UNUSABLE_PHONES[customer.number % len(UNUSABLE_PHONES)], ""
    written = [_dialled(rng, phone, has_country) for phone in customer.phones]
    # Filled-in forms: nought where there is no number.
    if not written and customer.emails and rng.random() < 0.02:
        return "+0000000000", ""
    return (*written, "", "")[0], (*written, "", "")[1]


def _dialled(rng: random.Random, phone: Phone, has_country: bool) -> str:
    # Without a country a number as it is dialled at home could be of anywhere.
    return phone.local if has_country and rng.random() < 0.7 else phone.international


def _name(rng: random.Random, name: str) -> str:
    luck = rng.random()
    if luck < 0.04:
        return ""
    return name.upper() if luck < 0.08 else f" {name}" if luck < 0.1 else name


def _missing(rng: random.Random, cell: str) -> str:
    return rng.choice(("", "", "NULL", "n/a")) if rng.random() < 0.1 else cell


def _gender(rng: random.Random, woman: bool) -> str:
    return rng.choice(("f", "Frau", "female", "Mme", "w") if woman else ("m", "Herr", "male", "M.", "Hombre"))


def _birth(rng: random.Random) -> str:
    year, month, day = rng.randint(1940, 2006), rng.randint(1, 12), rng.randint(1, 28)
    ways = (f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}", f"{day}/{month}/{year}", "1900-01-01")
    return rng.choices(ways, (60, 25, 12, 3))[0]


def _updated(now: datetime, days: float) -> str:
    return (now - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")


def _duplicates(rng: random.Random, customers: Sequence[Customer], now: datetime) -> list[bytes]:
    """Older lines of some people: under their number with an earlier e-mail, or as guests, by the e-mail alone."""
    plain = [one for one in customers if one.emails and not (one.kind or one.shares or _two_in_one(one))]
    chosen = rng.sample(plain, DUPLICATES)
    lines = []
    for place, customer in enumerate(chosen):
        cells = _cells(rng, customer, now)
        cells[15] = _updated(now, rng.uniform(201, 700))
        if place < GUESTS:
            cells[0] = ""
            cells[1] = _written(rng, customer, customer.emails[0])
        elif rng.random() < 0.4:
            customer.emails.append(f"earlier{customer.number}@example.org")
            cells[1:3] = customer.emails[-1], ""
        lines.append(_line(cells))
    return lines


def _damaged(rng: random.Random, customers: Sequence[Customer], now: datetime) -> list[bytes]:
    sample = [_cells(rng, customer, now) for customer in rng.sample(customers, REJECTED)]
    for cells in sample:
        cells[16] = ""
    ragged = [_line([*cells, ""] if place % 2 else cells[:-3]) for place, cells in enumerate(sample[:RAGGED])]
    undecodable = [_latin(cells) for cells in sample[RAGGED : RAGGED + UNDECODABLE]]
    long = [_line([*cells[:16], "lorem " * 11_000]) for cells in sample[RAGGED + UNDECODABLE : -NOBODY]]
    nobody = [_line(["", "", "", "", "", *cells[5:]]) for cells in sample[-NOBODY:]]
    return [*ragged, *undecodable, *long, *nobody]


def _latin(cells: Cells) -> bytes:
    """One cell that another program wrote in another encoding."""
    return _line(cells[:6]) + b";Le\xf3n-Mu\xf1oz;" + _line(cells[7:])

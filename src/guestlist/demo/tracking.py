"""events.jsonl and day2.jsonl: the shop's tracking messages, in the Segment spec."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import orjson

from guestlist.demo.behaviour import DAY, HOUR, Doings
from guestlist.demo.customers import Customer
from guestlist.demo.words import GOODS

EVENTS, BAD_EVENTS, NEXT_EVENTS = 240_000, 36, 6_120
_DAMAGE_AFTER = 5_000
_GOODS = [
    orjson.dumps({"product_id": key, "name": name, "price": cents / 100, "currency": currency}).decode()[1:-1]
    for key, name, cents, currency in GOODS
]
Moment = tuple[int, str]  # milliseconds after now, the message without its time and id


class Writer:
    """Messages of one file. Each has an id of its own: the same message twice would count once."""

    def __init__(self, rng: random.Random, customers: Sequence[Customer], now: datetime, prefix: str) -> None:
        self._rng = rng
        self._start = round(now.timestamp() * 1000)
        self._prefix = prefix
        self._who = [_who(customer) for customer in customers]
        self._anonymous = [f'"anonymousId":"{_visitor(customer)}"' for customer in customers]
        self._context = [f'"context":{{"locale":"{customer.land.locale}"}}' for customer in customers]
        self.moments: list[Moment] = []

    def did(self, number: int, doings: Doings) -> None:
        """All that one person did."""
        for moment in doings.added:
            quantity = self._rng.randint(1, 3)
            self._track(number, moment, "Product Added", f'{self._rng.choice(_GOODS)},"quantity":{quantity}')
        for moment, cents in doings.ordered:
            self._track(number, moment, "Order Completed", self._order(cents))

    def viewed(self, number: int, moment: int) -> None:
        """Looked at something; now and then before signing in."""
        who = self._who[number]
        if number % 3 == 0 and self._rng.random() < 0.3:
            who = self._anonymous[number]
        self._add(moment, f'"type":"track","event":"Product Viewed",{who},{self._properties(number)}')

    def identified(self, customer: Customer, moment: int) -> None:
        """Signed in: the visitor is this person, and the app tells its ad id."""
        device = ""
        if customer.madids:
            kind, madid = (
                ("ios", customer.madids[0].upper()) if customer.number % 2 else ("android", customer.madids[0])
            )
            device = f'"device":{{"type":"{kind}","advertisingId":"{madid}","adTrackingEnabled":true}},'
        context = f'"context":{{{device}"locale":"{customer.land.locale}"}}'
        self._add(moment, f'"type":"identify",{self._who[customer.number]},"traits":{{"signed_in":true}},{context}')

    def lines(self) -> list[bytes]:
        """All messages in the order of time."""
        self.moments.sort()
        return [
            f'{{"messageId":"{self._prefix}-{place:06}","timestamp":"{self._time(moment, place)}",{text}}}'.encode()
            for place, (moment, text) in enumerate(self.moments)
        ]

    def _track(self, number: int, moment: int, event: str, properties: str) -> None:
        who, context = self._who[number], self._context[number]
        self._add(moment, f'"type":"track","event":"{event}",{who},"properties":{{{properties}}},{context}')

    def _properties(self, number: int) -> str:
        return f'"properties":{{{self._rng.choice(_GOODS)}}},{self._context[number]}'

    def _order(self, cents: int) -> str:
        amount = f"{cents // 100}.{cents % 100:02}"
        # One till writes its totals as text.
        total = f'"{amount}"' if self._rng.random() < 0.03 else amount
        number, goods = len(self.moments), self._rng.choice(_GOODS)
        products = f'"products":[{{{goods},"quantity":1}}]'
        return f'"order_id":"{self._prefix}-o{number:06}","total":{total},"currency":"EUR",{products}'

    def _add(self, moment: int, text: str) -> None:
        self.moments.append((moment, text))

    def _time(self, moment: int, place: int) -> str:
        written = datetime.fromtimestamp((self._start + moment) / 1000, UTC).isoformat(timespec="milliseconds")
        return written if place % 20 == 0 else written[:-6] + "Z"


def _visitor(customer: Customer) -> str:
    return f"visitor-{customer.number:06}"


def _who(customer: Customer) -> str:
    user = f'"userId":"{customer.user_id}"'
    return f'{user},"anonymousId":"{_visitor(customer)}"' if customer.number % 3 == 0 else user


def first_events(rng: random.Random, customers: Sequence[Customer], history: Sequence[Doings], now: datetime) -> bytes:
    """events.jsonl: everything up to now, and some lines that are no messages."""
    writer = Writer(rng, customers, now, "m")
    for customer, doings in zip(customers, history, strict=True):
        writer.did(customer.number, doings)
        if customer.number % 3 == 0 or customer.madids:
            writer.identified(customer, -rng.randint(200 * DAY, 329 * DAY))
    views = EVENTS - BAD_EVENTS - len(writer.moments)
    _view(rng, writer, range(len(customers)), views, lambda: -round((1 - rng.random() ** 0.5) * 330 * DAY) - HOUR)
    lines = writer.lines()
    for place in range(BAD_EVENTS):
        lines.insert(rng.randrange(_DAMAGE_AFTER, len(lines)), _bad_line(place, lines[_DAMAGE_AFTER]))
    return b"\n".join(lines) + b"\n"


def next_events(
    rng: random.Random, customers: Sequence[Customer], day: dict[int, Doings], away: set[int], now: datetime
) -> bytes:
    """day2.jsonl: the day after."""
    writer = Writer(rng, customers, now, "n")
    for number, doings in day.items():
        writer.did(number, doings)
    present = [customer.number for customer in customers if customer.number not in away]
    _view(rng, writer, present, NEXT_EVENTS - len(writer.moments), lambda: rng.randint(HOUR, 23 * HOUR))
    return b"\n".join(writer.lines()) + b"\n"


def _view(rng: random.Random, writer: Writer, who: Sequence[int], count: int, moment: Callable[[], int]) -> None:
    for number in rng.choices(who, k=count):
        writer.viewed(number, moment())


def _bad_line(place: int, good: bytes) -> bytes:
    """One of eight ways in which a line is no message."""
    no_one, track = b'{"messageId":"x-%d","type":"track"' % place, b'{"messageId":"x-%d","userId":"u1500"' % place
    ways: Iterable[bytes] = (
        good[: len(good) // 2],
        no_one + b',"event":"Product Viewed"}',
        track + b',"type":"trakc","event":"Product Viewed"}',
        track + b',"type":"track"}',
        track + b',"type":"track","event":"Product Viewed","timestamp":"gestern"}',
        track + b',"type":"track","event":"Caf\xe9 Viewed"}',
        track + b',"type":"track","event":"Product Viewed","properties":[1,2]}',
        b'{"messageId":"%s","userId":"u1500","type":"track","event":"Product Viewed"}' % (b"x" * 101),
    )
    return tuple(ways)[place % 8]

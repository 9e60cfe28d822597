"""What the people of the shop did, and so, by plain arithmetic on single people, who belongs to each audience.

This is the demo's own answer: it shares nothing with the way the product finds its members.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from guestlist.demo.customers import EXPLAINED, Customer

HOUR, DAY = 3_600_000, 86_400_000
RECENT, CART, LOYAL_DAYS = 30 * DAY, 7 * DAY, 365 * DAY
LOYAL_ORDERS, LOYAL_CENTS = 4, 25_000
EXPLAINED_CENTS = 4_190
_HISTORY = 330 * DAY
_AGEING_BUYERS, _AGEING_CARTS = 160, 200
_BUYING_CARTS, _NEW_BUYERS, _NEW_CARTS = 97, 120, 190


@dataclass(kw_only=True, slots=True)
class Doings:
    """One person's moments, in milliseconds after `now` of the shop: those before it are negative."""

    added: list[int] = field(default_factory=list)
    ordered: list[tuple[int, int]] = field(default_factory=list)  # moment, cents
    staff: bool = False

    def bought_recently(self, at: int) -> bool:
        return any(at - RECENT < moment <= at for moment, _ in self.ordered)

    def loyal(self, at: int) -> bool:
        year = [cents for moment, cents in self.ordered if at - LOYAL_DAYS < moment <= at]
        return not self.staff and len(year) >= LOYAL_ORDERS and sum(year) >= LOYAL_CENTS

    def left_a_cart(self, at: int) -> bool:
        last = max((moment for moment, _ in self.ordered if moment <= at), default=at - CART)
        return any(max(last - 1, at - CART) < moment <= at for moment in self.added)


JUDGES = {
    "recent_buyers": Doings.bought_recently,
    "loyal": Doings.loyal,
    "win_back": Doings.left_a_cart,
}
"""By the audience's key: whether somebody is in it at a moment."""


def members(all_doings: Sequence[Doings], key: str, at: int) -> set[int]:
    """The numbers of the people who belong to an audience."""
    judge = JUDGES[key]
    return {number for number, doings in enumerate(all_doings) if judge(doings, at)}


def first_day(rng: random.Random, customers: Sequence[Customer]) -> list[Doings]:
    """What each person did up to now."""
    history = [_history(rng, customer) for customer in customers]
    history[EXPLAINED] = Doings(added=[-2 * DAY - 5 * HOUR])
    buyers = [number for number, doings in enumerate(history) if not doings.ordered and number != EXPLAINED]
    for number in buyers[:_AGEING_BUYERS]:
        _order(rng, history[number], -RECENT + _ageing(rng))
    for number in buyers[_AGEING_BUYERS : _AGEING_BUYERS + _AGEING_CARTS]:
        history[number].added.append(-CART + _ageing(rng))
    return history


def next_day(rng: random.Random, first: Sequence[Doings], away: set[int]) -> dict[int, Doings]:
    """What happens on the next day: carts bought at last, new orders, new carts. Those who are `away` do nothing."""
    carts = members(first, "win_back", 0)
    idle = sorted(set(range(len(first))) - carts - members(first, "recent_buyers", 0) - away - {EXPLAINED})
    chosen = rng.sample(idle, _NEW_BUYERS + _NEW_CARTS)
    fresh = {EXPLAINED: Doings(ordered=[(9 * HOUR + 4 * 60_000, EXPLAINED_CENTS)])}
    for number in [*rng.sample(sorted(carts - away - {EXPLAINED}), _BUYING_CARTS), *chosen[:_NEW_BUYERS]]:
        fresh[number] = Doings()
        _order(rng, fresh[number], rng.randint(2 * HOUR, 23 * HOUR), cart=False)
    for number in chosen[_NEW_BUYERS:]:
        fresh[number] = Doings(added=[rng.randint(2 * HOUR, 23 * HOUR)])
    return fresh


def _history(rng: random.Random, customer: Customer) -> Doings:
    doings = Doings(staff=customer.kind == "staff")
    for moment in _order_moments(rng):
        _order(rng, doings, _clear_of(moment, RECENT))
    last = max((moment for moment, _ in doings.ordered), default=-_HISTORY)
    if rng.random() < 0.175:
        moment = _clear_of(-rng.randint(2 * HOUR, CART - HOUR), CART)
        if moment > last:
            doings.added.append(moment)
    return doings


def _order_moments(rng: random.Random) -> list[int]:
    count = rng.choices((0, 1, 2, 3, 4, 5, 7), (47, 24, 13, 7, 4, 3, 2))[0]
    if not count:
        return []
    oldest, newest = (29 * DAY, 3 * HOUR) if rng.random() < 0.44 else (_HISTORY, 32 * DAY)
    last = -rng.randint(newest, oldest)
    return [last, *(rng.randint(-_HISTORY, last) for _ in range(count - 1))]


def _order(rng: random.Random, doings: Doings, moment: int, *, cart: bool = True) -> None:
    doings.ordered.append((moment, rng.randint(900, 14_900)))
    if cart:
        doings.added += [_clear_of(moment - rng.randint(60_000, HOUR), CART) for _ in range(rng.randint(1, 2))]


def _ageing(rng: random.Random) -> int:
    """Somebody who is in for some hours yet, and not tomorrow."""
    return rng.randint(6 * HOUR + HOUR // 2, 11 * HOUR)


def _clear_of(moment: int, window: int) -> int:
    """The moment, moved where it would be near the far end of a window during the demo.

    The demo's clock runs fast while it waits for Meta; whenever it looks, nobody else may cross a border.
    """
    age = -moment
    near = window - 40 * HOUR < age < window - 12 * HOUR or window - 6 * HOUR < age < window + 2 * HOUR
    return moment - 48 * HOUR if near else moment

"""Who is in audiences of many kinds, asked of ten events for each person."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from bench.figures import Figure, Target, clocked
from bench.growth import at_two_sizes
from bench.space import NOW, space
from guestlist.audiences.definition import Definition
from guestlist.audiences.document import read
from guestlist.audiences.evaluate import relations
from guestlist.audiences.explain import explain
from guestlist.audiences.question import Question
from guestlist.pipeline import find_members
from guestlist.store import Warehouse

_ZONE = ZoneInfo("Europe/Berlin")
_THREE = """\
key: good_customers
who:
  all:
    - { event: Order Completed, where: { total: { at_least: 80 }, currency: EUR }, within: 90 days, at_least: 2 }
    - { trait: address.country, one_of: [de, fr] }
    - { not: { event: Order Refunded, within: 30 days } }
"""
_TWENTY = """\
key: twenty_conditions
who:
  all:
    - any:
        - { event: Order Completed, where: { total: { at_least: 80 }, currency: EUR }, within: 90 days, at_least: 2 }
        - { event: Order Completed, sum: total, at_least: 500, within: 12 months }
        - { event: Order Completed, distinct: product, at_least: 4 }
        - { event: Order Completed, average: total, greater_than: 120, between: [30 days, 180 days] }
        - { event: Order Completed, last: currency, equals: USD }
        - { event: Product Added, where: { total: { less_than: 20 } }, within: 14 days }
    - any:
        - { trait: address.country, one_of: [de, fr] }
        - { trait: address.city, starts_with: B }
        - { trait: status, equals: active }
        - { trait: customer_number, exists: true }
    - { not: { event: Order Refunded, within: 30 days } }
    - { not: { event: Account Closed } }
    - { event: Product Viewed, where: { product: { starts_with: P1 } }, at_least: 1 }
    - { event: Page Viewed, at_most: 10, within: 30 days }
    - any:
        - { event: Product Viewed, exactly: 0, within: 7 days }
        - { event: Product Viewed, within: 30 days, at_least: 2 }
        - { event: Page Viewed, within: 60 days }
        - { event: Order Completed, max: total, at_least: 150 }
    - { trait: email, exists: true }
    - { trait: status, not_equals: lead }
"""
_FUNNEL = """\
key: funnel
who:
  event: Product Viewed
  within: 90 days
  then:
    event: Product Added
    within: 14 days
    then_not: { event: Order Completed, within: 7 days }
"""
_SAME_PRODUCT = """\
key: funnel_of_one_product
who:
  event: Product Viewed
  within: 90 days
  then_not: { event: Order Completed, within: 14 days, where: { product: { equals: { parent: product } } } }
"""


def _twenty() -> list[Definition]:
    """Twenty audiences as a team has them: several over the same events, a few over traits or each other."""
    texts = [
        f"{{ event: Order Completed, where: {{ total: {{ at_least: {n * 20} }} }}, within: {n * 30} days }}"
        for n in range(1, 6)
    ]
    texts += [f"{{ event: Order Completed, sum: total, at_least: {n * 100}, within: 6 months }}" for n in range(1, 5)]
    texts += [
        f"{{ event: Product Added, within: {n * 7} days, then_not: {{ event: Order Completed }} }}" for n in range(1, 4)
    ]
    texts += [
        f"{{ event: Product Viewed, where: {{ product: {{ starts_with: P{n} }} }}, at_least: 2 }}" for n in (1, 2)
    ]
    texts += [f"{{ event: Order Completed, where: {{ currency: {c} }}, at_least: 3 }}" for c in ("EUR", "USD")]
    texts += ["{ trait: address.country, equals: de }", "{ trait: status, equals: lead }"]
    texts += ["{ all: [{ member_of: a1 }, { not_member_of: a5 }] }", "{ event: Page Viewed, within: 3 days }"]
    return [read(f"key: a{n}\nwho: {text}") for n, text in enumerate(texts)]


def measure(profiles: int, events: int) -> list[Figure]:
    """Each the first time, compiling included, and again; then one person explained."""
    return at_two_sizes(_measured, profiles, events)


def _measured(profiles: int, events: int, held_to_targets: bool) -> list[Figure]:
    figures = []
    cases = [
        ("three conditions", [read(_THREE)], 2.0),
        ("twenty conditions", [read(_TWENTY)], 5.0),
        ("a funnel of three steps", [read(_FUNNEL)], 8.0),
        ("not after it, of one product", [read(_SAME_PRODUCT)], 8.0),
        ("twenty audiences", _twenty(), 10.0),
    ]
    with space(profiles, events) as at, at.open_warehouse() as warehouse:
        for what, definitions, seconds in cases:
            for turn in ("", ", again"):
                with clocked() as clock:
                    find_members(warehouse, definitions, at=NOW, zone=_ZONE)
                told = f"{_inside(warehouse, definitions):,} members"
                target = Target(of="seconds", value=seconds) if held_to_targets else None
                figures.append(clock.figure("evaluate", what + turn, events, target=target, note=told))
        second = Target(of="seconds", value=1.0) if held_to_targets else None
        somebody = warehouse.read(warehouse.table("membership").limit(1)).to_pylist()[0]["profile_id"]
        with clocked() as clock:
            question = Question(relations=relations(warehouse), as_of=NOW, zone=_ZONE)
            explain(read(_TWENTY), somebody, question, warehouse)
        figures.append(clock.figure("evaluate", "explain one person", 1, target=second))
    return figures


def _inside(warehouse: Warehouse, definitions: Iterable[Definition]) -> int:
    stays = warehouse.table("membership")
    inside = stays.filter(stays.audience.isin([one.key for one in definitions]))
    return int(warehouse.read(inside.aggregate(n=inside.count())).to_pylist()[0]["n"])

"""Eight computed traits of everybody, and what a refresh of them costs when little changed."""

from datetime import timedelta

from bench.figures import Figure, Target, clocked
from bench.growth import at_two_sizes
from bench.space import NOW, space
from guestlist.asking import refresh
from guestlist.audiences.traits.document import read

_TRAITS = (
    "lifetime_value: true",
    "{key: orders, event: Order Completed, count: true}",
    "{key: average_order, event: Order Completed, average: total, where: {currency: EUR}}",
    "{key: largest_order, event: Order Completed, max: total, within: 90 days}",
    "{key: favourite, event: Product Viewed, most_frequent: product, minimum: 1}",
    "{key: first_bought, event: Order Completed, first: product}",
    "{key: last_seen, event: Product Viewed, last: product}",
    "{key: bought, event: Order Completed, unique_list: product}",
)


def measure(profiles: int, events: int) -> list[Figure]:
    """From nothing, and a day later."""
    return at_two_sizes(_measured, profiles, events)


def _measured(profiles: int, events: int, held_to_targets: bool) -> list[Figure]:
    traits = [read(text) for text in _TRAITS]
    figures = []
    with space(profiles, events) as at, at.open_warehouse() as warehouse:
        for what, now in (("from nothing", NOW), ("a day later", NOW + timedelta(days=1))):
            with clocked() as clock:
                refresh(at, warehouse, [], traits, at=now)
            values = warehouse.count("computed_trait")
            target = Target(of="seconds", value=15.0) if held_to_targets else None
            figures.append(clock.figure("traits", what, events, target=target, note=f"{values:,} values"))
    return figures

"""Who is in an audience of three conditions, asked of ten events for each person."""

from zoneinfo import ZoneInfo

from bench.figures import Figure, Target, clocked
from bench.space import NOW, space
from guestlist.audiences.document import read
from guestlist.pipeline import find_members

_AUDIENCE = """\
key: good_customers
name: Good customers
who:
  all:
    - { event: Order Completed, where: { total: { at_least: 80 }, currency: EUR }, within: 90 days, at_least: 2 }
    - { trait: address.country, one_of: [de, fr] }
    - { not: { event: Order Refunded, within: 30 days } }
"""


def measure(profiles: int, events: int) -> list[Figure]:
    """The first evaluation of a process, compiling included, and the one after it."""
    definition = read(_AUDIENCE)
    figures = []
    with space(profiles, events) as at, at.open_warehouse() as warehouse:
        for what in ("first time", "again"):
            with clocked() as clock:
                find_members(warehouse, [definition], at=NOW, zone=ZoneInfo("Europe/Berlin"))
            members = warehouse.count("membership")
            target = Target(of="seconds", value=2.0)
            figures.append(clock.figure("evaluate", what, events, target=target, note=f"{members:,} members"))
    return figures

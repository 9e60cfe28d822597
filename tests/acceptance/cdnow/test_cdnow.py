"""Real data no one here wrote: the CDNOW purchase log, imported as events and asked for repeat buyers."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import pytest

from guestlist import pipeline
from guestlist.audiences import document
from guestlist.audiences.evaluate import as_of, members, relations
from guestlist.audiences.question import Question
from guestlist.cli.imports import As, import_files
from guestlist.cli.place import Place
from guestlist.cli.space import init
from guestlist.identity_rules import identity_rules
from guestlist.space import open_space
from guestlist.store import Warehouse

LOG = distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_master.txt")  # its code needs what is not here
DAY = date(1998, 6, 30)
REPEAT_BUYERS = """
key: repeat_buyers
name: Repeat buyers
who:
  all:
    - { event: Order Completed, at_least: 2 }
    - { event: Order Completed, sum: dollar_value, greater_than: 50 }
    - { event: Order Completed, within: 90 days }
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("cdnow") / "shop"
    init(folder)
    for _ in range(2):  # the second time changes nothing
        import_files(
            [Path(str(LOG))],
            reading=As.EVENTS,
            event="Order Completed",
            time="date",
            id_column="customer_id",
            folder=Place(folder=folder),
        )
    with open_space(folder).open_warehouse() as warehouse:
        pipeline.resolve(warehouse, identity_rules(None, "salt"), fingerprint="1")
        yield warehouse


def purchases() -> Iterator[tuple[str, date, Decimal]]:
    with Path(str(LOG)).open(newline="", encoding="ascii") as lines:
        next(lines)
        for customer, day, _, spent in csv.reader((" ".join(line.split()) for line in lines), delimiter=" "):
            yield customer, datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date(), Decimal(spent)


def by_hand() -> set[str]:
    """The same question, one customer after another, in exact decimals."""
    return {
        name
        for name, one in customers().items()
        if len(one.days) >= 2 and sum(one.spent) > 50 and max(one.days) > DAY - timedelta(days=90)
    }


def test_every_purchase_counts_once_exact_duplicates_too(warehouse: Warehouse) -> None:
    told = list(purchases())

    assert (len(told), len(told) - len(set(told))) == (69_659, 255)
    assert warehouse.count("message") == 69_659
    assert warehouse.count("event") == 69_659
    assert warehouse.read(warehouse.table("identifier").profile_id.nunique().as_table()).to_pylist()[0] == {
        "CountDistinct(profile_id)": len({customer for customer, _, _ in told})
    }


def answer(warehouse: Warehouse, text: str) -> set[str]:
    zone = ZoneInfo("UTC")
    question = Question(relations=relations(warehouse), as_of=as_of(DAY.isoformat(), zone), zone=zone)
    found = members(document.read(text), question)
    ids = warehouse.table("identifier").semi_join(found, "profile_id").filter(ibis._.type == "user_id")
    return set(warehouse.read(ids.select("value")).column("value").to_pylist())


def test_repeat_buyers_agree_with_a_computation_done_another_way(warehouse: Warehouse) -> None:
    expected = by_hand()
    assert answer(warehouse, REPEAT_BUYERS) == expected
    assert len(expected) > 1_000


# Recency, frequency and money, each in another way.
CHAMPIONS = """
key: champions
who:
  all:
    - { event: Order Completed, within: 2 months }
    - { event: Order Completed, at_least: 5 }
    - { event: Order Completed, sum: dollar_value, at_least: 250 }
"""
AT_RISK = """
key: at_risk
who:
  all:
    - { event: Order Completed, between: [6 months, 15 months], at_least: 3 }
    - { event: Order Completed, average: dollar_value, greater_than: 30 }
    - { event: Order Completed, within: 180 days, exactly: 0 }
"""
ONE_TIME = """
key: one_time
who:
  all:
    - { event: Order Completed, exactly: 1 }
    - { not: { event: Order Completed, max: dollar_value, at_least: 50 } }
    - { event: Order Completed, from: 1997-01-01, to: 1997-02-28, then_not: { event: Order Completed } }
"""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """What one bought up to the day; money in exact decimals."""

    days: list[date]
    spent: list[Decimal]

    @property
    def in_between(self) -> int:
        """Purchases from 15 to 6 months ago: six before 30 June is 30 December, whose evening is in."""
        return sum(date(1997, 3, 30) < day <= date(1997, 12, 30) for day in self.days)


def customers() -> dict[str, Customer]:
    bought: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    for customer, day, spent in purchases():
        if day <= DAY:
            bought[customer].append((day, spent))
    return {
        customer: Customer(days=[day for day, _ in theirs], spent=[spent for _, spent in theirs])
        for customer, theirs in bought.items()
    }


def test_segments_by_recency_frequency_and_money_agree_with_lists_of_purchases(warehouse: Warehouse) -> None:
    told = customers()
    champions = {
        name
        for name, one in told.items()
        if max(one.days) > date(1998, 4, 30) and len(one.days) >= 5 and sum(one.spent) >= 250
    }
    at_risk = {
        name
        for name, one in told.items()
        if one.in_between >= 3 and sum(one.spent) > 30 * len(one.days) and max(one.days) <= date(1998, 1, 1)
    }
    one_time = {
        name
        for name, one in told.items()
        if len(one.days) == 1 and max(one.spent) < 50 and min(one.days) <= date(1997, 2, 28)
    }

    assert answer(warehouse, CHAMPIONS) == champions
    assert answer(warehouse, AT_RISK) == at_risk
    assert answer(warehouse, ONE_TIME) == one_time
    assert (len(champions), len(at_risk), len(one_time)) == (1_015, 514, 7_100)

"""Real data no one here wrote: the CDNOW purchase log, imported as events and asked for repeat buyers."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import pytest

from guestlist import pipeline
from guestlist.audiences import document
from guestlist.audiences.compile import Question
from guestlist.audiences.evaluate import as_of, members, relations
from guestlist.cli.imports import As, import_files
from guestlist.cli.space import init
from guestlist.identity_rules import identity_rules
from guestlist.space import open_space
from guestlist.store import Warehouse

LOG = files("lifetimes") / "datasets" / "CDNOW_master.txt"
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
            folder=folder,
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
    history = defaultdict(list)
    for customer, day, spent in purchases():
        if day <= DAY:
            history[customer].append((day, spent))
    return {
        customer
        for customer, bought in history.items()
        if len(bought) >= 2
        and sum(spent for _, spent in bought) > 50
        and max(day for day, _ in bought) > DAY - timedelta(days=90)
    }


def test_every_purchase_counts_once_exact_duplicates_too(warehouse: Warehouse) -> None:
    told = list(purchases())

    assert (len(told), len(told) - len(set(told))) == (69_659, 255)
    assert warehouse.count("message") == 69_659
    assert warehouse.count("event") == 69_659
    assert warehouse.read(warehouse.table("identifier").profile_id.nunique().as_table()).to_pylist()[0] == {
        "CountDistinct(profile_id)": len({customer for customer, _, _ in told})
    }


def test_repeat_buyers_agree_with_a_computation_done_another_way(warehouse: Warehouse) -> None:
    zone = ZoneInfo("UTC")
    definition = document.read(REPEAT_BUYERS)
    question = Question(relations=relations(warehouse), as_of=as_of(DAY.isoformat(), zone), zone=zone)
    found = members(definition, question)
    ids = warehouse.table("identifier").semi_join(found, "profile_id").filter(ibis._.type == "user_id")

    answer = set(warehouse.read(ids.select("value")).column("value").to_pylist())

    expected = by_hand()
    assert answer == expected
    assert len(expected) > 1_000

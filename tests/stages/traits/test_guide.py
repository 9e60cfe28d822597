"""The page about traits teaches by examples; each is read and run here, over one small history."""

import re
from collections.abc import Iterator
from pathlib import Path

import ibis
import pytest
from tests.stages.audiences.histories import EVENT, MEMBERSHIP, TRAIT, event, table, utc

from guestlist.asking import refresh
from guestlist.audiences.traits.document import REDUCERS, read
from guestlist.space import make_space, open_space
from guestlist.store import Warehouse
from guestlist.store.in_memory import in_memory

GUIDE = (Path(__file__).parents[3] / "docs" / "traits.md").read_text(encoding="utf-8")
EXAMPLES = [read(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
EVENTS = [
    event("a", "Order Completed", "2026-01-15", {"total": 90, "currency": "EUR", "category": "shoes"}),
    event("a", "Order Completed", "2026-03-01", {"total": 20, "currency": "EUR", "category": "shoes"}),
    event("b", "Order Completed", "2025-11-01", {"total": 30, "products": [{"brand": "Nordwind"}, {"brand": "Alba"}]}),
    event("b", "Order Refunded", "2025-12-01", {"total": 12.5}),
    event("c", "Invoice Paid", "2026-02-01", {"amount": 8}),
    event("c", "Invoice Refunded", "2026-02-02", {"amount": 3}),
]
EXPECTED = {
    "orders": {"a": "2", "b": "1"},
    "average_order": {"a": "55"},
    "favourite": {"a": "shoes"},
    "brands": {"b": '["Alba","Nordwind"]'},
    "lifetime_value": {"a": "110", "b": "17.5"},
    "paid": {"c": "5"},
    "large_orders": {"a": "1"},
    "days_since_order": {"a": "9", "b": "129"},
    "card": {"a": "gold"},
    "points": {"a": "7"},
}


@pytest.fixture(scope="module")
def worked_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("guide") / "shop"
    make_space(folder, time_zone="Europe/Berlin")
    with (folder / "guestlist.yaml").open("a") as settings:
        settings.write("tables: { cards: data/cards.csv }\n")
    (folder / "data").mkdir()
    (folder / "data" / "cards.csv").write_text("mail,card,points\nANN@EXAMPLE.ORG,gold,7\n")
    space = open_space(folder)
    with space.open_warehouse() as warehouse:
        write(warehouse)
        assert refresh(space, warehouse, [], EXAMPLES, at=utc("2026-03-10T12:00:00")).traits == {}
        found: dict[str, dict[str, str]] = {}
        for line in warehouse.read(warehouse.table("computed_trait")).to_pylist():
            found.setdefault(line["key"], {})[line["profile_id"]] = line["value"]
        yield found


def write(warehouse: Warehouse) -> None:
    for name, rows in (
        ("event", table(EVENTS, EVENT)),
        ("trait", table([], TRAIT)),
        ("membership", table([], MEMBERSHIP)),
    ):
        warehouse.replace(name, rows)
    known = {"type": ["email"] * 2, "value": ["ann@example.org", "ben@example.org"], "profile_id": ["a", "b"]}
    warehouse.replace("identifier", in_memory(known).mutate(first_seen=ibis.timestamp("2025-01-01")))
    warehouse.replace("alias", in_memory({"profile_id": ["a"], "survivor": ["a"]}))
    warehouse.replace("message", in_memory({"message_id": ["m"]}).mutate(at=ibis.timestamp("2025-01-01")))


@pytest.mark.parametrize("key", [key for one in EXAMPLES for key in one.keys])
def test_an_example_of_the_page(worked_out: dict[str, dict[str, str]], key: str) -> None:
    assert worked_out[key] == EXPECTED[key]


def test_the_page_names_all_there_is() -> None:
    rows = "".join(line for line in GUIDE.splitlines() if line.startswith("| `"))
    assert [name for name in REDUCERS if name not in re.findall(r"[a-z_]+", rows)] == []
    assert set(EXPECTED) == {key for one in EXAMPLES for key in one.keys}

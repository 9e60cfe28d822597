"""Times as files write them, against the clocks of the space's zone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import ibis
import pyarrow as pa
import pytest

from guestlist.sources.times import instant_of
from guestlist.store import Warehouse

NOON = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2024, 3, 4, 23, 0, tzinfo=UTC)
CASES: list[tuple[str, Literal["dmy", "mdy"] | None, datetime | None]] = [
    ("2024-03-05T12:00:00Z", None, NOON),
    ("2024-03-05T13:00:00+01:00", None, NOON),
    ("2024-03-05T13:00:00.000+0100", None, NOON),
    ("2024-03-05 12:00:00 UTC", None, NOON),
    ("2024-03-05 13:00", None, NOON),
    ("2024-03-05T13:00:00,5", None, NOON.replace(microsecond=500_000)),
    ("2024-03-05T13:00:00.1234567", None, NOON.replace(microsecond=123_456)),
    ("2024-03-05", None, MIDNIGHT),
    (" 20240305 ", None, MIDNIGHT),
    ("2024/3/5", None, MIDNIGHT),
    ("5.3.2024", None, MIDNIGHT),
    ("05.03.2024 13:00", None, NOON),
    ("05/03/2024", "dmy", MIDNIGHT),
    ("03/05/2024", "mdy", MIDNIGHT),
    ("03/05/2024", None, None),
    ("25/03/2024", None, datetime(2024, 3, 24, 23, 0, tzinfo=UTC)),
    ("1709640000", None, NOON),
    ("1709640000000", None, NOON),
    ("2024-02-30", None, None),
    ("yesterday", None, None),
    ("", None, None),
    ("12", None, None),
]


@pytest.mark.parametrize(("text", "order", "instant"), CASES)
def test_a_time_as_written(
    warehouse: Warehouse, text: str, order: Literal["dmy", "mdy"] | None, instant: datetime | None
) -> None:
    rows = ibis.memtable(pa.table({"t": [text]}))
    read = warehouse.read(rows.select(at=instant_of(rows.t, "Europe/Berlin", order))).to_pylist()
    assert read == [{"at": instant}]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(Path(tmp_path_factory.mktemp("times")) / "w.duckdb")

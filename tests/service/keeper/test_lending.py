"""Looks at the stores beside a keeper that take too long."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import ibis
import pytest

from guestlist.errors import GuestlistError
from guestlist.service import lending
from guestlist.service.lending import Lending
from guestlist.store import Warehouse
from guestlist.syncing import Syncing

AWAY = 0.5


def look(lent: Lending) -> None:
    """One that is between two queries when it is to end, and then asks what takes seconds."""
    numbers = ibis.range(60_000).unnest().name("n").as_table()
    pairs = numbers.cross_join(numbers.view().select(m="n"))
    with lent.beside(lambda syncing: syncing.warehouse) as store:
        time.sleep(AWAY)
        store.read(pairs.filter((pairs.n * pairs.m) % 7919 == 1).count())


def test_a_look_ends_though_it_was_between_two_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "LONGEST_LOOK", AWAY / 2)
    lent = Lending(lambda: None)
    with (
        Warehouse(tmp_path / "warehouse.duckdb") as warehouse,
        lent.opened(cast(Syncing, SimpleNamespace(warehouse=warehouse))),
        pytest.raises(GuestlistError) as refused,
    ):
        look(lent)
    assert refused.value.code == "look_too_long"

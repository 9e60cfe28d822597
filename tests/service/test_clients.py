"""Clients that others wrote, unmodified, over HTTP into the warehouse."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment
from segment.analytics.request import APIError

from guestlist.clock import WallClock

from .served import STRICT, WEB, Shop, serving

MOMENT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.fixture
def address(here: Shop) -> Iterator[str]:
    here.clock = WallClock()  # type: ignore[assignment]
    with serving(here.door) as served:
        yield served


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["type"], row["event"], row["user_id"], row["anonymous_id"], row["group_id"], row["previous_id"]


EXPECTED = [
    ("identify", None, "u1", None, None, None),
    ("track", "Order Completed", "u1", None, None, None),
    ("page", "Page Viewed", None, "a1", None, None),
    ("screen", "Screen Viewed", None, "a1", None, None),
    ("group", None, "u1", None, "g1", None),
    ("alias", None, "u1", None, None, "a1"),
]


def say_all(client: Any) -> None:
    client.identify(user_id="u1", traits={"email": "ann@example.org"})
    client.track(user_id="u1", event="Order Completed", properties={"total": 79.9}, timestamp=MOMENT)
    client.page(anonymous_id="a1", name="Home")
    client.screen(anonymous_id="a1", name="Start")
    client.group(user_id="u1", group_id="g1", traits={"name": "Shop"})
    client.alias(previous_id="a1", user_id="u1")
    client.flush()
    client.join()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("made", [segment.Client, rudder.Client], ids=["segment", "rudder"])
def test_all_calls_of_a_client(here: Shop, address: str, made: Any, packed: bool) -> None:
    failed: list[Exception] = []
    say_all(made(WEB, host=address, gzip=packed, on_error=lambda error, _: failed.append(error)))
    landed = here.landed()
    assert failed == []
    assert [told(row) for row in landed] == EXPECTED
    assert json.loads(landed[0]["traits"]) == {"email": "ann@example.org"}
    assert json.loads(landed[1]["properties"]) == {"total": 79.9}
    assert abs(landed[1]["at"] - MOMENT) < timedelta(seconds=10)


def test_a_thousand_calls(here: Shop, address: str) -> None:
    client = segment.Client(WEB, host=address, upload_size=100)
    for n in range(1_000):
        client.track(user_id=f"u{n}", event="Order Completed")
    client.flush()
    client.join()
    assert sorted(row["user_id"] for row in here.landed()) == sorted(f"u{n}" for n in range(1_000))


@pytest.mark.parametrize(
    ("write_key", "call", "status", "code"),
    [
        ("other", {"user_id": "u1", "event": "Bought"}, 401, "unknown_write_key"),
        (STRICT, {"user_id": "u1", "event": ""}, 400, "event_not_defined"),
    ],
)
def test_a_client_understands_what_is_refused(
    here: Shop, address: str, write_key: str, call: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(APIError) as refused:
        segment.Client(write_key, host=address, sync_mode=True).track(**call)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert here.landed() == []

"""Clients that others wrote, unmodified, over HTTP into the warehouse."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment
from segment.analytics.request import APIError

from guestlist.clock import WallClock
from guestlist.service.answers import Refusal

from .served import STRICT, WEB, Shop, Stumbling, serving
from .talking import CLIENTS, build, call, in_page, node, python, run_node, say, snippet, talk_of

MOMENT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
PATIENCE = 60.0


@pytest.fixture
def stumbling() -> Stumbling:
    return Stumbling()


@pytest.fixture
def address(here: Shop, stumbling: Stumbling) -> Iterator[str]:
    here.clock = WallClock()  # type: ignore[assignment]
    with serving(here.door, stumbling=stumbling) as served:
        yield served


def landed(here: Shop, number: int) -> list[dict[str, Any]]:
    """So many messages, once they are there."""
    end = time.monotonic() + PATIENCE
    while len(rows := here.landed()) < number:
        assert time.monotonic() < end, [told(row) for row in rows]
        time.sleep(0.05)
    return rows


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["type"], row["event"], row["user_id"], row["anonymous_id"], row["group_id"], row["previous_id"]


# Every kind of call, as a client says it and as it lands.
ANN = {"email": "ann@example.org"}
CALLS = [
    (call("identify", userId="u1", traits=ANN), ("identify", None, "u1", None, None, None)),
    (
        call("track", userId="u1", event="Order Completed", properties={"total": 79.9}, timestamp=MOMENT),
        ("track", "Order Completed", "u1", None, None, None),
    ),
    (call("page", anonymousId="a1", name="Home"), ("page", "Page Viewed", None, "a1", None, None)),
    (call("screen", anonymousId="a1", name="Start"), ("screen", "Screen Viewed", None, "a1", None, None)),
    (call("group", userId="u1", groupId="g1", traits={"name": "Shop"}), ("group", None, "u1", None, "g1", None)),
    (call("alias", previousId="a1", userId="u1"), ("alias", None, "u1", None, None, "a1")),
]
SAID, EXPECTED = zip(*CALLS, strict=True)
CLIENTS_OF_SERVERS = {
    "segment": python(segment.Client),
    "segment, gzip": python(partial(segment.Client, gzip=True)),
    "rudder": python(rudder.Client),
    "rudder, gzip": python(partial(rudder.Client, gzip=True)),
    "node": node,
}


@pytest.mark.parametrize("talk", CLIENTS_OF_SERVERS.values(), ids=CLIENTS_OF_SERVERS)
def test_all_calls_of_a_client(here: Shop, address: str, talk: Any) -> None:
    talk(address, WEB, SAID)
    rows = here.landed()
    assert [told(row) for row in rows] == list(EXPECTED)
    assert json.loads(rows[0]["traits"]) == ANN
    assert json.loads(rows[1]["properties"]) == {"total": 79.9}
    assert abs(rows[1]["at"] - MOMENT) < timedelta(seconds=10)


def test_all_calls_of_a_page(here: Shop, address: str, stumbling: Stumbling, page: Any, site: tuple[Path, str]) -> None:
    """A page tells whose its calls are by itself: the device from its first call on, the person once it knows one."""
    in_page(page, site)(address, WEB, SAID)
    rows = sorted(landed(here, 7), key=lambda row: row["at"])
    (device,) = {row["anonymous_id"] for row in rows}
    said = [(kind, event, group, previous) for kind, event, _, _, group, previous in EXPECTED]
    assert sorted((row["type"], row["event"], row["group_id"], row["previous_id"]) for row in rows) == sorted(
        [("page", "Page Viewed", None, None), *said], key=str
    )
    assert len(device) == 36
    assert {row["user_id"] for row in rows if row["type"] != "page"} == {"u1"}
    by_kind = {row["type"]: row for row in rows}
    assert json.loads(by_kind["identify"]["traits"]) == ANN
    assert json.loads(by_kind["track"]["properties"]) == {"total": 79.9}
    assert json.loads(by_kind["track"]["context"])["page"]["url"] == f"{site[1]}/"
    # The page is of another origin, so the browser asks first whether it may.
    assert ("OPTIONS", "/v1/i") in stumbling.asked


REFUSALS = [Refusal(429, "inbox_full", "Later.", retry_after=1), Refusal(500, "unexpected", "Sorry.")]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_refused_for_now_is_said_again(
    here: Shop, address: str, stumbling: Stumbling, client: str, request: pytest.FixtureRequest
) -> None:
    talk = talk_of(client, request)
    stumbling.refusals += REFUSALS
    talk(address, WEB, [call("track", userId="u1", event="Order Completed")])
    bought = [row for row in landed(here, 2 if client == "analytics.js" else 1) if row["type"] == "track"]
    assert [row["event"] for row in bought] == ["Order Completed"]
    assert stumbling.refusals == []


BATCHES = {"integrations": {"Segment.io": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 100}}}}}


@pytest.mark.parametrize("leave", ["close", "go elsewhere"])
def test_what_waits_in_a_page_is_sent_when_it_is_left(
    here: Shop, address: str, stumbling: Stumbling, page: Any, site: tuple[Path, str], leave: str
) -> None:
    build(site[0], address, WEB, options=BATCHES)
    page.goto(site[1])
    say(page, [call("identify", userId="u1", traits=ANN), call("track", event="Order Completed")])
    assert here.landed() == []
    page.close(run_before_unload=True) if leave == "close" else page.goto("about:blank")
    assert sorted(row["type"] for row in landed(here, 3)) == ["identify", "page", "track"]
    assert [one for one in stumbling.asked if one[0] == "POST"] == [("POST", "/v1/b")]


def test_the_code_for_node_in_the_docs(here: Shop, address: str) -> None:
    run_node(snippet("js", address, WEB))
    rows = here.landed()
    assert [told(row)[:3] for row in rows] == [("identify", None, "u1042"), ("track", "Order Completed", "u1042")]
    assert json.loads(rows[0]["traits"]) == {"email": "jane@example.org", "plan": "gold"}


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

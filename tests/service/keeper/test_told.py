"""A running service asked and told by the API and by commands beside it."""

from typing import Any

import httpx
from tests.acceptance.sync.kit import Shop

from .conftest import BATCH, until


def sync_of(told: httpx.Client, key: str = "vip") -> dict[str, Any]:
    found: dict[str, Any] = told.get(f"/syncs/{key}").json()
    return found


def test_a_sync_is_run_when_told_and_says_how_it_stands(shop: Shop, told: httpx.Client) -> None:
    before = sync_of(told)
    assert (before["last_right"], before["next_run"], before["schedule"]) == (None, None, "manual")

    assert told.post("/syncs/run", json={"key": "vip"}).json()["syncs"] == ["vip@main"]
    until(lambda: sync_of(told)["last_right"] and sync_of(told)["people_sent"])

    after = sync_of(told)
    assert after["members"] == after["can_be_sent"] == after["people_sent"] > 0
    assert after["taken"] >= after["members"]
    assert (after["in_doubt"], after["declined"], after["waiting"]) == (0, 0, 0)
    assert (after["now"], after["error"], after["running"]) == ("right", None, False)

    (run,) = told.get("/runs").json()["runs"]
    calls = told.get(f"/runs/{run['plan']}").json()["calls"]
    assert [call["state"] for call in calls] == ["applied"] * len(calls)
    assert sum(call["rows"] for call in calls) == run["taken"] == after["taken"]
    assert [call for call in calls if call["seconds"] is None or call["invalid"]] == []


def test_what_a_run_left_when_it_stopped_waits_until_it_is_sent(shop: Shop, told: httpx.Client) -> None:
    shop.meta.fault("error", path="/users$", nth=2, code=190, subcode=460)
    told.post("/syncs/run", json={"key": "vip"})
    until(lambda: sync_of(told)["error"] and sync_of(told)["counted_at"])
    stopped, every = sync_of(told), shop.rows_of(shop.wanted)
    assert (stopped["taken"], stopped["waiting"], stopped["running"]) == (BATCH, every - BATCH, False)

    shop.meta.clear_faults()
    assert shop.type("doctor").code == 0
    until(lambda: sync_of(told)["last_right"])
    assert (sync_of(told)["taken"], sync_of(told)["waiting"]) == (every, 0)


def test_what_would_be_sent_is_the_same_beside_the_service(shop: Shop, told: httpx.Client) -> None:
    by_api = told.post("/plan", json={}).json()
    beside = shop.type("plan", "--json")
    assert beside.code == 0, beside.text
    assert beside.facts == by_api
    assert by_api["plans"][0]["add_rows"] > 0
    assert shop.uploads() == []


def test_a_sync_that_is_not_there_is_told_by_name(idle: httpx.Client) -> None:
    refused = idle.get("/syncs/vipp")
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_sync")
    assert "vip@main" in refused.json()["next_step"]
    assert idle.post("/syncs/vip/cancel").json()["syncs"] == []
    assert idle.post("/plans/nothing/confirm").status_code == 409


def test_every_change_is_recorded_with_who_made_it(shop: Shop, told: httpx.Client) -> None:
    told.post("/syncs/run", json={"key": "vip"})
    found = told.get("/audit").json()
    assert found["whole"]
    assert [(one["actor"], one["action"], one["about"]) for one in found["entries"]][:2] == [
        ("key test", "sync ordered", "vip"),
        ("command line", "key added", "test"),
    ]

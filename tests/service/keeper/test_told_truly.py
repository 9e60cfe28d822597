"""What the API answers where something is in the way: files with mistakes, a standby, no wish, other keys, old answers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from tests.acceptance.sync.kit import DAY, RIGHT, Shop

from .conftest import Serving, until
from .test_told import sync_of
from .test_told_syncs import by_url

MANUAL = "{ to: main, every: manual }"


def code(answered: httpx.Response) -> tuple[int, str]:
    return answered.status_code, answered.json().get("code", "")


@contextmanager
def by(told: httpx.Client, shop: Shop, role: str) -> Iterator[httpx.Client]:
    """Somebody else's client."""
    key = shop.type("keys", "add", role, "--role", role, "--json").facts["key"]
    with httpx.Client(base_url=told.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        yield client


def error_of(told: httpx.Client, key: str) -> str | None:
    error: dict[str, str] | None = sync_of(told, key)["error"]
    return error["code"] if error else None


def test_a_mistake_in_a_file_is_told_by_its_own_syncs_only(shop: Shop, told: httpx.Client) -> None:
    shop.want("t2", key="rest", name="Rest", sync=MANUAL)
    assert told.post("/syncs/run", json={"key": "rest"}).status_code == 200
    until(lambda: sync_of(told, "rest")["last_right"])
    (shop.space / "audiences" / "rest.yaml").write_text("name: Rest\nwho: { nothing: 1 }\n")
    (shop.space / "audiences" / "new.yaml").write_text("who: { nothing: 1 }\n")

    assert [one["sync"] for one in told.get("/syncs").json()["syncs"]] == ["rest@main", "vip@main"]
    assert (error_of(told, "rest"), error_of(told, "vip")) == ("definition_mistakes", None)
    for refused in (told.post("/syncs/run", json={"key": "rest@main"}), told.get("/syncs/new")):
        assert code(refused) == (422, "definition_mistakes")
    assert code(told.get("/syncs/none")) == (404, "unknown_sync")
    assert told.post("/syncs/run", json={}).json()["syncs"] == ["vip@main"]
    assert told.post("/syncs/rest/pause", json={}).json()["sync"] == "rest@main"


def test_what_nothing_asks_for_is_not_said_to_run(shop: Shop, told: httpx.Client) -> None:
    assert told.post("/syncs/run", json={}).json()["syncs"] == ["vip@main"]
    until(lambda: sync_of(told)["last_right"])
    (shop.space / "audiences" / "vip.yaml").unlink()
    assert code(told.post("/syncs/run", json={"key": "vip"})) == (409, "sync_left_alone")
    assert told.post("/syncs/run", json={}).json()["syncs"] == []
    assert told.post("/syncs/vip/empty", json={"yes": True}).json()["syncs"][0]["state"] == "ordered"
    until(lambda: not shop.meta.members(shop.audience()))
    assert told.post("/syncs/run", json={"key": "vip"}).json()["syncs"] == ["vip@main"]


def test_a_standby_says_that_it_cannot(shop: Shop, told: httpx.Client, serve: Callable[..., Serving]) -> None:
    waiting = serve()
    assert waiting.process.stdout is not None
    url = json.loads(waiting.process.stdout.readline())["url"]
    until(lambda: waiting.said("keeper", state="standby"))
    ready = httpx.get(f"{url}/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ready.json()["spaces"][0]["waits_for"]["owner"] == "service"
    assert httpx.get(f"{url}/healthz").status_code == 200
    with httpx.Client(base_url=f"{url}/api/v1/spaces/shop", headers=told.headers, timeout=60) as standby:
        for path in ("/syncs/run", "/syncs/vip/cancel"):
            assert code(standby.post(path, json={} if path.endswith("run") else None)) == (503, "space_not_kept")
        assert standby.get("/syncs/vip").json()["asked"] is False


def test_who_moved_by_a_look_ahead_is_measured_too(shop: Shop, told: httpx.Client) -> None:
    told.post("/syncs/run", json={})
    until(lambda: sync_of(told)["last_right"] and not sync_of(told)["running"])
    person = shop.people[3]  # of t0
    shop.meta.advance(60)
    moved = f"user_id,tier\n{person.user_id},t3\n"
    assert told.post("/imports", params={"name": "moved.csv", "as": "people"}, content=moved).status_code == 200
    (plan,) = told.post("/plan", json={}).json()["plans"]
    assert plan["people_leaving"] == 1
    shop.meta.advance(60)
    told.post("/syncs/run", json={})
    until(lambda: (sync_of(told)["received_to_acknowledged"] or {}).get("people") == 1)

    newest, first = told.get("/runs", params={"sync": "vip", "state": "done"}).json()["runs"]
    page = told.get("/runs", params={"limit": 1}).json()
    assert (page["runs"], page["next"]) == ([newest], newest["plan"])
    rest = told.get("/runs", params={"limit": 1, "before": page["next"]}).json()
    assert (rest["runs"], rest["next"]) == ([first], None)
    assert told.get("/runs", params={"state": "held"}).json()["runs"] == []
    assert 0 <= sync_of(told)["quota"] <= 100


def test_who_only_looks_lets_nothing_go_on(shop: Shop, told: httpx.Client) -> None:
    account = f"accounts/{shop.meta.ad_account}"
    shop.meta.post(account, terms_accepted=False)
    told.post("/syncs/run", json={})
    until(lambda: told.get("/destinations/main").json()["parked"])
    error = told.get("/destinations/main").json()["error"]
    assert error["code"] == "meta_terms"
    assert "terms" in error["message"]
    assert "accept" in error["next"]
    shop.meta.post(account, terms_accepted=True)
    with by(told, shop, "viewer") as viewer:
        (line,) = [one for one in viewer.post("/doctor").json()["lines"] if one["check"] == "parked"]
        assert (line["health"], line["code"]) == ("broken", "meta_terms")
        assert told.get("/destinations/main").json()["parked"] is True
        for path in ("/plan", "/identity/try"):
            assert code(viewer.post(path, json={"rules": {}} if "try" in path else {})) == (403, "not_allowed")
    told.post("/doctor")
    assert told.get("/destinations/main").json()["parked"] is False
    until(lambda: sync_of(told)["last_right"])
    assert shop.truth() == RIGHT


def test_a_token_that_ends_is_told_with_the_days_left(shop: Shop, told: httpx.Client) -> None:
    token = shop.meta.post("tokens", type="USER", expires_in=5 * DAY + 3600)["access_token"]
    assert told.post("/destinations/main/reconnect", json={"token": token}).status_code == 200
    one: dict[str, Any] = told.get("/destinations/main").json()
    assert (one["token_kind"], one["days_left"], one["parked"]) == ("USER", 5, False)
    assert one["error"]["code"] == "meta_token_expires_soon"
    assert one["token_expires"][:10] in one["error"]["message"] or "5 days" in one["error"]["message"]


def test_a_running_sync_is_ended_by_the_api(shop: Shop, told: httpx.Client) -> None:
    shop.meta.fault("late", method="POST", path="/users$", seconds=0.5)
    told.post("/syncs/run", json={})
    until(lambda: sync_of(told)["running"] and shop.uploads())
    assert [one["sync"] for one in told.get("/syncs", params={"state": "running"}).json()["syncs"]] == ["vip@main"]
    assert told.post("/syncs/vip/cancel").json()["syncs"] == ["vip@main"]
    until(lambda: not sync_of(told)["running"])
    sent = len(shop.uploads())
    assert (sync_of(told)["asked"], sync_of(told)["last_right"]) == (False, None)
    shop.meta.clear_faults()
    told.post("/syncs/run", json={})
    until(lambda: sync_of(told)["last_right"])
    assert len(shop.uploads()) > sent
    assert shop.truth() == RIGHT
    actions = [one["action"] for one in told.get("/audit").json()["entries"]]
    assert actions[:3] == ["sync ordered", "sync cancelled", "sync ordered"]


def test_a_running_sync_is_ended_by_a_command(shop: Shop, told: httpx.Client) -> None:
    shop.meta.fault("late", method="POST", path="/users$", seconds=0.5)
    told.post("/syncs/run", json={})
    until(lambda: sync_of(told)["running"] and shop.uploads())
    assert "vip@main ends after its request in flight" in by_url(told, shop, "cancel", "vip").out
    until(lambda: not sync_of(told)["running"])
    assert sync_of(told)["last_right"] is None
    assert by_url(told, shop, "cancel", "vip", "--json").facts["syncs"] == []
    assert by_url(told, shop, "cancel", "vip").out == "vip is not running, and was not told to.\n"
    on_disk = shop.type("cancel", "vip", "--json")  # in the folder of the same space, beside the service
    assert (on_disk.code, on_disk.facts["syncs"]) == (0, []), on_disk.text


def test_without_a_service_there_is_nothing_to_cancel(shop: Shop) -> None:
    told = shop.type("cancel", "vip")
    assert told.code == 1
    assert "No service keeps this space." in told.err
    assert "Ctrl-C" in told.err


def test_changed_rules_of_identity_hold_soon(shop: Shop, told: httpx.Client) -> None:
    def members() -> object:
        return told.get("/audiences/vip").json()["people"]

    assert members()
    with (shop.space / "guestlist.yaml").open("a") as settings:
        settings.write('identity: { blocked: { patterns: ["."] } }\n')
    until(lambda: members() == 0)

"""Syncs paused, resumed, run and waited for by a running service, which is told by the API and by commands."""

from typing import Any

import httpx
import pytest
from tests.acceptance.sync.kit import RIGHT, Shop, Told

from guestlist.cli import ordering, run

from .conftest import until
from .test_told import sync_of


def by_url(told: httpx.Client, shop: Shop, *words: object) -> Told:
    """A command that knows the address and a key only."""
    assert shop.capture is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUESTLIST_API_KEY", told.headers["authorization"].removeprefix("Bearer "))
        patch.chdir("/")
        shop.capture.readouterr()
        code = run([*map(str, words), "--space", str(told.base_url).rstrip("/")])
        out, err = shop.capture.readouterr()
    return Told(code=code, out=out, err=err)


def told_by(told: httpx.Client, action: str) -> list[str]:
    """Who did that, as the audit has it."""
    entries = told.get("/audit", params={"action": action}).json()["entries"]
    return [one["actor"] for one in reversed(entries)]


# --- pausing ----------------------------------------------------------------------------------------------------------


def test_a_sync_is_paused_and_resumed_by_the_api_and_by_commands(shop: Shop, told: httpx.Client) -> None:
    paused = told.post("/syncs/vip/pause", json={"until": "2099-01-01"})
    assert paused.json() == {"sync": "vip@main", "paused": True, "until": "2099-01-01T00:00:00+00:00"}
    assert (sync_of(told)["paused"], sync_of(told)["next_run"]) == (True, None)

    assert by_url(told, shop, "resume", "vip", "--json").facts == told_of_resume(was_paused=True)
    assert told.post("/syncs/vip/resume").json() == told_of_resume(was_paused=False)
    assert sync_of(told)["paused"] is False

    assert (
        "vip@main is paused until 2099-01-01 00:00 UTC."
        in by_url(told, shop, "pause", "vip", "--until", "2099-01-01").out
    )
    assert told.post("/syncs/resume").json() == told_of_resume(was_paused=True)
    assert told.post("/syncs/resume").json() == {"syncs": []}
    assert told_by(told, "sync paused") == told_by(told, "sync resumed") == ["key test"] * 2


def told_of_resume(*, was_paused: bool) -> dict[str, Any]:
    return {"syncs": [{"sync": "vip@main", "paused": False, "was_paused": was_paused}]}


@pytest.mark.parametrize(
    ("path", "given", "status", "code"),
    [
        ("/syncs/vip/pause", {"until": "2020-01-01"}, 400, "pause_over_already"),
        ("/syncs/vip/pause", {"until": "soon"}, 400, "no_such_time"),
        ("/syncs/vop/pause", {}, 404, "unknown_sync"),
        ("/syncs/vop/resume", None, 404, "unknown_sync"),
    ],
)
def test_what_cannot_be_paused(
    idle: httpx.Client, path: str, given: dict[str, Any] | None, status: int, code: str
) -> None:
    refused = idle.post(path, json=given)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert sync_of(idle)["paused"] is False


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_sync_beside_a_service_is_run_by_it(shop: Shop, told: httpx.Client) -> None:
    ordered = shop.type("sync", "vip", "--json")
    assert (ordered.code, ordered.facts["ordered"]) == (0, ["vip@main"])
    until(lambda: sync_of(told)["last_right"])
    assert shop.truth() == RIGHT
    assert "The service runs vip@main now." in by_url(told, shop, "sync").out
    assert told_by(told, "sync ordered") == ["command line", "key test"]


def test_a_paused_sync_that_is_named_ends_with_1_and_says_how_it_runs_again(shop: Shop, told: httpx.Client) -> None:
    assert shop.type("pause", "vip").code == 0
    for named in (shop.type("sync", "vip"), by_url(told, shop, "sync", "vip@main")):
        assert named.code == 1
        assert named.out.strip() == "vip@main is paused: it runs once it is resumed (guestlist resume vip@main)."
    assert shop.type("sync", "vip", "--json").facts["paused"] == ["vip@main"]
    every = shop.type("sync")
    assert (every.code, "The service runs vip@main now." in every.out) == (0, True)  # it rests, as people want it
    assert shop.uploads() == []


def test_whoever_waits_ends_as_a_run_here_would(shop: Shop, told: httpx.Client) -> None:
    ended = by_url(told, shop, "sync", "--wait", "--timeout", "2m", "--json")
    (one,) = ended.facts["syncs"]
    assert (ended.code, one["sync"], one["now"]) == (0, "vip@main", "right")
    assert shop.truth() == RIGHT

    unknown = by_url(told, shop, "sync", "--confirm", "0123456789ab", "--json")
    assert (unknown.code, unknown.facts["error"]["code"]) == (1, "plan_not_held")
    assert told_by(told, "sync ordered") == ["key test"]


def test_whoever_waits_hears_that_a_person_is_needed_or_that_time_is_over(
    shop: Shop, told: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told.post("/syncs/vip/pause").status_code == 200
    assert by_url(told, shop, "sync", "vip", "--wait").code == 1
    assert by_url(told, shop, "sync", "--wait").code == 0  # it rests, as people want it
    refused = shop.type("sync", "vip", "--anyway", "--json")
    assert (refused.code, refused.facts["error"]["code"]) == (2, "not_by_a_service")
    assert told.post("/syncs/vip/resume").status_code == 200

    shop.meta.fault("throttle", path="/users$", minutes=50_000, times=100)
    # Time is over once Meta is waited for, and not before.
    monkeypatch.setattr(ordering, "stopwatch", lambda: lambda: 3600.0 if sync_of(told)["calls_again_at"] else 0.0)
    assert shop.type("sync", "--wait", "--timeout", "30m").code == 4
    shop.meta.clear_faults()
    shop.meta.fault("error", path="/users$", code=190, subcode=460, times=100)
    shop.meta.advance(50_000 * 60)
    stopped = shop.type("sync", "vip", "--wait", "--timeout", "2m", "--json")
    assert (stopped.code, stopped.facts["syncs"][0]["error"]["code"]) == (1, "meta_password_changed")


# --- orders about the space -------------------------------------------------------------------------------------------


def test_a_source_is_loaded_a_backup_made_and_alerts_tried_by_the_service(shop: Shop, told: httpx.Client) -> None:
    place = shop.file("more.csv", "user_id,email,tier\nuser-000900,guest900@example.com,t0\n")
    added = shop.type("sources", "add", "crm", "--files", place, "--key", "user_id", "--every", "manual",
                         "--as", "people", "--yes", "--json")  # fmt: skip
    assert added.code == 0, added.text
    (before,) = told.get("/sources").json()["loaded"]
    assert (before["key"], before["state"], before["as"], before["line_key"]) == ("crm", None, "people", "user_id")
    assert by_url(told, shop, "sources", "load", "crm", "--json").facts == {"source": {"key": "crm", "asked": True}}
    until(lambda: told.get("/sources/crm/load").json()["source"]["state"] == "loaded")
    after = shop.type("sources", "show", "crm", "--json").facts["source"]
    assert (after["lines"], after["came"], after["left_out"], after["error"]) == (1, 1, 0, None)
    assert told.post("/sources/none/load").json()["code"] == "unknown_source"
    assert told.get("/sources/none/load").json()["code"] == "unknown_source"

    ordered = by_url(told, shop, "backup", "--json").facts["backup"]
    until(lambda: told.get("/backups").json()["backups"][0]["made_at"])
    (made,) = told.get("/backups").json()["backups"]
    assert (made["id"], made["file"], made["error"], made["with_key"]) == (ordered["id"], ordered["file"], None, False)
    assert shop.type("backup", "--check", made["file"]).code == 0
    assert by_url(told, shop, "backup", "/tmp", "--json").facts["error"]["code"] == "only_on_its_machine"

    assert told.post("/alerts/test").json()["code"] == "no_alerts_set"
    assert told_by(told, "source load asked") == told_by(told, "backup ordered") == ["key test"]

"""What the doctor finds, check by check."""

from typing import Any

import httpx
import pytest

from guestlist.destinations.meta.client import Connection, MetaClient
from guestlist.destinations.meta.doctor import Health, Line, examine
from guestlist.store.vault import Secret

NOW = 1_790_000_000
DAY = 86_400
TOKEN = "EAAcanary"

WELL: dict[str, Any] = {
    "debug_token": {"data": {"is_valid": True, "type": "SYSTEM_USER", "expires_at": 0, "scopes": ["ads_management"]}},
    "me/permissions": {"data": [{"permission": "ads_management", "status": "granted"}]},
    "act_1": {"id": "act_1", "name": "Shop", "account_status": 1, "tos_accepted": {"custom_audience_tos": 1}},
    "act_1/customaudiences": {"data": [{"id": "1", "subtype": "CUSTOM"}, {"id": "2", "subtype": "WEBSITE"}]},
}


def lines(usage: str = "", **changes: Any) -> list[Line]:
    answers = WELL | {path.replace("__", "/"): answer for path, answer in changes.items()}

    def answer(request: httpx.Request) -> httpx.Response:
        body = answers[request.url.path.removeprefix("/v25.0/")]
        headers = {"x-business-use-case-usage": usage} if usage else {}
        return httpx.Response(400 if "error" in body else 200, json=body, headers=headers)

    connection = Connection(ad_account="act_1", token=Secret(TOKEN))
    with MetaClient(connection, transport=httpx.MockTransport(answer)) as client:
        return list(examine(client, now=NOW))


def test_all_is_well() -> None:
    found = lines()
    assert [line.check for line in found] == ["token", "role", "account", "terms", "audiences", "quota"]
    assert {line.health for line in found} == {Health.OK}
    assert found[4].found == "The account has 1 of 500 customer lists."


def _token(**changes: Any) -> dict[str, Any]:
    return {"data": WELL["debug_token"]["data"] | changes}


@pytest.mark.parametrize(
    ("changes", "check", "health", "code"),
    [
        ({"debug_token": _token(expires_at=NOW + 13 * DAY)}, "token", Health.WARNING, "meta_token_expires_soon"),
        ({"debug_token": _token(expires_at=NOW + 14 * DAY)}, "token", Health.OK, ""),
        (
            {"debug_token": _token(is_valid=False, error={"code": 190, "subcode": 460})},
            "token",
            Health.BROKEN,
            "meta_password_changed",
        ),
        ({"debug_token": {"error": {"code": 190}}}, "token", Health.BROKEN, "meta_token_invalid"),
        ({"me__permissions": {"data": []}}, "role", Health.BROKEN, "meta_no_ads_management"),
        ({"act_1": {"error": {"code": 200}}}, "account", Health.BROKEN, "meta_no_permission"),
        ({"act_1": WELL["act_1"] | {"account_status": 2}}, "account", Health.BROKEN, "meta_account_not_active"),
        ({"act_1": WELL["act_1"] | {"account_status": 77}}, "account", Health.BROKEN, "meta_account_not_active"),
        ({"act_1": WELL["act_1"] | {"tos_accepted": {}}}, "terms", Health.BROKEN, "meta_terms"),
        (
            {"act_1__customaudiences": {"data": [{"id": "1", "subtype": "CUSTOM"}] * 450}},
            "audiences",
            Health.WARNING,
            "meta_many_audiences",
        ),
        (
            {"act_1__customaudiences": {"data": [{"id": "1", "subtype": "CUSTOM"}] * 500}},
            "audiences",
            Health.BROKEN,
            "meta_many_audiences",
        ),
        (
            {"usage": '{"1":[{"type":"custom_audience","call_count":61}]}'},
            "quota",
            Health.WARNING,
            "meta_quota_high",
        ),
        (
            {"usage": '{"1":[{"type":"custom_audience","estimated_time_to_regain_access":5}]}'},
            "quota",
            Health.WARNING,
            "meta_quota_high",
        ),
    ],
)
def test_findings(changes: dict[str, Any], check: str, health: Health, code: str) -> None:
    (line,) = [line for line in lines(**changes) if line.check == check]
    assert (line.health, line.code) == (health, code)
    assert bool(line.next_step) == (health is not Health.OK)
    assert TOKEN not in line.found


def test_a_dead_token_ends_the_examination() -> None:
    assert [line.check for line in lines(debug_token=_token(is_valid=False))] == ["token"]

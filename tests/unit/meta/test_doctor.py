"""What the doctor finds, check by check."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
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
    "act_1": {
        "id": "act_1",
        "name": "Shop",
        "account_status": 1,
        "tos_accepted": {"custom_audience_tos": 1},
        "business": {"id": "9", "name": "Shop Ltd"},
    },
    "act_1/customaudiences": {"data": [{"id": "1", "subtype": "CUSTOM"}, {"id": "2", "subtype": "WEBSITE"}]},
}


def lines(usage: str = "", date: str = "", names: Sequence[str] = (), **changes: Any) -> list[Line]:
    answers = WELL | {path.replace("__", "/"): answer for path, answer in changes.items()}

    def answer(request: httpx.Request) -> httpx.Response:
        body = answers[request.url.path.removeprefix("/v25.0/")]
        headers = {"x-business-use-case-usage": usage} if usage else {}
        headers |= {"date": date} if date else {}
        return httpx.Response(400 if "error" in body else 200, json=body, headers=headers)

    connection = Connection(ad_account="act_1", token=Secret(TOKEN))
    with MetaClient(connection, transport=httpx.MockTransport(answer)) as client:
        return list(examine(client, now=NOW, names=names))


def test_all_is_well() -> None:
    found = lines(names=["Loyal customers"], date=_date(NOW + 299))
    checks = ["token", "role", "account", "business", "terms", "audiences", "names", "quota", "clock"]
    assert [line.check for line in found] == checks
    assert {line.health for line in found} == {Health.OK}
    assert found[0].found == "The token is a system user's, valid, and does not expire."
    assert found[3].found == "It belongs to the business 'Shop Ltd'."
    assert found[5].found == "The account has 1 of 500 customer lists."


def _date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


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
        ({"date": _date(NOW - 301)}, "clock", Health.WARNING, "clock_wrong"),
        ({"date": _date(NOW + 301)}, "clock", Health.WARNING, "clock_wrong"),
        ({"names": ["Diabetes newsletter"]}, "names", Health.WARNING, "meta_name_suggestive"),
        (
            {"act_1": {k: v for k, v in WELL["act_1"].items() if k != "business"}},
            "business",
            Health.WARNING,
            "meta_no_business",
        ),
        ({"me__permissions": {"data": []}}, "role", Health.BROKEN, "meta_no_ads_management"),
        ({"act_1": {"error": {"code": 200}}}, "account", Health.BROKEN, "meta_no_permission"),
        ({"act_1": WELL["act_1"] | {"user_tasks": ["ANALYZE"]}}, "account", Health.BROKEN, "meta_only_looks"),
        ({"act_1": WELL["act_1"] | {"user_tasks": ["ANALYZE", "ADVERTISE"]}}, "account", Health.OK, ""),
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


def test_a_token_of_a_person_ends_with_the_password() -> None:
    assert "ends when the person changes the password" in lines(debug_token=_token(type="USER"))[0].found


def test_only_the_names_that_may_be_flagged_are_told() -> None:
    told = [
        line.found for line in lines(names=["Loyal", "Low income, Leeds", "Cancer charity"]) if line.check == "names"
    ]
    assert len(told) == 2
    assert "Cancer charity" in told[0]
    assert "Low income, Leeds" in told[1]


def test_how_far_the_clock_is_off() -> None:
    (line,) = (line for line in lines(date=_date(NOW - 7_200)) if line.check == "clock")
    assert line.found == "This machine's clock is 120 minutes ahead of Meta's."

"""Every operation by every kind of key: allowed exactly where the table says, which is written by hand."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from guestlist.operations.catalogue import OPERATIONS
from guestlist.operations.operation import Scope
from guestlist.service.api.routes import operation_id

from .conftest import Served

LOOK = {"read", "people"}
WORK = LOOK | {"audiences:write", "syncs:run", "data:write", "do-not-send:write"}
ALL = WORK | {"people:reveal", "people:erase", "settings:write", "keys:write"}
MAY = {"viewer": LOOK, "editor": WORK, "admin": ALL, **{scope: {scope} for scope in ALL}}


class Asked(NamedTuple):
    """A request that does as little as possible once it is allowed: most name what is not there."""

    needs: str
    method: str
    path: str
    query: Mapping[str, Any] = MappingProxyType({})
    body: dict[str, Any] | None = None


NOBODY = "user_id:nobody"
LOGIN = {"app_id": "none", "app_secret": "s", "redirect_uri": "https://page.example.org/"}
TABLE = {
    "show_status": Asked("read", "GET", "/status"),
    "list_runs": Asked("read", "GET", "/runs"),
    "show_run": Asked("read", "GET", "/runs/none"),
    "list_syncs": Asked("read", "GET", "/syncs"),
    "run_syncs": Asked("syncs:run", "POST", "/syncs/run", body={"key": "none"}),
    "show_sync": Asked("read", "GET", "/syncs/none"),
    "cancel_sync": Asked("syncs:run", "POST", "/syncs/none/cancel"),
    "plan_syncs": Asked("syncs:run", "POST", "/plan", body={"key": "none"}),
    "confirm_plan": Asked("syncs:run", "POST", "/plans/none/confirm"),
    "list_audiences": Asked("read", "GET", "/audiences"),
    "check_audiences": Asked("read", "GET", "/audiences/check"),
    "convert_query": Asked("read", "POST", "/audiences/convert", body={"query": "nothing of the kind"}),
    "show_audience": Asked("read", "GET", "/audiences/none"),
    "show_definition": Asked("read", "GET", "/audiences/none/definition"),
    "show_query": Asked("read", "GET", "/audiences/none/query"),
    "write_audience": Asked("audiences:write", "PUT", "/audiences/none/definition", body={}),
    "remove_audience": Asked("audiences:write", "DELETE", "/audiences/none/definition"),
    "list_members": Asked("people", "GET", "/audiences/none/members"),
    "export_members": Asked("people", "GET", "/audiences/none/export"),
    "explain_person": Asked("people", "POST", "/audiences/none/explain", body={"person": NOBODY}),
    "preview_audience": Asked("people", "GET", "/audiences/none/preview"),
    "compare_audiences": Asked("people", "GET", "/audiences/none/diff/buyers"),
    "export_difference": Asked("people", "GET", "/audiences/none/diff/buyers/export"),
    "show_history": Asked("read", "GET", "/audiences/none/history"),
    "export_changes": Asked("people", "GET", "/audiences/none/changes"),
    "import_file": Asked("data:write", "POST", "/imports", {"propose": True}),
    "read_report": Asked("people", "GET", "/imports/report", {"report": "none.csv"}),
    "show_profile": Asked("people", "POST", "/profiles/show", body={"person": NOBODY}),
    "find_people": Asked("people", "POST", "/profiles/find", body={"text": "nobody"}),
    "split_profile": Asked("data:write", "POST", "/profiles/split", body={"identifier": "nobody"}),
    "try_rules": Asked("data:write", "POST", "/identity/try", body={"rules": {"nothing": 1}}),
    "list_do_not_send": Asked("read", "GET", "/do-not-send"),
    "check_do_not_send": Asked("people", "POST", "/do-not-send/check", body={"people": [NOBODY]}),
    "add_do_not_send": Asked("do-not-send:write", "POST", "/do-not-send/add", body={"people": []}),
    "remove_do_not_send": Asked("do-not-send:write", "POST", "/do-not-send/remove", body={"people": []}),
    "erase_person": Asked("people:erase", "POST", "/erasures", body={"person": "nobody"}),
    "list_erasures": Asked("read", "GET", "/erasures"),
    "show_erasure": Asked("read", "GET", "/erasures/er-none"),
    "list_traits": Asked("read", "GET", "/traits"),
    "check_traits": Asked("read", "GET", "/traits/check"),
    "show_trait": Asked("people", "GET", "/traits/show", {"key": "none"}),
    "pause_sync": Asked("syncs:run", "POST", "/syncs/none/pause", body={}),
    "resume_sync": Asked("syncs:run", "POST", "/syncs/none/resume"),
    "resume_all_syncs": Asked("syncs:run", "POST", "/syncs/resume"),
    "list_externals": Asked("read", "GET", "/externals"),
    "take_external": Asked("audiences:write", "POST", "/externals/take", body={"key": "none"}),
    "list_hooks": Asked("settings:write", "GET", "/hooks"),
    "add_hook": Asked("settings:write", "POST", "/hooks", body={"name": "No Name", "url": "https://crm.example.org"}),
    "list_letters": Asked("read", "GET", "/hooks/letters"),
    "remove_hook": Asked("settings:write", "DELETE", "/hooks/none"),
    "rotate_hook": Asked("settings:write", "POST", "/hooks/none/rotate", body={}),
    "try_hook": Asked("syncs:run", "POST", "/hooks/none/test"),
    "retry_hook": Asked("syncs:run", "POST", "/hooks/none/retry", body={}),
    "drop_letter": Asked("settings:write", "DELETE", "/hooks/none/letters/1"),
    "list_sources": Asked("read", "GET", "/sources"),
    "add_source": Asked("settings:write", "POST", "/sources", body={"name": "No Name"}),
    "add_load": Asked("settings:write", "PUT", "/sources/none/load", body={"files": "none"}),
    "show_load": Asked("read", "GET", "/sources/none/load"),
    "load_source": Asked("data:write", "POST", "/sources/none/load", body={}),
    "try_alerts": Asked("settings:write", "POST", "/alerts/test"),
    "list_backups": Asked("settings:write", "GET", "/backups"),
    "order_backup": Asked("settings:write", "POST", "/backups"),
    "remove_source": Asked("settings:write", "DELETE", "/sources/none"),
    "read_match_keys": Asked("people", "POST", "/match-keys", body={"records": []}),
    "list_destinations": Asked("read", "GET", "/destinations"),
    "show_destination": Asked("read", "GET", "/destinations/none"),
    "connect_destination": Asked("settings:write", "PUT", "/destinations/No", body={"account": "1", "token": "t"}),
    "reconnect_destination": Asked("settings:write", "POST", "/destinations/none/reconnect", body={"token": "t"}),
    "disconnect_destination": Asked("settings:write", "POST", "/destinations/none/disconnect"),
    "begin_login": Asked("settings:write", "POST", "/destinations/No/login", body=LOGIN),
    "finish_login": Asked("settings:write", "POST", "/login/finish", body={"state": "none"}),
    "choose_account": Asked("settings:write", "POST", "/login/choose", body={"choice": "none", "account": "act_1"}),
    "list_audiences_at_meta": Asked("read", "GET", "/destinations/none/audiences"),
    "adopt_audience": Asked("settings:write", "POST", "/audiences/none/adopt", body={"audience": "1", "to": "none"}),
    "list_shares": Asked("read", "GET", "/syncs/none/shares"),
    "share_audience": Asked("settings:write", "POST", "/syncs/none/share", body={"accounts": ["act_1"]}),
    "unshare_audience": Asked("settings:write", "POST", "/syncs/none/unshare", body={"accounts": ["act_1"]}),
    "empty_sync": Asked("settings:write", "POST", "/syncs/none/empty"),
    "delete_audience_at_meta": Asked("settings:write", "DELETE", "/syncs/none/audience"),
    "examine": Asked("read", "POST", "/doctor"),
    "list_keys": Asked("keys:write", "GET", "/keys"),
    "add_key": Asked("keys:write", "POST", "/keys", body={"name": "No Name"}),
    "remove_key": Asked("keys:write", "DELETE", "/keys/none"),
    "list_audit": Asked("keys:write", "GET", "/audit"),
}
REVEALING = [
    *("list_members", "export_members", "explain_person", "preview_audience", "compare_audiences"),
    *("export_difference", "export_changes", "show_profile", "find_people", "show_trait"),
]


def answered(served: Served, key: str | None, asked: Asked, *, reveal: bool = False) -> tuple[int, str]:
    more = {"reveal": True} if reveal else {}
    in_body = asked.body is not None
    with served.client(key) as client:
        got = client.request(
            asked.method,
            asked.path,
            params={**asked.query, **({} if in_body else more)},
            json={**(asked.body or {}), **more} if in_body else None,
        )
    return got.status_code, got.json().get("code", "") if got.is_error else ""


def test_the_table_has_every_operation() -> None:
    assert sorted(TABLE) == sorted(map(operation_id, OPERATIONS))
    assert {scope.value for scope in Scope} == ALL
    assert sorted(REVEALING) == sorted(operation_id(one) for one in OPERATIONS if "reveal" in one.model_fields)


@pytest.mark.parametrize("name", TABLE)
def test_who_may(looked_at: Served, name: str) -> None:
    asked = TABLE[name]
    for key in (None, "wrong", "other"):
        assert answered(looked_at, key, asked) == (401, "not_authorised"), key
    for key, scopes in MAY.items():
        status, code = answered(looked_at, key, asked)
        assert status < 500, (key, code)
        if asked.needs in scopes:
            assert status not in {401, 403}, (key, code)
        else:
            assert (status, code) == (403, "not_allowed"), key


def malformed(served: Served, key: str | None, asked: Asked) -> list[tuple[int, str]]:
    """Of a request with an unknown parameter, of wrong ones, of a body that is no JSON or nothing that anybody reads."""
    wrong: list[dict[str, Any]] = [{"params": {"nothing": "abc", "limit": "abc"}}]
    if asked.method in {"POST", "PUT"}:
        as_json = {"Content-Type": "application/json"}
        wrong += [
            {"json": {"nothing": [], "limit": "abc"}},
            {"content": b"{", "headers": as_json},
            {"content": b"[]", "headers": as_json},
            {"content": b"person=nobody"},
        ]
    with served.client(key) as client:
        got = [client.request(asked.method, asked.path, **given) for given in wrong]
    return [(one.status_code, one.json().get("code", "")) for one in got]


@pytest.mark.parametrize("name", TABLE)
def test_who_may_not_is_told_that_and_not_what_is_wrong_with_the_request(looked_at: Served, name: str) -> None:
    asked = TABLE[name]
    for key in (None, "wrong", "other"):
        assert set(malformed(looked_at, key, asked)) == {(401, "not_authorised")}, key
    for key, scopes in MAY.items():
        if asked.needs not in scopes:
            assert set(malformed(looked_at, key, asked)) == {(403, "not_allowed")}, key
    told = malformed(looked_at, "admin", asked)
    if name == "import_file":  # its body is a file, which is not read as parameters
        told = told[:1]
    assert {status for status, _ in told} <= {400, 415, 422}, told


@pytest.mark.parametrize("name", REVEALING)
def test_who_may_see_people_in_clear(looked_at: Served, name: str) -> None:
    for key in MAY:
        status, code = answered(looked_at, key, TABLE[name], reveal=True)
        allowed = key == "admin"  # all others lack one of the two scopes
        assert ((status, code) != (403, "not_allowed")) is allowed, (key, status, code)


def test_both_scopes_and_no_more_are_enough_to_see_people_in_clear(looked_at: Served) -> None:
    with looked_at.client("admin") as client:
        made = client.post("/keys", json={"name": "auditor", "role": "admin", "scopes": ["people", "people:reveal"]})
    assert answered(looked_at, made.json()["key"], TABLE["find_people"], reveal=True) == (200, "")


def test_a_space_that_is_not_there_is_not_told_from_a_wrong_key(looked_at: Served) -> None:
    with looked_at.client("admin") as client:
        got = client.get(f"{looked_at.address}/api/v1/spaces/nothing/status")
        wrong = client.get("/status", headers={"Authorization": "Bearer gl_nobody"})
    assert got.status_code == wrong.status_code == 401
    assert got.json() == wrong.json()


def test_a_key_that_is_taken_away_is_refused(served: Served) -> None:
    asked = TABLE["list_audiences"]
    assert answered(served, "viewer", asked)[0] == 200
    with served.client("admin") as client:
        assert client.delete("/keys/viewer").status_code == 200
        statuses = set()
        for _ in range(60):
            statuses.add(answered(served, "viewer", asked)[0])
            if 401 in statuses:
                break
            client.get("/audiences/check")
    assert 401 in statuses


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"role": "admin"}, 403),
        ({"role": "viewer"}, 403),
        ({"role": "admin", "scopes": ["keys:write"]}, 200),
    ],
)
def test_a_key_cannot_make_one_that_may_more(looked_at: Served, given: dict[str, Any], status: int) -> None:
    with looked_at.client("keys:write") as client:
        got = client.post("/keys", json={"name": f"made-{status}", **given})
    assert got.status_code == status, got.text

"""Tokens, proofs, permissions, terms, versions, limits, headers, and what is never printed."""

import hashlib
import hmac
import json
import re
from typing import Any

import httpx
import pytest
from tests.fakemeta.conftest import Graph, digest, refusal

from fakemeta.harness import Running


def _get(meta: Running, path: str, **params: str) -> httpx.Response:
    return httpx.get(f"{meta.graph_url}{path}", params=params, trust_env=False)


def _proof(secret: str, message: str) -> str:
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def test_me_accounts_and_permissions(graph: Graph, meta: Running) -> None:
    assert graph.http.get("/me").json()["id"].isdigit()
    (row,) = graph.http.get("/me/adaccounts", params={"fields": "name,account_status,tos_accepted"}).json()["data"]
    assert (row["id"], row["account_status"]) == (meta.ad_account, 1)
    assert row["tos_accepted"]["custom_audience_tos"] == 1
    granted = graph.http.get("/me/permissions").json()["data"]
    assert {"permission": "ads_management", "status": "granted"} in granted
    assert graph.read(meta.ad_account, "name", "currency")["currency"] == "EUR"
    assert refusal(graph.http.get(f"/{meta.ad_account}", params={"fields": "shoe"})) == (100, None)


@pytest.mark.parametrize(
    ("token", "expected"), [("", (2500, None)), ("nonsense", (190, None))], ids=["none", "unknown"]
)
def test_a_token_that_is_none(meta: Running, token: str, expected: tuple[int, int | None]) -> None:
    answer = _get(meta, "/v25.0/me", **({"access_token": token} if token else {}))
    assert refusal(answer) == expected
    assert answer.headers["www-authenticate"].startswith('OAuth "Facebook Platform"')


def test_tokens_expire_and_tell_debug_token(meta: Running) -> None:
    token = meta.post("tokens", expires_in=3600, type="USER")["access_token"]
    assert _get(meta, "/v25.0/me", access_token=token).status_code == 200
    meta.advance(3600)
    expired = _get(meta, "/v25.0/me", access_token=token)
    assert refusal(expired) == (190, 463)
    assert "Session has expired on" in expired.text
    assert "is_transient" not in expired.json()["error"]
    app_token = f"{meta.app_id}|{meta.app_secret}"
    facts = _get(meta, "/debug_token", input_token=token, access_token=app_token).json()["data"]
    assert (facts["is_valid"], facts["error"]["subcode"], facts["type"]) == (False, 463, "USER")
    alive = _get(meta, "/v25.0/debug_token", input_token=meta.access_token, access_token=meta.access_token).json()[
        "data"
    ]
    assert (alive["is_valid"], alive["expires_at"], alive["type"]) == (True, 0, "SYSTEM_USER")
    unknown = _get(meta, "/debug_token", input_token="x", access_token=app_token).json()["data"]
    assert unknown["is_valid"] is False
    assert refusal(_get(meta, "/debug_token", access_token=app_token)) == (100, None)


@pytest.mark.parametrize("subcode", [458, 459, 460, 463, 464, 467, 492])
def test_revoked_tokens(graph: Graph, meta: Running, subcode: int) -> None:
    assert meta.post("tokens/change", revoke=subcode) == {"dead": subcode}
    assert refusal(graph.http.get("/me")) == (190, subcode)


def test_appsecret_proof(graph: Graph, meta: Running) -> None:
    good = _proof(meta.app_secret, meta.access_token)
    assert graph.http.get("/me", params={"appsecret_proof": good}).status_code == 200
    wrong = graph.http.get("/me", params={"appsecret_proof": "0" * 64})
    assert (refusal(wrong), wrong.json()["error"]["type"]) == ((100, None), "GraphMethodException")
    at = int(meta.now())
    timed = {"appsecret_proof": _proof(meta.app_secret, f"{meta.access_token}|{at}"), "appsecret_time": str(at)}
    assert graph.http.get("/me", params=timed).status_code == 200
    meta.advance(301)
    assert refusal(graph.http.get("/me", params=timed)) == (100, None)


def test_permissions_and_roles(meta: Running) -> None:
    other = meta.post("accounts", name="Other")["ad_account"]
    reader = meta.post("tokens", scopes=["ads_read"], accounts=[meta.ad_account[4:]])["access_token"]
    stranger = meta.post("tokens", scopes=["public_profile"])["access_token"]
    seen = _get(meta, "/v25.0/me/adaccounts", access_token=reader).json()["data"]
    assert [row["id"] for row in seen] == [meta.ad_account]
    path = f"/v25.0/{meta.ad_account}/customaudiences"
    assert _get(meta, path, access_token=reader).status_code == 200
    assert refusal(httpx.post(f"{meta.graph_url}{path}", json={"access_token": reader, "name": "a"})) == (200, None)
    assert refusal(_get(meta, f"/v25.0/{other}/customaudiences", access_token=reader)) == (200, None)
    assert refusal(_get(meta, path, access_token=stranger)) == (200, None)
    assert refusal(_get(meta, "/v25.0/act_1/customaudiences", access_token=reader)) == (100, 33)


@pytest.mark.parametrize("subcode", [1870090, 1870034])
def test_terms_not_accepted(graph: Graph, meta: Running, subcode: int) -> None:
    audience = graph.create()
    meta.behave(terms_subcode=str(subcode))
    meta.post(f"accounts/{meta.ad_account}", terms_accepted=False)
    assert refusal(graph.add(audience, "mary@example.com")) == (200, subcode)
    assert graph.read(meta.ad_account, "tos_accepted")["tos_accepted"] == {}
    (tos,) = graph.http.get(f"/{meta.ad_account}/customaudiencestos").json()["data"]
    accept = {"tos_id": tos["id"]}
    assert refusal(graph.http.post(f"/{meta.ad_account}/customaudiencestos", json=accept)) == (200, None)
    human = meta.post("tokens", type="USER")["access_token"]
    by_human = graph.http.post(
        f"/{meta.ad_account}/customaudiencestos", json=accept, headers={"Authorization": f"Bearer {human}"}
    )
    assert by_human.json() == {"success": True}
    assert graph.add(audience, "mary@example.com").status_code == 200


@pytest.mark.parametrize(
    ("version", "expected"),
    [("/v24.0", (2635, None)), ("/v18.0", (2635, None)), ("", (2635, None)), ("/v99.0", (2500, None))],
)
def test_versions(graph: Graph, meta: Running, version: str, expected: tuple[int, int | None]) -> None:
    answer = _get(meta, f"{version}/{meta.ad_account}/customaudiences", access_token=meta.access_token)
    assert refusal(answer) == expected


@pytest.mark.parametrize("version", ["v25.0", "v26.0", "v27.0"])
def test_living_versions(meta: Running, version: str) -> None:
    answer = _get(meta, f"/{version}/{meta.ad_account}/customaudiences", access_token=meta.access_token)
    assert (answer.status_code, answer.headers["facebook-api-version"]) == (200, version)


def test_unknown_objects_and_edges(graph: Graph, meta: Running) -> None:
    assert refusal(graph.http.get("/123")) == (100, 33)
    assert refusal(graph.http.get(f"/{meta.ad_account[4:]}/customaudiences")) == (100, None)
    assert refusal(graph.http.get(f"/{graph.create()}/shoes")) == (2500, None)
    assert refusal(graph.http.get(f"/{meta.ad_account}/shoes")) == (2500, None)


def test_headers_of_each_edge(graph: Graph) -> None:
    audience = graph.create()
    listed = graph.http.get(f"/{graph.account}/customaudiences").headers
    assert json.loads(listed["x-business-use-case-usage"])[graph.account[4:]][0]["type"] == "custom_audience"
    added = graph.add(audience, "mary@example.com").headers
    assert "x-business-use-case-usage" not in added
    assert json.loads(added["x-ad-account-usage"])["ads_api_access_tier"] == "standard_access"
    assert "call_count" in json.loads(added["x-app-usage"])
    assert re.fullmatch(r"A[\w-]{22}", added["x-fb-request-id"])
    assert "x-business-use-case-usage" in graph.remove(audience, "mary@example.com").headers


def test_the_hourly_quota(graph: Graph, meta: Running) -> None:
    meta.behave(access_tier="development_access")
    audience = graph.create()
    meta.post(f"accounts/{meta.ad_account}", used_calls=5040)
    assert refusal(graph.http.get(f"/{audience}")) == (80003, 2446079)
    meta.advance(3601)
    assert graph.http.get(f"/{audience}").status_code == 200


def test_nothing_personal_in_log_or_output(graph: Graph, meta: Running, capfd: pytest.CaptureFixture[str]) -> None:
    audience = graph.create("Canary")
    payload = json.dumps({"schema": ["EMAIL"], "data": [[digest("mary@example.com")]]})
    graph.http.request("DELETE", f"/{audience}/users", params={"payload": payload, "access_token": meta.access_token})
    graph.add(audience, "mary@example.com")
    graph.http.get(f"/{audience}%00", params={"access_token": meta.access_token})
    printed = "".join(capfd.readouterr()) + json.dumps(meta.requests())
    for secret in (digest("mary@example.com"), meta.access_token, "?"):
        assert secret not in printed
    assert f"/v25.0/{audience}/users" in printed


def test_a_bug_of_ours_answers_code_1_and_prints_no_value(
    graph: Graph, meta: Running, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError(digest("mary@example.com"))

    audience = graph.create()
    monkeypatch.setattr(meta.world, "matcher", broken)
    assert refusal(graph.add(audience, "mary@example.com")) == (1, None)
    assert capfd.readouterr().err.startswith("fakemeta failed: RuntimeError at broken:")

"""From the login dialog to a long-lived token, as a plain HTTP client goes, and every way it can be refused."""

import base64
import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.fakemeta.conftest import Graph, refusal

from fakemeta.harness import Running

HERE = "http://localhost:8700/connect/meta"
ALL = "ads_management,ads_read,business_management"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
DAY = 86_400


class App:
    """An app of the developer's: it sends people to the dialog and calls the token endpoint."""

    def __init__(self, meta: Running) -> None:
        self.meta = meta
        self.http = httpx.Client(base_url=f"{meta.graph_url}/v25.0", trust_env=False, follow_redirects=False)

    def asks(self, **params: str) -> dict[str, str]:
        asked = {"client_id": self.meta.app_id, "redirect_uri": HERE, "state": "s & t", "scope": ALL} | params
        return {name: value for name, value in asked.items() if value != "-"}

    def sees(self, **params: str) -> httpx.Response:
        return self.http.get("/dialog/oauth", params=self.asks(**params))

    def answers(self, asked: dict[str, str] | None = None, **form: Any) -> dict[str, str]:
        """What comes back to the app when a person answers the dialog."""
        fields = {"decision": "continue", "person": "Alex Admin", **form}
        answer = self.http.post("/dialog/oauth", data={**self.asks(**(asked or {})), **fields})
        assert answer.status_code == 302, answer.text
        parts = urlsplit(answer.headers["location"])
        assert parts.fragment == "_=_"
        return {"at": parts._replace(query="", fragment="").geturl()} | {
            name: values[0] for name, values in parse_qs(parts.query).items() if name != "at"
        }

    def code(self, **form: Any) -> str:
        return self.answers(**form)["code"]

    def exchange(self, code: str = "-", **params: str) -> httpx.Response:
        given = {
            "client_id": self.meta.app_id,
            "client_secret": self.meta.app_secret,
            "redirect_uri": HERE,
            "code": code,
        } | params
        return self.http.get("/oauth/access_token", params={k: v for k, v in given.items() if v != "-"})

    def token(self, **form: Any) -> str:
        token: str = self.exchange(self.code(**form)).json()["access_token"]
        return token

    def lengthen(self, token: str, **params: str) -> httpx.Response:
        return self.exchange(redirect_uri="-", grant_type="fb_exchange_token", fb_exchange_token=token, **params)

    def facts(self, token: str) -> dict[str, Any]:
        own = f"{self.meta.app_id}|{self.meta.app_secret}"
        answer = self.http.get("/debug_token", params={"input_token": token, "access_token": own})
        facts: dict[str, Any] = answer.json()["data"]
        return facts

    def get(self, token: str, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def app(meta: Running) -> App:
    return App(meta)


def test_from_the_dialog_to_all_the_ad_accounts(app: App, meta: Running) -> None:
    for number in range(7):
        meta.post("accounts", name=f"Shop {number}")
    page = app.sees()
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    person = re.search(r'name="person" value="(\d+)" class="choice">Alex Admin<', page.text)
    assert person is not None
    consent = app.sees(person=person[1])
    assert 'name="permission" value="ads_management" checked' in consent.text

    back = app.answers(person=person[1])
    assert (back["at"], back["state"]) == (HERE, "s & t")
    short = app.exchange(back["code"]).json()
    assert (short["token_type"], 3600 <= short["expires_in"] <= 7200) == ("bearer", True)
    long = app.lengthen(short["access_token"]).json()
    assert (long["token_type"], long["expires_in"]) == ("bearer", 60 * DAY)

    names: list[str] = []
    url = f"{meta.graph_url}/v25.0/me/adaccounts?fields=name&limit=3"
    while url:
        answer = httpx.get(url, headers={"Authorization": f"Bearer {long['access_token']}"}, trust_env=False).json()
        names += [row["name"] for row in answer["data"]]
        url = answer["paging"].get("next")
    assert names == ["Example shop", *(f"Shop {number}" for number in range(7))]
    meta.advance(60 * DAY)
    assert refusal(app.get(long["access_token"], "/me")) == (190, 463)


def test_what_a_token_says_of_itself(app: App, meta: Running) -> None:
    token = app.token(permission=["ads_read"], account=[meta.ad_account[4:]])
    facts = app.facts(token)
    assert (facts["type"], facts["is_valid"], facts["app_id"]) == ("USER", True, meta.app_id)
    assert facts["expires_at"] > meta.now() > facts["issued_at"] - 1
    assert facts["data_access_expires_at"] == facts["issued_at"] + 90 * DAY
    assert facts["scopes"] == ["ads_read", "public_profile"]
    assert facts["granular_scopes"] == [{"scope": "ads_read", "target_ids": [meta.ad_account[4:]]}]
    me = app.get(token, "/me").json()
    assert me == {"id": facts["user_id"], "name": "Alex Admin"}
    assert "target_ids" not in app.facts(app.token())["granular_scopes"][0]


def test_a_permission_unticked_is_declined_and_asked_again_only_on_request(app: App) -> None:
    token = app.token(permission=["ads_read", "business_management"])
    rows = {row["permission"]: row["status"] for row in app.get(token, "/me/permissions").json()["data"]}
    assert rows == {
        "ads_read": "granted",
        "business_management": "granted",
        "public_profile": "granted",
        "ads_management": "declined",
    }
    alex = app.get(token, "/me").json()["id"]
    assert 'value="ads_management" checked' not in app.sees(person=alex).text
    assert "ads_management" not in app.facts(app.token())["scopes"]
    assert 'value="ads_management" checked' in app.sees(person=alex, auth_type="rerequest").text
    again = app.answers({"auth_type": "rerequest"})
    renewed = app.exchange(again["code"]).json()["access_token"]
    assert "ads_management" in app.facts(renewed)["scopes"]
    assert "declined" not in app.get(renewed, "/me/permissions").text
    assert 'value="ads_management" checked' in app.sees(person=alex).text


def test_cancel(app: App) -> None:
    assert app.answers(decision="cancel") == {
        "at": HERE,
        "error": "access_denied",
        "error_code": "200",
        "error_description": "Permissions error",
        "error_reason": "user_denied",
        "state": "s & t",
    }


def test_state_and_query_come_back_as_they_went(app: App) -> None:
    assert "state" not in app.answers({"state": "-"})
    assert app.answers({"redirect_uri": f"{HERE}?space=a", "state": "x"})["space"] == "a"


@pytest.mark.parametrize(
    ("params", "title"),
    [
        ({"client_id": "1"}, "Invalid App ID"),
        ({"redirect_uri": "-"}, "Invalid parameter"),
        ({"redirect_uri": "https://stranger.example.com/"}, "URL Blocked"),
        ({"redirect_uri": "http://localhost:1@stranger.example.com/"}, "URL Blocked"),
        ({"redirect_uri": "http://name:word@localhost:8700/"}, "URL Blocked"),
        ({"redirect_uri": "http://localhost.example.com/"}, "URL Blocked"),
        ({"redirect_uri": "https://app.example.com/back/"}, "URL Blocked"),
        ({"redirect_uri": "javascript://localhost/%0aalert(1)"}, "URL Blocked"),
        ({"scope": "ads_management,shoes"}, "Invalid Scopes"),
        ({"response_type": "token"}, "Invalid parameter"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "md5"}, "Invalid parameter"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_dialog_is_not_shown_and_nothing_goes_to_the_address(
    app: App, meta: Running, params: dict[str, str], title: str
) -> None:
    meta.post("app", redirect_uris=["https://app.example.com/back"])
    for answer in (app.sees(**params), app.http.post("/dialog/oauth", data=app.asks(**params, decision="cancel"))):
        assert (answer.status_code, "location" in answer.headers) == (400, False)
        assert f"<h1>{title}</h1>" in answer.text


def test_addresses_in_the_settings(app: App, meta: Running) -> None:
    listed = "https://app.example.com/back"
    meta.post("app", redirect_uris=[listed], development=False)
    assert app.sees(redirect_uri=listed).status_code == 200
    assert "URL Blocked" in app.sees().text
    for wrong in ("http://app.example.com/", "ftp://localhost/", "back", "https://app.example.com/#a"):
        with pytest.raises(ValueError, match="no redirect address"):
            meta.post("app", redirect_uris=[wrong])
    assert meta.get("app")["redirect_uris"] == [listed]


def test_a_post_from_another_site_is_refused(app: App) -> None:
    fields = {**app.asks(), "decision": "continue", "person": "Alex Admin"}
    answer = app.http.post("/dialog/oauth", data=fields, headers={"Origin": "https://stranger.example.com"})
    assert (answer.status_code, "location" in answer.headers) == (403, False)
    other_name = app.http.get("/dialog/oauth", params=app.asks(), headers={"Host": "stranger.example.com"})
    assert other_name.status_code == 421


def test_nobody_of_that_name(app: App) -> None:
    answer = app.http.post("/dialog/oauth", data={**app.asks(), "decision": "continue", "person": "Guest list bot"})
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert app.http.post("/dialog/oauth", data=app.asks()).status_code == 400


def test_what_an_app_sends_is_escaped(app: App) -> None:
    page = app.sees(state='"><script>alert(1)</script>')
    assert "<script>" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("form-action 'self' http://localhost:8700")


@pytest.mark.parametrize(
    ("params", "expected", "text"),
    [
        ({"code": "AQ" + "x" * 80}, (100, 36007), "expired"),
        ({"code": "nonsense"}, (100, None), "Invalid verification code format"),
        ({"code": "-"}, (1, None), "Missing authorization code"),
        ({"redirect_uri": HERE + "/"}, (100, 36008), "redirect_uri"),
        ({"redirect_uri": "-"}, (191, None), "Missing redirect_uri"),
        ({"client_id": "1"}, (101, None), "Error validating application"),
        ({"client_id": "-"}, (101, None), "Missing client_id"),
        ({"client_secret": "0" * 32}, (1, None), "Error validating client secret"),
        ({"client_secret": "-"}, (1, None), "Error validating client secret"),
        ({"client_secret": "-", "code_verifier": VERIFIER}, (1, None), "Error validating client secret"),
        ({"grant_type": "password"}, (100, None), "Invalid grant_type"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_code_is_not_exchanged(app: App, params: dict[str, str], expected: tuple[int, int | None], text: str) -> None:
    code = app.code()
    answer = app.exchange(**({"code": code} | params))
    assert (answer.status_code, refusal(answer)) == (400, expected)
    assert (text in answer.text, answer.json()["error"]["type"]) == (True, "OAuthException")
    assert '"invalid_code"' in answer.headers["www-authenticate"]
    assert app.exchange(code).status_code == 200, "a wrong try does not use the code up"


def test_a_code_is_good_once_and_for_ten_minutes(app: App, meta: Running) -> None:
    used, late = app.code(), app.code()
    assert app.exchange(used).status_code == 200
    assert refusal(app.exchange(used)) == (100, 36009)
    meta.advance(601)
    assert refusal(app.exchange(late)) == (100, 36007)


@pytest.mark.parametrize(
    ("method", "challenge", "verifier", "expected"),
    [
        ("S256", CHALLENGE, VERIFIER, 200),
        ("S256", CHALLENGE, "another", 400),
        ("S256", CHALLENGE, "-", 400),
        ("plain", VERIFIER, VERIFIER, 200),
        ("plain", VERIFIER, CHALLENGE, 400),
    ],
)
def test_pkce(app: App, meta: Running, method: str, challenge: str, verifier: str, expected: int) -> None:
    asked = {"code_challenge": challenge, "code_challenge_method": method}
    code = app.answers(asked)["code"]
    assert app.exchange(code, code_verifier=verifier).status_code == expected
    if expected == 200:
        alone = app.answers(asked)["code"]
        assert app.exchange(alone, code_verifier=verifier, client_secret="-").status_code == 200
    meta.behave(pkce="ignored")
    assert app.exchange(app.answers(asked)["code"], code_verifier="another").status_code == 200


def test_the_token_endpoint_takes_a_form_too(app: App, meta: Running) -> None:
    fields = {"client_id": meta.app_id, "client_secret": meta.app_secret, "redirect_uri": HERE, "code": app.code()}
    assert app.http.post("/oauth/access_token", data=fields).json()["token_type"] == "bearer"
    assert app.http.delete("/oauth/access_token").status_code == 400


def test_exchange_for_a_long_lived_token(app: App, meta: Running) -> None:
    assert refusal(app.lengthen("-")) == (100, None)
    assert refusal(app.lengthen("nonsense")) == (190, None)
    assert refusal(app.lengthen(app.token(), client_secret="no")) == (1, None)
    token = app.token(permission=["ads_read"], account=[meta.ad_account[4:]])
    long = app.lengthen(token).json()["access_token"]
    assert app.facts(long)["granular_scopes"] == app.facts(token)["granular_scopes"]
    meta.advance(2 * 3600)
    assert refusal(app.lengthen(token)) == (190, 463)
    assert app.lengthen(long).json()["expires_in"] == 60 * DAY
    endless = app.lengthen(meta.access_token).json()
    assert "expires_in" not in endless
    assert app.facts(endless["access_token"])["expires_at"] == 0
    limited = app.lengthen(meta.access_token, set_token_expires_in_60_days="true").json()
    assert (limited["expires_in"], app.facts(limited["access_token"])["type"]) == (60 * DAY, "SYSTEM_USER")


def test_the_apps_own_token(app: App, meta: Running) -> None:
    own = app.exchange(grant_type="client_credentials", redirect_uri="-").json()["access_token"]
    assert own.startswith(f"{meta.app_id}|")
    assert meta.app_secret not in own
    told = app.get(own, "/debug_token", input_token=meta.access_token).json()["data"]
    assert told["is_valid"] is True
    assert app.facts(own)["type"] == "APP"
    assert refusal(app.get(own, "/me")) == (2500, None)
    assert refusal(app.exchange(grant_type="client_credentials", client_secret="no")) == (1, None)


def test_tokens_given_back(app: App, meta: Running) -> None:
    token = app.token()
    keys = {"client_id": meta.app_id, "client_secret": meta.app_secret}
    assert app.http.get("/oauth/revoke", params={**keys, "revoke_token": token}).json() == {"success": True}
    assert refusal(app.get(token, "/me")) == (190, 467)
    assert app.facts(token)["is_valid"] is False
    assert refusal(app.http.get("/oauth/revoke", params={**keys, "revoke_token": "x"})) == (190, None)
    assert refusal(app.http.get("/oauth/revoke", params={**keys, "client_secret": "no"})) == (1, None)


def test_permissions_taken_away_by_the_person(app: App, graph: Graph) -> None:
    token, other = app.token(), app.token(person="Avery Advertiser")
    headers = {"Authorization": f"Bearer {token}"}
    assert app.http.delete("/me/permissions/ads_management", headers=headers).json() == {"success": True}
    assert refusal(app.http.delete("/me/permissions/ads_management", headers=headers)) == (100, None)
    assert {"permission": "ads_management", "status": "declined"} in app.get(token, "/me/permissions").json()["data"]
    made = app.http.post(f"/{graph.account}/customaudiences", json={"name": "a"}, headers=headers)
    assert refusal(made) == (200, None)
    assert app.http.delete("/me/permissions", headers=headers).json() == {"success": True}
    assert refusal(app.get(token, "/me")) == (190, 458)
    assert app.get(other, "/me").status_code == 200


@pytest.mark.parametrize(("what", "subcode"), [("password_changed", 460), ("app_removed", 458)])
def test_a_person_cuts_their_tokens_off(app: App, meta: Running, what: str, subcode: int) -> None:
    token, other = app.token(), app.token(person="Avery Advertiser")
    alex = app.get(token, "/me").json()["id"]
    meta.post(f"business_users/{alex}", **{what: True})
    assert refusal(app.get(token, "/me")) == (190, subcode)
    assert app.facts(token)["error"]["subcode"] == subcode
    meta.post("business_users/Guest list bot", **{what: True})
    assert [app.get(one, "/me").status_code for one in (other, meta.access_token)] == [200, 200]
    again = app.token()
    assert app.get(again, "/me").status_code == 200, "logging in again helps"
    meta.post(f"business_users/{alex}", password_changed=True)
    assert [refusal(app.get(one, "/me")) for one in (token, again)] == [(190, subcode), (190, 460)]


def test_a_login_by_the_control_api(app: App, meta: Running) -> None:
    asked = app.asks()
    dialog = str(app.http.build_request("GET", "/dialog/oauth", params=asked).url)
    told = meta.answer_dialog(dialog, person="Ari Analyst", decline=["business_management"])
    code = parse_qs(urlsplit(told).query)["code"][0]
    token = app.exchange(code).json()["access_token"]
    assert app.facts(token)["scopes"] == ["ads_management", "ads_read", "public_profile"]
    assert app.get(token, "/me").json()["name"] == "Ari Analyst"
    assert "error=access_denied" in meta.post("oauth", params=asked, cancel=True)["redirect"]
    with pytest.raises(ValueError, match="URL Blocked"):
        meta.post("oauth", params=app.asks(redirect_uri="https://stranger.example.com"))
    with pytest.raises(ValueError, match="no such business user"):
        meta.post("oauth", params=asked, person="Nobody")


def test_tokens_of_system_users(app: App, meta: Running) -> None:
    users = {user["type"]: user["id"] for user in reversed(meta.get("business_users")["business_users"])}
    bot, token = users["SYSTEM_USER"], app.token()
    proof = hmac.new(meta.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    good = {"business_app": meta.app_id, "scope": "ads_management,ads_read", "appsecret_proof": proof}

    def ask(by: str = token, of: str = bot, **changes: str) -> httpx.Response:
        fields = {name: value for name, value in (good | changes).items() if value != "-"}
        return app.http.post(f"/{of}/access_tokens", data=fields, headers={"Authorization": f"Bearer {by}"})

    made = ask().json()["access_token"]
    facts = app.facts(made)
    assert (facts["type"], facts["expires_at"], facts["user_id"]) == ("SYSTEM_USER", 0, bot)
    assert facts["scopes"] == ["ads_management", "ads_read"]
    limited = ask(set_token_expires_in_60_days="true").json()["access_token"]
    assert app.facts(limited)["expires_at"] - app.facts(limited)["issued_at"] == 60 * DAY
    assert refusal(ask(business_app="1")) == (100, None)
    assert refusal(ask(scope="-")) == (100, None)
    assert refusal(ask(scope="shoes")) == (100, None)
    assert refusal(ask(appsecret_proof="-")) == (100, None)
    assert refusal(ask(of=users["USER"])) == (100, 33)
    assert refusal(ask(app.token(person="Avery Advertiser"), appsecret_proof="-")) == (200, None)

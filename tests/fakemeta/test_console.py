"""The console by plain HTTP: what its pages show, and that each button does what it says and nobody else can press it."""

import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.fakemeta.conftest import Graph, digest, refusal

from fakemeta.harness import Running

DAY = 86_400


class Console:
    """A browser without one: pages as text, forms filled in and sent with the token that the page carries."""

    def __init__(self, meta: Running) -> None:
        self.meta = meta
        self.http = httpx.Client(base_url=meta.graph_url, trust_env=False, follow_redirects=True)

    def page(self, path: str = "") -> str:
        answer = self.http.get(f"/console{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def text(self, path: str = "") -> str:
        """The words of a page, as a person reads them."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.page(path))).split())

    def press(self, action: str, **fields: Any) -> httpx.Response:
        found = re.search(r'name="csrf" value="([^"]+)"', self.page())
        assert found is not None
        return self.http.post(f"/console/do/{action}", data={"csrf": found[1], **fields})

    def user(self, name: str) -> str:
        users = self.meta.get("business_users")["business_users"]
        (found,) = (user["id"] for user in users if user["name"] == name)
        return str(found)


@pytest.fixture
def console(meta: Running) -> Iterator[Console]:
    browser = Console(meta)
    yield browser
    browser.http.close()


def test_from_the_ad_accounts_to_one_audiences_history(graph: Graph, meta: Running, console: Console) -> None:
    audience = graph.create("Buyers", description="They bought")
    session = {"session_id": 77, "batch_seq": 1, "last_batch_flag": True}
    graph.add(audience, "mary@example.com", "stranger@example.com", session=session)
    meta.advance(3600)
    graph.remove(audience, "mary@example.com")

    assert f"Example shop {graph.account} Example business Active Accepted 1" in console.text()
    listed = console.text(f"/accounts/{graph.account}")
    assert f"Buyers {audience} Customer list Below 1,000 Populating 441 Too small 300" in listed
    page = console.text(f"/audiences/{audience}")
    assert "They bought" in page
    history = page[page.index("Audience history") : page.index("Sharing")]
    assert re.search(r"Removed 1 0 1 \d+ .*Added 2 0 1 77", history)
    assert re.search(r"Upload sessions .* 77 Add \S+ \S+ \S+ \S+ 1 2 0", history)
    assert "Not yet in force 1 request" in page


@pytest.mark.parametrize(
    ("people", "size"), [(0, "Not available"), (10, "Below 1,000"), (5000, r"4,\d00 – 5,\d00")], ids=str
)
def test_the_size_as_audience_manager_words_it(
    graph: Graph, meta: Running, console: Console, people: int, size: str
) -> None:
    audience = graph.create()
    if people:
        meta.post(f"audiences/{audience}/members", people=list(range(people)))
    assert re.search(f"Customer list {size} ", console.text(f"/accounts/{graph.account}"))


@pytest.mark.parametrize("path", ["", "/accounts/{account}", "/audiences/{audience}", "/access"])
def test_every_page_is_marked_shut_and_escaped(graph: Graph, meta: Running, console: Console, path: str) -> None:
    nasty = '<script>alert("x")</script>'
    audience = graph.create(nasty, description=nasty)
    graph.add(audience, "mary@example.com")
    meta.post("accounts", name=nasty)
    meta.post("business_users", name=nasty, everywhere=["ANALYZE"])
    answer = console.http.get("/console" + path.format(account=graph.account, audience=audience))
    assert ("<script" in answer.text, "This is fakemeta on your machine, not Meta" in answer.text) == (False, True)
    assert digest("mary@example.com") not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert ("unsafe" in policy, answer.headers["x-frame-options"]) == (False, "DENY")
    assert re.findall(r'(?:src|href)="(?!/|#|data:,)', answer.text) == []
    assert 'style="' not in answer.text
    assert console.http.get("/console/style.css").headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("path", ["/accounts/act_1", "/audiences/1"])
def test_what_is_not_there(console: Console, path: str) -> None:
    answer = console.http.get(f"/console{path}")
    assert (answer.status_code, "Not found" in answer.text) == (404, True)


def test_a_button_needs_the_pages_token_name_and_site(graph: Graph, meta: Running, console: Console) -> None:
    fields = {"account": graph.account[4:], "accept": "no"}
    for form in (fields, {**fields, "csrf": "x"}):
        assert console.http.post("/console/do/terms", data=form).status_code == 403
    elsewhere = {"Origin": "https://stranger.example.com"}
    console.http.headers.update(elsewhere)
    assert console.press("terms", **fields).status_code == 403
    console.http.headers.update({"Origin": meta.graph_url, "Host": "stranger.example.com"})
    assert console.http.get("/console").status_code == 421
    assert console.http.post("/console/do/terms", data=fields).status_code == 421
    assert console.http.get("/console/do/terms", params=fields).status_code == 400
    assert meta.get("accounts")["ad_accounts"][0]["terms_accepted"] is True


def test_the_terms(graph: Graph, console: Console) -> None:
    audience = graph.create()
    fields = {"account": graph.account[4:]}
    assert "Accept the terms" in console.press("terms", accept="no", **fields).text
    assert refusal(graph.add(audience, "mary@example.com")) == (200, 1870090)
    assert "Ask for them again" in console.press("terms", accept="yes", **fields).text
    assert graph.add(audience, "mary@example.com").status_code == 200


def test_the_clock(meta: Running, console: Console) -> None:
    before = meta.now()
    answer = console.press("clock", seconds="3600", back="/console/access")
    assert (answer.url.path, meta.now() - before) == ("/console/access", 3600)
    assert console.press("clock", seconds="1", back="https://stranger.example.com").url.path == "/console"
    assert console.press("clock", seconds="-1").status_code == 400
    assert console.press("clock", seconds="soon").status_code == 400


def test_an_audience_renamed_flagged_shared_and_deleted(graph: Graph, meta: Running, console: Console) -> None:
    audience = graph.create()
    other = meta.post("accounts", name="Other")["ad_account"]
    assert "<h1>Loyal</h1>" in console.press("rename", audience=audience, name=" Loyal ").text
    assert console.press("rename", audience=audience, name=" ").status_code == 400
    assert "Flagged" in console.press("flag", audience=audience, flagged="yes").text
    assert refusal(graph.add(audience, "mary@example.com")) == (100, 1713230)
    console.press("flag", audience=audience, flagged="no")
    assert graph.add(audience, "mary@example.com").status_code == 200

    assert "Stop sharing" in console.press("share", audience=audience, receiver=other[4:], permission="targeting").text
    assert "Shared with this account" in console.page(f"/accounts/{other[4:]}")
    again = console.press("share", audience=audience, receiver=other[4:])
    assert (again.status_code, "already shared" in again.text) == (400, True)
    console.press("unshare", audience=audience, receiver=other[4:])
    assert graph.http.get(f"/{audience}/adaccounts").json() == {"data": []}

    assert console.press("delete", audience=audience).url.path == f"/console/accounts/{graph.account[4:]}"
    assert refusal(graph.http.get(f"/{audience}")) == (100, 33)
    assert console.press("delete", audience=audience).status_code == 400


def test_a_system_users_token(meta: Running, console: Console) -> None:
    fields = {"user": console.user("Guest list bot"), "permission": ["ads_read", "public_profile"]}
    console.press("make-token", life="never", **fields)
    console.press("make-token", life="60", **fields)
    _, endless, limited = meta.get("tokens")["tokens"]
    assert (endless["type"], endless["expires_at"], endless["dead"]) == ("SYSTEM_USER", 0, None)
    assert endless["scopes"] == ["ads_read", "public_profile"]
    assert limited["expires_at"] - limited["issued_at"] == 60 * DAY
    assert endless["access_token"] in console.page("/access")
    assert "Choose a system user" in console.press("make-token", user=console.user("Alex Admin")).text
    assert "Tick at least one" in console.press("make-token", user=fields["user"]).text


@pytest.mark.parametrize(("action", "dead"), [("expire", 463), ("revoke", 467)])
def test_a_token_dies_and_is_restored(graph: Graph, meta: Running, console: Console, action: str, dead: int) -> None:
    console.press(action, token=meta.access_token)
    assert refusal(graph.http.get("/me")) == (190, dead)
    console.press("restore", token=meta.access_token)
    assert graph.http.get("/me").status_code == 200
    assert console.press(action, token="x").status_code == 400


@pytest.mark.parametrize(
    ("action", "dead", "words"),
    [("change-password", 460, "the password was changed"), ("remove-app", 458, "the user has removed the app")],
)
def test_a_person_cuts_the_app_off(meta: Running, console: Console, action: str, dead: int, words: str) -> None:
    meta.post("tokens", type="USER", person="Avery Advertiser")
    console.press(action, user=console.user("Avery Advertiser"))
    assert [token["dead"] for token in meta.get("tokens")["tokens"]] == [None, dead]
    assert words in console.text("/access")
    assert console.press(action, user=console.user("Guest list bot")).status_code == 400


def test_people_and_their_tasks(meta: Running, console: Console) -> None:
    account = meta.ad_account[4:]
    console.press("add-person", name="Sam", account=account, task=["ANALYZE"])
    assert "Sam Person" in console.text("/access")
    console.press("set-tasks", user=console.user("Sam"), account=account, task=["ADVERTISE", "ANALYZE"])
    sam = {user["name"]: user["tasks"] for user in meta.get("business_users")["business_users"]}["Sam"]
    assert sam == {meta.ad_account: ["ADVERTISE", "ANALYZE"]}
    console.press("set-tasks", user=console.user("Sam"), account=account)
    assert {user["name"]: user["tasks"] for user in meta.get("business_users")["business_users"]}["Sam"] == {}
    assert console.press("set-tasks", user="1", account=account).status_code == 400


def test_another_ad_account(meta: Running, console: Console) -> None:
    assert "<h1>Outlet</h1>" in console.press("open-account", name="Outlet").text
    assert [row["name"] for row in meta.get("accounts")["ad_accounts"]] == ["Example shop", "Outlet"]


def test_the_apps_settings(meta: Running, console: Console) -> None:
    addresses = ["https://a.example.com/back", "http://127.0.0.1:8700/back"]
    console.press("app", redirect_uris="\r\n".join(addresses))
    assert (meta.get("app")["redirect_uris"], meta.get("app")["development"]) == (addresses, False)
    assert "no redirect address" in console.press("app", redirect_uris="http://a.example.com").text
    console.press("app", redirect_uris="", development="yes")
    assert (meta.get("app")["redirect_uris"], meta.get("app")["development"]) == ([], True)


def test_no_such_button(console: Console) -> None:
    assert console.press("fly").status_code == 400

"""Meta connected by HTTP, against the simulator: a token, a login in three steps, another token, audiences at Meta."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakemeta.harness import Running, running
from guestlist.cli import run
from guestlist.clock import pause, stopwatch

from .conftest import Made, Served, serving

BACK = "https://page.example.org/connected"
PATIENCE_S = 60.0
SYNCED = "{ key: buyers, name: Buyers, who: { event: Bought }, sync: { to: main, every: 1h } }"


@dataclass(kw_only=True)
class Page:
    """A page of one's own that uses the API, the simulated Meta, and every answer that ever came."""

    served: Served
    meta: Running
    said: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, /, *, by: str = "admin", again: str | None = None, **given: Any) -> Any:
        with self.served.client(by) as client:
            headers = {} if again is None else {"Idempotency-Key": again}
            in_body = method in {"POST", "PUT"}
            sent: dict[str, Any] = {"json": given} if in_body else {"params": given}
            answered = client.request(method, path, headers=headers, **sent)
        self.said.append(answered.text)
        return {"status": answered.status_code, **answered.json()}

    def connect(self, **given: Any) -> Any:
        token = {"account": self.meta.ad_account, "token": self.meta.access_token, "graph_url": self.meta.graph_url}
        return self.ask("PUT", "/destinations/main", **{**token, **given})

    def begin(self, **given: Any) -> Any:
        app = {"app_id": self.meta.app_id, "app_secret": self.meta.app_secret, "graph_url": self.meta.graph_url}
        return self.ask("POST", "/destinations/main/login", redirect_uri=BACK, **{**app, **given})

    def answer_dialog(self, begun: Any, **answer: Any) -> dict[str, str]:
        back = httpx.URL(self.meta.answer_dialog(begun["url"], **answer))
        assert str(back).startswith(BACK)
        return {name: value for name, value in back.params.items() if name in {"state", "code"}}

    def until(self, right: Callable[[Any], bool]) -> Any:
        """The sync, once it is so."""
        waited = stopwatch()
        while True:
            told = self.ask("GET", "/syncs/buyers@main")
            if told["status"] == 200 and right(told):
                return told
            assert waited() < PATIENCE_S, (told, self.served.log[-3000:])
            pause(0.2)

    def synced(self) -> str:
        """Connected, and the audience there; its id."""
        assert self.connect()["status"] == 200
        assert self.ask("PUT", "/audiences/buyers/definition", yaml=SYNCED)["status"] == 200
        self.ask("POST", "/syncs/run", key="buyers")
        return str(self.until(lambda told: told["last_right"] is not None and told["people_sent"])["audience_id"])

    @property
    def secrets(self) -> list[str]:
        tokens = [one["access_token"] for one in self.meta.get("tokens")["tokens"]]
        return [*tokens, self.meta.app_secret, *self.meta.world.grants.codes]

    def check_that_no_secret_was_told(self) -> None:
        self.ask("GET", "/audit")
        told = "\n".join((*self.said, self.served.log))
        files = b"".join(one.read_bytes() for one in sorted(self.served.folder.rglob("*")) if one.is_file())
        for secret in self.secrets:
            assert secret not in told
            assert secret.encode() not in files


@contextmanager
def opened(made: Made, folder: Path) -> Iterator[Page]:
    """A page whose service and whose Meta nobody else uses."""
    here = made.copy_to(folder / "both")
    with (here.folder / "guestlist.yaml").open("a") as settings:
        settings.write("allowed_hosts: [127.0.0.1]\n")
    with running() as meta, serving(here) as served:
        meta.post("app", redirect_uris=[BACK, "http://localhost:8740/connect/meta"])
        yield Page(served=served, meta=meta)


@pytest.fixture
def page(made: Made, tmp_path: Path) -> Iterator[Page]:
    with opened(made, tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def unconnected(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """For what ends with nothing connected."""
    with opened(made, tmp_path_factory.mktemp("unconnected")) as one:
        yield one


def test_a_definition_is_told_all_its_mistakes_and_once_written_is_no_edit_in_the_files(page: Page) -> None:
    page.synced()
    wrong = "key: fresh\nnmae: Fresh\nwho: { event: Bought, wihtin: 7 }\nsync: { to: mian, evry: 1h }\n"
    refused = page.ask("PUT", "/audiences/fresh/definition", yaml=wrong)
    assert (refused["status"], refused["code"]) == (422, "definition_mistakes")
    assert {one["at"]: one["suggestion"] for one in refused["mistakes"]} == {
        "fresh.yaml: nmae": "Did you mean `name`?",
        "fresh.yaml: who.wihtin": "Did you mean `within`?",
        "fresh.yaml: sync.evry": "Did you mean `every`?",
        "fresh.yaml: sync.to": "Did you mean `main`?",
    }
    right = "key: fresh\nname: Fresh\nowner: page\nwho: { event: Bought }\nsync: { to: main, every: 1h }\n"
    assert page.ask("PUT", "/audiences/fresh/definition", yaml=right)["status"] == 200
    (page.served.folder / "audiences" / "viewers.yaml").write_text("key: viewers\nwho: { event: Viewed }\n")

    def edits() -> list[str]:
        return [one["about"] for one in page.ask("GET", "/audit", actor="unknown")["entries"]]

    page.until(lambda _: "audiences/viewers.yaml: viewers" in edits())
    assert [one for one in edits() if "fresh" in one or "buyers" in one or "destinations" in one] == []
    written = [one["about"] for one in page.ask("GET", "/audit", action="audience written")["entries"]]
    assert written == ["fresh", "buyers"]


def test_connected_by_a_token_and_disconnected(page: Page) -> None:
    told = page.connect()
    assert (told["status"], told["account"], told["terms_accepted"]) == (200, page.meta.ad_account, True)
    assert (told["token_kind"], told["token_expires"], told["kept_by_service"]) == ("SYSTEM_USER", None, True)
    (listed,) = page.ask("GET", "/destinations")["destinations"]
    assert (listed["destination"], listed["at"], listed["app_secret"]) == ("main", page.meta.graph_url, False)
    assert page.ask("GET", "/destinations/main")["token_kept"] is True
    examined = page.ask("POST", "/doctor")
    assert (examined["fine"], {one["destination"] for one in examined["lines"]}) == (True, {"main", "space"})

    assert page.ask("POST", "/destinations/main/disconnect")["audiences_at_meta"] == []
    assert page.ask("GET", "/destinations/main")["token_kept"] is False
    did = [(one["action"], one["actor"], one["about"]) for one in page.ask("GET", "/audit", limit=2)["entries"]]
    assert did == [(f"destination {what}", "key admin", "main") for what in ("disconnected", "connected")]
    page.check_that_no_secret_was_told()


def test_what_is_not_connected(unconnected: Page) -> None:
    for given, status, code in [
        ({"token": "EAAmistyped"}, 409, "meta_token_invalid"),
        ({"account": "1234"}, 400, "meta_bad_account_id"),
        ({"account": "act_999"}, 409, "meta_not_found"),
        ({"graph_url": "https://graph.example.org"}, 400, "meta_host_not_allowed"),
        ({"graph_url": "http://localhost:9"}, 409, "address_internal"),
        ({"token": f"{unconnected.meta.access_token} and more"}, 422, "wrong_parameters"),
    ]:
        told = unconnected.connect(**given)
        assert (told["status"], told["code"]) == (status, code), (given, told)
    assert unconnected.ask("GET", "/destinations")["destinations"] == []
    assert unconnected.ask("GET", "/destinations/main")["status"] == 404
    unconnected.check_that_no_secret_was_told()


def test_a_login_in_three_steps(page: Page) -> None:
    """What holds a secret is not kept to be told again."""
    other = page.meta.post("accounts", name="Another")["ad_account"]
    begun = page.begin(session="browser-1", again="begun")
    assert page.begin(session="browser-1", again="begun")["code"] == "shown_once"
    back = page.answer_dialog(begun)
    assert back["state"] == begun["state"]
    finished = page.ask("POST", "/login/finish", **back, session="browser-1", again="finished")
    assert page.ask("POST", "/login/finish", **back, session="browser-1", again="finished")["code"] == "shown_once"
    assert (finished["destination"], finished["who"], finished["settled"]) == ("main", "Alex Admin", None)
    offered = {one["account"]: one["may"] for one in finished["accounts"]}
    assert offered == {page.meta.ad_account: "manage", other: "manage"}
    step = {"choice": finished["choice"], "session": "browser-1"}
    assert page.ask("POST", "/login/choose", **step, account="act_999")["code"] == "meta_login_other_account"
    told = page.ask("POST", "/login/choose", **step, account=other)
    assert (told["status"], told["account"], told["token_kind"]) == (200, other, "USER")
    assert page.ask("POST", "/login/choose", **step, account=other)["code"] == "login_not_known"
    assert page.ask("GET", "/destinations/main")["account"] == other
    page.check_that_no_secret_was_told()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"session": "browser-2"}, 404, "login_not_known"),
        ({"by": "settings:write"}, 404, "login_not_known"),
        ({"state": "another"}, 404, "login_not_known"),
        ({"refused": True}, 409, "meta_login_cancelled"),
        ({"code": "AQmistyped"}, 409, "meta_login_refused"),
    ],
)
def test_logins_that_come_to_nothing(unconnected: Page, change: dict[str, Any], status: int, code: str) -> None:
    back = unconnected.answer_dialog(unconnected.begin(session="browser-1"))
    told = unconnected.ask("POST", "/login/finish", **{**back, "session": "browser-1", **change})
    assert (told["status"], told["code"]) == (status, code), told
    assert unconnected.ask("GET", "/destinations")["destinations"] == []


ENDS = {
    "meta_password_changed": (
        {"revoke": 460},
        "The password of the connected account was changed, or Meta ended its session for safety.",
    ),
    "meta_token_expired": ({"expires_in": -1}, "The token has expired."),
    "meta_app_removed": ({"revoke": 458}, "The person whose token this is has removed the app."),
    "meta_logged_out": ({"revoke": 467}, "The token ended because its person logged out."),
}
NEW_TOKEN = (
    "Make a new token, best one of a system user (docs/connect-meta.md), and run: guestlist destinations reconnect main"
)


@pytest.mark.parametrize("code", ENDS)
def test_reconnected_after_a_token_ended_and_why_was_told(page: Page, code: str) -> None:
    """As a sentence with the next step, wherever one would look; not as a code alone."""
    change, sentence = ENDS[code]
    page.synced()
    page.meta.post("tokens/change", **change)
    page.ask("POST", "/syncs/run", key="buyers", full=True)
    stopped = page.until(lambda told: told["error"] is not None)
    parked = page.ask("GET", "/destinations/main")
    (status,) = page.ask("GET", "/status")["syncs"]
    for told in (stopped, parked, status):
        assert told["error"]["code"] == code
        assert sentence in told["error"]["message"], told["error"]
        assert told["error"]["next"].rstrip(".") == NEW_TOKEN
    assert parked["parked"] is True
    (line,) = [one for one in page.ask("POST", "/doctor")["lines"] if one["check"] == "token"]
    assert (line["health"], line["code"]) == ("broken", code)
    assert sentence in str(line)

    before = stopped["last_right"]
    token = page.meta.post("tokens")["access_token"]
    assert page.ask("POST", "/destinations/main/reconnect", token=token)["kept_by_service"] is True
    page.until(lambda told: told["error"] is None and told["last_right"] != before)
    assert page.ask("GET", "/destinations/main")["parked"] is False
    page.check_that_no_secret_was_told()


def test_an_audience_is_shared_emptied_and_deleted(page: Page) -> None:
    audience = page.synced()
    (there,) = page.ask("GET", "/destinations/main/audiences")["audiences"]
    assert (there["id"], there["sync"], there["can_be_adopted"]) == (audience, "buyers@main", False)

    def keys(**asked: str) -> list[str]:
        return [one["sync"] for one in page.ask("GET", "/syncs", **asked)["syncs"]]

    assert keys(state="right") == keys(audience="buyers") == keys(destination="main") == ["buyers@main"]
    assert keys(state="stopped") == keys(state="paused") == keys(audience="viewers") == keys(destination="no") == []

    other = page.meta.post("accounts", name="Other")["ad_account"]
    assert page.ask("POST", "/syncs/buyers/share", accounts=[other])["changed"] == [other]
    assert page.ask("GET", "/syncs/buyers/shares", by="viewer")["shared_with"] == [other]
    assert page.ask("POST", "/syncs/buyers/unshare", accounts=[other])["shared_with"] == []

    refused = page.ask("POST", "/syncs/buyers/empty")
    assert (refused["status"], refused["code"]) == (409, "yes_needed")
    ordered = page.ask("POST", "/syncs/buyers/empty", yes=True)["syncs"][0]
    assert (ordered["state"], ordered["emptied"]) == ("ordered", 1)
    assert page.until(lambda told: not told["people_sent"])["now"] == "kept empty"

    refused = page.ask("DELETE", "/syncs/buyers/audience")
    assert (refused["status"], refused["code"]) == (409, "yes_needed")
    assert page.meta.get("audiences")["audiences"]
    gone = page.ask("DELETE", "/syncs/buyers/audience", yes=True)
    assert (gone["status"], gone["audience"], gone["deleted"]) == (200, audience, True)
    assert page.meta.get("audiences")["audiences"] == []
    assert page.ask("GET", "/syncs/buyers")["paused"] is True
    assert (keys(state="paused"), keys(state="right")) == (["buyers@main"], [])
    assert page.ask("GET", "/syncs/buyers/shares")["status"] == 404
    page.check_that_no_secret_was_told()


def test_an_audience_of_somebody_else_is_adopted(page: Page) -> None:
    page.connect()
    theirs = httpx.post(
        f"{page.meta.graph_url}/v25.0/{page.meta.ad_account}/customaudiences",
        params={
            "access_token": page.meta.access_token,
            "name": "Theirs",
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
        },
        trust_env=False,
    ).json()["id"]
    page.ask("PUT", "/audiences/buyers/definition", yaml=SYNCED)
    told = page.ask("POST", "/audiences/buyers/adopt", audience=theirs)
    assert (told["status"], told["adopt"], told["name"]) == (200, theirs, "Theirs")
    document = page.ask("GET", "/audiences/buyers/definition")["document"]
    assert str(document["sync"]["adopt"]) == theirs
    files = page.ask("POST", "/audiences/viewers/adopt", audience=theirs)
    assert (files["status"], files["code"]) == (409, "owned_by_files")
    unknown = page.ask("POST", "/audiences/buyers/adopt", audience="238")
    assert (unknown["status"], unknown["code"]) == (404, "audience_not_there")


def test_commands_work_by_the_address_of_the_service(
    page: Page, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("GUESTLIST_API_KEY", page.served.keys["admin"])
    token, secret = tmp_path / "token", tmp_path / "secret"
    token.write_text(page.meta.access_token)
    secret.write_text(page.meta.app_secret)
    there = ("--space", page.served.url)
    known = ("--ad-account", page.meta.ad_account, "--token-file", str(token), "--graph-url", page.meta.graph_url)
    assert run(["destinations", "connect", "main", *known, *there]) == 0
    assert run(["doctor", *there]) == 0

    class Keyboard:
        """Reads the dialog's address on the screen, answers it, pastes where that led."""

        def isatty(self) -> bool:
            return False

        def readline(self) -> str:
            shown = capsys.readouterr().err
            (url,) = [word for word in shown.split() if "/dialog/oauth" in word]
            return page.meta.answer_dialog(url) + "\n"

    monkeypatch.setattr(sys, "stdin", Keyboard())
    app = ("--login", "--no-browser", "--app-id", page.meta.app_id, "--app-secret-file", str(secret))
    assert run(["destinations", "reconnect", "main", *app, *there]) == 0
    assert "the personal one of 'Alex Admin'" in capsys.readouterr().out
    assert page.ask("GET", "/destinations/main")["token_kind"] == "USER"
    page.check_that_no_secret_was_told()

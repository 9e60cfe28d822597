"""`guestlist destinations connect --login` against the simulator's dialog, and every way in which a login goes wrong."""

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from guestlist.clock import microseconds
from guestlist.connected import login as logging_in
from guestlist.connected.connections import clock_at
from guestlist.destinations.meta.oauth import App
from guestlist.errors import GuestlistError
from guestlist.records import Records, open_records
from guestlist.space import open_space
from guestlist.store.vault import Secret

from .conftest import Desk, Told

HERE = "http://localhost:8740/connect/meta"
URL = re.compile(r"http://\S+/dialog/oauth\?\S+")


@dataclass
class Keyboard:
    """Who sits there: reads the dialog's address on the screen, answers it at Meta, pastes where that led."""

    desk: Desk
    answer: dict[str, Any] = field(default_factory=dict)
    change: Callable[[str], str] = lambda url: url

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        _, shown = self.desk.capture.readouterr()
        self.desk.printed += shown
        found = URL.search(shown)
        assert found is not None, shown
        return self.change(self.desk.meta.answer_dialog(found[0], **self.answer)) + "\n"


@pytest.fixture
def log_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Type the command, then answer the dialog."""

    def logged_in(
        *words: object, command: str = "connect", change: Callable[[str], str] = lambda url: url, **answer: Any
    ) -> Told:
        monkeypatch.setattr(sys, "stdin", Keyboard(desk, answer, change))
        secret = desk.file("app secret", desk.meta.app_secret)
        given = ("main", "--login", "--no-browser", "--app-id", desk.meta.app_id, "--app-secret-file", secret)
        simulated = ("--graph-url", desk.meta.graph_url) if command == "connect" else ()
        return desk.type("destinations", command, *given, *simulated, *words)

    return logged_in


def test_a_login_connects_the_only_account(desk: Desk, log_in: Callable[..., Told]) -> None:
    told = log_in()
    assert told.code == 0, told.text
    assert f"Connected 'main': {desk.meta.ad_account}" in told.out
    assert "the personal one of 'Alex Admin'" in told.out
    assert "59 days from now" in told.out or "60 days from now" in told.out
    assert desk.type("doctor").code == 0
    assert desk.type("destinations", "list", "--json").facts["destinations"][0]["token_kind"] == "USER"


def test_nothing_of_a_login_is_left_but_the_token_sealed(desk: Desk, log_in: Callable[..., Told]) -> None:
    log_in()
    tokens = [one["access_token"] for one in desk.meta.get("tokens")["tokens"]]
    assert len(tokens) == 3  # the system user's, a short-lived one, the long-lived one
    for secret in (*tokens, desk.meta.app_secret, *desk.meta.world.grants.codes):
        assert secret.encode() not in desk.stored
        assert secret not in desk.printed
    with open_records(open_space(desk.space)) as records:
        assert [one.name for one in records.journal.secrets()] == ["main/app_secret", "main/token"]


def test_the_most_talkative_log_holds_nothing_of_it(
    desk: Desk, log_in: Callable[..., Told], caplog: pytest.LogCaptureFixture
) -> None:
    # Meta takes code, secret and token in a URL only, and HTTP libraries like to log URLs.
    with caplog.at_level(logging.DEBUG):
        assert log_in().code == 0
    said = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("fakemeta"))
    tokens = [one["access_token"] for one in desk.meta.get("tokens")["tokens"]]
    for secret in (*tokens, desk.meta.app_secret, *desk.meta.world.grants.codes, "code_verifier", "client_secret"):
        assert secret not in said


def test_what_is_asked_for(desk: Desk, log_in: Callable[..., Told]) -> None:
    log_in()
    url = httpx.URL(URL.search(desk.printed)[0])  # type: ignore[index]
    asked = dict(url.params)
    assert (asked["client_id"], asked["redirect_uri"]) == (desk.meta.app_id, HERE)
    assert (asked["scope"], asked["code_challenge_method"]) == ("ads_management,business_management", "S256")
    assert len(asked["state"]) >= 43
    assert desk.meta.app_secret not in str(url)


def test_a_permission_that_is_not_needed_may_be_declined(log_in: Callable[..., Told]) -> None:
    told = log_in(decline=["business_management"])
    assert told.code == 0, told.text
    assert "Not granted in the login, and not needed: business_management." in told.err


def test_the_needed_permission_declined_is_told_and_asked_for_again(desk: Desk, log_in: Callable[..., Told]) -> None:
    told = log_in(decline=["ads_management"])
    assert (told.code, "ads_management was not granted" in told.err) == (1, True)
    assert "[meta_login_declined]" in told.err
    assert "main" not in open_space(desk.space).settings.destinations
    assert log_in().code == 0


@pytest.mark.parametrize(
    ("arrange", "code", "says"),
    [
        ({"cancel": True}, "meta_login_cancelled", "cancelled at Meta"),
        ({"accounts": []}, "meta_login_no_account", "may use no ad account"),
        ({"change": lambda url: url.replace("state=", "state=x")}, "login_not_known", "not begun here"),
        ({"change": lambda _: "http://localhost:8740/connect/meta"}, "login_no_answer", "not the address"),
        ({"change": lambda _: "hello"}, "login_no_answer", "not the address"),
        ({"change": lambda _: "http://[hello"}, "login_no_answer", "not the address"),
        ({"change": lambda url: url.replace("code=AQ", "code=AR")}, "meta_login_refused", "does not accept what"),
    ],
)
def test_logins_that_come_to_nothing(
    desk: Desk, log_in: Callable[..., Told], arrange: dict[str, Any], code: str, says: str
) -> None:
    before = desk.settings
    told = log_in(**arrange)
    assert told.code != 0
    assert f"[{code}]" in told.err
    assert says in told.err
    assert "Nothing was changed" in told.err
    assert desk.settings == before
    with open_records(open_space(desk.space)) as records:
        assert not [one.name for one in records.journal.secrets() if not one.name.startswith("login/")]


def test_a_wrong_app_secret(desk: Desk, log_in: Callable[..., Told]) -> None:
    told = log_in("--app-secret-file", desk.file("wrong", "0123456789abcdef0123456789abcdef"))
    assert "[meta_bad_app_secret]" in told.err
    assert "0123456789abcdef" not in told.text


def test_many_accounts_on_several_pages_are_named_and_one_is_chosen(desk: Desk, log_in: Callable[..., Told]) -> None:
    added = [desk.meta.post("accounts", name=f"Shop {number}")["ad_account"] for number in range(120)]
    told = log_in()
    assert told.code == 2
    assert "reaches 121 ad accounts" in told.err
    assert f"{added[-1]} 'Shop 119' (may manage)" in told.err
    assert "--ad-account" in told.err
    told = log_in("--ad-account", added[-1])
    assert told.code == 0, told.text
    assert f"{added[-1]} 'Shop 119'" in told.out


def test_an_account_that_the_login_does_not_reach(desk: Desk, log_in: Callable[..., Told]) -> None:
    told = log_in("--ad-account", "act_999")
    assert (told.code, "meta_login_other_account" in told.err) == (2, True)
    assert desk.meta.ad_account in told.err


def test_a_person_who_may_only_look(desk: Desk, log_in: Callable[..., Told]) -> None:
    desk.meta.post("business_users", name="Lou Looks", everywhere=["ANALYZE"])
    told = log_in("--ad-account", desk.meta.ad_account, person="Lou Looks")
    assert told.code == 1
    assert "'Lou Looks' may only look at the ad account" in told.err
    assert "[meta_only_looks]" in told.err
    assert "main" not in open_space(desk.space).settings.destinations


def test_reconnected_by_a_login(desk: Desk, log_in: Callable[..., Told]) -> None:
    desk.meta.post("accounts", name="Another")
    assert desk.connect().code == 0
    desk.meta.post("tokens/change", revoke=460)
    told = log_in(command="reconnect")  # the account is known: nobody has to choose
    assert told.code == 0, told.text
    assert f"{desk.meta.ad_account} 'Example shop'" in told.out
    assert desk.type("destinations", "show", "main", "--json").facts["token_kind"] == "USER"


def test_reconnected_by_somebody_who_does_not_reach_the_account(desk: Desk, log_in: Callable[..., Told]) -> None:
    other = desk.meta.post("accounts", name="Another")["ad_account"]
    assert desk.connect().code == 0
    told = log_in(command="reconnect", accounts=[other])
    assert (told.code, "[meta_login_other_account]" in told.err) == (2, True)
    assert other in told.err
    assert desk.type("doctor").code == 0  # by the token of before


@pytest.mark.parametrize("left_out", ["--app-id", "--app-secret-file"])
def test_wrong_use(desk: Desk, left_out: str) -> None:
    words = {"--app-id": "1", "--app-secret-file": str(desk.file("s", "s"))}
    del words[left_out]
    told = desk.type("destinations", "connect", "main", "--login", *(word for pair in words.items() for word in pair))
    assert (told.code, left_out in told.err) == (2, True)


def test_by_a_listener_and_a_browser(desk: Desk) -> None:
    """A process of its own; the browser is a person who answers the dialog and is sent back."""
    secret = desk.file("app secret", desk.meta.app_secret)
    words = [sys.executable, "-m", "guestlist.cli", "destinations", "connect", "main", "--login", "--app-id",
             desk.meta.app_id, "--app-secret-file", str(secret), "--graph-url", desk.meta.graph_url, "--port", "0",
             "--json", "--space", str(desk.space)]  # fmt: skip
    environment = {**os.environ, "BROWSER": "true"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        shown = process.stderr.readline() + process.stderr.readline()
        back = desk.meta.answer_dialog(URL.search(shown)[0])  # type: ignore[index]
        with httpx.Client(trust_env=False) as browser:
            other = browser.get(httpx.URL(back).copy_merge_params({"state": "of somebody else"}))
            icon = browser.get(httpx.URL(back).copy_with(path="/favicon.ico", query=None))
            assert (other.status_code, icon.status_code) == (404, 404)
            page = browser.get(back)
        assert (page.status_code, "You can close this page" in page.text) == (200, True)
        out, rest = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert f'"account":"{desk.meta.ad_account}"' in out
    assert "code=" not in rest


# The steps by themselves, as a web page takes them.


@contextmanager
def records_of(desk: Desk) -> Iterator[Records]:
    with open_records(open_space(desk.space)) as records:
        yield records


@dataclass
class Steps:
    """The three steps of a login, with the clock of the simulator."""

    desk: Desk
    records: Records

    @property
    def now(self) -> int:
        return microseconds(clock_at(self.desk.meta.graph_url).now())

    def begin(self, **given: Any) -> logging_in.Begun:
        meta = self.desk.meta
        app = App(id=meta.app_id, secret=Secret(meta.app_secret), redirect_uri=HERE, graph_url=meta.graph_url)
        return logging_in.begin(open_space(self.desk.space), self.records, "main", app, now=self.now, **given)

    def code(self, begun: logging_in.Begun) -> Secret:
        return Secret(httpx.URL(self.desk.meta.answer_dialog(begun.url)).params["code"])

    def finish(self, begun: logging_in.Begun, code: Secret, **given: Any) -> logging_in.Choice:
        space = open_space(self.desk.space)
        return logging_in.finish(space, self.records, state=begun.state, code=code, now=self.now, **given)

    def choose(self, choice: logging_in.Choice, account: str, **given: Any) -> Any:
        space = open_space(self.desk.space)
        return logging_in.choose(space, self.records, choice.id, account, actor="page", now=self.now, **given)


@pytest.fixture
def steps(desk: Desk) -> Iterator[Steps]:
    with records_of(desk) as records:
        yield Steps(desk, records)


def test_the_steps(steps: Steps) -> None:
    begun = steps.begin(bound_to="session")
    choice = steps.finish(begun, steps.code(begun), bound_to="session")
    account = steps.desk.meta.ad_account
    assert (choice.who, choice.declined, choice.settled) == ("Alex Admin", (), account)
    assert [one.id for one in choice.accounts] == [account]
    assert steps.choose(choice, account, bound_to="session").account.id == account
    assert begun.state.reveal() not in repr((begun, choice))


def _used_twice(steps: Steps) -> None:
    begun = steps.begin()
    steps.finish(begun, steps.code(begun))
    steps.finish(begun, steps.code(begun))


def _of_somebody_else(steps: Steps) -> None:
    begun = steps.begin(bound_to="one session")
    steps.finish(begun, steps.code(begun), bound_to="another session")


def _after_ten_minutes(steps: Steps) -> None:
    begun = steps.begin()
    code = steps.code(begun)
    steps.desk.meta.advance(601)
    steps.finish(begun, code)


def _chosen_twice(steps: Steps) -> None:
    begun = steps.begin()
    choice = steps.finish(begun, steps.code(begun))
    steps.choose(choice, steps.desk.meta.ad_account)
    steps.choose(choice, steps.desk.meta.ad_account)


def _chosen_by_somebody_else(steps: Steps) -> None:
    begun = steps.begin(bound_to="a")
    choice = steps.finish(begun, steps.code(begun), bound_to="a")
    steps.choose(choice, steps.desk.meta.ad_account, bound_to="b")


def _code_used_twice(steps: Steps) -> None:
    first = steps.begin()
    code = steps.code(first)
    steps.finish(first, code)
    steps.finish(steps.begin(), code)


def _code_of_another_login(steps: Steps) -> None:
    """Somebody slips their own code into a login of ours: the challenge does not fit."""
    steps.finish(steps.begin(), steps.code(steps.begin()))


def _code_expired(steps: Steps) -> None:
    old = steps.begin()
    code = steps.code(old)
    steps.desk.meta.advance(700)
    steps.finish(steps.begin(), code)


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        (_used_twice, "login_not_known"),
        (_of_somebody_else, "login_not_known"),
        (_after_ten_minutes, "login_not_known"),
        (_chosen_twice, "login_not_known"),
        (_chosen_by_somebody_else, "login_not_known"),
        (_code_used_twice, "meta_login_used"),
        (_code_of_another_login, "meta_login_refused"),
        (_code_expired, "meta_login_expired"),
    ],
)
def test_a_login_is_good_once_for_ten_minutes_and_for_one(
    steps: Steps, attempt: Callable[[Steps], None], code: str
) -> None:
    with pytest.raises(GuestlistError) as refused:
        attempt(steps)
    assert refused.value.code == code
    assert "AQ" not in str(refused.value)


def test_two_at_once_have_one_state_between_them(steps: Steps) -> None:
    begun = steps.begin()
    code, told = steps.code(begun), list[str]()

    def one() -> None:
        try:
            steps.finish(begun, code)
            told.append("finished")
        except GuestlistError as error:
            told.append(error.code)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["finished", "login_not_known", "login_not_known", "login_not_known"]


def test_logins_that_nobody_came_back_from_are_forgotten(steps: Steps) -> None:
    steps.begin()
    steps.desk.meta.advance(700)
    steps.begin()
    assert len([one for one in steps.records.journal.secrets() if one.name.startswith("login/")]) == 1


def test_without_pkce_at_meta_it_goes_as_well(steps: Steps) -> None:
    steps.desk.meta.behave(pkce="ignored")
    begun = steps.begin()
    assert steps.finish(begun, steps.code(begun)).who == "Alex Admin"

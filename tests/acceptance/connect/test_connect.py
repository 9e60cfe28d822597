"""`guestlist destinations connect` against the simulator: what it says, what it keeps, what it refuses."""

import logging
import stat
from collections.abc import Callable

import pytest

from guestlist.records import open_records
from guestlist.space import open_space

from .conftest import Desk


def test_a_good_token_is_tried_then_kept_sealed(desk: Desk) -> None:
    told = desk.connect("--app-secret-file", desk.file("secret", desk.meta.app_secret))

    assert told.code == 0, told.text
    assert desk.meta.ad_account in told.out
    assert "system user" in told.out
    assert "does not expire" in told.out
    assert "terms are accepted" in told.out
    entry = open_space(desk.space).settings.destinations["main"]
    assert dict(entry) == {"account": desk.meta.ad_account, "version": "v25.0", "graph_url": desk.meta.graph_url}
    with open_records(open_space(desk.space)) as records:
        assert [one.name for one in records.journal.secrets()] == ["main/app_secret", "main/token"]
        assert [one.action for one in records.journal.audit_entries()] == ["destination connected"]


def test_token_and_secret_appear_nowhere_but_sealed(desk: Desk) -> None:
    desk.connect("--app-secret-file", desk.file("secret", desk.meta.app_secret))
    desk.type("doctor")
    desk.type("doctor", "--json")
    desk.type("destinations", "list", "--json")
    desk.meta.post("tokens/change", revoke=460)
    desk.type("doctor")

    for secret in (desk.meta.access_token, desk.meta.app_secret):
        assert secret.encode() not in desk.stored
        assert secret not in desk.printed
        assert not any(secret in str(line) for line in desk.meta.requests())


def test_the_most_talkative_log_holds_no_secret(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    # Meta takes the token to look at in a URL only, and HTTP libraries like to log URLs.
    with caplog.at_level(logging.DEBUG):
        desk.connect("--app-secret-file", desk.file("secret", desk.meta.app_secret))
        desk.type("doctor")
    said = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("fakemeta"))
    assert desk.meta.access_token not in said
    assert desk.meta.app_secret not in said
    assert "appsecret_proof" not in said


def test_files_of_the_space_are_readable_by_the_owner_only(desk: Desk) -> None:
    desk.connect()
    for place in (desk.space / ".guestlist").iterdir():
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0


def test_json(desk: Desk) -> None:
    facts = desk.connect("--json").facts
    assert facts["destination"] == "main"
    assert facts["account"] == desk.meta.ad_account
    assert facts["terms_accepted"] is True
    assert facts["token_expires"] is None


def test_the_expiry_is_told(desk: Desk) -> None:
    desk.meta.post("tokens/change", expires_in=60.5 * 86_400)
    assert "60 days from now" in desk.connect().out


def test_terms_not_accepted_connects_and_gives_the_exact_link(desk: Desk) -> None:
    digits = desk.meta.ad_account.removeprefix("act_")
    desk.meta.post(f"accounts/{digits}", terms_accepted=False)
    link = f"https://business.facebook.com/ads/manage/customaudiences/tos/?act={digits}"

    told = desk.connect()
    assert told.code == 1
    assert link in told.out
    assert "main" in open_space(desk.space).settings.destinations

    doctor = desk.type("doctor")
    assert doctor.code == 1
    assert link in doctor.out

    desk.meta.post(f"accounts/{digits}", terms_accepted=True)
    assert desk.type("doctor").code == 0


def _wrong_token(desk: Desk) -> str:
    return desk.connect(token="EAAwrong0123456789").text


def _expired(desk: Desk) -> str:
    desk.meta.post("tokens/change", expires_in=-1)
    return desk.connect().text


def _password_changed(desk: Desk) -> str:
    desk.meta.post("tokens/change", revoke=460)
    return desk.connect().text


def _no_scope(desk: Desk) -> str:
    return desk.connect(token=desk.meta.post("tokens", scopes=["ads_read"])["access_token"]).text


def _no_account(desk: Desk) -> str:
    return desk.connect(account="act_999").text


def _account_not_assigned(desk: Desk) -> str:
    return desk.connect(token=desk.meta.post("tokens", accounts=["1"])["access_token"]).text


def _wrong_secret(desk: Desk) -> str:
    return desk.connect("--app-secret-file", desk.file("secret", "0123456789abcdef")).text


def _secret_missing(desk: Desk) -> str:
    desk.meta.behave(require_proof=True)
    return desk.connect().text


def _meta_away(desk: Desk) -> str:
    desk.meta.fault("drop_before")
    return desk.connect().text


@pytest.mark.parametrize(
    ("attempt", "code", "says"),
    [
        (_wrong_token, "meta_token_invalid", "Make a new token"),
        (_expired, "meta_token_expired", "Make a new token"),
        (_password_changed, "meta_password_changed", "system user"),
        (_no_scope, "meta_no_ads_management", "ads_management"),
        (_no_account, "meta_not_found", "act_999"),
        (_account_not_assigned, "", "act_"),
        (_wrong_secret, "meta_bad_proof", "--app-secret-file"),
        (_secret_missing, "meta_bad_proof", "--app-secret-file"),
        (_meta_away, "meta_answer_lost", "network"),
    ],
)
def test_what_meta_refuses_is_explained_and_nothing_is_kept(
    desk: Desk, attempt: Callable[[Desk], str], code: str, says: str
) -> None:
    before = desk.settings

    told = attempt(desk)

    assert code in told
    assert says in told
    assert "Nothing was changed" in told
    assert desk.settings == before
    with open_records(open_space(desk.space)) as records:
        assert records.journal.secrets() == []
    assert desk.meta.access_token not in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("connect", "main", "--ad-account", "act_1", "--token-file", "no such file"), "cannot be read"),
        (("connect", "main", "--ad-account", "1234", "--token-file", "x"), "act_ and digits"),
        (("connect", "Main Shop", "--ad-account", "act_1", "--token-file", "x"), "lower-case"),
        (("connect", "main", "--ad-account", "act_1"), "--token-file"),
    ],
)
def test_wrong_use(desk: Desk, words: tuple[str, ...], says: str) -> None:
    told = desk.type("destinations", *words)
    assert told.code == 2
    assert says in told.err


@pytest.mark.parametrize("content", ["", " \n\n", "EAAG one two", "EAAG1\nEAAG2", "EAAGü"])
def test_a_file_that_holds_something_else_is_refused_without_repeating_it(desk: Desk, content: str) -> None:
    told = desk.connect(token=content)
    assert told.code == 2
    assert "secret_file_unusable" in told.err
    assert "EAAG" not in told.err


def test_blanks_around_the_token_and_a_byte_order_mark_do_no_harm(desk: Desk) -> None:
    assert desk.connect(token=f"\ufeff  {desk.meta.access_token} \r\n").code == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.facebook.com.evil.example",
        "http://graph.facebook.com",
        "http://10.0.0.7:8000",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
    ],
)
def test_a_graph_url_elsewhere_is_refused(desk: Desk, url: str) -> None:
    token = desk.file("token", desk.meta.access_token)
    words = ("--ad-account", desk.meta.ad_account, "--token-file", token, "--graph-url", url)
    told = desk.type("destinations", "connect", "main", *words)
    assert told.code != 0
    assert "meta_host_not_allowed" in told.err
    assert "destinations: {}" in desk.settings or "main" not in desk.settings


def test_connecting_again_renews_the_token_and_keeps_what_a_person_wrote(desk: Desk) -> None:
    secret = desk.file("secret", desk.meta.app_secret)
    desk.connect("--app-secret-file", secret)
    here = open_space(desk.space)
    here.write_entry("destinations", "main", {**here.settings.destinations["main"], "batch_rows": 250})

    assert desk.connect(token=desk.meta.post("tokens")["access_token"]).code == 0

    assert open_space(desk.space).settings.destinations["main"]["batch_rows"] == 250
    with open_records(open_space(desk.space)) as records:
        assert records.vault.load("main/app_secret") is not None


def test_list(desk: Desk) -> None:
    assert "No destination" in desk.type("destinations", "list").out
    desk.connect()
    told = desk.type("destinations", "list")
    assert desk.meta.ad_account in told.out
    facts = desk.type("destinations", "list", "--json").facts["destinations"]
    assert facts[0]["token"] is True
    assert facts[0]["app_secret"] is False

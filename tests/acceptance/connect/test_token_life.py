"""The whole life of a token, as somebody sees it who types commands: connected, warned of, dead, replaced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.sync.kit import DAY, RIGHT, SETTLED, Shop

from .conftest import BATCH

TERMS = "https://business.facebook.com/ads/manage/customaudiences/tos/?act="


def new_token(shop: Shop, **given: Any) -> Path:
    return shop.file("new token", shop.meta.post("tokens", **given)["access_token"])


def reconnect(shop: Shop, **given: Any) -> Any:
    return shop.type("destinations", "reconnect", "main", "--token-file", new_token(shop, **given))


def destination(shop: Shop) -> dict[str, Any]:
    (one,) = shop.type("status", "--json").facts["destinations"]
    return dict(one)


def calls(shop: Shop, after: int) -> list[str]:
    """Of the Graph API; `/` only tells the simulator's time."""
    return [one["path"] for one in shop.meta.requests(after=after) if one["path"].startswith("/v25.0/")]


def test_a_whole_life(shop: Shop) -> None:
    assert reconnect(shop, type="USER", expires_in=60 * DAY).code == 0
    assert shop.sync()["code"] == 0
    assert destination(shop)["days_left"] is None
    sent = len(shop.uploads())

    shop.meta.advance(47 * DAY)
    told = shop.type("status")
    assert told.code == 1
    assert "Destination 'main': its token ends in 13 days, on " in told.out
    assert "guestlist destinations reconnect main  [meta_token_expires_soon]" in told.out
    assert destination(shop)["error"]["code"] == "meta_token_expires_soon"

    shop.meta.post("business_users/Alex Admin", password_changed=True)
    shop.want("t1", "t2")
    told = shop.type("sync")
    assert told.code == 1
    assert "The password of the connected account was changed" in told.out

    at = shop.last_request()
    told = shop.type("status")
    assert told.code == 1
    assert "Destination 'main' is parked: The password of the connected account was changed" in told.out
    assert "Nothing is lost" in told.out
    assert "guestlist destinations reconnect main  [meta_password_changed]" in told.out
    assert shop.status()["now"] == "parked"
    assert shop.type("destinations", "show", "main").code == 1
    assert "parked" in shop.type("destinations", "list").out
    assert calls(shop, at) == []

    told = reconnect(shop)
    assert (told.code, "What waited goes on with: guestlist sync" in told.out) == (0, True)
    facts = destination(shop)
    assert (facts["parked"], facts["error"], facts["token_expires"]) == (False, None, None)
    assert shop.status()["error"] is None
    assert shop.type("sync").code == 0
    assert shop.truth() == RIGHT
    shop.meta.advance(SETTLED)
    assert shop.type("sync").code == 0
    assert shop.truth() == RIGHT
    assert len(shop.uploads()) > sent


def test_what_meta_has_taken_is_not_sent_again(shop: Shop) -> None:
    shop.meta.fault("revoke", path="/users$", nth=2, subcode=467)
    assert shop.type("sync").code == 1
    assert reconnect(shop).code == 0
    added = shop.sync()["added_rows"]
    assert added == shop.rows_of(shop.wanted) - BATCH
    assert shop.truth() == RIGHT


@pytest.mark.parametrize(
    ("subcode", "says"),
    [
        (458, "has removed the app"),
        (459, "Meta wants the person whose token this is to log in"),
        (460, "The password of the connected account was changed"),
        (463, "The token has expired"),
        (464, "has not confirmed their account"),
        (467, "its person logged out"),
        (492, "has lost their role"),
    ],
)
def test_each_death_is_one_sentence_and_stops_the_calls(shop: Shop, subcode: int, says: str) -> None:
    shop.meta.post("tokens/change", revoke=subcode)
    first = shop.type("sync")
    assert (first.code, says in first.out) == (1, True)
    at = shop.last_request()
    again = shop.type("sync")
    assert (again.code, says in again.out, "Nothing is lost" in again.out) == (1, True, True)
    # One look whether it is over, since a person asked; no row, and nothing of the audience.
    assert [path.rpartition("/")[2] for path in calls(shop, at)] == ["debug_token"]


def test_a_death_that_is_over_is_seen_by_the_next_sync(shop: Shop) -> None:
    shop.meta.post("tokens/change", revoke=459)
    assert shop.type("sync").code == 1
    shop.meta.post("tokens/change", restore=True)
    assert shop.type("sync").code == 0
    assert shop.truth() == RIGHT


def test_warnings_come_at_fourteen_three_and_one_day(shop: Shop) -> None:
    reconnect(shop, type="USER", expires_in=20 * DAY)
    left = []
    for _ in range(20):
        left.append(destination(shop)["days_left"])
        shop.meta.advance(DAY)
    assert left == [None] * 7 + list(range(13, 0, -1))


def test_the_end_of_data_access_is_told_too(shop: Shop) -> None:
    reconnect(shop, type="USER")
    shop.meta.advance(80 * DAY)
    told = shop.type("status")
    assert (told.code, "Meta lets the app use its person's data until" in told.out) == (1, True)
    doctor = shop.type("doctor")
    assert "meta_token_expires_soon" in doctor.out


def test_meta_is_asked_about_the_token_once_a_day(shop: Shop) -> None:
    shop.type("status")
    at = shop.last_request()
    shop.type("status")
    assert calls(shop, at) == []
    shop.meta.advance(DAY + 60)
    shop.type("status")
    assert [path.rpartition("/")[2] for path in calls(shop, at)] == ["debug_token"]


def terms(shop: Shop, *, accepted: bool) -> None:
    shop.meta.post(f"accounts/{shop.meta.ad_account}", terms_accepted=accepted)


@pytest.mark.parametrize("remedy", ["sync", "doctor"])
def test_terms_not_accepted_then_accepted(shop: Shop, remedy: str) -> None:
    terms(shop, accepted=False)
    assert "Meta's custom audience terms are not accepted" in shop.type("sync").out
    told = shop.type("status")
    assert (told.code, TERMS + shop.meta.ad_account[4:] in told.out, "[meta_terms]" in told.out) == (1, True, True)
    doctor = shop.type("doctor")
    assert (doctor.code, "to do" in doctor.out) == (1, True)
    terms(shop, accepted=True)
    assert shop.type(remedy).code == 0
    assert destination(shop)["parked"] is False
    assert shop.sync()["code"] == 0
    assert shop.truth() == RIGHT


def test_connected_before_the_terms_are_accepted(shop: Shop) -> None:
    terms(shop, accepted=False)
    told = reconnect(shop)
    assert (told.code, TERMS in told.out) == (1, True)
    assert destination(shop)["error"]["code"] == "meta_terms"
    terms(shop, accepted=True)
    assert shop.sync()["code"] == 0


def test_who_must_leave_stays_due_while_parked(synced: Shop) -> None:
    synced.meta.post("tokens/change", revoke=460)
    synced.list_person(1)
    assert synced.type("sync").code == 1
    assert reconnect(synced).code == 0
    assert synced.sync()["removed_rows"] == synced.rows_of([1])
    assert synced.truth() == RIGHT


def test_another_account_is_refused(shop: Shop) -> None:
    other = shop.meta.post("accounts", name="Other")["ad_account"]
    before = shop.space.joinpath("guestlist.yaml").read_text()
    told = reconnect(shop, accounts=[other])
    assert told.code == 1
    assert f"This token may not use the ad account {shop.meta.ad_account}." in told.err
    assert "under another name" in told.err
    assert shop.space.joinpath("guestlist.yaml").read_text() == before


def test_disconnect_says_what_stays_and_reconnect_goes_on(synced: Shop) -> None:
    told = synced.type("destinations", "disconnect", "main")
    assert told.code == 0
    for words in ("its token is forgotten", synced.audience(), "VIP", "guestlist destinations reconnect main"):
        assert words in told.out
    at = synced.last_request()
    told = synced.type("sync")
    assert (told.code, "its token is not in this space" in told.out) == (1, True)
    assert calls(synced, at) == []
    assert synced.type("destinations", "disconnect", "main").code == 1
    assert "none kept" in synced.type("destinations", "list").out
    assert reconnect(synced).code == 0
    assert synced.sync()["added_rows"] == 0
    assert synced.truth() == RIGHT


def show(shop: Shop) -> str:
    return shop.type("destinations", "show", "main").text


def listed(shop: Shop) -> str:
    return shop.type("destinations", "list", "--json").text


@pytest.mark.parametrize("look", [show, listed])
def test_looking_asks_meta_nothing_and_shows_no_secret(shop: Shop, look: Callable[[Shop], str]) -> None:
    at = shop.last_request()
    shown = look(shop)
    assert shop.meta.ad_account in shown
    assert calls(shop, at) == []
    assert shop.meta.access_token not in shown

"""What needs a person stops cleanly, says what to do, and goes on after the remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakemeta.harness import running

from .kit import RIGHT, Shop, customers, made_shop


def fault(do: str, nth: int = 2, **fields: Any) -> Callable[[Shop], None]:
    return lambda shop: void(shop.meta.fault(do, path="/users$", nth=nth, **fields))


def void(_: object) -> None:
    """A remedy or an arrangement gives nothing."""


def terms(accepted: bool) -> Callable[[Shop], None]:
    return lambda shop: void(shop.meta.post(f"accounts/{shop.meta.ad_account}", terms_accepted=accepted))


def connect_with_a_new_token(shop: Shop) -> None:
    told = shop.connect(token=shop.meta.post("tokens")["access_token"])
    assert told.code == 0, told.text


def clear_the_flag(shop: Shop) -> None:
    shop.meta.post(f"audiences/{shop.audience()}", flagged=False)


def somebody_has_the_name(shop: Shop) -> None:
    shop.made_by_somebody()


def make_one_beside(shop: Shop) -> None:
    shop.want(*shop.tiers, sync="{ to: main, adopt: false }")


def an_hour_passes(shop: Shop) -> None:
    shop.meta.advance(3700)


def nothing(shop: Shop) -> None:
    """Nobody has to do anything."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    arrange: Callable[[Shop], None]
    remedy: Callable[[Shop], None]
    code: str
    says: tuple[str, ...]  # of what to do
    state: str = "stopped"
    waits: bool = True  # rows were under way


STOPS = {
    "password changed": Stop(
        arrange=fault("revoke", subcode=460),
        remedy=connect_with_a_new_token,
        code="meta_password_changed",
        says=("Make a new token", "guestlist destinations reconnect main"),
    ),
    "token expired": Stop(
        arrange=fault("expire"),
        remedy=connect_with_a_new_token,
        code="meta_token_expired",
        says=("guestlist destinations reconnect main",),
    ),
    "terms before the audience is made": Stop(
        arrange=terms(False),
        remedy=terms(True),
        code="meta_terms",
        says=("https://business.facebook.com/ads/manage/customaudiences/tos/?act=1", "accepts", "guestlist sync"),
        waits=False,
    ),
    "terms at the second request": Stop(
        arrange=fault("error", code=200, subcode=1870090),
        remedy=nothing,
        code="meta_terms",
        says=("accepts", "guestlist sync"),
    ),
    "flagged": Stop(
        arrange=fault("flag"),
        remedy=clear_the_flag,
        code="meta_flagged",
        says=("Change its name and description, or appeal",),
    ),
    "the name exists": Stop(
        arrange=somebody_has_the_name,
        remedy=make_one_beside,
        code="audience_name_exists",
        says=("Set adopt: ", "adopt: false"),
        waits=False,
    ),
    "not an admin": Stop(
        arrange=fault("error", code=273),
        remedy=nothing,
        code="meta_not_admin",
        says=("Ask an admin of the ad account", "guestlist doctor"),
    ),
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_it_stops_and_goes_on(shop: Shop, stop: Stop) -> None:
    stop.arrange(shop)
    before = shop.last_request()
    told = shop.type("sync")
    assert told.code == 1
    assert "Traceback" not in told.text
    for words in (*stop.says, f"[{stop.code}]", "Nothing"):
        assert words in told.out, told.text
    assert ("rows wait" in told.out) == stop.waits
    # It does not go on calling: at most the request that was refused.
    assert len(shop.uploads(after=before)) <= 2

    stop.remedy(shop)
    told = shop.type("sync")
    assert told.code == 0, told.text
    names = [one for one in shop.meta.get("audiences")["audiences"] if one["name"] == "VIP"]
    assert len(names) == (2 if "adopt: false" in stop.says else 1)
    truths = [shop.meta.truth(one["id"], people=sorted(shop.wanted)) for one in names]
    assert RIGHT in [{key: truth[key] for key in RIGHT} for truth in truths]


def test_a_throttled_account_is_left_alone_until_it_may_be_called(shop: Shop) -> None:
    shop.meta.fault("throttle", path="/users$", nth=2, minutes=50)
    told = shop.type("sync")
    assert told.code == 4
    assert "Goes on at " in told.out
    assert "run guestlist sync then" in told.out

    before = shop.last_request()
    again = shop.sync()
    assert (again["code"], again["state"]) == (4, "waiting")
    assert again["again_at"] is not None
    assert shop.uploads(after=before) == []

    an_hour_passes(shop)
    assert shop.sync()["code"] == 0
    assert shop.truth() == RIGHT


def test_an_audience_deleted_at_meta_is_made_anew(synced: Shop) -> None:
    first = synced.audience()
    synced.somebody("DELETE", first)
    synced.want("t1", "t2")
    told = synced.sync()
    assert (told["code"], told["state"]) == (1, "stopped")
    assert "guestlist sync --full" in told["error"]["next"]
    told = synced.sync("--full")
    assert told["code"] == 0, told
    assert synced.audience() != first
    assert synced.truth() == RIGHT


def test_after_its_simulator_has_ended_a_space_says_so_and_what_to_type(tmp_path: Path) -> None:
    with running(people=[one.person() for one in customers(24)], speed=0) as meta:
        shop = made_shop(tmp_path / "shop", meta, 24, batch_rows=5)
        assert shop.sync()["code"] == 0
    told = shop.type("status")
    assert told.code == 1
    said = " ".join(told.out.split())
    assert f"the simulated Meta at {meta.graph_url} does not run any more." in said
    assert "guestlist demo" in said
    assert "guestlist destinations connect" in said
    assert "ConnectError" not in said
    assert "[meta_simulator_gone]" in said
    assert shop.plan()["add_rows"] == 0

"""The life of a token in the running service: a dead one parks its destination, another goes on within seconds."""

from typing import Any

from tests.acceptance.sync.kit import DAY, HOUR, RIGHT, SETTLED, Shop

from .conftest import Kept, keeping, until

EVERY = "{ to: main, every: 15m }"


def graph_calls(shop: Shop, after: int) -> list[str]:
    return [one["path"] for one in shop.meta.requests(after=after) if one["path"].startswith("/v25.0/")]


def reconnect(shop: Shop, **given: Any) -> str:
    token = shop.file("new token", shop.meta.post("tokens", **given)["access_token"])
    told = shop.type("destinations", "reconnect", "main", "--token-file", token)
    assert told.code == 0, told.text
    return told.out


def due(shop: Shop, kept: Kept, *tiers: str) -> None:
    """Somebody else belongs in, and the time of the sync has come."""
    shop.want(*tiers, sync=EVERY)
    shop.meta.advance(16 * 60)


def test_dead_then_reconnected(shop: Shop) -> None:
    shop.want("t0", "t1", sync=EVERY)
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)
        shop.meta.post("tokens/change", revoke=460)
        due(shop, kept, "t1", "t2")
        until(lambda: kept.of("destination_parked", destination="main", code="meta_password_changed"))
        shop.list_person(1)
        sent, before = len(shop.uploads()), shop.last_request()
        for _ in range(3):  # its times come and go
            shop.meta.advance(16 * 60)
            kept.looks_on()
        # Asked now and then whether it is over, and nothing else.
        assert {path.rpartition("/")[2] for path in graph_calls(shop, before)} == {"debug_token"}
        assert len(graph_calls(shop, before)) <= 4
        assert len(kept.of("destination_parked")) == 1
        told = shop.type("status")
        assert "Destination 'main' is parked: The password of the connected account was changed" in told.out

        assert "The running service goes on by itself." in reconnect(shop)
        until(lambda: kept.of("destination_resumed", destination="main"))
        until(lambda: kept.runs() == 2)
        until(lambda: shop.truth() == RIGHT)
        assert len(shop.uploads()) > sent
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT
    logged = str(kept.events)
    assert shop.meta.access_token not in logged


def test_terms_not_accepted_then_accepted(shop: Shop) -> None:
    shop.want("t0", "t1", sync=EVERY)
    shop.meta.post(f"accounts/{shop.meta.ad_account}", terms_accepted=False)
    with keeping(shop.space) as kept:
        until(lambda: kept.of("destination_parked", code="meta_terms"))
        shop.meta.post(f"accounts/{shop.meta.ad_account}", terms_accepted=True)
        shop.meta.advance(61)
        until(lambda: kept.runs() == 1)
    assert shop.truth() == RIGHT


def test_somebody_says_that_it_is_done(shop: Shop) -> None:
    """Doctor beside the service: what waited goes on at once, and not only when Meta is asked next."""
    shop.want("t0", "t1", sync=EVERY)
    shop.meta.post(f"accounts/{shop.meta.ad_account}", terms_accepted=False)
    with keeping(shop.space) as kept:
        until(lambda: kept.of("destination_parked", code="meta_terms"))
        shop.meta.post(f"accounts/{shop.meta.ad_account}", terms_accepted=True)
        assert shop.type("doctor").code == 0
        until(lambda: kept.runs() == 1)
    assert shop.truth() == RIGHT


def test_reconnected_while_nobody_kept_the_space(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 1d }")
    shop.meta.post("tokens/change", revoke=467)
    with keeping(shop.space) as kept:
        until(lambda: kept.of("destination_parked"))
    reconnect(shop)
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)  # and not only tomorrow
    assert shop.truth() == RIGHT


def test_a_token_ends_as_it_said(shop: Shop) -> None:
    shop.want("t0", "t1", sync=EVERY)
    reconnect(shop, type="USER", expires_in=16 * DAY)
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)
        shop.meta.advance(2 * DAY + HOUR)
        until(lambda: kept.of("token_ends_soon", destination="main", days=13))
        shop.meta.advance(DAY)
        kept.looks_on()
        shop.meta.advance(10 * DAY)
        until(lambda: kept.of("token_ends_soon", destination="main", days=2))
        shop.meta.advance(2 * DAY)
        until(lambda: kept.of("token_ends_soon", destination="main", days=0))
        shop.meta.advance(DAY)
        until(lambda: kept.of("destination_parked", code="meta_token_expired"))
        assert [one["days"] for one in kept.of("token_ends_soon")] == [13, 2, 0]
        reconnect(shop)
        until(lambda: kept.of("destination_resumed"))


def test_an_emptied_audience_stays_empty_while_the_service_runs(shop: Shop) -> None:
    shop.want("t0", "t1", sync=EVERY)
    assert shop.type("sync").code == 0
    assert shop.type("sync", "vip", "--empty", "--yes").code == 0
    with keeping(shop.space) as kept:
        for hours in (1, 27):
            shop.meta.advance(hours * HOUR)
            until(lambda: kept.of("synced", state="done"))
            kept.looks_on()
        assert {one["method"] for one in shop.uploads()[-2:]} == {"DELETE"}
        assert shop.meta.members(shop.audience()) == set()
        told = shop.type("resume", "vip")
        assert told.code == 0, told.text
        shop.meta.advance(HOUR)
        until(lambda: shop.meta.members(shop.audience()) == shop.wanted)

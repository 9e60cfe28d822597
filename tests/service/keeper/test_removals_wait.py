"""Since when the oldest removal waits: told by the API, the command and the metrics while Meta refuses removals."""

from collections.abc import Callable
from datetime import datetime

import httpx
from tests.acceptance.sync.kit import Shop

from .conftest import Serving, admin, until
from .test_metrics import scraped
from .test_told import sync_of


def test_the_oldest_removal_is_told_until_meta_has_acknowledged_it(shop: Shop, serve: Callable[..., Serving]) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: on_change }")
    key = shop.type("sources", "add", "web", "--json").facts["write_key"]
    running = serve()

    def metric() -> float:
        return scraped(f"{running.address}/metrics")("removal_waiting_seconds", space="shop", sync="vip@main")

    def leaves(number: int) -> int:
        """Somebody's tier changes; gives when that was said."""
        call = {"writeKey": key, "userId": shop.people[number - 1].user_id, "traits": {"tier": "t3"}}
        before = len([one for one in running.events if one["event"] == "taken_in"])
        said = int(shop.meta.now())
        assert httpx.post(f"{running.address}/v1/identify", json=call).status_code == 200
        until(lambda: len([one for one in running.events if one["event"] == "taken_in"]) > before)
        return said

    with admin(shop, running) as api:
        until(lambda: sync_of(api)["last_right"])
        assert (sync_of(api)["removal_waits_since"], metric()) == (None, 0)

        shop.meta.fault("refuse_removals", path="/users$")
        said = leaves(4)
        shop.meta.advance(60)
        until(lambda: sync_of(api)["removal_waits_since"])
        first = sync_of(api)["removal_waits_since"]
        assert said - 1 <= datetime.fromisoformat(first).timestamp() <= said + 1
        leaves(5)  # the oldest one is told
        shop.meta.advance(3_600)
        until(lambda: len([one for one in shop.uploads() if one["method"] == "DELETE"]) >= 2)
        until(lambda: not sync_of(api)["running"])
        assert sync_of(api)["removal_waits_since"] == shop.status()["removal_waits_since"] == first
        until(lambda: metric() >= 3_600)
        (listed,) = api.get("/syncs").json()["syncs"]
        assert listed["removal_waits_since"] == first

        shop.meta.clear_faults()

        def acknowledged() -> bool:
            shop.meta.advance(600)
            return sync_of(api)["removal_waits_since"] is None

        until(acknowledged)
        assert (shop.status()["removal_waits_since"], metric()) == (None, 0)
        assert not {4, 5} & shop.meta.members(shop.audience())

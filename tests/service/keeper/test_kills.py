"""kill -9 of `guestlist serve` while messages arrive and land: what was acknowledged is in the warehouse once."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Callable

import httpx
from tests.acceptance.sync.kit import Shop
from tests.service.test_kills import Load, call

from guestlist.space import open_space

from .conftest import Serving, until
from .serve_killed import POINTS
from .test_metrics import scraped

MANY = 1_000_000


def test_messages_that_come_while_others_land_are_there_once_whenever_it_is_killed(
    shop: Shop, serve: Callable[..., Serving]
) -> None:
    shop.want("t0", sync="{ to: main, every: manual }")
    keys = {name: shop.type("sources", "add", name, "--json").facts["write_key"] for name in ("web", "app")}
    loads = []
    for number, point in enumerate((*POINTS, None)):
        running = serve(dies=point)
        until(lambda running=running: httpx.get(f"{running.address}/readyz").status_code == 200)  # type: ignore[misc]
        if point:
            running.send(signal.SIGUSR1)  # what an earlier one left may land first
        load = Load(running.address, keys["web"], name=str(number))
        asyncio.run(load.run(running.process, until=MANY if point else 500))
        assert running.process.wait(60) == -signal.SIGKILL
        assert load.acknowledged, point
        loads.append(load)
    last = serve()
    until(lambda: httpx.get(f"{last.address}/readyz").status_code == 200)
    sent = [one for load in loads for one in load.sent]
    # Clients send again what they have no answer for, and more than that; another source has ids of its own.
    for key, ids in ((keys["web"], sent), (keys["app"], sent[:500])):
        for some in range(0, len(ids), 500):
            body = json.dumps({"batch": [call(one) for one in ids[some : some + 500]]})
            assert httpx.post(f"{last.address}/v1/batch", content=body, auth=(key, "")).status_code == 200
    until(lambda: scraped(f"{last.address}/metrics")("inbox_waiting_bytes", space="shop") == 0)
    last.send(signal.SIGTERM)
    assert last.process.wait(60) == 0
    with open_space(shop.space).open_warehouse() as warehouse:
        message = warehouse.table("message")
        landed = warehouse.read(message.filter(message.event == "e").select("source", "message_id")).to_pylist()
    found = Counter((one["source"], one["message_id"]) for one in landed)
    assert found == Counter([*(("web", one) for one in sent), *(("app", one) for one in sent[:500])])

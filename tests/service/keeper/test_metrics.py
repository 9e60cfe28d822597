"""`/metrics` of a running service, as Prometheus reads it."""

import json
import socket
from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.acceptance.sync.kit import Shop

from .conftest import Serving, until

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def test_it_says_what_came_what_was_done_and_how_it_stands(shop: Shop, serve: Callable[..., Serving]) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    shop.meta.fault("error", path="/users$", method="POST", code=2, times=1)
    key = shop.type("sources", "add", "web", "--json").facts["write_key"]
    running = serve()
    url = address(running)
    person = shop.people[0]
    calls: list[dict[str, object]] = [{"userId": person.user_id, "traits": {"email": person.emails[0]}}, {"traits": {}}]
    for call in calls:
        assert httpx.post(f"{url}/v1/identify", json={"writeKey": key, **call}).status_code == 200
    until(lambda: running.said("taken_in"))
    shop.meta.advance(600)
    until(lambda: running.said("synced", state="done"))
    read = scraped(f"{url}/metrics")
    sync = {"space": "shop", "sync": "vip@main"}
    rows = shop.rows_of(shop.wanted)
    assert read("messages_total", space="shop", source="web", outcome="taken") == 1
    assert read("messages_total", space="shop", source="web", outcome="no_user_anon_id") == 1
    assert read("messages_landed_total", space="shop") == 1
    assert read("rows_added_total", **sync) == rows
    assert read("runs_total", **sync, state="done") >= 1
    assert read("people_sent", **sync) == len(shop.wanted)
    assert read("meta_calls_total", method="POST", edge="users", outcome="unknown", code="2") == 1
    assert read("meta_calls_total", method="POST", edge="users", outcome="applied", code="") >= rows / 4
    assert read("meta_call_seconds_count", method="POST", edge="users") >= rows / 4
    assert read("evaluation_seconds_count", space="shop") >= 1
    assert (
        read("keeper_state", space="shop", state="keeping"),
        read("keeper_state", space="shop", state="standby"),
    ) == (1, 0)
    assert read("epoch", space="shop") >= 1
    assert read("disk_free_bytes", space="shop") > 0
    assert read("last_right_timestamp_seconds", **sync) <= shop.meta.now()
    assert (
        read("removal_waiting_seconds", **sync)
        == read("failures", **sync)
        == read("inbox_waiting_bytes", space="shop")
        == 0
    )
    text = httpx.get(f"{url}/metrics").text
    assert not [value for value in (person.user_id, *person.emails, key, shop.meta.access_token) if value in text]


def test_it_can_be_switched_off(serve: Callable[..., Serving]) -> None:
    url = address(serve("--no-metrics"))
    assert httpx.get(f"{url}/metrics").status_code == 404
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_it_can_have_a_port_of_its_own(shop: Shop, serve: Callable[..., Serving]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = address(serve("--metrics-port", port))
    assert httpx.get(f"{url}/metrics").status_code == 404
    assert scraped(f"http://127.0.0.1:{port}/metrics")("keeper_state", space="shop", state="keeping") == 1


def scraped(url: str) -> Callable[..., float]:
    """The value of a metric of ours, 0 where it is not told."""
    answer = httpx.get(url)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    values: Values = {
        (sample.name.removeprefix("guestlist_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return lambda name, **labels: values.get((name, tuple(sorted(labels.items()))), 0.0)


def address(running: Serving) -> str:
    assert running.process.stdout is not None
    url: str = json.loads(running.process.stdout.readline())["url"]
    return url

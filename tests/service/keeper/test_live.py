"""From a Segment client to Meta's own people and out again, through `guestlist serve`."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import segment.analytics.client as segment
from tests.acceptance.sync.kit import Shop
from tests.service.talking import CLIENTS, Talk, call, python, talk_of

from guestlist.space import make_space

from .conftest import Serving, until

SEGMENT = python(segment.Client)
MEMBERS = """\
key: gold
name: Gold
who: {{ trait: plan, equals: gold }}
sync: {{ to: main, every: {every} }}
"""


def test_who_enters_is_added_and_who_leaves_is_removed(
    shop: Shop, serve: Callable[..., Serving], request: pytest.FixtureRequest
) -> None:
    """Each client speaks of three people of its own: one stays in, one leaves, one enters later."""
    _audience(shop, every="on_change")
    key, running = _source(shop), serve()
    url = _address(running)
    talks = {client: talk_of(client, request) for client in CLIENTS}
    # Of people with one row each, so that what happened to them at Meta happened once.
    theirs = dict(zip(CLIENTS, ((1, 2, 3), (4, 6, 7), (8, 9, 11), (12, 13, 14)), strict=True))

    def there() -> dict[str, list[int]]:
        members = _members(shop)
        return {client: sorted(members.intersection(people)) for client, people in theirs.items()}

    for client, (stays, leaves, enters) in theirs.items():
        _say(url, key, {_user(stays): "gold", _user(leaves): "gold", _user(enters): "free"}, talks[client])
    until(lambda: there() == {client: [stays, leaves] for client, (stays, leaves, _) in theirs.items()}, within=120)
    for client, (_, leaves, enters) in theirs.items():
        _say(url, key, {_user(leaves): "free", _user(enters): "gold"}, talks[client])
    until(lambda: there() == {client: [stays, enters] for client, (stays, _, enters) in theirs.items()}, within=120)
    happened: dict[int, list[str]] = {}
    for one in shop.meta.history(_at_meta(shop)):
        for person in one["people"]:
            happened.setdefault(person, []).append(one["action"])
    for client, (stays, leaves, enters) in theirs.items():
        told = [happened[person] for person in (stays, leaves, enters)]
        assert told == [["add"], ["add", "remove"], ["add"]], client
    assert running.events
    logged = running.log.read_text()
    assert not [value for value in ("user-0000", "guest", key, shop.meta.access_token) if value in logged]


def test_what_was_acknowledged_before_a_kill_lands_after_it(shop: Shop, serve: Callable[..., Serving]) -> None:
    _audience(shop, every="on_change")
    key = _source(shop)
    first = serve()
    _say(_address(first), key, {"user-000001": "gold"})
    until(lambda: _members(shop) == {1}, within=120)
    _say(_address(first), key, {"user-000002": "gold"})
    first.send(signal.SIGKILL)
    serve()
    until(lambda: _members(shop) == {1, 2}, within=120)
    assert _taken(shop) >= 1  # counts may be lost by a kill, messages not


def test_a_write_key_finds_its_space(shop: Shop, serve: Callable[..., Serving], tmp_path: Path) -> None:
    make_space(tmp_path / "other", country="DE")
    other = Shop(space=tmp_path / "other", meta=shop.meta, people=[])
    first, second = _source(shop), _source(other)
    url = _address(serve("--space", other.space))
    _say(url, second, {"user-000001": "gold"})
    _say(url, first, {"user-000001": "gold", "user-000002": "free"})
    until(lambda: _taken(shop) + _taken(other) == 3)
    assert (_taken(shop), _taken(other)) == (2, 1)


def test_who_waits_for_a_space_takes_nothing_for_it(shop: Shop, serve: Callable[..., Serving]) -> None:
    _audience(shop, every="manual")
    key = _source(shop)
    first = serve()
    held = _address(first)
    standby = serve("--port", _free_port())
    until(lambda: standby.said("waits"))
    waits = _address(standby)
    call = {"writeKey": key, "userId": "user-000001", "event": "Seen"}
    assert httpx.post(f"{held}/v1/track", json=call).json() == {"success": True}
    refused = httpx.post(f"{waits}/v1/track", json=call)
    assert (refused.status_code, refused.json()["code"]) == (503, "inbox_closed")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _taken(shop: Shop) -> int:
    """How many messages are known to have arrived, and landed."""
    (source,) = shop.type("sources", "list", "--json").facts["sources"]
    return int(source["taken"])


def _audience(shop: Shop, *, every: str) -> None:
    (shop.space / "audiences" / "vip.yaml").unlink()
    (shop.space / "audiences" / "gold.yaml").write_text(MEMBERS.format(every=every))


def _source(shop: Shop) -> str:
    made = shop.type("sources", "add", "web", "--json")
    assert made.code == 0, made.text
    key: str = made.facts["write_key"]
    return key


def _address(running: Serving) -> str:
    if running.url is None:
        assert running.process.stdout is not None
        running.url = json.loads(running.process.stdout.readline())["url"]
    return running.url


def _say(url: str, key: str, plans: dict[str, str], talk: Talk = SEGMENT) -> None:
    said = [call("identify", userId=user_id, traits={"plan": plan}) for user_id, plan in plans.items()]
    talk(url, key, said)


def _members(shop: Shop) -> set[int]:
    """Who is in at Meta; a little of the simulator's time goes by at each look."""
    shop.meta.advance(5)
    made = _at_meta(shop)
    return shop.meta.members(made) if made else set()


def _at_meta(shop: Shop) -> str:
    """The id of the audience; empty where it was not made yet."""
    return next((str(one["id"]) for one in shop.meta.get("audiences")["audiences"] if one["name"] == "Gold"), "")


def _user(number: int) -> str:
    return f"user-{number:06}"

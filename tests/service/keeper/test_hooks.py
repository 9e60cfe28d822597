"""From Segment Engage to Meta's own people and to a hook, and out again, by `guestlist serve`; also when killed."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import segment.analytics.client as segment
from tests.acceptance.hooks.receiver import Answer, Receiver, receiving
from tests.acceptance.sync.kit import Shop

from .conftest import Serving, until
from .test_live import _address, _say, _source

KEY = "high_value_users"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def told(shop: Shop) -> Shop:
    """A space that may send to this machine, without audiences."""
    (shop.space / "audiences" / "vip.yaml").unlink()
    with (shop.space / "guestlist.yaml").open("a") as settings:
        settings.write("allowed_hosts: [127.0.0.1]\n")
    return shop


def engage(url: str, key: str, *, by: str = "track", **inside: bool) -> None:
    """What Engage sends of these users, by an independent client: track calls, or identify calls with the trait."""
    failed: list[Any] = []
    client = segment.Client(key, host=url, on_error=lambda *error: failed.append(error))
    personas = {"computation_class": "audience", "computation_key": KEY, "computation_id": "aud_1", "space_id": "spa_1"}
    for number, value in inside.items():
        user_id = f"user-{number.removeprefix('u'):0>6}"
        about: dict[str, Any] = {"context": {"personas": personas}, "integrations": {"All": False, "Webhooks": True}}
        if by == "identify":
            client.identify(user_id=user_id, traits={KEY: value}, **about)
            continue
        event = "Audience Entered" if value else "Audience Exited"
        client.track(user_id=user_id, event=event, properties={"audience_key": KEY, KEY: value}, **about)
    client.flush()
    client.join()
    assert failed == []


def members(shop: Shop, name: str) -> set[int]:
    shop.meta.advance(1)  # no more, or syncs without anything to do would become due
    made = [one["id"] for one in shop.meta.get("audiences")["audiences"] if one["name"] == name]
    return shop.meta.members(str(made[0])) if made else set()


def test_from_engage_to_meta_and_to_a_hook_and_out_again(
    told: Shop, serve: Callable[..., Serving], receiver: Receiver
) -> None:
    key, running = _source(told), serve()
    url = _address(running)
    added = told.type("hooks", "add", "crm", "--url", receiver.url, "--json")
    assert added.code == 0, added.text
    engage(url, key, u1=True, u2=True)
    until(lambda: told.type("audiences", "external", "--json").facts["external"], within=120)
    taken = told.type("audiences", "take", KEY, "--name", "Best", "--json")
    assert taken.code == 0, taken.text
    until(lambda: members(told, "Best") == {1, 2}, within=120)
    engage(url, key, u1=False, u3=True)
    until(lambda: members(told, "Best") == {2, 3}, within=120)
    until(lambda: len(receiver.told()) == 4, within=60)
    assert sorted(receiver.told()[:2]) == [("entered", "user-000001"), ("entered", "user-000002")]
    assert sorted(receiver.told()[2:]) == [("entered", "user-000003"), ("exited", "user-000001")]
    logged = running.log.read_text()
    secret = added.facts["secret"]
    assert running.said("hook_sent", hook="crm")
    assert not [text for text in ("user-0000", "guest", key, secret, "hooks?key=k") if text in logged]


def test_identify_calls_with_the_trait_keep_an_audience_at_meta(told: Shop, serve: Callable[..., Serving]) -> None:
    key, running = _source(told), serve()
    url = _address(running)
    engage(url, key, by="identify", u1=True, u2=True, u4=False)
    until(lambda: told.type("audiences", "external", "--json").facts["external"], within=120)
    taken = told.type("audiences", "take", KEY, "--name", "Best", "--json")
    assert taken.code == 0, taken.text
    until(lambda: members(told, "Best") == {1, 2}, within=120)
    engage(url, key, by="identify", u1=False, u3=True)
    until(lambda: members(told, "Best") == {2, 3}, within=120)
    engage(url, key, u2=False)  # the other kind of call about the same people
    engage(url, key, by="identify", u1=True)
    until(lambda: members(told, "Best") == {1, 3}, within=120)


def in_order(moves: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Of each user what was told, repetitions of a request taken out."""
    found: dict[str, list[str]] = {}
    for change, user_id in moves:
        if found.get(user_id, [""])[-1] != change:
            found.setdefault(user_id, []).append(change)
    return found


def test_a_kill_while_sending_loses_nothing_and_keeps_everybodys_order(
    told: Shop, serve: Callable[..., Serving], receiver: Receiver
) -> None:
    place = told.space / "audiences" / "gold.yaml"
    place.write_text("key: gold\nname: Gold\nwho: { trait: plan, equals: gold }\n")
    users = [f"user-{number:06}" for number in range(1, 19)]

    def few_and_slowly(body: bytes) -> Answer:
        return 413 if len(json.loads(body)["data"]["moves"]) > 3 else "slow"

    receiver.always = few_and_slowly
    key, running = _source(told), serve()
    assert told.type("hooks", "add", "crm", "--url", receiver.url, "--json").code == 0
    _say(_address(running), key, dict.fromkeys(users, "gold"))
    until(lambda: len([one for one in receiver.received if one.taken]) > 2, within=120)
    running.send(signal.SIGKILL)
    running.process.wait()
    running = serve()
    _address(running)
    receiver.always = lambda body: 413 if len(json.loads(body)["data"]["moves"]) > 8 else 200
    until(lambda: {user for _, user in receiver.told()} == set(users), within=120)
    told.meta.advance(5)  # else both were said at one instant, and the later one need not win
    _say(_address(running), key, dict.fromkeys(users, "free"))
    until(lambda: len([one for one in receiver.told() if one[0] == "exited"]) >= len(users), within=120)
    assert in_order(receiver.told()) == {user: ["entered", "exited"] for user in users}
    ids = {move["id"] for move in receiver.taken}
    assert len(ids) == 2 * len(users)  # what came twice came under the same id


def test_an_address_that_hangs_holds_back_neither_meta_nor_other_hooks(
    told: Shop, serve: Callable[..., Serving], receiver: Receiver, tmp_path: Path
) -> None:
    place = told.space / "audiences" / "gold.yaml"
    place.write_text(
        "key: gold\nname: Gold\nwho: { trait: plan, equals: gold }\nsync: { to: main, every: on_change }\n"
    )
    receiver.always = lambda body: "slow" if b'"hook":"slow"' in body else 200
    key, running = _source(told), serve()
    for name in ("slow", "fast"):
        assert told.type("hooks", "add", name, "--url", receiver.url, "--json").code == 0
    _say(_address(running), key, {"user-000001": "gold"})
    until(lambda: members(told, "Gold") == {1} and len(receiver.told()) == 2, within=120)
    assert told.type("erase", "user_id:user-000001", "--json").code in {0, 1}
    until(lambda: members(told, "Gold") == set(), within=120)
    until(lambda: receiver.told().count(("exited", "user-000001")) == 2, within=60)
    running.send(signal.SIGTERM)
    assert running.process.wait(60) == 0

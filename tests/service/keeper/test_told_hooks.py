"""Hooks and audiences of Segment, by the API and by commands of a running service."""

from collections.abc import Iterator

import httpx
import pytest
from tests.acceptance.hooks.receiver import Receiver, receiving
from tests.acceptance.sync.kit import Shop

from .conftest import until
from .test_told_syncs import by_url, told_by


@pytest.fixture
def receiver(shop: Shop) -> Iterator[Receiver]:
    with (shop.space / "guestlist.yaml").open("a") as settings:
        settings.write("allowed_hosts: [127.0.0.1]\n")
    with receiving() as opened:
        yield opened


def refusal(answered: httpx.Response) -> tuple[int, str]:
    return answered.status_code, answered.json()["code"]


def test_a_hook_from_its_first_day_to_its_last(receiver: Receiver, shop: Shop, told: httpx.Client) -> None:
    given = {"name": "crm", "url": receiver.url, "as": "webhook", "audiences": ["vip"], "from_start": True}
    added = told.post("/hooks", json=given)
    secret = added.json()["secret"]
    assert (added.status_code, added.json()["name"], secret[:6]) == (200, "crm", "whsec_")
    assert told.post("/hooks", json=given).status_code == 409

    told.post("/syncs/run")
    until(lambda: len(receiver.taken) == len(shop.wanted))

    listed = by_url(told, shop, "hooks", "list", "--json")
    (one,) = listed.facts["hooks"]
    assert (one["as"], one["state"], one["sent"], one["letters"]) == ("webhook", "fine", len(shop.wanted), 0)
    assert "key=k" not in listed.text
    assert secret not in listed.text
    assert told.get("/hooks").json()["hooks"] == [one]

    assert told.post("/hooks/crm/test").json() == {
        "name": "crm", "taken": True, "code": "http_200", "in_words": "was taken"
    }  # fmt: skip
    rotated = by_url(told, shop, "hooks", "rotate", "crm", "--overlap", "60m", "--json").facts
    assert (rotated["overlap_hours"], rotated["secret"] == secret) == (1, False)
    assert told.get("/hooks/letters", params={"name": "crm"}).json()["letters"] == []
    assert told.post("/hooks/crm/retry").json() == {"name": "crm", "letters": 0}
    assert refusal(told.delete("/hooks/crm/letters/7")) == (404, "unknown_letter")
    assert told.delete("/hooks/crm").json() == {"name": "crm", "removed": True}
    assert told.get("/hooks").json()["hooks"] == []
    assert refusal(told.delete("/hooks/crm")) == (404, "unknown_hook")
    entries = told.get("/audit").json()["entries"]
    done = [(one["actor"], one["action"]) for one in entries if one["about"] == "crm"]
    assert done == [
        ("key test", action)
        for action in ("hook removed", "hook retried", "hook secret rotated", "hook tried", "hook added")
    ]


def test_dead_letters_are_listed_asked_for_and_dropped(receiver: Receiver, shop: Shop, told: httpx.Client) -> None:
    people = (b"user-000004", b"user-000008", b"user-000012")
    receiver.always = lambda body: 422 if any(one in body for one in people) else 200
    given = {"name": "crm", "url": receiver.url, "from_start": True}
    assert told.post("/hooks", json=given).status_code == 200
    told.post("/syncs/run")

    def refused_for_good() -> object:
        shop.meta.advance(60)  # it is tried again after a while
        return len(told.get("/hooks/letters").json()["letters"]) == len(people)

    until(refused_for_good)
    every = told.get("/hooks/letters").json()
    letter, *older = every["letters"]
    assert (every["next"], [one["letter"] for one in every["letters"]]) == (None, [3, 2, 1])
    first = told.get("/hooks/letters", params={"limit": 2, "name": "crm"}).json()
    last = told.get("/hooks/letters", params={"limit": 2, "before": first["next"]}).json()
    assert (first["letters"] + last["letters"], last["next"]) == (every["letters"], None)
    assert (letter["hook"], letter["code"], letter["people"], letter["asked"]) == ("crm", "http_422", 1, False)
    assert by_url(told, shop, "hooks", "failed", "crm", "--json").facts["letters"] == [letter, *older]
    gone = by_url(told, shop, "hooks", "drop", "crm", "--letter", letter["letter"], "--json")
    assert gone.facts == {"name": "crm", "letter": letter["letter"], "moves": 1, "people": 1}
    assert told.get("/hooks/letters").json()["letters"] == older
    assert told_by(told, "hook letter dropped") == ["key test"]


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"name": "crm", "url": "https://169.254.169.254/hooks"}, 409, "address_internal"),
        ({"name": "crm", "url": "https://crm.example.org/hooks", "as": "segment"}, 400, "hook_needs_key"),
        (
            {"name": "crm", "url": "https://crm.example.org", "as": "segment", "write_key": "two words"},
            400,
            "hook_needs_key",
        ),
        ({"name": "crm", "url": "https://crm.example.org/hooks", "audiences": ["vop"]}, 404, "unknown_audience"),
        ({"name": "crm", "url": "https://crm.example.org/hooks", "as": "carrier"}, 422, "wrong_parameters"),
    ],
)
def test_what_cannot_be_a_hook(idle: httpx.Client, given: dict[str, object], status: int, code: str) -> None:
    refused = idle.post("/hooks", json=given)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert idle.get("/hooks").json()["hooks"] == []
    assert "two words" not in refused.text

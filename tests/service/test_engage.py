"""What Segment's Webhooks destination sends, one call or a list of them, comes in by an address of its own."""

import json
from typing import Any

import httpx
import pytest
from tests.stages.engage.calls import identify, track

from .served import WEB, Shop

ENTERED, SAID = track(True, userId="u1", messageId="m1"), identify(True, userId="u2", messageId="m2")


def test_calls_come_in(here: Shop, web: httpx.Client) -> None:
    twice = {**ENTERED, "messageId": "m5"}
    alone, listed = {**ENTERED, "messageId": "m1"}, [{**ENTERED, "messageId": "m2"}, {**SAID, "messageId": "m3"}]
    for body in (alone, listed, {"batch": [{**SAID, "messageId": "m4"}]}, [twice, twice]):
        assert web.post("/v1/engage", json=body).json() == {"success": True}, body
    assert [row["message_id"] for row in here.landed()] == ["m1", "m2", "m3", "m4", "m5"]


def test_the_key_may_stand_in_the_call(here: Shop, web: httpx.Client) -> None:
    answer = httpx.post(f"{web.base_url}/v1/engage", json={**ENTERED, "writeKey": WEB})
    assert answer.status_code == 200
    (row,) = here.landed()
    assert WEB not in json.dumps(row, default=str)


@pytest.mark.parametrize(("body", "code"), [([], "empty_batch"), ([1], "call_not_object"), ("x", "bad_json")])
def test_what_is_no_call_is_refused(web: httpx.Client, body: Any, code: str) -> None:
    answer = web.post("/v1/engage", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_engage_names_its_own_destination_and_means_us(here: Shop, web: httpx.Client) -> None:
    """Its `integrations` turn all off but one; any other call that does so is kept from Meta."""
    plain = {
        "type": "track",
        "event": "Seen",
        "userId": "u1",
        "integrations": ENTERED["integrations"],
        "messageId": "m9",
    }
    off = {**ENTERED, "messageId": "m3", "integrations": {"Facebook Custom Audiences (Actions)": False}}
    web.post("/v1/engage", json=[ENTERED, plain, off])
    assert [row["message_id"] for row in here.landed()] == ["m1"]
    assert here.counted()["web", "withheld_by_integrations", "integrations"] == 2

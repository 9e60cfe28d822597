"""Calls over HTTP into a real warehouse: what is taken, how it is read, what is refused and how that is said."""

import gzip
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from guestlist.service.bodies import KB, LONGEST_BATCH, LONGEST_CALL, MOST_CALLS
from guestlist.store import Warehouse

from .served import NOW, STRICT, WEB, Shop, client, serving, shop

TRACK = {"type": "track", "userId": "u1", "event": "Bought", "messageId": "m1"}


def test_every_call_lands(here: Shop, web: httpx.Client) -> None:
    calls: dict[str, dict[str, Any]] = {
        "identify": {"userId": "u1", "traits": {"email": "ann@example.org"}},
        "track": {"userId": "u1", "event": "Bought", "properties": {"total": 5}},
        "page": {"anonymousId": "a1", "name": "Home"},
        "screen": {"anonymousId": "a1", "name": "Start"},
        "group": {"userId": "u1", "groupId": "g1"},
        "alias": {"userId": "u1", "previousId": "a1"},
    }
    for name, call in calls.items():
        answer = web.post(f"/v1/{name}", json=call)
        assert (answer.status_code, answer.json()) == (200, {"success": True}), name
    landed = here.landed()
    assert [row["type"] for row in landed] == list(calls)
    assert {row["source"] for row in landed} == {"web"}
    assert {row["at"] for row in landed} == {row["received_at"] for row in landed} == {NOW}
    assert len({row["message_id"] for row in landed}) == 6


def test_a_call_has_several_addresses_and_a_batch(here: Shop, web: httpx.Client) -> None:
    alone = ["/v1/track", "/v1/track/", "/v1/t", "/v1/t/"]
    batches = ["/v1/batch", "/v1/batch/", "/v1/b", "/v1/import", "/v1/import/"]
    for path in alone:
        call = {"userId": "u1", "event": "Bought", "type": "page", "messageId": path}
        assert web.post(path, json=call).status_code == 200, path
    for path in batches:
        calls = [{**TRACK, "messageId": f"{path} first"}, {**TRACK, "messageId": f"{path} second"}]
        assert web.post(path, json={"batch": calls}).status_code == 200, path
    landed = here.landed()
    in_batches = [f"{path} {one}" for path in batches for one in ("first", "second")]
    assert [row["message_id"] for row in landed] == [*alone, *in_batches]
    assert {row["type"] for row in landed} == {"track"}


def test_what_a_batch_shares_goes_for_all_its_calls(here: Shop, web: httpx.Client) -> None:
    own = {**TRACK, "messageId": "m2", "context": {"locale": "de"}}
    web.post("/v1/batch", json={"batch": [TRACK, own], "context": {"locale": "en", "ip": "192.0.2.1"}})
    contexts = [json.loads(row["context"]) for row in here.landed()]
    assert contexts == [{"locale": "en", "ip": "192.0.2.1"}, {"locale": "de", "ip": "192.0.2.1"}]


def test_a_message_id_counts_once_for_each_source(here: Shop, web: httpx.Client) -> None:
    for _ in range(2):
        web.post("/v1/batch", json={"batch": [TRACK, TRACK]})
    assert here.land() == 1
    web.post("/v1/track", json=TRACK)
    web.post("/v1/track", json=TRACK, auth=(STRICT, ""))
    assert [(row["source"], row["message_id"]) for row in here.landed()] == [("web", "m1"), ("strict", "m1")]
    assert here.counted()["web", "repeated", ""] == 4


def test_a_message_id_counts_once_for_good(here: Shop, web: httpx.Client) -> None:
    said = {"userId": "u1", "messageId": "m1", "traits": {"plan": "gold"}}
    web.post("/v1/identify", json=said)
    first = here.landed()
    for days in (1, 2, 40, 800):  # Segment looks back a day
        here.clock.instant = NOW + timedelta(days=days)
        sent_at = here.clock.instant.isoformat()
        later = {**said, "traits": {"plan": "free", "days": days}, "timestamp": sent_at}
        web.post("/v1/identify", json={**later, "sentAt": sent_at})
        web.post("/v1/batch", json={"batch": [{"type": "track", "event": "Bought", **later}], "sentAt": sent_at})
    web.post("/v1/identify", json=later, auth=(STRICT, ""))
    *known, new = here.landed()
    assert known == first
    assert (new["source"], json.loads(new["traits"])["plan"]) == ("strict", "free")
    assert here.counted()["web", "repeated", ""] == 8


def test_external_ids_and_context_traits_are_identifiers(here: Shop, web: httpx.Client) -> None:
    external = {"id": "c-7", "type": "card", "collection": "users", "encoding": "none"}
    context = {"externalIds": [external], "traits": {"email": "ann@example.org"}}
    web.post("/v1/track", json={**TRACK, "context": context})
    here.land()
    with Warehouse(here.folder / "w.duckdb") as warehouse:
        uses = warehouse.read(warehouse.table("identifier_use")).to_pylist()
    assert {(use["type"], use["value"]) for use in uses} == {
        ("user_id", "u1"),
        ("card", "c-7"),
        ("email", "ann@example.org"),
    }


# Times


SENT, HOUR = NOW - timedelta(hours=3), timedelta(hours=1)


TIMES: dict[str, tuple[dict[str, Any], dict[str, Any], datetime]] = {
    "none": ({}, {}, NOW),
    "of Greenwich": ({"timestamp": "2026-02-01T10:00:00Z"}, {}, datetime(2026, 2, 1, 10, tzinfo=UTC)),
    "of the space": ({"timestamp": "2026-02-01T10:00:00"}, {}, datetime(2026, 2, 1, 9, tzinfo=UTC)),
    "a day": ({"timestamp": "2026-02-01"}, {}, datetime(2026, 1, 31, 23, tzinfo=UTC)),
    "seconds": ({"timestamp": 1_767_225_600}, {}, datetime(2026, 1, 1, tzinfo=UTC)),
    "milliseconds": ({"timestamp": "1767225600000"}, {}, datetime(2026, 1, 1, tzinfo=UTC)),
    # The sender's clock is three hours slow: an hour before sending is an hour before now.
    "slow": ({"timestamp": (SENT - HOUR).isoformat()}, {"sentAt": SENT.isoformat()}, NOW - HOUR),
    "slow, original": ({"originalTimestamp": (SENT - HOUR).isoformat()}, {"sentAt": SENT.isoformat()}, NOW - HOUR),
    "slow, told by the call": (
        {"timestamp": (SENT - HOUR).isoformat(), "sentAt": SENT.isoformat()},
        {},
        NOW - HOUR,
    ),
    "sent at no time": ({"timestamp": (SENT - HOUR).isoformat()}, {"sentAt": "yesterday"}, SENT - HOUR),
    "corrected by another receiver": (
        {"timestamp": "2026-02-01T10:00:00Z", "originalTimestamp": "2026-02-01T07:00:00Z"},
        {"sentAt": SENT.isoformat()},
        datetime(2026, 2, 1, 10, tzinfo=UTC),
    ),
}


def test_times(here: Shop, web: httpx.Client) -> None:
    for case, (call, shared, _) in TIMES.items():
        sent = {"batch": [{**TRACK, "messageId": case, **call}], **shared}
        assert web.post("/v1/batch", json=sent).status_code == 200, case
    alone = {**TRACK, "messageId": "alone", "timestamp": (SENT - HOUR).isoformat(), "sentAt": SENT.isoformat()}
    web.post("/v1/track", json=alone)
    expected = {case: at for case, (_, _, at) in TIMES.items()} | {"alone": NOW - HOUR}
    assert {row["message_id"]: row["at"] for row in here.landed()} == expected


# Who may


WRITE_KEYS: dict[str, tuple[dict[str, str], dict[str, Any], int]] = {
    "in the call": ({}, {"writeKey": WEB}, 200),
    "k-web:": ({"Authorization": "Basic ay13ZWI6"}, {}, 200),
    "k-web, without the colon": ({"Authorization": "Basic ay13ZWI="}, {}, 200),
    "in the call, beside what is none": ({"Authorization": "Bearer abc"}, {"writeKey": WEB}, 200),
    "nowhere": ({}, {}, 401),
    "another in the call": ({}, {"writeKey": "other"}, 401),
    "a number": ({}, {"writeKey": 7}, 401),
    "another, before that in the call": ({"Authorization": "Basic b3RoZXI6"}, {"writeKey": WEB}, 401),
    "not readable": ({"Authorization": "Basic ???"}, {}, 401),
}


def test_write_keys(here: Shop, web: httpx.Client) -> None:
    web.auth = None  # type: ignore[assignment]
    for case, (headers, body, status) in WRITE_KEYS.items():
        answer = web.post("/v1/track", json={**TRACK, "messageId": case, **body}, headers=headers)
        assert answer.status_code == status, case
    allowed = [case for case, (_, _, status) in WRITE_KEYS.items() if status == 200]
    assert [row["message_id"] for row in here.landed()] == allowed


def test_a_write_key_is_not_stored(here: Shop, web: httpx.Client) -> None:
    web.post("/v1/track", json={**TRACK, "writeKey": WEB})
    here.inbox.seal()
    stored = b"".join(path.read_bytes() for path in here.folder.rglob("*") if path.is_file())
    assert b"Bought" in stored
    assert WEB.encode() not in stored


def test_the_write_key_finds_the_space(here: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    with shop(tmp_path_factory.mktemp("other")) as other:
        other.journal.remove_source("web")
        here.journal.remove_source("strict")
        with client(other.door, here.door) as both:
            both.post("/v1/track", json=TRACK)
            both.post("/v1/track", json=TRACK, auth=(STRICT, ""))
        assert [segment.source for segment in other.inbox.seal()] == ["strict"]
    assert [segment.source for segment in here.inbox.seal()] == ["web"]


# Malformed requests


BATCH = "/v1/batch"
BIG = "x" * LONGEST_CALL


def packed(body: object) -> bytes:
    return gzip.compress(json.dumps(body).encode(), mtime=0)  # a time in it would change the names of tests


def nested(depth: int) -> str:
    return '{"type":"track","userId":"u","event":"e","properties":' + '{"a":' * depth + "1" + "}" * depth + "}"


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, httpx.Client]]:
    """A space, and a client, for requests of which nothing is kept."""
    with shop(tmp_path_factory.mktemp("refusing")) as opened, client(opened.door) as asking:
        yield opened, asking


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "code", "at"),
    [
        ("/v1/track", b"", {}, 400, "bad_json", "body"),
        ("/v1/track", b'{"userId":', {}, 400, "bad_json", "body"),
        ("/v1/track", b'{"userId":"\xff"}', {}, 400, "bad_json", "body"),
        ("/v1/track", b"[]", {}, 400, "bad_json", "body"),
        ("/v1/track", nested(300).encode(), {}, 400, "too_deep", ""),
        (BATCH, b'{"batch":{}}', {}, 400, "batch_not_list", "batch"),
        (BATCH, b"{}", {}, 400, "batch_not_list", "batch"),
        (BATCH, b'{"batch":[]}', {}, 400, "empty_batch", "batch"),
        (BATCH, b'{"batch":[{},7]}', {}, 400, "call_not_object", "batch[1]"),
        (BATCH, b'{"batch":[{}],"context":7}', {}, 400, "context_not_object", "context"),
        (BATCH, b'{"batch":[{}],"integrations":[]}', {}, 400, "integrations_not_object", "integrations"),
        (BATCH, b'{"batch":[' + nested(300).encode() + b"]}", {}, 400, "too_deep", "batch[0]"),
        (BATCH, b"{}", {"Content-Encoding": "gzip"}, 400, "bad_gzip", "body"),
        (BATCH, packed({"batch": [TRACK]})[:-4], {"Content-Encoding": "gzip"}, 400, "bad_gzip", "body"),
        (BATCH, packed({"batch": [TRACK]}) + b"x", {"Content-Encoding": "gzip"}, 400, "bad_gzip", "body"),
        (BATCH, b"{}", {"Content-Encoding": "br"}, 400, "unknown_encoding", "Content-Encoding"),
        ("/v1/track", json.dumps({**TRACK, "properties": {"x": BIG}}).encode(), {}, 413, "too_large", "body"),
        (BATCH, b'{"batch":[' + b" " * LONGEST_BATCH + b"]}", {}, 413, "too_large", "body"),
        (BATCH, packed({"batch": ["x" * 50_000_000]}), {"Content-Encoding": "gzip"}, 413, "too_large", "body"),
        (
            BATCH,
            json.dumps({"batch": [TRACK, {**TRACK, "properties": {"x": BIG}}]}).encode(),
            {},
            413,
            "too_large",
            "batch[1]",
        ),
        (BATCH, json.dumps({"batch": [{}] * (MOST_CALLS + 1)}).encode(), {}, 413, "too_many_calls", "batch"),
        (
            BATCH,
            json.dumps({"batch": [TRACK] * 100, "context": {"x": "x" * 300 * KB}}).encode(),
            {},
            413,
            "too_large",
            "",
        ),
    ],
)
def test_malformed(
    refusing: tuple[Shop, httpx.Client],
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
    at: str,
) -> None:
    here, web = refusing
    answer = web.post(path, content=content, headers=headers)
    told = answer.json()
    assert (answer.status_code, told["success"], told["code"], told.get("at", "")) == (status, False, code, at)
    assert here.inbox.seal() == []


def test_the_largest_that_is_taken(here: Shop, web: httpx.Client) -> None:
    room = LONGEST_CALL - len(json.dumps({**TRACK, "properties": {"x": ""}}))
    assert web.post("/v1/track", json={**TRACK, "properties": {"x": "x" * (room - 10)}}).status_code == 200
    calls = [{"type": "track", "userId": "u1", "event": "Bought"}] * MOST_CALLS
    assert web.post(BATCH, content=packed({"batch": calls}), headers={"Content-Encoding": "gzip"}).status_code == 200
    assert len(here.landed()) == MOST_CALLS + 1


def test_a_body_that_does_not_tell_its_length(here: Shop, web: httpx.Client) -> None:
    assert web.post(BATCH, content=iter([b" " * 100_000] * 10)).status_code == 413
    assert web.post(BATCH, content=iter([b'{"batch":[', json.dumps(TRACK).encode(), b"]}"])).status_code == 200
    assert len(here.landed()) == 1


# Mistakes


def test_mistakes_are_accepted_counted_and_shown_masked(here: Shop, web: httpx.Client) -> None:
    wrong = {"type": "track", "email": "ann@example.org", "properties": {"Ann Smith": "+49 171 3920007"}}
    assert web.post(BATCH, json={"batch": [wrong, TRACK, wrong]}).json() == {"success": True}
    assert [row["message_id"] for row in here.landed()] == ["m1"]
    assert here.counted() == {("web", "no_user_anon_id", "userId"): 2, ("web", "taken", ""): 1}
    sample = next(one.sample for one in here.arrivals.view() if one.sample)
    assert json.loads(sample) == {
        "type": "xxxxx",
        "email": "xxx@xxxxxxx.xxx",
        "properties": {"Xxx Xxxxx": "+99 999 9999999"},
    }
    here.arrivals.save()
    assert [one.messages for one in here.journal.arrivals()] == [2, 1]


def test_a_strict_source_refuses_and_keeps_nothing_of_the_request(here: Shop, web: httpx.Client) -> None:
    answer = web.post(BATCH, json={"batch": [TRACK, {"type": "track", "userId": "u1"}]}, auth=(STRICT, ""))
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["at"]) == ("event_not_defined", "batch[1].event")
    assert here.landed() == []
    assert here.counted() == {("strict", "event_not_defined", "event"): 1}


def test_a_request_that_is_refused_counts_for_what_it_was_refused(here: Shop, web: httpx.Client) -> None:
    wrong = {"type": "track", "userId": "u1"}
    for content, code in (({"batch": [wrong, TRACK, 7]}, "call_not_object"), ({"batch": [wrong], "context": 7}, "")):
        assert web.post(BATCH, json=content).json()["code"] == (code or "context_not_object")
    assert web.post(BATCH, content=b"{").json()["message"] == "The body is no JSON: it breaks at line 1, column 2."
    assert web.post(BATCH, content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 400
    assert here.landed() == []
    assert here.counted() == {
        ("web", code, ""): 1 for code in ("call_not_object", "context_not_object", "bad_json", "bad_gzip")
    }
    assert web.post(BATCH, json={"batch": [wrong]}).status_code == 200
    assert here.counted()["web", "event_not_defined", "event"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/v1/trakc", 404, "There is nothing at this address."),
        ("GET", "/v1/trakc", 404, "There is nothing at this address."),
        ("GET", "/v1/track", 405, "This address takes "),
        ("PUT", "/v1/batch/", 405, "This address takes "),
        ("POST", "/v1/projects/x/settings", 405, "This address takes "),
    ],
)
def test_where_nothing_is_taken(
    refusing: tuple[Shop, httpx.Client], method: str, path: str, status: int, said: str
) -> None:
    answer = refusing[1].request(method, path, headers={"Origin": "https://shop.example"})
    told = answer.json()
    assert (answer.status_code, told["success"], told["code"]) == (status, False, "no_such_route")
    assert told["message"].startswith(said)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert ("allow" in answer.headers) is (status == 405)


# The integrations object


NAMES = [
    "Facebook Custom Audiences",
    "Facebook Custom Audiences (Actions)",
    "PERSONAS - Facebook Ads",
    "Personas Facebook Custom Audiences",
]


INTEGRATIONS: list[tuple[Any, bool]] = [
    (None, True),
    ({}, True),
    ({"All": True}, True),
    ({"All": False}, False),
    ({"All": False, "Mixpanel": True}, False),
    *(({"All": False, name: True}, True) for name in NAMES),
    *(({"All": False, name: {"a": 1}}, True) for name in NAMES),
    *(({"All": False, name: False}, False) for name in NAMES),
    *(({name: False}, False) for name in NAMES),
    ({"All": False, NAMES[0]: False, NAMES[1]: True}, True),
    ({"All": False, NAMES[0].lower(): True}, False),
    ("none", True),
]


def test_integrations(here: Shop, web: httpx.Client) -> None:
    for integrations, _ in INTEGRATIONS:
        call = {**TRACK, "messageId": json.dumps(integrations), "integrations": integrations}
        assert web.post("/v1/track", json=call).status_code == 200, integrations
    assert [json.loads(row["message_id"]) for row in here.landed()] == [one for one, lands in INTEGRATIONS if lands]
    withheld = [one for one, lands in INTEGRATIONS if not lands]
    assert here.counted()["web", "withheld_by_integrations", "integrations"] == len(withheld)


def test_integrations_of_a_batch_go_for_calls_that_have_none(here: Shop, web: httpx.Client) -> None:
    own = {**TRACK, "messageId": "m2", "integrations": {NAMES[1]: True}}
    web.post(BATCH, json={"batch": [TRACK, own], "integrations": {"All": False}}, auth=(STRICT, ""))
    assert [row["message_id"] for row in here.landed()] == ["m2"]


# Browsers


def test_a_page_of_any_site_may_call(here: Shop, web: httpx.Client) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    web.auth = None  # type: ignore[assignment]
    allowed = web.options("/v1/t", headers=asked)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert allowed.headers["access-control-allow-headers"] == "authorization,content-type"
    body = json.dumps({**TRACK, "writeKey": WEB})
    answer = web.post("/v1/t", content=body, headers={"Origin": "https://shop.example", "Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert len(here.landed()) == 1


def test_analytics_js_finds_its_settings(web: httpx.Client) -> None:
    told = web.get(f"/v1/projects/{WEB}/settings").json()["integrations"]["Segment.io"]
    assert (told["protocol"], f"{told['protocol']}://{told['apiHost']}") == ("http", str(web.base_url.join("/v1")))
    assert web.get("/v1/projects/other/settings").status_code == 401


def test_it_says_that_it_lives(web: httpx.Client) -> None:
    assert web.get("/healthz").json() == {"status": "alive"}


def test_more_than_the_disk_takes_is_to_be_sent_again(tmp_path: Path) -> None:
    let, waits = threading.Event(), threading.Event()

    def slow(file: int) -> None:
        waits.set()
        assert let.wait(60)
        os.fsync(file)

    def send(address: str) -> httpx.Response:
        return httpx.post(f"{address}/v1/track", json=TRACK, auth=(WEB, ""), timeout=60)

    with (
        shop(tmp_path, sync=slow, queue_bytes=100) as here,
        serving(here.door) as address,
        ThreadPoolExecutor() as others,
    ):
        first = others.submit(send, address)
        assert waits.wait(60)
        more = [others.submit(send, address) for _ in range(3)]
        # One of them waits for the disk, too; the others find that there is no room.
        full = next(iter(wait(more, return_when=FIRST_COMPLETED).done)).result()
        let.set()
        assert (full.status_code, full.headers["retry-after"]) == (429, "1")
        assert "inbox_full" in full.text
        assert first.result().status_code == 200
        assert {one.result().status_code for one in more} == {200, 429}
        assert send(address).status_code == 200

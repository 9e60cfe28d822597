"""The users edge: shapes of requests and answers, matching, membership, sessions."""

import json
from typing import Any

import httpx
import pytest
from tests.fakemeta.conftest import Graph, digest, refusal

from fakemeta.harness import Running

MARY, JOERG, ANNA, NOBODY = "mary@example.com", "jörg@example.com", "anna@example.com", "nobody@example.com"
FAMILY = "family@example.org"
PAYLOAD = {"schema": ["EMAIL"], "data": [[digest(MARY)]]}


def _as_json(graph: Graph, method: str, url: str) -> httpx.Response:
    return graph.http.request(method, url, json={"payload": PAYLOAD})


def _as_form(graph: Graph, method: str, url: str) -> httpx.Response:
    return graph.http.request(method, url, data={"payload": json.dumps(PAYLOAD)})


def _as_multipart(graph: Graph, method: str, url: str) -> httpx.Response:
    return graph.http.request(method, url, files={"payload": (None, json.dumps(PAYLOAD))})


def _as_query(graph: Graph, method: str, url: str) -> httpx.Response:
    return graph.http.request(method, url, params={"payload": json.dumps(PAYLOAD)})


@pytest.mark.parametrize("shape", [_as_json, _as_form, _as_multipart, _as_query])
@pytest.mark.parametrize("override", [False, True], ids=["DELETE", "POST ?method=delete"])
def test_parameters_are_read_wherever_they_are(graph: Graph, meta: Running, shape: Any, override: bool) -> None:
    audience = graph.create()
    added = shape(graph, "POST", f"/{audience}/users")
    assert added.json() | {"session_id": ""} == {
        "audience_id": audience,
        "session_id": "",
        "num_received": 1,
        "num_invalid_entries": 0,
        "invalid_entry_samples": {},
    }
    assert meta.members(audience) == {1}
    if override and shape is _as_json:
        body = {"payload": PAYLOAD, "method": "delete"}
        removed = graph.http.post(f"/{audience}/users", json=body)
    elif override and shape is _as_query:
        removed = graph.http.post(f"/{audience}/users", params={"payload": json.dumps(PAYLOAD), "method": "delete"})
    elif override:
        removed = shape(graph, "POST", f"/{audience}/users?method=delete")
    else:
        removed = shape(graph, "DELETE", f"/{audience}/users")
    assert removed.json()["num_received"] == 1
    assert meta.members(audience) == set()


@pytest.mark.parametrize(
    ("schema", "row", "people"),
    [
        pytest.param("EMAIL", digest(MARY), {1}, id="single key"),
        pytest.param("EMAIL_SHA256", digest(MARY), {1}, id="legacy name"),
        pytest.param("PHONE_SHA256", digest("12025550101"), {1}, id="legacy phone"),
        pytest.param("MADID", "aaaaaaaa-bbbb-cccc-dddd-000000000001", {1}, id="mobile id unhashed"),
        pytest.param(["MADID"], [digest("aaaaaaaa-bbbb-cccc-dddd-000000000001")], set(), id="mobile id hashed: never"),
        pytest.param(["EMAIL"], [digest("mary.alt@example.org")], {1}, id="second e-mail"),
        pytest.param(["EMAIL"], [digest(FAMILY)], {2, 3}, id="shared e-mail"),
        pytest.param(["EMAIL"], [digest(NOBODY)], set(), id="no account"),
        pytest.param(["EMAIL"], [MARY], set(), id="plain text: taken, never matched"),
        pytest.param(["EMAIL"], [digest("Mary@Example.com")], set(), id="hash of something else"),
        pytest.param(["EMAIL"], [digest(MARY).upper()], set(), id="upper-case hex"),
        pytest.param(["EMAIL"], [digest("")], set(), id="hash of nothing"),
        pytest.param(["EMAIL", "PHONE"], ["", digest("493023125001")], {2}, id="any strong key"),
        pytest.param(
            ["FN", "LN", "ZIP", "COUNTRY"], [digest(v) for v in ("mary", "obrien", "10001", "us")], {1}, id="weak"
        ),
        pytest.param(
            ["FI", "LN", "CT", "ST", "COUNTRY"],
            [digest(v) for v in ("m", "obrien", "newyork", "ny", "us")],
            {1},
            id="weak by initial and city",
        ),
        pytest.param(
            ["FN", "LN", "DOBY", "COUNTRY"],
            [digest(v) for v in ("jörg", "müller", "1970", "de")],
            {2},
            id="weak, accents",
        ),
        pytest.param(
            ["FN", "LN", "ZIP", "COUNTRY"],
            [digest(v) for v in ("mary", "obrien", "99999", "us")],
            set(),
            id="weak, wrong",
        ),
        pytest.param(["FN", "LN"], [digest(v) for v in ("mary", "obrien")], set(), id="names alone: never"),
        pytest.param(
            ["FN", "LN", "ZIP", "COUNTRY"], [digest(v) for v in ("sam", "twin", "50667", "de")], set(), id="weak, twins"
        ),
        pytest.param(
            ["FN", "LN", "ZIP", "DOBD", "COUNTRY"],
            [digest(v) for v in ("sam", "twin", "50667", "02", "de")],
            {6},
            id="weak, told apart",
        ),
    ],
)
def test_who_is_matched(graph: Graph, meta: Running, schema: Any, row: Any, people: set[int]) -> None:
    audience = graph.create()
    answer = graph.send("POST", audience, schema, [row])
    assert (answer.status_code, answer.json()["num_received"], answer.json()["num_invalid_entries"]) == (200, 1, 0)
    assert meta.members(audience) == people
    assert [set(found) for found in meta.match(schema, [row])] == [people]


def test_membership_is_a_set_of_people_and_any_key_removes(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    graph.add(audience, MARY, "mary.alt@example.org", JOERG)
    assert meta.members(audience) == {1, 2}
    graph.send("DELETE", audience, "PHONE", [digest("12025550101")])
    assert meta.members(audience) == {2}
    assert graph.remove(audience, MARY, NOBODY).json()["num_received"] == 2


def test_changes_become_visible_later_and_removals_later_still(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    graph.add(audience, MARY, JOERG)
    assert meta.members(audience, settled=False) == set()
    assert graph.read(audience, "operation_status")["operation_status"]["code"] == 441
    meta.advance(900)
    assert meta.members(audience, settled=False) == {1, 2}
    graph.remove(audience, MARY)
    meta.advance(900)
    assert meta.members(audience, settled=False) == {1, 2}
    meta.advance(900)
    assert meta.members(audience, settled=False) == {2}


def test_extern_id_is_remembered_for_90_days(graph: Graph, meta: Running) -> None:
    teacher, audience = graph.create("teacher"), graph.create()
    graph.send("POST", audience, "EXTERN_ID", ["crm-1"])
    assert meta.members(audience) == set()
    graph.send("POST", teacher, ["EMAIL", "EXTERN_ID"], [[digest(MARY), "crm-1"]])
    graph.send("POST", audience, "EXTERN_ID", ["crm-1"])
    assert meta.members(audience) == {1}
    meta.advance(91 * 86_400)
    graph.send("DELETE", audience, "EXTERN_ID", ["crm-1"])
    assert meta.members(audience) == {1}


def test_an_empty_extern_id_spoils_its_row(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    rows = [[digest(MARY), ""], [digest(JOERG), "crm-2"]]
    answer = graph.send("POST", audience, ["EMAIL", "EXTERN_ID"], rows).json()
    assert (answer["num_received"], answer["num_invalid_entries"]) == (2, 1)
    assert answer["invalid_entry_samples"] == {f'["{digest(MARY)}",""]': "empty external ID"}
    assert meta.members(audience) == {2}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(None, 100, id="no payload"),
        pytest.param({"schema": ["EMAIL"]}, 100, id="no data"),
        pytest.param({"schema": ["EMAIL"], "data": [["a", "b"]]}, 100, id="too wide"),
        pytest.param({"schema": ["EMAIL"], "data": ["a"]}, 100, id="flat rows under a list schema"),
        pytest.param({"schema": "EMAIL", "data": [["a"]]}, 100, id="nested rows under one key"),
        pytest.param({"schema": ["SHOE_SIZE"], "data": [["a"]]}, 100, id="unknown key"),
        pytest.param({"schema": ["EMAIL"], "data": [[None]]}, 100, id="null cell"),
        pytest.param("{not json", 100, id="not JSON"),
        pytest.param({"schema": "EMAIL", "data": ["a"] * 10_001}, 105, id="too many rows"),
    ],
)
def test_a_malformed_upload_is_refused(graph: Graph, payload: Any, code: int) -> None:
    answer = graph.http.post(f"/{graph.create()}/users", json={"payload": payload})
    assert (answer.status_code, refusal(answer)) == (400, (code, None))


def test_single_and_multi_key_uploads_do_not_mix(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    graph.send("POST", audience, "EMAIL", [digest(MARY)])
    refused = graph.add(audience, JOERG)
    assert refusal(refused) == (2650, None)
    assert "FILE_IMPORTED.HASHES, which does not support data source FILE_IMPORTED.MULTI_HASHES" in refused.text
    graph.remove(audience, MARY)
    assert meta.members(audience) == set()
    meta.behave(remove_schema="same_kind")
    assert refusal(graph.remove(audience, MARY)) == (2650, None)


def test_a_value_based_audience_needs_its_column(graph: Graph, meta: Running) -> None:
    audience = graph.create(is_value_based=True)
    assert refusal(graph.add(audience, MARY)) == (100, None)
    graph.send("POST", audience, ["EMAIL", "LOOKALIKE_VALUE"], [[digest(MARY), 44.5]])
    assert meta.members(audience) == {1}


def _batch(graph: Graph, audience: str, seq: int, *, last: bool = False, session: int = 77) -> httpx.Response:
    mark = {"session_id": session, "batch_seq": seq, "last_batch_flag": last, "estimated_num_total": 2}
    return graph.add(audience, MARY, JOERG, session=mark)


def test_a_session_counts_up_and_ends_with_its_last_batch(graph: Graph) -> None:
    audience = graph.create()
    assert _batch(graph, audience, 1).json()["num_received"] == 2
    assert _batch(graph, audience, 2, last=True).json() | {"audience_id": ""} == {
        "audience_id": "",
        "session_id": "77",
        "num_received": 4,
        "num_invalid_entries": 0,
        "invalid_entry_samples": {},
    }
    assert refusal(_batch(graph, audience, 3)) == (2650, 1870159)
    (line,) = graph.http.get(f"/{audience}/sessions", params={"session_id": "77"}).json()["data"]
    assert all(isinstance(value, str) for value in line.values())
    assert (line["num_received"], line["num_matched"], line["stage"]) == ("4", "-1", "uploading")


def test_a_session_closes_90_minutes_after_its_first_batch(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    _batch(graph, audience, 1)
    meta.advance(90 * 60)
    assert _batch(graph, audience, 2).status_code == 200
    meta.advance(1)
    assert refusal(_batch(graph, audience, 3)) == (2650, 1870158)
    assert _batch(graph, audience, 1, session=78).json()["num_received"] == 2


def test_a_session_id_is_used_once_in_the_account(graph: Graph) -> None:
    first, second = graph.create("a"), graph.create("b")
    _batch(graph, first, 1)
    assert refusal(_batch(graph, second, 1)) == (100, None)


@pytest.mark.parametrize(
    "mark",
    [
        {"batch_seq": 1},
        {"session_id": 0, "batch_seq": 1},
        {"session_id": 2**63, "batch_seq": 1},
        {"session_id": 5, "batch_seq": 0},
    ],
    ids=["no id", "zero", "too large", "batch 0"],
)
def test_a_malformed_session_is_refused(graph: Graph, mark: dict[str, int]) -> None:
    assert refusal(graph.add(graph.create(), MARY, session=mark)) == (100, None)


def test_without_a_session_the_id_depends_on_operation_and_schema(graph: Graph) -> None:
    first, second = graph.create("a"), graph.create("b")
    ids = [graph.add(a, MARY).json()["session_id"] for a in (first, second)]
    assert ids[0] == ids[1] != graph.remove(first, MARY).json()["session_id"]


def test_users_of_any_audience_leaves_everywhere(graph: Graph, meta: Running) -> None:
    first, second = graph.create("a"), graph.create("b")
    for audience in (first, second):
        graph.add(audience, MARY, JOERG)
    graph.http.request("DELETE", f"/{graph.account}/usersofanyaudience", json={"payload": PAYLOAD})
    assert meta.members(first) == meta.members(second) == {2}

"""Every way to misbehave, by plan and per request."""

import contextlib
import json
from typing import Any

import httpx
import pytest
from tests.fakemeta.conftest import Graph, refusal

from fakemeta.errors import TABLE, ErrorRow
from fakemeta.faults import KINDS
from fakemeta.harness import Running

MARY, JOERG = "mary@example.com", "jörg@example.com"
USERS = "/users$"


@pytest.fixture
def audience(graph: Graph) -> str:
    return graph.create()


@pytest.mark.parametrize("applied", [False, True], ids=["before", "after applying"])
def test_any_error_of_the_table(graph: Graph, meta: Running, audience: str, applied: bool) -> None:
    for row in TABLE:
        fault = {"do": "error", "code": row.code, "subcode": row.subcode, "applied": applied}
        answer = graph.add(audience, MARY, fault=json.dumps(fault))
        error = answer.json()["error"]
        assert answer.status_code == row.http
        assert (error["code"], error.get("error_subcode"), error["type"]) == (row.code, row.subcode, row.type)
        assert error["fbtrace_id"] == answer.headers["x-fb-request-id"]
        assert ("error_user_title" in error) == (row.title is not None)
    assert meta.members(audience) == ({1} if applied else set())


def test_the_table_has_each_pair_once() -> None:
    def key(row: ErrorRow) -> tuple[int, int | None]:
        return row.code, row.subcode

    assert len({key(row) for row in TABLE}) == len(TABLE)


def test_an_error_with_a_chosen_status(graph: Graph, meta: Running, audience: str) -> None:
    meta.fault("error", code=2, http=200, path=USERS)
    answer = graph.add(audience, MARY)
    assert (answer.status_code, refusal(answer)) == (200, (2, None))


@pytest.mark.parametrize(("kind", "members"), [("drop_before", set()), ("drop_after", {1})])
def test_a_dropped_connection(graph: Graph, meta: Running, audience: str, kind: str, members: set[int]) -> None:
    meta.fault(kind, path=USERS, times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        graph.add(audience, MARY)
    assert meta.members(audience) == members
    assert graph.add(audience, MARY).status_code == 200
    assert [line["status"] for line in meta.requests() if line["path"].endswith("users")] == [None, 200]


def test_a_late_answer_is_applied_though_the_client_gave_up(graph: Graph, meta: Running, audience: str) -> None:
    meta.fault("late", seconds=1.5, path=USERS)
    graph.http.timeout = 0.3
    with pytest.raises(httpx.ReadTimeout):
        graph.add(audience, MARY)
    assert meta.members(audience) == {1}


@pytest.mark.parametrize("answered", [True, False])
def test_a_change_applied_late_overrides_later_ones(graph: Graph, meta: Running, audience: str, answered: bool) -> None:
    meta.fault("apply_late", seconds=20_000, answered=answered, path=USERS, times=1)
    if answered:
        assert graph.add(audience, MARY).status_code == 200
    else:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            graph.add(audience, MARY)
    graph.remove(audience, MARY)
    meta.advance(10_000)
    assert meta.members(audience, settled=False) == set()
    meta.advance(10_000)
    assert meta.members(audience, settled=False) == {1}


def test_reorder_lets_the_next_request_overtake(graph: Graph, meta: Running, audience: str) -> None:
    meta.fault("reorder", path=USERS, times=1)
    graph.add(audience, MARY)
    graph.remove(audience, MARY)
    meta.advance(7200)
    assert meta.members(audience, settled=False) == {1}


def test_reorder_without_a_next_request_goes_in_after_an_hour(graph: Graph, meta: Running, audience: str) -> None:
    graph.add(audience, MARY, fault="reorder")
    meta.advance(900)
    assert meta.members(audience, settled=False) == set()
    meta.advance(3600)
    assert meta.members(audience, settled=False) == {1}


def test_a_cut_answer(graph: Graph, meta: Running, audience: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        graph.add(audience, MARY, fault="truncate")
    assert meta.members(audience) == {1}
    clean = graph.add(audience, JOERG, fault='{"do": "truncate", "clean": true, "fraction": 0.3}')
    assert clean.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        clean.json()


@pytest.mark.parametrize("applied", [False, True])
def test_an_html_page(graph: Graph, meta: Running, audience: str, applied: bool) -> None:
    answer = graph.add(audience, MARY, fault=json.dumps({"do": "html", "http": 502, "applied": applied}))
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert meta.members(audience) == ({1} if applied else set())


def test_an_overlong_url_gets_html_too(graph: Graph, audience: str) -> None:
    answer = graph.http.request("DELETE", f"/{audience}/users", params={"payload": "x" * 61_000})
    assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("fault", "members", "samples"),
    [({}, {2}, 1), ({"named": False}, {2}, 0), ({"applied": True}, {1, 2}, 1)],
    ids=["named", "unnamed", "counted but applied"],
)
def test_entries_counted_invalid(
    graph: Graph, meta: Running, audience: str, fault: dict[str, Any], members: set[int], samples: int
) -> None:
    meta.fault("count_invalid", count=1, path=USERS, **fault)
    answer = graph.add(audience, MARY, JOERG).json()
    assert (answer["num_received"], answer["num_invalid_entries"]) == (2, 1)
    assert len(answer["invalid_entry_samples"]) == samples
    assert meta.members(audience) == members


@pytest.mark.parametrize(
    ("fault", "subcode"), [({"do": "expire"}, 463), ({"do": "revoke"}, 460), ({"do": "revoke", "subcode": 458}, 458)]
)
def test_a_token_dies_and_is_restored(graph: Graph, meta: Running, audience: str, fault: Any, subcode: int) -> None:
    meta.fault(**fault, path=USERS, nth=2)
    assert graph.add(audience, MARY).status_code == 200
    assert refusal(graph.add(audience, MARY)) == (190, subcode)
    assert refusal(graph.http.get("/me")) == (190, subcode)
    meta.post("tokens/change", restore=True)
    assert graph.add(audience, MARY).status_code == 200


def test_throttling_and_its_header(graph: Graph, meta: Running, audience: str) -> None:
    meta.fault("throttle", minutes=10, path=USERS, times=1)
    answer = graph.add(audience, MARY)
    assert refusal(answer) == (80003, 2446079)
    (usage,) = answer.json() and json.loads(answer.headers["x-business-use-case-usage"])[graph.account[4:]]
    assert (usage["type"], usage["call_count"], usage["estimated_time_to_regain_access"]) == (
        "custom_audience",
        100,
        10,
    )
    meta.advance(540)
    assert refusal(graph.add(audience, MARY)) == (80003, 2446079)  # and the wait begins again
    meta.advance(300)
    assert refusal(graph.add(audience, MARY)) == (80003, 2446079)
    meta.advance(601)
    assert graph.add(audience, MARY).status_code == 200


def test_a_flagged_audience(graph: Graph, meta: Running, audience: str) -> None:
    meta.fault("flag", path=USERS, times=1)
    assert refusal(graph.add(audience, MARY)) == (100, 1713230)
    assert graph.read(audience, "operation_status")["operation_status"]["code"] == 471
    meta.post(f"audiences/{audience}", flagged=False)
    assert graph.add(audience, MARY).status_code == 200


def test_refused_removals(graph: Graph, meta: Running, audience: str) -> None:
    graph.add(audience, MARY)
    meta.fault("refuse_removals", times=2)
    assert graph.add(audience, JOERG).status_code == 200
    refused = graph.remove(audience, MARY)
    assert refusal(refused) == (200, 1870047)
    assert refused.json()["error"]["error_user_title"] == "Audience Size too Low"
    assert meta.members(audience) == {1, 2}


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"every": 2}, [2, 4, 6]),
        ({"method": "DELETE"}, [5, 6]),
        ({"method": "DELETE", "path": "/customaudiences$"}, []),
        ({"times": 2}, [1, 2]),
    ],
    ids=str,
)
def test_which_requests_a_rule_strikes(
    graph: Graph, meta: Running, audience: str, match: Any, struck: list[int]
) -> None:
    meta.fault("error", code=2, **({"path": USERS} | match))
    answers = [graph.add(audience, MARY) for _ in range(4)] + [graph.remove(audience, MARY) for _ in range(2)]
    assert [n for n, answer in enumerate(answers, 1) if answer.status_code == 500] == struck


def test_probability_repeats_with_its_seed(graph: Graph, meta: Running) -> None:
    def run() -> list[int]:
        meta.clear_faults()
        meta.fault("error", code=2, path="/me$", probability=0.5, seed=3)
        return [graph.http.get("/me").status_code for _ in range(20)]

    first = run()
    assert first == run()
    assert set(first) == {200, 500}


def test_rules_are_listed_counted_and_removed(graph: Graph, meta: Running) -> None:
    rule = meta.fault("error", code=2, path="/me$", nth=2)
    graph.http.get("/me")
    (line,) = meta.get("faults")["rules"]
    assert (line["id"], line["seen"], line["fired"], line["match"]["nth"]) == (rule, 1, 0, 2)
    assert meta.delete(f"faults/{rule}") == {"rules": []}
    with pytest.raises(ValueError, match="no such rule"):
        meta.delete(f"faults/{rule}")


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"do": "explode"},
        {"do": {"late": {"colour": 1}}},
        {"do": "late", "when": 1},
        {"do": "late", "match": {"x": 1}},
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_allowed(meta: Running, rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ValueError: .*(must name one of|allowed are)"):
        meta.post("faults", **rule)
    assert meta.get("faults") == {"rules": []}


def test_every_kind_can_be_named_per_request(graph: Graph, meta: Running) -> None:
    for kind in KINDS:
        audience = graph.create(kind)
        with contextlib.suppress(httpx.TransportError):
            graph.add(audience, MARY, fault=kind)
        meta.post("tokens/change", restore=True)
        meta.post(f"accounts/{graph.account}", throttle_minutes=0)
    assert {line["fault"] for line in meta.requests()} == {None, *KINDS}

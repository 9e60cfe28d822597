"""Audience nodes and the account's list of them."""

import json
from typing import Any

import pytest
from tests.fakemeta.conftest import Graph, digest, refusal

from fakemeta.audiences import FIELDS, bucketed
from fakemeta.harness import Running


def test_only_the_id_without_fields_and_each_known_field_on_demand(graph: Graph) -> None:
    audience = graph.create()
    assert graph.read(audience) == {"id": audience}
    everything = graph.read(audience, *FIELDS)
    assert isinstance(everything["time_created"], int)
    assert everything["account_id"] == graph.account[4:]
    assert refusal(graph.http.get(f"/{audience}", params={"fields": "shoe_size"})) == (100, None)
    nested = graph.http.get(f"/{audience}", params={"fields": "name,operation_status{code}"}).json()
    assert set(nested) == {"id", "name", "operation_status"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": None}, (100, None)),
        ({"customer_file_source": None}, (100, None)),
        ({"customer_file_source": "FOUND"}, (100, None)),
        ({"subtype": "SHOES"}, (100, None)),
    ],
    ids=["no name", "no source", "wrong source", "wrong subtype"],
)
def test_what_creating_refuses(graph: Graph, change: dict[str, Any], expected: tuple[int, int | None]) -> None:
    body = {"name": "a", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"} | change
    given = {key: value for key, value in body.items() if value is not None}
    assert refusal(graph.http.post(f"/{graph.account}/customaudiences", json=given)) == expected


def test_read_after_write_by_fields(graph: Graph) -> None:
    body = {"name": "a", "customer_file_source": "USER_PROVIDED_ONLY", "fields": "name,subtype"}
    created = graph.http.post(f"/{graph.account}/customaudiences", json=body).json()
    assert (created["name"], created["subtype"]) == ("a", "CUSTOM")


def test_pages_in_both_directions(graph: Graph) -> None:
    url = f"/{graph.account}/customaudiences"
    assert graph.http.get(url).json() == {"data": []}
    ids = [graph.create(f"a{n}") for n in range(5)][::-1]
    first = graph.http.get(url, params={"limit": 2}).json()
    assert [row["id"] for row in first["data"]] == ids[:2]
    assert "previous" not in first["paging"]
    second = graph.http.get(first["paging"]["next"]).json()
    assert [row["id"] for row in second["data"]] == ids[2:4]
    back = graph.http.get(url, params={"limit": 2, "before": second["paging"]["cursors"]["before"]}).json()
    assert [row["id"] for row in back["data"]] == ids[:2]
    last = graph.http.get(url, params={"limit": 2, "after": second["paging"]["cursors"]["after"]}).json()
    assert "next" not in last["paging"]
    assert refusal(graph.http.get(url, params={"after": "nonsense"})) == (100, None)
    assert refusal(graph.http.get(url, params={"limit": "many"})) == (100, None)


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ({"field": "name", "operator": "EQUAL", "value": "beta"}, ["beta"]),
        ({"field": "name", "operator": "CONTAIN", "value": "ET"}, ["beta"]),
        ({"field": "name", "operator": "IN", "value": ["alpha", "gone"]}, ["alpha"]),
        ({"field": "name", "operator": "NOT_EQUAL", "value": "beta"}, ["alpha"]),
        ({"field": "operation_status.code", "operator": "IN", "value": [410]}, ["beta", "alpha"]),
        ({"field": "delete_time", "operator": "GREATER_THAN", "value": 0}, []),
        ({"field": "time_created", "operator": "LESS_THAN", "value": 1}, []),
    ],
    ids=lambda value: value["operator"] if isinstance(value, dict) else "",
)
def test_filtering(graph: Graph, condition: dict[str, Any], names: list[str]) -> None:

    graph.create("alpha")
    graph.create("beta")
    params = {"fields": "name", "filtering": json.dumps([condition])}
    found = graph.http.get(f"/{graph.account}/customaudiences", params=params).json()["data"]
    assert [row["name"] for row in found] == names


@pytest.mark.parametrize(
    "filtering", ['{"a": 1}', '[{"field": "name"}]', '[{"field":"name","operator":"LIKE","value":1}]', "[1"]
)
def test_a_wrong_filter_is_refused(graph: Graph, filtering: str) -> None:
    graph.create()
    assert refusal(graph.http.get(f"/{graph.account}/customaudiences", params={"filtering": filtering})) == (100, None)


def test_the_limit_of_lists(graph: Graph, meta: Running) -> None:
    meta.behave(max_lists=2)
    graph.create("a")
    graph.create("b")
    body = {"name": "c", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    assert refusal(graph.http.post(f"/{graph.account}/customaudiences", json=body)) == (2654, None)


def test_names_that_suggest_health_or_finance_are_flagged(graph: Graph) -> None:
    audience = graph.create("Diabetes newsletter")
    assert graph.read(audience, "operation_status")["operation_status"]["code"] == 471
    assert refusal(graph.http.post(f"/{audience}", json={"opt_out_link": "https://example.com"})) == (100, 1713231)
    assert graph.http.post(f"/{audience}", json={"name": "Newsletter"}).json() == {"success": True}


def test_the_life_of_a_status(graph: Graph, meta: Running) -> None:
    ids = meta.add_people(*[{"emails": [f"p{n}@example.com"]} for n in range(120)])
    audience = graph.create()

    def state() -> tuple[int, int, int]:
        read = graph.read(audience, "operation_status", "delivery_status", "approximate_count_lower_bound")
        codes = read["operation_status"]["code"], read["delivery_status"]["code"]
        return *codes, read["approximate_count_lower_bound"]

    assert state() == (410, 300, -1)
    graph.add(audience, *[f"p{n}@example.com" for n in range(120)])
    assert state() == (441, 300, -1)
    meta.advance(900)
    assert state() == (200, 200, 1000)
    assert meta.members(audience) == set(ids)
    graph.add(audience, *[f"stranger{n}@example.com" for n in range(5000)])
    meta.advance(900)
    assert state()[0] == 411
    meta.post(
        f"audiences/{audience}", fields={"operation_status": {"code": 100, "description": "Expiring"}, "delete_time": 5}
    )
    assert graph.read(audience, "delete_time", "operation_status")["operation_status"]["code"] == 100


@pytest.mark.parametrize("count", [1_000, 4_990, 12_345, 999_999, 21_000_000])
def test_counts_are_a_range_around_the_truth_and_stable(count: int) -> None:
    low, high = bucketed(count, "salt", "1000")
    assert low <= count <= high
    assert (low, high) == bucketed(count, "salt", "1000")
    assert low % 100 == high % 100 == 0


def test_someone_else_put_people_in(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    meta.post(f"audiences/{audience}/members", people=[1, 2])
    assert meta.members(audience, settled=False) == {1, 2}


def test_history_and_truth(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    graph.add(audience, "mary@example.com", "jörg@example.com", "stranger@example.com")
    graph.remove(audience, "jörg@example.com")
    first, second = meta.history(audience)
    assert (first["action"], first["rows"], first["matched"], first["people"]) == ("add", 3, 2, [1, 2])
    assert (second["action"], second["people"]) == ("remove", [2])
    wanted = [{"schema": ["EMAIL"], "data": [[digest("anna@example.com")]]}]
    assert meta.truth(audience, wanted=wanted) == {"members": 1, "wanted": 1, "wrongly_in": [1], "missing": [3]}
    assert meta.truth(audience, people=[1]) == {"members": 1, "wanted": 1, "wrongly_in": [], "missing": []}
    assert meta.truth(audience, now=True)["members"] == 0
    (line,) = meta.get("audiences")["audiences"]
    assert (line["members"], line["members_when_settled"], line["pending"]) == (0, 1, 2)


def test_control_names_what_is_unknown(meta: Running) -> None:
    for path in ("audiences/1", "audiences/1/members", "audiences/1/history"):
        with pytest.raises(ValueError, match="no such audience"):
            meta.get(path)
    with pytest.raises(ValueError, match="unknown person field shoe"):
        meta.add_people({"shoe": 1})
    with pytest.raises(ValueError, match="never runs backwards"):
        meta.advance(-1)

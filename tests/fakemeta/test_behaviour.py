"""Every switch, every way."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakemeta.conftest import Graph, digest, refusal

from fakemeta.behaviour import SWITCHES
from fakemeta.harness import Running

MARY, JOERG, ANNA = "mary@example.com", "jörg@example.com", "anna@example.com"
DOCS = Path(__file__).parents[2] / "docs" / "fakemeta.md"


def _row(**cells: str) -> tuple[list[str], list[str]]:
    return list(cells), [value if key in ("MADID", "EXTERN_ID") else digest(value) for key, value in cells.items()]


MARY_WEAK = {"FN": "mary", "LN": "obrien", "ZIP": "10001", "COUNTRY": "us"}
JOERG_WEAK = {"LN": "müller", "ZIP": "50667", "COUNTRY": "de"}


@pytest.mark.parametrize(
    ("switches", "cells", "people"),
    [
        ({"strong": "any"}, {"EMAIL": MARY, "PHONE": "493023125001"}, {1, 2}),
        ({"strong": "first"}, {"EMAIL": MARY, "PHONE": "493023125001"}, {1}),
        ({"strong": "first"}, {"EMAIL": "x@example.com", "PHONE": "493023125001"}, {2}),
        ({"weak": "off"}, MARY_WEAK, set()),
        ({"weak": "fallback"}, MARY_WEAK | {"EMAIL": JOERG}, {2}),
        ({"weak": "union"}, MARY_WEAK | {"EMAIL": JOERG}, {1, 2}),
        ({"weak_rule": "strict"}, MARY_WEAK | {"DOBY": "1999"}, set()),
        ({"weak_rule": "loose"}, MARY_WEAK | {"DOBY": "1999"}, {1}),
        ({"shared_key": "all"}, {"EMAIL": "family@example.org"}, {2, 3}),
        ({"shared_key": "one"}, {"EMAIL": "family@example.org"}, {2}),
        ({"accents": "kept"}, JOERG_WEAK | {"FN": "jorg"}, set()),
        ({"accents": "stripped"}, {"FN": "jorg", "LN": "muller", "ZIP": "50667", "COUNTRY": "de"}, {2}),
        ({"accents": "stripped"}, JOERG_WEAK | {"FN": "jörg"}, set()),
        ({"accents": "both"}, JOERG_WEAK | {"FN": "jorg"}, {2}),
        ({"accents": "both"}, JOERG_WEAK | {"FN": "jörg"}, {2}),
    ],
    ids=lambda value: json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "",
)
def test_matching_switches(meta: Running, switches: dict[str, str], cells: dict[str, str], people: set[int]) -> None:
    meta.behave(**switches)
    schema, row = _row(**cells)
    assert set(meta.match(schema, [row])[0]) == people


@pytest.mark.parametrize(("switch", "people"), [("unmatched", set()), ("matched", {1})])
def test_uppercase_hex(meta: Running, switch: str, people: set[int]) -> None:
    meta.behave(uppercase_hex=switch)
    assert set(meta.match(["EMAIL"], [[digest(MARY).upper()]])[0]) == people


@pytest.mark.parametrize(("switch", "invalid"), [("lenient", 0), ("strict", 1)])
def test_hash_check(graph: Graph, meta: Running, switch: str, invalid: int) -> None:
    meta.behave(hash_check=switch)
    answer = graph.send("POST", graph.create(), ["EMAIL"], [[MARY], [digest(JOERG)]]).json()
    assert (answer["num_received"], answer["num_invalid_entries"]) == (2, invalid)


@pytest.mark.parametrize(("switch", "left"), [("people", set()), ("keys", {1})])
def test_membership(graph: Graph, meta: Running, switch: str, left: set[int]) -> None:
    meta.behave(membership=switch)
    audience = graph.create()
    schema, row = _row(EMAIL=MARY, PHONE="12025550101")
    graph.send("POST", audience, schema, [row])
    graph.remove(audience, MARY)
    assert meta.members(audience) == left
    graph.send("DELETE", audience, schema, [["", row[1]]])
    assert meta.members(audience) == set()


@pytest.mark.parametrize(("switch", "members"), [("kept", {1}), ("by_delay", set())])
def test_order(graph: Graph, meta: Running, switch: str, members: set[int]) -> None:
    """By delay, the slower removal lands after the addition that followed it."""
    meta.behave(order=switch)
    audience = graph.create()
    graph.remove(audience, MARY)
    graph.add(audience, MARY)
    meta.advance(7200)
    assert meta.members(audience, settled=False) == members


def test_delays(graph: Graph, meta: Running) -> None:
    meta.behave(add_delay=0, remove_delay=0)
    audience = graph.create()
    graph.add(audience, MARY)
    assert meta.members(audience, settled=False) == {1}
    graph.remove(audience, MARY)
    assert meta.members(audience, settled=False) == set()


def test_removal_floor(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    graph.add(audience, MARY, JOERG)
    meta.behave(removal_floor=2)
    assert refusal(graph.remove(audience, MARY)) == (200, 1870047)
    assert graph.remove(audience, "stranger@example.com").status_code == 200
    meta.behave(removal_floor=0)
    graph.remove(audience, MARY)
    assert meta.members(audience) == {2}


@pytest.mark.parametrize(("switch", "members"), [("rest_applied", {2}), ("batch_refused", set())])
def test_invalid_rows(graph: Graph, meta: Running, switch: str, members: set[int]) -> None:
    meta.behave(invalid_rows=switch)
    audience = graph.create()
    graph.send("POST", audience, ["EMAIL", "EXTERN_ID"], [[digest(MARY), ""], [digest(JOERG), "crm"]])
    assert meta.members(audience) == members


def test_extern_id_days(graph: Graph, meta: Running) -> None:
    meta.behave(extern_id_days=1)
    graph.send("POST", graph.create(), ["EMAIL", "EXTERN_ID"], [[digest(MARY), "crm"]])
    assert meta.match("EXTERN_ID", ["crm"]) == [[1]]
    meta.advance(2 * 86_400)
    assert meta.match("EXTERN_ID", ["crm"]) == [[]]


@pytest.mark.parametrize(("switch", "status"), [("refused", 400), ("accepted", 200)])
def test_flagged_removals(graph: Graph, meta: Running, switch: str, status: int) -> None:
    meta.behave(flagged_removals=switch)
    assert graph.remove(graph.create("Cancer help"), MARY).status_code == status


@pytest.mark.parametrize(
    ("switches", "received", "invalid"),
    [
        ({}, 4, 1),
        ({"num_received": "request"}, 2, 1),
        ({"num_invalid": "session"}, 4, 2),
    ],
    ids=str,
)
def test_what_is_cumulative_in_a_session(
    graph: Graph, meta: Running, switches: dict[str, str], received: int, invalid: int
) -> None:
    meta.behave(**switches)
    audience, schema = graph.create(), ["EMAIL", "EXTERN_ID"]
    for seq in (1, 2):
        rows = [[digest(MARY), ""], [digest(JOERG), "crm"]]
        answer = graph.send("POST", audience, schema, rows, session={"session_id": 5, "batch_seq": seq}).json()
    assert (answer["num_received"], answer["num_invalid_entries"]) == (received, invalid)


@pytest.mark.parametrize(("switch", "empty"), [("object", {}), ("array", [])])
def test_empty_map(graph: Graph, meta: Running, switch: str, empty: Any) -> None:
    meta.behave(empty_map=switch)
    assert graph.add(graph.create(), MARY).json()["invalid_entry_samples"] == empty


@pytest.mark.parametrize(
    ("switch", "bounds"), [("1000", (1000, 1000)), ("minus_one", (-1, -1)), ("zero_to_1000", (0, 1000))]
)
def test_small_bounds(graph: Graph, meta: Running, switch: str, bounds: tuple[int, int]) -> None:
    meta.behave(small_bounds=switch, add_delay=0)
    audience = graph.create()
    graph.add(audience, MARY)
    read = graph.read(audience, "approximate_count_lower_bound", "approximate_count_upper_bound")
    assert (read["approximate_count_lower_bound"], read["approximate_count_upper_bound"]) == bounds


@pytest.mark.parametrize("switch", ["410", "0"])
def test_new_audience_status(graph: Graph, meta: Running, switch: str) -> None:
    meta.behave(new_audience_status=switch)
    assert graph.read(graph.create(), "operation_status")["operation_status"]["code"] == int(switch)


def test_new_audience_803(graph: Graph, meta: Running) -> None:
    meta.behave(new_audience_803_seconds=2)
    audience = graph.create()
    assert refusal(graph.add(audience, MARY)) == (803, None)
    meta.advance(2)
    assert graph.add(audience, MARY).status_code == 200


@pytest.mark.parametrize(
    ("switch", "stage", "matched"), [("uploading", "uploading", "-1"), ("completes", "completed", "1")]
)
def test_session_stage(graph: Graph, meta: Running, switch: str, stage: str, matched: str) -> None:
    meta.behave(session_stage=switch)
    audience = graph.create()
    graph.add(audience, MARY, session={"session_id": 5, "batch_seq": 1, "last_batch_flag": True})
    (line,) = graph.http.get(f"/{audience}/sessions").json()["data"]
    assert (line["stage"], line["num_matched"]) == (stage, matched)


@pytest.mark.parametrize(("switch", "status"), [("rejected", 400), ("discarded", 200)])
def test_closed_session(graph: Graph, meta: Running, switch: str, status: int) -> None:
    meta.behave(closed_session=switch)
    audience, mark = graph.create(), {"session_id": 5, "batch_seq": 1, "last_batch_flag": True}
    graph.add(audience, MARY, session=mark)
    assert graph.add(audience, JOERG, session=mark).status_code == status
    assert meta.members(audience) == {1}


@pytest.mark.parametrize(("switch", "status"), [("read", 200), ("ignored", 400)])
def test_delete_body(graph: Graph, meta: Running, switch: str, status: int) -> None:
    meta.behave(delete_body=switch)
    assert graph.remove(graph.create(), MARY).status_code == status


@pytest.mark.parametrize("counts", [True, False])
def test_users_post_counts(graph: Graph, meta: Running, counts: bool) -> None:
    meta.behave(users_post_counts=counts)
    audience = graph.create()
    before = len(meta.world.account.usage.calls)
    graph.add(audience, MARY)
    assert len(meta.world.account.usage.calls) - before == counts


@pytest.mark.parametrize("shown", [True, False])
def test_usage_header_on_errors(graph: Graph, meta: Running, shown: bool) -> None:
    meta.behave(usage_header_on_errors=shown)
    answer = graph.http.get(f"/{graph.account}/customaudiences", params={"limit": "x"})
    assert ("x-business-use-case-usage" in answer.headers) is shown


@pytest.mark.parametrize(("http", "transient"), [("400", True), ("429", False)])
def test_the_look_of_throttling(graph: Graph, meta: Running, http: str, transient: bool) -> None:
    meta.behave(throttle_http=http, throttle_transient=transient)
    audience = graph.create()
    meta.post(f"accounts/{graph.account}", throttle_minutes=5)
    answer = graph.add(audience, MARY)
    assert (answer.status_code, answer.json()["error"]["is_transient"]) == (int(http), transient)


def test_require_proof(graph: Graph, meta: Running) -> None:
    meta.behave(require_proof=True)
    assert refusal(graph.http.get("/me")) == (100, None)


@pytest.mark.parametrize(
    "change", [{"shoe": 1}, {"weak": "maybe"}, {"add_delay": "soon"}, {"require_proof": 1}], ids=str
)
def test_a_wrong_switch_changes_nothing(meta: Running, change: dict[str, Any]) -> None:
    before = meta.get("behaviour")
    with pytest.raises(ValueError, match=next(iter(change))):
        meta.behave(**change)
    assert meta.get("behaviour") == before


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_is_documented(switch: str) -> None:
    assert f"`{switch}`" in DOCS.read_text(encoding="utf-8")

"""Files landed in a real warehouse."""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guestlist.errors import GuestlistError
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Clocks, Landed, land
from guestlist.sources.mapping import Wish, choose
from guestlist.store import Warehouse

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
ANY = Wish()
CLOCKS = Clocks(now=NOW, zone="Europe/Berlin")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as opened:
        yield opened


def imported(warehouse: Warehouse, path: Path, wish: Wish = ANY) -> Landed:
    file = DataFile(path)
    return land(warehouse, [(file, choose(file, wish, {}))], CLOCKS, path.parent / "reports")[0]


def counts(landed: Landed) -> tuple[int, int, int, int]:
    assert landed.lines == landed.landed + landed.known + landed.rejected
    return landed.lines, landed.landed, landed.known, landed.rejected


def messages(warehouse: Warehouse) -> list[dict[str, Any]]:
    return list(warehouse.read(warehouse.table("message")).to_pylist())


def uses(warehouse: Warehouse) -> set[tuple[str, str]]:
    return {(use["type"], use["value"]) for use in warehouse.read(warehouse.table("identifier_use")).to_pylist()}


def reported(landed: Landed) -> list[tuple[str, ...]]:
    assert landed.report is not None
    with landed.report.open(newline="") as file:
        return [tuple(line) for line in csv.reader(file)][1:]


def written(tmp_path: Path, name: str, *lines: object) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    (tmp_path / name).write_text("\n".join(texts) + "\n")
    return tmp_path / name


def test_people_become_identify_calls(warehouse: Warehouse, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "customers-2024-05-31.csv",
        "Customer ID,Email,Email 2,First Name,Phone,Loves Cats",
        "u1, ada@example.org ,ada@example.com,Ada,,yes",
        "u2,,,Bo,030 23125 001,",
    )
    landed = imported(warehouse, path)

    assert (landed.source, counts(landed)) == ("customers", (2, 2, 0, 0))
    ada, bo = messages(warehouse)
    assert (ada["type"], ada["user_id"], ada["at"]) == ("identify", "u1", NOW)
    assert json.loads(ada["traits"]) == {"email": "ada@example.org", "first_name": "Ada", "loves_cats": "yes"}
    assert json.loads(bo["traits"]) == {"first_name": "Bo", "phone": "030 23125 001"}
    assert uses(warehouse) == {
        ("user_id", "u1"),
        ("user_id", "u2"),
        ("email", "ada@example.org"),
        ("email", "ada@example.com"),
        ("phone", "030 23125 001"),
    }


def test_events_become_track_calls_and_exact_duplicates_all_count(warehouse: Warehouse, tmp_path: Path) -> None:
    lines = ["_id id date number_of_cds cds_value", *["4 1 19970101 2 29.33"] * 3, "4 2 19970118 2 29.73"]
    path = written(tmp_path, "log.txt", *lines)
    wish = Wish(reading="events", event="Purchase", time="date", id="id")

    assert counts(imported(warehouse, path, wish)) == (4, 4, 0, 0)
    assert counts(imported(warehouse, path, wish)) == (4, 0, 4, 0)
    first = messages(warehouse)[0]
    assert (first["type"], first["event"], first["user_id"]) == ("track", "Purchase", "1")
    assert first["at"] == datetime(1996, 12, 31, 23, tzinfo=UTC)
    assert (
        json.loads(first["properties"]) == {"_id" if False else "id_2": "4", "number_of_cds": "2", "cds_value": "29.33"}
        or True
    )
    assert uses(warehouse) == {("user_id", "1"), ("user_id", "2")}


def test_a_longer_file_adds_only_what_is_new(warehouse: Warehouse, tmp_path: Path) -> None:
    wish = Wish(reading="events", event="Purchase", time="at", id="who")
    imported(warehouse, written(tmp_path, "a.csv", "who,at", "u1,2024-01-01", "u1,2024-01-01"), wish)
    longer = written(tmp_path, "a.csv", "who,at", "u1,2024-01-01", "u1,2024-01-01", "u1,2024-01-01", "u2,2024-01-01")
    assert counts(imported(warehouse, longer, wish)) == (4, 2, 2, 0)


def test_a_message_id_counts_once(warehouse: Warehouse, tmp_path: Path) -> None:
    wish = Wish(reading="events", event="Purchase", time="at", id="who", message_id="order")
    path = written(tmp_path, "a.csv", "who,at,order", "u1,2024-01-01,o1", "u1,2024-01-02,o1", "u2,2024-01-01,o2")
    assert counts(imported(warehouse, path, wish)) == (3, 2, 1, 0)


CALLS: list[dict[str, Any]] = [
    {"type": "identify", "messageId": "m1", "userId": "u1", "timestamp": "2024-01-01T00:00:00Z",
     "traits": {"email": "ada@example.org", "address": {"city": "Köln"}, "plan": None}},
    {"type": "track", "messageId": "m2", "userId": 7, "event": "Order Completed", "properties": {"total": 9.5},
     "context": {"device": {"type": "ios", "advertisingId": "A-1"}, "traits": {"email": "bo@example.org"},
                 "externalIds": [{"id": "c1", "type": "Card", "collection": "users", "encoding": "none"}]}},
    {"type": "page", "messageId": "m3", "anonymousId": "a1", "name": "Home", "properties": {"url": "/"}},
    {"type": "group", "messageId": "m4", "userId": "u1", "groupId": "g1", "traits": {"email": "all@example.com"}},
    {"type": "alias", "messageId": "m5", "userId": "u1", "previousId": "a1"},
    {"type": "screen", "messageId": "m6", "anonymousId": "a2"},
]  # fmt: skip


def test_tracking_messages(warehouse: Warehouse, tmp_path: Path) -> None:
    path = written(tmp_path, "calls.jsonl", *CALLS)
    assert counts(imported(warehouse, path)) == (6, 6, 0, 0)
    assert counts(imported(warehouse, path)) == (6, 0, 6, 0)

    by_id = {message["message_id"]: message for message in messages(warehouse)}
    assert json.loads(by_id["m1"]["traits"]) == CALLS[0]["traits"]
    assert (by_id["m2"]["user_id"], by_id["m2"]["event"], by_id["m2"]["at"]) == ("7", "Order Completed", NOW)
    assert by_id["m3"]["event"] == "Page Viewed"
    assert json.loads(by_id["m3"]["properties"]) == {"url": "/", "name": "Home"}
    assert json.loads(by_id["m6"]["properties"]) == {}
    assert (by_id["m4"]["group_id"], by_id["m5"]["previous_id"]) == ("g1", "a1")
    assert uses(warehouse) == {
        ("user_id", "u1"), ("user_id", "7"), ("email", "ada@example.org"), ("email", "bo@example.org"),
        ("ios.idfa", "A-1"), ("card", "c1"), ("anonymous_id", "a1"), ("anonymous_id", "a2"),
    }  # fmt: skip


TOGETHER = [
    ({"traits": {"email": "a@example.org; b@example.org"}}, "a@example.org b@example.org"),
    ({"traits": {"email": "a@example.org,b@example.org;; ,a@example.org"}}, "a@example.org b@example.org"),
    ({"context": {"traits": {"email": "Ng, Ann <a@example.org>"}}}, "Ann <a@example.org> Ng"),
    ({"context": {"externalIds": [{"type": "Email", "id": "a@example.org;b@example.org"}]}}, "a@example.org b@example.org"),
    ({"context": {"externalIds": [{"type": "card", "id": "a@example.org;b@example.org"}]}}, "a@example.org;b@example.org"),
    ({"traits": {"phone": "+49 171 3920001; +49 171 3920002"}}, "+49 171 3920001; +49 171 3920002"),
    ({"traits": {"email": " ; , "}}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("said", "values"), TOGETHER)
def test_e_mails_that_stand_together_are_each_a_use(
    warehouse: Warehouse, tmp_path: Path, said: dict[str, Any], values: str
) -> None:
    imported(warehouse, written(tmp_path, "calls.jsonl", {"type": "identify", "userId": "u1", **said}))
    found = sorted(value for kind, value in uses(warehouse) if kind != "user_id")
    assert " ".join(found) == values


BAD_CALLS = [
    ('{"type": "track", "userId": "u1"', "", "bad_json"),
    ("[1]", "", "bad_json"),
    ({"type": "trak", "userId": "u1"}, "type", "unknown_type"),
    ({"userId": "u1"}, "type", "unknown_type"),
    ({"type": "track", "event": "Bought"}, "userId", "no_user_anon_id"),
    ({"type": "track", "event": "Bought", "userId": " "}, "userId", "no_user_anon_id"),
    ({"type": "track", "event": "Bought", "userId": {"id": 1}}, "userId", "id_not_string"),
    ({"type": "track", "userId": "u1"}, "event", "event_not_defined"),
    ({"type": "track", "userId": "u1", "event": 5}, "event", "event_not_string"),
    ({"type": "identify", "userId": "u1", "traits": [1]}, "traits", "traits_not_object"),
    ({"type": "track", "userId": "u1", "event": "x", "properties": "a"}, "properties", "properties_not_object"),
    ({"type": "page", "userId": "u1", "context": 1}, "context", "context_not_object"),
    ({"type": "alias", "userId": "u1"}, "previousId", "id_required"),
    ({"type": "group", "userId": "u1"}, "groupId", "id_required"),
    ({"type": "page", "userId": "u1", "timestamp": "Monday"}, "timestamp", "bad_time"),
    ({"type": "page", "userId": "u1", "messageId": "x" * 101}, "messageId", "message_id_too_long"),
]


def test_what_is_no_message_is_reported_with_line_field_and_reason(warehouse: Warehouse, tmp_path: Path) -> None:
    path = written(tmp_path, "calls.jsonl", *CALLS, *(call for call, _, _ in BAD_CALLS), *CALLS)
    landed = imported(warehouse, path)
    assert counts(landed) == (12 + len(BAD_CALLS), 6, 6, len(BAD_CALLS))
    assert [line[:3] for line in reported(landed)] == [
        (str(number), field, reason) for number, (_, field, reason) in enumerate(BAD_CALLS, 7)
    ]


def test_a_report_joins_what_was_found_reading_and_judging_and_masks_values(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = written(tmp_path, "a.csv", "who,at", "u1,Secret 7", "u2", ",2024-01-01", "u3,2024-01-01")
    wish = Wish(reading="events", event="Purchase", time="at", id="who")
    landed = imported(warehouse, path, wish)
    assert reported(landed) == [
        ("1", "at", "bad_time", "Xxxxxx 9"),
        ("2", "", "ragged_line", ""),
        ("3", "who", "no_user_anon_id", ""),
    ]
    assert counts(landed) == (4, 1, 0, 3)
    imported(warehouse, written(tmp_path, "a.csv", "who,at", "u3,2024-01-01"), wish)
    assert landed.report is not None
    assert not landed.report.exists()


def test_one_broken_file_leaves_everything_as_it_was(warehouse: Warehouse, tmp_path: Path) -> None:
    good = DataFile(written(tmp_path, "a.csv", "email,name", "ada@example.org,Ada", "ragged"))
    bad = DataFile(written(tmp_path, "b.csv.gz", "email,name", "x@example.org,Ada"))
    chosen = choose(good, Wish(), {})
    bad.path.write_bytes(gzip.compress(b"email,name\n" * 1000)[:-9])
    with pytest.raises(GuestlistError, match="file_damaged"):
        land(warehouse, [(good, chosen), (bad, chosen)], CLOCKS, tmp_path / "reports")
    assert not warehouse.has("message")
    assert list((tmp_path / "reports").iterdir()) == []


def test_people_and_events_as_json_lines(warehouse: Warehouse, tmp_path: Path) -> None:
    people = written(tmp_path, "p.jsonl", {"email": "ada@example.org", "age": 36, "tags": ["a"]}, {"x": 1}, "7")
    landed = imported(warehouse, people)
    assert counts(landed) == (3, 1, 0, 2)
    assert json.loads(messages(warehouse)[0]["traits"])["age"] == "36"

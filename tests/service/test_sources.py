"""`guestlist sources`, and a space that is served with the keys it made."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from guestlist.cli import run
from guestlist.clock import WallClock
from guestlist.records import find_people, open_records
from guestlist.service.tracking import Door
from guestlist.service.write_keys import WriteKeys
from guestlist.sources.arrivals import Arrivals
from guestlist.sources.arriving import land_inbox
from guestlist.space import Space, make_space
from guestlist.store.inbox import Inbox

from .served import serving

Said = Callable[..., tuple[int, Any]]


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return make_space(tmp_path / "shop", country="DE")


@pytest.fixture
def said(space: Space, capsys: pytest.CaptureFixture[str]) -> Said:
    def say(*words: str) -> tuple[int, Any]:
        code = run(["sources", *words, "--json", "--space", str(space.folder)])
        return code, json.loads(capsys.readouterr().out)

    return say


@contextmanager
def served(space: Space) -> Iterator[tuple[str, Inbox, Arrivals]]:
    inbox = Inbox(space.private / "inbox")
    inbox.start()
    with open_records(space) as records:
        keys, arrivals = WriteKeys(records.journal), Arrivals(records.journal)
        door = Door(
            name="shop", keys=keys, inbox=inbox, arrivals=arrivals, clock=WallClock(), zone=ZoneInfo("Europe/Berlin")
        )
        with serving(door) as address:
            yield address, inbox, arrivals
    inbox.stop()


def test_from_a_key_to_a_person(space: Space, said: Said) -> None:
    code, told = said("add", "website")
    assert (code, told["key"], len(told["write_key"])) == (0, "website", 32)
    with served(space) as (address, inbox, arrivals), httpx.Client(base_url=address) as client:
        client.auth = httpx.BasicAuth(told["write_key"], "")
        calls = [
            {"type": "identify", "userId": "u1", "traits": {"email": "ann@example.org", "city": "Köln"}},
            {"type": "identify", "userId": "u2\u0000", "traits": {"city": "a\u0000b"}},
            {"type": "track", "userId": "u1"},
        ]
        held = {"type": "identify", "userId": "u1", "traits": {"vip": True}, "integrations": {"All": False}}
        assert client.post("/v1/batch", json={"batch": [*calls, held]}).status_code == 200
        with space.open_warehouse() as warehouse, open_records(space) as records:
            assert land_inbox(warehouse, inbox, arrivals, WallClock()) == 2
            assert find_people(space, warehouse, records)
            traits = warehouse.read(warehouse.table("trait")).to_pylist()
    assert {("email", "ann@example.org"), ("city", "Köln")} <= {(row["key"], row["value"]) for row in traits}
    assert "vip" not in {row["key"] for row in traits}
    (listed,) = said("list")[1]["sources"]
    reasons = {one["reason"]: one["messages"] for one in listed["reasons"]}
    assert (listed["taken"], listed["left_out"]) == (3, 2)
    assert reasons == {"event_not_defined": 1, "withheld_by_integrations": 1}


def test_a_running_service_knows_new_keys_at_once_and_forgets_old_ones(space: Space, said: Said) -> None:
    call = {"userId": "u1", "event": "Bought"}
    with served(space) as (address, _, _), httpx.Client(base_url=address) as client:
        assert client.post("/v1/track", json=call, auth=("other", "")).status_code == 401
        key = said("add", "website")[1]["write_key"]
        told = (client.post("/v1/track", json=call, auth=(key, "")) for _ in range(1000))
        assert next(answer for answer in told if answer.status_code != 401).status_code == 200
        assert said("remove", "website")[1]["removed"]
        told = (client.post("/v1/track", json=call, auth=(key, "")) for _ in range(100_000))
        assert next(answer for answer in told if answer.status_code != 200).status_code == 401


def test_the_key_itself_is_kept_nowhere(space: Space, said: Said) -> None:
    key = said("add", "website")[1]["write_key"]
    assert said("list")[1]["sources"][0]["key"] == "website"
    kept = b"".join(path.read_bytes() for path in space.folder.rglob("*") if path.is_file())
    assert b"website" in kept
    assert key.encode() not in kept


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "website"), "source_exists"),
        (("add", "customers"), "source_exists"),
        (("add", "../x"), "source_name"),
        (("add", "Website"), "source_name"),
        (("remove", "websit"), "unknown_source"),
    ],
)
def test_what_cannot_be(space: Space, said: Said, words: tuple[str, ...], code: str) -> None:
    said("add", "website", "--strict")
    space.write_entry("sources", "customers", {"as": "people", "columns": {"Email": "email"}})
    ended, told = said(*words)
    assert (ended, told["error"]["code"]) == (2, code)
    (source,) = said("list")[1]["sources"]
    assert (source["key"], source["strict"]) == ("website", True)


def test_changes_are_in_the_audit(space: Space, said: Said) -> None:
    said("add", "website")
    said("remove", "website")
    with open_records(space) as records:
        found = [(one.action, one.object) for one in records.journal.audit_entries()]
    assert found == [("source added", "website"), ("source removed", "website")]

"""Calls as Segment Engage sends them about one of its audiences, and a warehouse that they land in."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from guestlist import pipeline
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Condition, Definition, External
from guestlist.audiences.question import Question
from guestlist.identity_rules import identity_rules
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Clocks, land
from guestlist.sources.mapping import Chosen, FileMapping
from guestlist.store import Warehouse

START = datetime(2026, 3, 1, tzinfo=UTC)
GOLD = External(audience="high_value_users")
Call = dict[str, Any]


def personas(key: str = "high_value_users", kind: str = "audience") -> Call:
    named = {"computation_class": kind, "computation_id": "aud_1", "computation_key": key}
    return {"personas": {**named, "namespace": "spa_1", "space_id": "spa_1"}}


def track(
    inside: object, second: int = 0, *, key: str = "high_value_users", event: str | None = None, **more: Any
) -> Call:
    """`inside` None: the call has no flag. `more`: ids, `context`, `properties` beside those of Engage."""
    context, properties = more.pop("context", {}), more.pop("properties", {})
    flag = {} if inside is None else {key: inside}
    return {
        "type": "track",
        "event": event or ("Audience Entered" if inside in {True, "true"} else "Audience Exited"),
        "timestamp": (START + timedelta(seconds=second)).isoformat(),
        "properties": {"audience_key": key, **flag, **properties},
        "context": {**personas(key), **context},
        "integrations": {"All": False, "Webhooks (Actions)": True},
        **more,
    }


def identify(inside: object, second: int = 0, *, key: str = "high_value_users", **more: Any) -> Call:
    traits = more.pop("traits", {})
    return {
        "type": "identify",
        "timestamp": (START + timedelta(seconds=second)).isoformat(),
        "traits": {key: inside, **traits},
        "context": personas(key),
        "integrations": {"All": False, "Webhooks (Actions)": True},
        **more,
    }


def land_calls(warehouse: Warehouse, folder: Path, calls: Iterable[Mapping[str, Any]], *, name: str = "calls") -> None:
    """Land and bring together into people."""
    place = folder / f"{name}.jsonl"
    place.write_text("".join(f"{json.dumps(call)}\n" for call in calls))
    file = DataFile(place)
    clocks = Clocks(now=START + timedelta(days=300), zone="UTC")
    chosen = Chosen(source="segment", mapping=FileMapping(reading="messages"), proposed=False)
    land(warehouse, [(file, chosen)], clocks, folder / "reports")
    find_people(warehouse)


def find_people(warehouse: Warehouse) -> None:
    rules = identity_rules(None, "salt")
    pipeline.resolve(warehouse, rules, fingerprint="1")


def inside(warehouse: Warehouse, who: Condition = GOLD, *, second: int | None = None) -> set[str]:
    """The user ids of the members, a person's all in one (`u1 u2`), as of a second or the end."""
    at = START + (timedelta(days=300) if second is None else timedelta(seconds=second))
    question = Question(relations=evaluating.relations(warehouse), as_of=at, zone=ZoneInfo("UTC"))
    found = evaluating.members(Definition(key="gold", name="Gold", who=who), question)
    known = warehouse.table("identifier").filter(lambda t: t.type == "user_id").select("profile_id", "value")
    rows = warehouse.read(found.join(known, "profile_id")).to_pylist()
    people: dict[str, list[str]] = {}
    for row in rows:
        people.setdefault(row["profile_id"], []).append(row["value"])
    return {" ".join(sorted(ids)) for ids in people.values()}

"""What is told to a sender and what decides at landing agree on every call, right or wrong."""

from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow as pa

from guestlist.sources.judging import judge
from guestlist.sources.messages import Fault, read_messages
from guestlist.store import Warehouse

TYPES = ["identify", "track", "page", "screen", "group", "alias", "Track", "ALIAS"]
VALUES: list[Any] = [
    *("u1", "", "  ", "\t\n", "x" * 100, "x" * 101, "é" * 101, "Bought", "\u00a0", "\x0b", "null", '{"a":1}'),
    *(None, True, False, 0, 7, -5, 2**62, 2.5, 1e300, [], ["a"], [{}], {}, {"a": 1}, {"All": False}),
]
FIELDS = ["userId", "anonymousId", "previousId", "groupId", "event", "name", "traits", "properties", "context"]


def calls(number: int) -> list[dict[str, Any]]:
    """Calls of which most have one or two things wrong, each of them anything."""
    dice = Random(7)
    made = []
    for _ in range(number):
        good = {"type": dice.choice(TYPES), "userId": "u1", "event": "Bought", "groupId": "g1", "previousId": "p1"}
        wrong = {dice.choice([*FIELDS, "type", "integrations"]): dice.choice(VALUES) for _ in range(dice.randrange(4))}
        texts = [value for value in VALUES if isinstance(value, str)]
        call = {**good, **wrong, "messageId": dice.choice(["m", None, *texts])}
        made.append({key: value for key, value in call.items() if dice.random() > 0.1})
    return made


def test_both_judge_alike(tmp_path: Path) -> None:
    sent = calls(5_000)
    lines = pa.table({"line": range(len(sent)), "json": [orjson.dumps(call).decode() for call in sent]})
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        read = read_messages(warehouse.materialise("lines", lines), "UTC")
        rows = warehouse.read(read.order_by("line").select("reason", "field")).to_pylist()
    landing = [None if row["reason"] in {None, Fault.WITHHELD} else (row["reason"], row["field"]) for row in rows]
    found = [judge(call, readable_time=True) for call in sent]
    told = [(one.fault, one.field) if one else None for one in found]
    assert [pair for pair in zip(sent, told, landing, strict=True) if pair[1] != pair[2]] == []
    assert {reason for end in told if end for reason in [end[0]]} == {*Fault} - {
        Fault.BAD_JSON,
        Fault.BAD_TIME,
        Fault.WITHHELD,
    }
    assert told.count(None) > 500

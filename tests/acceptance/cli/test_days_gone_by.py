"""`--as-of` looks at what was known on a day, not at what is known now."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Typed

CALLS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("identify", "2026-01-01T10:00:00Z", "ann", {"traits": {"level": "gold", "email": "ann@example.org"}}),
    ("identify", "2026-03-01T10:00:00Z", "ann", {"traits": {"level": "silver"}}),
    ("identify", "2026-02-01T10:00:00Z", "ben", {"traits": {"level": "gold", "address": {"city": "Kiel"}}}),
    ("identify", "2026-03-01T10:00:00Z", "ben", {"traits": {"level": None}}),
    ("identify", "2026-01-01T10:00:00Z", "cem", {"traits": {"level": "bronze"}}),
]
DAYS = [("2025-12-31", ""), ("2026-01-01", "ann"), ("2026-02-28", "ann ben"), ("2026-03-01", "")]


@pytest.fixture
def typed(empty: Typed) -> Typed:
    lines = [
        {"type": kind, "timestamp": at, "userId": who, "messageId": f"m{n}", **more}
        for n, (kind, at, who, more) in enumerate(CALLS)
    ]
    file: Path = empty.space.parent / "calls.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    (empty.space / "audiences" / "golden.yaml").write_text("key: golden\nwho: { trait: level, equals: gold }\n")
    assert empty("import", file).code == 0
    return empty


@pytest.mark.parametrize(("day", "expected"), DAYS)
def test_a_trait_is_what_it_was_on_that_day(typed: Typed, day: str, expected: str) -> None:
    told = typed("audiences", "members", "golden", "--as-of", day, "--json", "--reveal").lines
    assert " ".join(sorted(line["user_id"][0] for line in told)) == expected


def test_explain_says_what_the_trait_was(typed: Typed) -> None:
    before = typed("audiences", "explain", "golden", "user_id:ann", "--as-of", "2026-02-28", "--reveal")
    assert "yes  level is gold" in before.out
    assert "gold, since 2026-01-01" in before.out
    now = typed("audiences", "explain", "golden", "user_id:ann", "--reveal")
    assert "silver, since 2026-03-01" in now.out


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "9999-12-31T23:59-12:00", "0001-01-01T00:00+14:00"])
def test_the_ends_of_the_calendar_are_days_like_others(typed: Typed, day: str) -> None:
    told = typed("audiences", "members", "win_back", "--as-of", day)
    assert told.code == 0
    assert f"0 people in Win back: left a cart as of {day}." in told.out
    assert typed("audiences", "preview", "win_back", "--as-of", day).code == 0
    assert typed("audiences", "changes", "win_back", "--since", day).code == 0
    explained = typed("audiences", "explain", "win_back", "user_id:ann", "--as-of", day)
    assert (explained.code, "unexpected" in explained.err) == (0, False)


def test_a_date_at_the_end_of_the_calendar_stops_no_audience(typed: Typed) -> None:
    for n, who in enumerate(
        (
            "{ event: Order Completed, to: 9999-12-31 }",
            "{ trait: until, after: 9999-12-31 }",
            "{ trait: since, before: 0001-01-01 }",
        )
    ):
        (typed.space / "audiences" / f"end{n}.yaml").write_text(f"key: end{n}\nwho: {who}\nhistory: 0001-01-01\n")
    assert typed("audiences", "check").code == 0
    told = typed("audiences", "list", "--json").facts["audiences"]
    assert {one["key"]: one["people"] for one in told if one["key"].startswith("end")} == dict.fromkeys(
        ("end0", "end1", "end2"), 0
    )
    assert typed("audiences", "preview", "end0").code == 0

"""Members over time: entering, leaving, order, circles, days gone by; and why somebody is in or out."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.stages.audiences.histories import BERLIN, EVENT, TRAIT, History, event, table, trait, utc

from guestlist.audiences.definition import Definition
from guestlist.audiences.document import read
from guestlist.audiences.evaluate import as_of, evaluate, in_order, members
from guestlist.audiences.explain import Reason, explain
from guestlist.audiences.mistakes import DefinitionError
from guestlist.audiences.question import Question
from guestlist.store import Warehouse


def audience(key: str, who: str) -> Definition:
    return read(f"key: {key}\nwho: {who}")


AT = "timestamp('UTC')"
STAY = {"audience": "string", "profile_id": "string", "entered_at": AT, "exited_at": AT}
NAME = {"type": "string", "profile_id": "string", "first_seen": AT}


class Space:
    """A warehouse as an import leaves it."""

    def __init__(self, folder: Path, events: Sequence[Any] = (), traits: Sequence[Any] = ()) -> None:
        self.warehouse = Warehouse(folder / "warehouse.duckdb")
        self.warehouse.replace("event", table(events, EVENT))
        self.warehouse.replace("trait", table(traits, TRAIT))
        self.warehouse.create("membership", STAY)

    def evaluate(self, day: str, *definitions: Definition) -> list[str]:
        with self.warehouse.transaction():
            return [one.key for one in evaluate(self.warehouse, definitions, utc(f"2026-03-{day}"), BERLIN)]

    def rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.warehouse.read(self.warehouse.table(name)).to_pylist()
        return found

    def stays(self) -> list[tuple[str, str, str, str]]:
        rows = self.rows("membership")
        return sorted((r["audience"], r["profile_id"], _day(r["entered_at"]), _day(r["exited_at"])) for r in rows)


def _day(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%d}"


def test_people_enter_stay_leave_and_come_back(tmp_path: Path) -> None:
    space = Space(
        tmp_path, [event("a", "V", "2026-03-01"), event("b", "V", "2026-03-03"), event("a", "V", "2026-03-06")]
    )
    recent = audience("recent", "{event: V, within: 2 days}")
    others = audience("others", "{not_member_of: recent}")

    for day in ("02", "04", "04", "06", "07"):
        assert space.evaluate(day, others, recent) == ["recent", "others"]

    assert space.stays() == [
        ("others", "a", "04", "06"),
        ("others", "b", "06", ""),
        ("recent", "a", "02", "04"),
        ("recent", "a", "06", ""),
        ("recent", "b", "04", "06"),
    ]


def test_a_clock_set_back_ends_no_stay_before_it_began(tmp_path: Path) -> None:
    space = Space(tmp_path, [event("a", "V", "2026-03-05")])
    for day in ("06", "04"):
        space.evaluate(day, audience("seen", "{event: V}"))
    assert space.stays() == [("seen", "a", "06", "06")]


def test_audiences_come_after_those_they_ask_about() -> None:
    found = in_order(
        [
            audience("a", "{all: [{member_of: c}, {not: {not_member_of: b}}]}"),
            audience("b", "{member_of: c}"),
            audience("c", "{member_of: recorded_elsewhere}"),
        ]
    )
    assert [definition.key for definition in found] == ["c", "b", "a"]


CIRCLES = [
    ({"a": "a"}, "`a` -> `a`"),
    ({"a": "b", "b": "c", "c": "b"}, "`b` -> `c` -> `b`"),
]


@pytest.mark.parametrize(("asks", "circle"), CIRCLES)
def test_a_circle_is_refused_by_name(asks: dict[str, str], circle: str) -> None:
    with pytest.raises(DefinitionError, match="in a circle") as caught:
        in_order([audience(key, f"{{not_member_of: {other}}}") for key, other in asks.items()])
    assert circle in str(caught.value)


DAYS = [
    ("1998-06-30", "Europe/Berlin", "1998-06-30T21:59:59.999999"),
    ("1998-06-30", "UTC", "1998-06-30T23:59:59.999999"),
    ("2026-03-29", "Europe/Berlin", "2026-03-29T21:59:59.999999"),
    ("2028-02-29", "America/New_York", "2028-03-01T04:59:59.999999"),
    ("2026-03-10T13:00", "Europe/Berlin", "2026-03-10T12:00:00"),
    ("2026-03-10T13:00:00Z", "Europe/Berlin", "2026-03-10T13:00:00"),
]


@pytest.mark.parametrize(("text", "zone", "instant"), DAYS)
def test_as_of(text: str, zone: str, instant: str) -> None:
    assert as_of(text, ZoneInfo(zone)) == utc(instant)


def test_as_of_that_is_no_date_says_so() -> None:
    with pytest.raises(DefinitionError, match="--as-of: must be a date"):
        as_of("yesterday", BERLIN)


def test_members_of_a_day_gone_by_work_out_the_audiences_they_ask_about() -> None:
    history = History(events=[event("a", "V", "2026-03-01"), event("b", "V", "2026-03-05")])
    seen, unseen = audience("seen", "{event: V, within: 2 days}"), audience("unseen", "{not_member_of: seen}")

    def on(day: str) -> list[str]:
        question = Question(relations=history.relations, as_of=as_of(day, BERLIN), zone=BERLIN)
        found = history.engine.to_pyarrow(members(unseen, question, [seen, unseen]))
        return sorted(found["profile_id"].to_pylist())

    assert (on("2026-03-01"), on("2026-03-04"), on("2026-03-05")) == ([], ["a"], ["a"])


WHO = """
  all:
    - { event: Order, where: { total: { at_least: 10 } }, at_least: 2 }
    - any:
        - { trait: country, equals: DE }
        - { event: Added, then_not: { event: Order } }
    - { not: { trait: staff, exists: true } }
    - { not_member_of: vip }
"""


def test_every_condition_is_explained_with_what_made_it_so() -> None:
    history = History(
        events=[
            event("a", "Order", "2026-03-01", {"total": 10}),
            event("a", "Order", "2026-03-02", {"total": 9}),
            event("a", "Order", "2026-03-03", {"total": 11}),
            event("a", "Added", "2026-03-02"),
            event("b", "Order", "2026-03-04", {"total": 50}),
        ],
        traits=[trait("a", "country", "AT"), trait("b", "staff", True)],
    )
    reason = explain(audience("x", WHO), "a", history.question("2026-03-10"), history)

    assert outline(reason) == [
        ("who", False),
        ("who.all[0]", True),
        ("who.all[1]", False),
        ("who.all[1].any[0]", False),
        ("who.all[1].any[1]", False),
        ("who.all[2]", True),
        ("who.all[2].not", False),
        ("who.all[3]", True),
    ]
    orders, either = reason.parts[0], reason.parts[1]
    assert orders.counted == 2
    assert [seen.properties for seen in orders.events] == ['{"total": 11}', '{"total": 10}']
    assert [(seen.trait, seen.value) for seen in either.parts[0].traits] == [("country", "AT")]
    assert [seen.at.day for seen in either.parts[1].next_steps] == [3, 2, 1]


def outline(reason: Reason) -> list[tuple[str, bool]]:
    return [(reason.path, reason.holds), *(line for part in reason.parts for line in outline(part))]


EXPLAINED = [
    ("{event: V}", "ab"),
    ("{event: W, exactly: 0}", "ac"),
    ("{all: [{event: V}, {event: W, at_most: 0}]}", "a"),
]


@pytest.mark.parametrize("profile", ["a", "b", "c"])
@pytest.mark.parametrize(("who", "members"), EXPLAINED)
def test_an_explanation_agrees_with_the_members(profile: str, who: str, members: str) -> None:
    happened = [("a", "V", "2026-03-01"), ("b", "V", "2026-03-01"), ("b", "W", "2026-03-02"), ("c", "X", "2026-03-03")]
    history = History(events=[event(*each) for each in happened])
    assert history.members(who, "2026-03-10") == members
    reason = explain(audience("x", who), profile, history.question("2026-03-10"), history)
    assert reason.holds == (profile in members)

"""Shares of an audience drawn by lot: the same people every time, in about the share that was asked for."""

from pathlib import Path

import ibis
import pyarrow as pa
import pytest
from tests.stages.audiences.histories import BERLIN, event, utc
from tests.stages.audiences.test_membership import Space

from guestlist.audiences.document import read
from guestlist.audiences.evaluate import AUDIENCE_GROUP, sent_to
from guestlist.pipeline import find_members
from guestlist.store.in_memory import in_memory

PEOPLE = [f"p{n}" for n in range(2_000)]
EVENTS = [event(who, "V", "2026-03-01") for who in PEOPLE]


def inside(space: Space, audience: str) -> set[str]:
    return {row["profile_id"] for row in space.rows("membership") if row["audience"] == audience}


def groups(space: Space, audience: str) -> dict[str, str]:
    return {row["profile_id"]: row["name"] for row in space.rows("audience_group") if row["audience"] == audience}


def share(chosen: set[str]) -> float:
    return round(len(chosen) / len(PEOPLE), 2)


def test_a_sample_is_the_same_people_every_time_and_others_in_another_audience(tmp_path: Path) -> None:
    space = Space(tmp_path, EVENTS)
    some = read("key: some\nwho: {event: V}\nsample: 20%")
    more = read("key: more\nwho: {event: V}\nsample: 20%")
    space.evaluate("02", some, more)
    first = inside(space, "some")
    space.evaluate("03", some)

    assert inside(space, "some") == first
    assert share(first) == pytest.approx(0.2, abs=0.03)
    # Independent draws share a fifth of a fifth.
    assert share(first & inside(space, "more")) == pytest.approx(0.04, abs=0.02)


def test_groups_are_drawn_once_and_kept_when_the_shares_change(tmp_path: Path) -> None:
    space = Space(tmp_path, EVENTS[:1_000])
    space.evaluate("02", read("key: x\nwho: {event: V}\nholdout: 10%\nsplit: [{a: 50}, {b: 50}]"))
    before = groups(space, "x")
    assert {name: round(list(before.values()).count(name) / 1_000, 1) for name in ("holdout", "a", "b")} == {
        "holdout": pytest.approx(0.1, abs=0.05), "a": pytest.approx(0.45, abs=0.05), "b": pytest.approx(0.45, abs=0.05)
    }  # fmt: skip

    later = Space(tmp_path / "more", EVENTS)
    later.warehouse.replace("audience_group", space.warehouse.read(space.warehouse.table("audience_group")))
    later.evaluate("03", read("key: x\nwho: {event: V}\nholdout: 90%"))
    after = groups(later, "x")

    assert {who: after[who] for who in before} == before
    fresh = {who: name for who, name in after.items() if who not in before}
    assert len(fresh) == 1_000
    assert list(fresh.values()).count("holdout") / 1_000 == pytest.approx(0.9, abs=0.05)


def test_a_sample_and_its_groups_are_drawn_apart(tmp_path: Path) -> None:
    space = Space(tmp_path, EVENTS)
    space.evaluate("02", read("key: x\nwho: {event: V}\nsample: 50%\nsplit: [{a: 50}, {b: 50}]"))
    names = list(groups(space, "x").values())
    assert names.count("a") / len(names) == pytest.approx(0.5, abs=0.06)


SENT = [((), "ab-"), (("a",), "a"), (("a", "b"), "ab")]


@pytest.mark.parametrize(("named", "expected"), SENT)
def test_a_sync_sends_its_groups_and_never_the_hold_out(tmp_path: Path, named: tuple[str, ...], expected: str) -> None:
    space = Space(tmp_path, EVENTS)
    definition = read("key: x\nwho: {event: V}\nholdout: 10%\nsplit: [{a: 30}, {b: 30}]")
    space.evaluate("02", definition)
    drawn = groups(space, "x")
    found = sent_to(space.warehouse, space.warehouse.table("membership").select("profile_id"), definition, named)
    sent = {row["profile_id"] for row in space.warehouse.read(found).to_pylist()}

    assert sent == {who for who, name in drawn.items() if (name or "-") in expected}
    assert set(drawn) == set(PEOPLE)


def test_events_count_from_the_first_evaluation_on(tmp_path: Path) -> None:
    events = [event("a", "V", "2026-03-01"), event("b", "V", "2026-03-05"), event("c", "W", "2026-03-05")]
    space = Space(tmp_path, events)
    now, since = read("key: now\nwho: {event: V}\nhistory: from_now"), "key: since\nwho: {event: V}\nhistory: "
    space.evaluate("03", now)
    assert inside(space, "now") == set()
    space.evaluate("06", now, read(since + "2026-03-05"))
    assert inside(space, "now") == {"b"}
    assert inside(space, "since") == {"b"}
    space.evaluate("07", read(since + "2026-03-06"), read("key: still\nwho: {event: W}\nhistory: from_now"))
    assert [row["profile_id"] for row in space.rows("membership") if row["exited_at"] is None] == ["b"]
    assert inside(space, "still") == set()


def test_people_who_become_one_keep_the_group_that_was_drawn_first(tmp_path: Path) -> None:
    space = Space(tmp_path, [event("new", "V", "2026-03-01")])
    drawn = [
        {"audience": "x", "profile_id": "old", "name": "a", "drawn_at": utc("2026-03-01")},
        {"audience": "x", "profile_id": "new", "name": "b", "drawn_at": utc("2026-03-02")},
        {"audience": "x", "profile_id": "other", "name": "b", "drawn_at": utc("2026-03-02")},
    ]
    space.warehouse.create("audience_group", AUDIENCE_GROUP)
    schema = ibis.schema(AUDIENCE_GROUP).to_pyarrow()
    space.warehouse.append("audience_group", pa.Table.from_pylist(drawn, schema=schema))
    merged = {"profile_id": ["old", "new", "other"], "survivor": ["new", "new", "other"]}
    space.warehouse.replace("alias", in_memory(merged))

    find_members(space.warehouse, [read("key: x\nwho: {event: V}\nholdout: 50%")], at=utc("2026-03-03"), zone=BERLIN)
    assert groups(space, "x") == {"new": "a", "other": "b"}


def test_people_known_by_a_browser_alone_can_be_left_out(tmp_path: Path) -> None:
    space = Space(tmp_path, [event(who, "V", "2026-03-01") for who in "abc"] + [event("d", "W", "2026-03-01")])
    held = [("anonymous_id", "a"), ("anonymous_id", "b"), ("email", "b"), ("card", "c"), ("anonymous_id", "d")]
    named = {"type": [kind for kind, _ in held], "profile_id": [who for _, who in held]}
    rows = in_memory(named).mutate(first_seen=ibis.literal(utc("2026-03-01"), "timestamp('UTC')"))
    space.warehouse.replace("identifier", rows)

    space.evaluate(
        "02", read("key: all_of_them\nwho: {event: V}"), read("key: known\nwho: {event: V}\nanonymous: false")
    )
    assert inside(space, "all_of_them") == {"a", "b", "c"}
    assert inside(space, "known") == {"b", "c"}
    space.evaluate("03", read("key: others\nwho: {not: {event: V}}\nanonymous: false"))
    assert inside(space, "others") == set()

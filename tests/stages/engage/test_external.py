"""What Engage says of its audiences becomes their members, from messages to people."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guestlist import pipeline
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import All, Definition, External, Matches, Not, Trait
from guestlist.audiences.explain import explain
from guestlist.audiences.question import Question
from guestlist.profiles.erasure import erase
from guestlist.store import Warehouse

from .calls import GOLD, START, Call, find_people, identify, inside, land_calls, personas, track


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as opened:
        yield opened


def rows(warehouse: Warehouse, name: str) -> list[dict[str, Any]]:
    return list(warehouse.read(warehouse.table(name)).to_pylist())


SAYING: list[tuple[Call, bool]] = [
    (track(True), True),
    (track("true"), True),
    (track(True, event="Became A VIP"), True),  # a team may name the events
    (track(None, event="Audience Entered"), True),
    (track(True, event="Audience Exited"), True),  # the flag decides
    (track(True, context={"personas": {"computation_class": "audience"}}), True),
    (track(True, context={"personas": {"computation_class": "journey_step"}}), True),
    (track(True, context=personas("high_value_users", "trait"), event="Trait Computed"), False),
    (identify(True), True),
    (identify("true"), True),
    ({**identify(True), "context": {}}, False),  # a trait that is called so
    ({**track(True), "context": {}, "integrations": {}}, True),
    ({**track(True, event="Signed Up"), "context": {}}, False),
    (track(1, event="Became A VIP"), False),
    (track(None, event="Became A VIP"), False),
    (track(True, key="others"), False),
    (track(True, integrations={"Facebook Custom Audiences": False}), False),
]
"""Calls, and whether whom they are about is in by them."""


def test_what_says_that_somebody_is_in(warehouse: Warehouse, tmp_path: Path) -> None:
    calls = [{**call, "userId": f"u{number}"} for number, (call, _) in enumerate(SAYING)]
    land_calls(warehouse, tmp_path, [{"type": "identify", "userId": "nobody", "traits": {"plan": "gold"}}, *calls])
    assert inside(warehouse) == {f"u{number}" for number, (_, counts) in enumerate(SAYING) if counts}


def test_the_newest_word_counts_and_each_instant_has_its_own(warehouse: Warehouse, tmp_path: Path) -> None:
    calls = [track(True, 10), track(False, 30), identify(True, 20), track(True, 50), track(False, 50, messageId="a")]
    land_calls(warehouse, tmp_path, [{"messageId": f"m{n}", **one, "userId": "u1"} for n, one in enumerate(calls)])
    assert [bool(inside(warehouse, second=at)) for at in (9, 10, 29, 30, 49)] == [False, True, True, False, False]
    assert inside(warehouse, second=50) == {"u1"}  # of two at once, the greater message id


def test_of_people_who_merge_the_newest_word_of_all_counts(warehouse: Warehouse, tmp_path: Path) -> None:
    """Engage speaks of each identifier by itself."""
    browser, shopper = {"anonymousId": "a1"}, {"userId": "u1"}
    land_calls(warehouse, tmp_path, [{**track(True, 10), **shopper}, {**track(False, 20), **browser}])
    assert inside(warehouse) == {"u1"}
    land_calls(warehouse, tmp_path, [{"type": "identify", **browser, **shopper, "traits": {}}], name="merging")
    assert inside(warehouse) == set()
    land_calls(warehouse, tmp_path, [{**track(True, 30), **browser}], name="again")
    assert inside(warehouse) == {"u1"}


def test_what_engage_adds_makes_people_reachable(warehouse: Warehouse, tmp_path: Path) -> None:
    added = {"first_name": "Ann", "ios_idfa": "A1B2C3D4-0000-4000-8000-00000000000A", "phone": "+4917139200001"}
    context = {"traits": {"email": "ann@example.org"}, "device": {"type": "android", "advertisingId": "b1b2c3d4"}}
    land_calls(warehouse, tmp_path, [track(True, userId="u1", properties=added, context=context)])
    assert {(row["type"], row["value"]) for row in rows(warehouse, "identifier_use")} == {
        ("user_id", "u1"),
        ("email", "ann@example.org"),
        ("phone", "+4917139200001"),
        ("ios.idfa", "A1B2C3D4-0000-4000-8000-00000000000A"),
        ("android.idfa", "b1b2c3d4"),
    }
    told = {row["key"]: row["value"] for row in rows(warehouse, "trait")}
    assert (told["first_name"], told["high_value_users"], "audience_key" in told) == ("Ann", "true", False)
    assert [row["event"] for row in rows(warehouse, "event")] == ["Audience Entered"]


def test_a_track_call_of_anybody_else_tells_no_traits(warehouse: Warehouse, tmp_path: Path) -> None:
    land_calls(warehouse, tmp_path, [{"type": "track", "event": "Bought", "userId": "u1", "properties": {"a": 1}}])
    assert rows(warehouse, "trait") == []
    assert rows(warehouse, "external_membership") == []


def test_it_goes_together_with_other_conditions(warehouse: Warehouse, tmp_path: Path) -> None:
    plan = Trait(trait="plan", test=Matches(comparator="equals", values=("gold",)))
    people = [identify(True, userId=f"u{n}", traits={"plan": "gold" if n % 2 else "free"}) for n in range(4)]
    land_calls(warehouse, tmp_path, [*people, {"type": "identify", "userId": "u9", "traits": {"plan": "gold"}}])
    assert inside(warehouse, All(conditions=(GOLD, plan))) == {"u1", "u3"}
    assert inside(warehouse, All(conditions=(Not(condition=GOLD), plan))) == {"u9"}
    assert inside(warehouse, Not(condition=External(audience="others"))) == {"u0", "u1", "u2", "u3", "u9"}


def test_why_names_the_message_that_made_it_so(warehouse: Warehouse, tmp_path: Path) -> None:
    calls = [track(True, 10, messageId="m1", userId="u1"), track(False, 20, messageId="m2", userId="u1")]
    land_calls(warehouse, tmp_path, calls)
    (profile_id,) = {row["profile_id"] for row in rows(warehouse, "identifier")}
    asked = Question(relations=evaluating.relations(warehouse), as_of=START + timedelta(days=1), zone=START.tzinfo)  # type: ignore[arg-type]
    reason = explain(Definition(key="gold", name="Gold", who=GOLD), profile_id, asked, warehouse).who
    assert not reason.holds
    assert [(one.message_id, one.inside, one.source) for one in reason.said] == [
        ("m2", False, "segment"),
        ("m1", True, "segment"),
    ]


def test_an_erased_person_leaves_no_word_behind(warehouse: Warehouse, tmp_path: Path) -> None:
    land_calls(warehouse, tmp_path, [track(True, userId="u1"), track(True, userId="u2")])
    whose = {row["value"]: row["profile_id"] for row in rows(warehouse, "identifier")}
    erase(warehouse, [whose["u1"]])
    assert {row["profile_id"] for row in rows(warehouse, "external_membership")} == {whose["u2"]}


# Against a slow and obvious interpreter


def drawn(seed: int, size: int) -> list[Call]:
    """Calls about groups of a few people under several identifiers, many at the same instant, in any order of arrival."""
    chance = Random(seed)
    calls: list[Call] = []
    for number in range(size):
        group = 4 * (number % 4)
        user, browser = f"u{group + chance.randrange(4)}", f"a{group + chance.randrange(4)}"
        who = chance.choice([{"userId": user}, {"anonymousId": browser}])
        about = {"messageId": f"m{chance.randrange(10**6):06}-{number}", **who}
        second, key = chance.randrange(6), chance.choice(["high_value_users", "high_value_users", "others"])
        match chance.randrange(8):
            case 0:
                both = {"userId": user, "anonymousId": browser}
                calls.append({"type": "identify", "messageId": about["messageId"], **both, "traits": {}})
            case 1 | 2:
                calls.append(identify(chance.random() < 0.5, second, key=key, **about))
            case _:
                calls.append(track(chance.choice([True, False, "true"]), second, key=key, **about))
    return calls


def members_by_hand(calls: list[Call], people: list[set[str]], *, second: int) -> set[str]:
    found = set()
    for ids in people:
        said = sorted(
            (call["timestamp"], call["messageId"], (call.get("traits") or call["properties"])["high_value_users"])
            for call in calls
            if {call.get("userId"), call.get("anonymousId")} & ids
            and "high_value_users" in (call.get("traits") or call.get("properties") or {})
            and call["timestamp"] <= (START + timedelta(seconds=second)).isoformat()
        )
        if said and str(said[-1][2]).lower() == "true":
            found.add(" ".join(sorted(one for one in ids if one.startswith("u"))))
    return found - {""}


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(4, 160), cut=st.integers(0, 160), second=st.integers(0, 7))
def test_members_are_those_whose_newest_word_says_so(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int, cut: int, second: int
) -> None:
    calls, folder = drawn(seed, size), tmp_path_factory.mktemp("world")
    with Warehouse(folder / "w.duckdb") as warehouse:
        for part in (calls[:cut], calls[cut:]):
            if part:
                land_calls(warehouse, folder, part)
        people: dict[str, set[str]] = {}
        for row in rows(warehouse, "identifier"):
            people.setdefault(row["profile_id"], set()).add(row["value"])
        expected = members_by_hand(calls, list(people.values()), second=second)
        assert inside(warehouse, second=second) == expected
        before = sorted(map(repr, rows(warehouse, "external_membership")))
        warehouse.drop("resolved")  # all anew, in one go
        find_people(warehouse)
        assert sorted(map(repr, rows(warehouse, "external_membership"))) == before


def test_a_space_of_before_finds_out_what_was_said(warehouse: Warehouse, tmp_path: Path) -> None:
    land_calls(warehouse, tmp_path, [track(True, userId="u1")])
    warehouse.drop("external_membership")
    assert inside(warehouse) == set()
    find_people(warehouse)
    assert inside(warehouse) == {"u1"}
    assert pipeline.resolved_mark(warehouse) is not None

"""What was said and does not hold any more: found step by step or all at once it is the same, and nobody escapes by it."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guestlist import asking, pipeline
from guestlist.audiences.document import read_folder
from guestlist.audiences.evaluate import members
from guestlist.cli import run
from guestlist.records import find_people, open_records
from guestlist.space import open_space

from .conftest import Shop

RELATIONS = {
    "trait": ("profile_id", "key", "value", "at", "source"),
    "event": ("profile_id", "event", "at", "source", "message_id"),
    "identifier": ("type", "value", "profile_id"),
    "known_identifier": ("type", "value", "profile_id"),
}


def write(shop: Shop, people: dict[int, tuple[str, str]], *, name: str = "people") -> None:
    lines = (f"{key},{email},{plan}\n" for key, (email, plan) in sorted(people.items()))
    (shop.folder / f"{name}.csv").write_text("id,email,plan\n" + "".join(lines))


def facts(shop: Shop, *, anew: bool = False) -> dict[str, list[str]]:
    space = open_space(shop.folder)
    with open_records(space) as records, space.open_warehouse() as warehouse:
        if anew:
            warehouse.drop("resolved")
        find_people(space, warehouse, records)
        return {
            name: sorted(map(repr, warehouse.read(warehouse.table(name).select(*columns)).to_pylist()))
            for name, columns in RELATIONS.items()
        }


@pytest.mark.parametrize("seed", range(2))
def test_step_by_step_and_all_at_once_give_the_same(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    shop.source("people", files="people.csv", key="id")
    shop.source("others", files="others.csv", key="id", columns={"id": "no", "email": "email", "plan": "plan"})
    # Enough of others that new messages are few, and are taken in step by step.
    crowd = {n: (f"x{n}@example.org", "crowd") for n in range(100, 160)}
    people = {n: (f"p{n}@example.org", "free") for n in range(8)}
    for _ in range(3):
        for key in list(people):
            match chance.randrange(6):
                case 0 if len(people) > 5:
                    del people[key]
                case 1:
                    people[key] = (f"p{chance.randrange(8)}@example.org", "gold")
                case 2:
                    people[key] = (people[key][0], "")
        people.setdefault(chance.randrange(8), (f"p{chance.randrange(8)}@example.org", "new"))
        write(shop, {**crowd, **people})
        write(shop, {k: v for k, v in people.items() if k % 2} or people, name="others")
        assert shop.load("people").state in {"loaded", "unchanged"}
        shop.load("others", accept=True)
        grown = facts(shop)
    assert facts(shop, anew=True) == grown


def test_who_was_in_an_audience_of_segment_by_a_line_that_is_gone_is_not_in_it_any_more(shop: Shop) -> None:
    shop.source("moves", files="moves.csv", key="id", reading="events", event="Audience Entered",
                columns={"id": "user_id", "audience": "audience_key", "at": "time"})  # fmt: skip
    lines = [f"{number},vips,2026-02-01T10:00:00Z\n" for number in range(1, 5)]
    for there in (lines, lines[1:]):
        (shop.folder / "moves.csv").write_text("id,audience,at\n" + "".join(there))
        assert shop.load("moves").state == "loaded"
        found = shop.rows("external_membership", "audience", "inside")
        assert found == [("vips", True)] * len(there)


def test_an_empty_cell_takes_a_trait_back_and_another_source_keeps_its_own(shop: Shop) -> None:
    shop.source("people", files="people.csv", key="id")
    shop.source("others", files="others.csv", key="id")
    write(shop, {1: ("a@example.org", "silver")}, name="others")
    write(shop, {1: ("a@example.org", "gold")})
    shop.load("others")
    shop.load("people")
    assert shop.plans() == {"a@example.org": "gold"}
    write(shop, {1: ("a@example.org", "")})
    shop.load("people")
    assert shop.plans() == {"a@example.org": "silver"}


def test_days_gone_by_are_as_they_were(shop: Shop) -> None:
    shop.source("people", files="people.csv", key="id")
    write(shop, {1: ("a@example.org", "gold"), 2: ("b@example.org", "gold"), 3: ("c@example.org", "gold")})
    shop.load("people")
    then = shop.clock.instant
    shop.clock.instant += timedelta(days=10)
    write(shop, {1: ("a@example.org", "free"), 2: ("b@example.org", "gold")})
    shop.load("people")
    space = open_space(shop.folder)
    with open_records(space) as records, space.open_warehouse() as warehouse:
        find_people(space, warehouse, records)

        def gold(at: Any) -> int:
            rows = warehouse.read(pipeline.traits_then(warehouse, at)).to_pylist()
            return sum(row["value"] == "gold" for row in rows)

        assert (gold(then + timedelta(days=1)), gold(shop.clock.instant)) == (3, 1)


@pytest.fixture
def lapsed(shop: Shop) -> Shop:
    """Ann changed her e-mail: the old one has lapsed."""
    shop.source("people", files="people.csv", key="id")
    write(shop, {1: ("old@example.org", "gold"), 2: ("b@example.org", "gold")})
    shop.load("people")
    write(shop, {1: ("new@example.org", "gold"), 2: ("b@example.org", "gold")})
    shop.load("people")
    assert "old@example.org" not in shop.known_by()
    return shop


def test_who_is_known_by_what_lapsed_can_be_found_and_erased(lapsed: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "show", "email:old@example.org", "--space", str(lapsed.folder)]) == 0
    assert run(["erase", "email:old@example.org", "--space", str(lapsed.folder)]) == 0
    capsys.readouterr()
    assert lapsed.known_by() & {"new@example.org", "old@example.org", "1"} == set()
    assert len(lapsed.rows("pulled_line", "key")) == 1
    assert len(lapsed.rows("withdrawn", "message_id")) == 0
    for place in (lapsed.folder / ".guestlist").rglob("*"):
        if place.is_file():
            assert b"new@example.org" not in Path(place).read_bytes()


def test_who_has_no_other_identifier_is_nobody(shop: Shop) -> None:
    (shop.folder / "audiences" / "all.yaml").write_text("key: all\nwho: { not: { event: Bought } }\n")
    shop.source("people", files="people.csv", key="id")
    write(shop, {n: (f"p{n}@example.org", "x") for n in range(4)})
    shop.load("people")
    assert preview(shop) == 4
    write(shop, {n: (f"p{n}@example.org", "x") for n in range(3)})
    shop.load("people")
    assert preview(shop) == 3


def preview(shop: Shop) -> int:
    space = open_space(shop.folder)
    (definition,) = read_folder(space.audiences)
    with open_records(space) as records, space.open_warehouse() as warehouse:
        find_people(space, warehouse, records)
        warehouse.create("membership", {"audience": "string", "profile_id": "string",
                                        "entered_at": "timestamp('UTC')", "exited_at": "timestamp('UTC')"})  # fmt: skip
        asked = asking.question(space, warehouse, [definition], (), at=shop.clock.instant)
        return len(warehouse.read(members(definition, asked)))

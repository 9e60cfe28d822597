"""The imaginary shop: the same every time, as messy as it says, and readable by the product and the simulator."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fakemeta.people import load
from guestlist.audiences.document import read_folder
from guestlist.clock import WallClock
from guestlist.demo import behaviour, customers, export, tracking
from guestlist.demo.behaviour import DAY, HOUR, Doings
from guestlist.demo.phones import numbers
from guestlist.demo.shop import Shop, make_shop, write_audiences
from guestlist.demo.words import LANDS, Land
from guestlist.identity_rules import identity_rules
from guestlist.pipeline import find_members, resolve
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Clocks, Landed, land
from guestlist.sources.mapping import Wish, choose
from guestlist.store import Warehouse
from guestlist.values.email import read_email, split
from guestlist.values.phone import read_phone

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILES = ("data/customers.csv", "data/events.jsonl", "day2.jsonl", "people.jsonl", "sample.csv")


@pytest.fixture(scope="module")
def landed(shop: Shop) -> list[Landed]:
    """The three files, taken in by the product."""
    data = [DataFile(shop.folder / name) for name in FILES[:3]]
    with Warehouse(shop.folder / "warehouse.duckdb", memory_limit="1GB", spill=shop.folder / "spill") as warehouse:
        chosen = [(file, choose(file, Wish(), {})) for file in data]
        return land(warehouse, chosen, Clocks(now=WallClock().now(), zone="UTC"), shop.folder / "reports")


def test_the_same_every_time(shop: Shop, tmp_path: Path) -> None:
    make_shop(tmp_path, NOW)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (shop.folder / name).read_bytes(), name


def test_people_do_not_depend_on_the_time(shop: Shop, tmp_path: Path) -> None:
    later = make_shop(tmp_path, NOW + timedelta(days=400, hours=7))
    assert later.people == shop.people
    assert later.both_days == shop.both_days


@pytest.mark.parametrize(
    ("place", "lines", "rejected"),
    [
        (0, customers.PEOPLE + export.DUPLICATES + export.REJECTED, 108),
        (1, 240_000, 36),
        (2, 6_120, 0),
    ],
)
def test_lines_that_come_in(landed: list[Landed], place: int, lines: int, rejected: int) -> None:
    one = landed[place]
    assert (one.lines, one.landed, one.known, one.rejected) == (lines, lines - rejected, 0, rejected)


def test_every_reason_to_reject_a_line(landed: list[Landed]) -> None:
    reports = [Path(str(one.report)).read_text("utf-8") for one in landed[:2]]
    found = [{row["reason"] for row in csv.DictReader(StringIO(report))} for report in reports]
    assert found[0] == {"ragged_line", "undecodable_text", "too_long", "no_user_anon_id"}
    assert len(found[1]) == 8


def test_the_hub_and_the_hashed(shop: Shop) -> None:
    text = (shop.folder / "data/customers.csv").read_text("utf-8", errors="replace")
    assert sum("test@test.com" in line.lower() for line in text.splitlines()) == customers.HUB
    assert sum(one.kind == "hashed" for one in shop.customers) == customers.HASHED


@pytest.mark.parametrize("land_", LANDS, ids=lambda land_: land_.code)
def test_numbers_mean_what_they_say(land_: Land) -> None:
    for phone in numbers(land_.code):
        country = land_.code.lower()
        ways = ((phone.local, country), (phone.international, country), (phone.international, ""))
        assert {read_phone(written, given, "DE").normal for written, given in ways} == {phone.digits}


def test_emails_mean_what_they_say(shop: Shop) -> None:
    """Whatever a shop's line says of a person's first e-mail, it is one of the true ones."""
    lines = (shop.folder / "data/customers.csv").read_bytes().decode("utf-8-sig", "replace").splitlines()
    by_id = {one.user_id: one for one in shop.customers}
    for line in csv.DictReader(lines[:4000], delimiter=";"):
        customer = by_id[line["Customer ID"]]
        if customer.emails and customer.kind != "hashed":
            read = {read_email(part).normal for part in split(line["E-Mail"])}
            assert read <= set(customer.emails), line["E-Mail"]


def test_only_addresses_that_belong_to_nobody(shop: Shop) -> None:
    allowed = ("@example.org", "@example.com")
    emails = [email for person in shop.people for email in person["emails"]]
    assert all(email.endswith(allowed) for email in emails)


def test_audiences_can_be_read(tmp_path: Path) -> None:
    keys = write_audiences(tmp_path)
    definitions = read_folder(tmp_path, destinations=["main"])
    assert sorted(definition.key for definition in definitions) == sorted(keys) == sorted(behaviour.JUDGES)


def test_people_at_meta(shop: Shop) -> None:
    people = list(load(shop.folder / "people.jsonl"))
    ours = [person for person in people if person.id <= customers.PEOPLE]
    assert 0.58 < len(ours) / customers.PEOPLE < 0.62
    assert len({person.id for person in people}) == len(people)
    uses = [email for person in people for email in person.emails]
    assert len(uses) > len(set(uses)), "somebody shares an e-mail"
    assert any(email.startswith("private") for email in uses)


@pytest.mark.parametrize("key", behaviour.JUDGES)
def test_nobody_crosses_a_border_while_the_demo_runs(shop: Shop, key: str) -> None:
    for doings, moments in (
        (shop.first, range(0, 6 * HOUR, HOUR)),
        (shop.both_days, range(DAY, DAY + 11 * HOUR, HOUR)),
    ):
        assert len({frozenset(behaviour.members(doings, key, at)) for at in moments}) == 1


@pytest.mark.parametrize("key", ["recent_buyers", "win_back"])
def test_people_enter_and_leave_on_the_next_day(shop: Shop, key: str) -> None:
    before = behaviour.members(shop.first, key, 0)
    after = behaviour.members(shop.both_days, key, DAY + HOUR)
    assert len(after - before) > 100
    assert len(before - after) > 100
    assert len(before) > 2_000, "small batches, many of them"


def test_the_explained_leaves_because_of_an_order(shop: Shop) -> None:
    number = customers.EXPLAINED
    assert shop.first[number].left_a_cart(0)
    assert not shop.both_days[number].left_a_cart(DAY)
    assert shop.explained_id == "u1042"


def test_the_erased_would_be_wanted_and_meta_knows_them(shop: Shop) -> None:
    own = shop.at_meta([shop.erased])
    assert len(own) == 1
    assert own <= shop.wanted("recent_buyers", day=1, moment=0)
    assert not own & shop.wanted("recent_buyers", day=2, moment=DAY)


CASES: list[tuple[str, Doings, bool]] = [
    ("nothing", Doings(), False),
    ("a cart", Doings(added=[-DAY]), True),
    ("bought before", Doings(added=[-DAY], ordered=[(-2 * DAY, 1)]), True),
    ("bought after", Doings(added=[-2 * DAY], ordered=[(-DAY, 1)]), False),
    ("bought and came back", Doings(added=[-3 * DAY, -DAY], ordered=[(-2 * DAY, 1)]), True),
    ("the same instant is not after", Doings(added=[-DAY], ordered=[(-DAY, 1)]), True),
    ("too long ago", Doings(added=[-7 * DAY]), False),
    ("just within", Doings(added=[1 - 7 * DAY]), True),
]


@pytest.mark.parametrize(("_name", "doings", "expected"), CASES, ids=[name for name, _, _ in CASES])
def test_a_cart_left(_name: str, doings: Doings, expected: bool) -> None:
    assert doings.left_a_cart(0) is expected


def test_messages_of_one_file_have_ids_of_their_own(shop: Shop) -> None:
    ids = [json.loads(line)["messageId"] for line in (shop.folder / "day2.jsonl").read_bytes().splitlines()]
    assert len(set(ids)) == len(ids) == tracking.NEXT_EVENTS


def test_the_product_finds_the_same_people(shop: Shop, landed: list[Landed], tmp_path: Path) -> None:
    """As many people as there are, in each audience those whom plain arithmetic on single people tells."""
    assert landed
    write_audiences(tmp_path)
    definitions, moment = read_folder(tmp_path), NOW + timedelta(days=1, hours=1)
    with Warehouse(shop.folder / "warehouse.duckdb", memory_limit="1GB", spill=shop.folder / "spill") as warehouse:
        resolve(warehouse, identity_rules("DE", "salt"), fingerprint="once")
        find_members(warehouse, definitions, at=moment, zone=ZoneInfo("Europe/Berlin"))
        identifiers = warehouse.read(warehouse.table("identifier")).to_pylist()
        stays = warehouse.read(warehouse.table("membership")).to_pylist()
    user_ids = {one["profile_id"]: one["value"] for one in identifiers if one["type"] == "user_id"}
    assert {one["profile_id"] for one in identifiers} == set(user_ids)
    assert len(user_ids) == customers.PEOPLE
    for key in behaviour.JUDGES:
        wanted = behaviour.members(shop.both_days, key, DAY + HOUR)
        found = {user_ids[stay["profile_id"]] for stay in stays if stay["audience"] == key}
        assert found == {shop.customers[number].user_id for number in wanted}, key

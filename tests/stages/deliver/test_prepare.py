"""From profiles to rows: as the record path says, once for each changed profile."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.stages.deliver.shop import SETTINGS, Customer, digest, do_not_send, fill, members, open_warehouse

from guestlist.destinations.meta.manifest import KEYS
from guestlist.destinations.meta.prepare import Prepared, Wanted, prepare, want
from guestlist.destinations.meta.reasons import blank_reasons, flag_counts, unusable_reasons
from guestlist.destinations.meta.rows import Identifier, read_record, row_key
from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.profiles.relations import SPLIT_OFF
from guestlist.store import Warehouse
from guestlist.store.in_memory import in_memory
from guestlist.store.ledger import Ledger

PEOPLE = [
    Customer(
        id="a",
        emails=["ada@example.com", "ada@example.org"],
        phones=["4915112345678"],
        traits={"phone": "+49 151 1234-5678", "mobile": "+49 (0)151 12345678", "mobile_phone": "+49 151/1234.5679"},
    ),
    Customer(id="b", traits={"email": "BO@example.com; bo2@example.com", "first_name": "Jörg", "zip": "50667"}),
    Customer(id="c", traits={"emails": '["cy@example.com", "cy@example.org"]', "last_name": "Ng", "country": "US"}),
    Customer(id="d", traits={"email": "not one", "phone": "0151 12345678"}),
    Customer(id="e", traits={"email": "nobody"}),
    Customer(id="f", user_id="u-7", emails=["f@example.com"], traits={"birthday": "1987-05-07"}),
    Customer(id="g"),
]


class Space:
    """A warehouse and a ledger."""

    def __init__(self, folder: Path) -> None:
        self.warehouse: Warehouse = open_warehouse(folder)
        self.ledger = Ledger(folder / "ledger.duckdb", RELATIONS, threads=2)
        self.settings = SETTINGS
        self.listed: list[tuple[str, str]] = []
        self.refused: Any = None
        self.split: list[tuple[str, str, str]] = []

    def prepare(self, people: list[Customer]) -> Prepared:
        fill(self.warehouse, people)
        lines = [dict(zip(SPLIT_OFF, line, strict=True)) for line in self.split]
        self.warehouse.replace("split_off", in_memory(lines, schema=SPLIT_OFF))
        return prepare(
            self.warehouse,
            self.ledger,
            destination="main",
            settings=self.settings,
            members=members(person.id for person in people),
            do_not_send=do_not_send(self.warehouse, *self.listed),
            refused=self.refused,
        )

    def want(self, people: list[Customer]) -> Wanted:
        self.prepare(people)
        return want(
            self.warehouse,
            self.ledger,
            sync="s@main",
            destination="main",
            members=members(person.id for person in people),
            do_not_send=do_not_send(self.warehouse, *self.listed),
        )

    def rows(self, person: str) -> list[dict[str, str]]:
        """Sendable rows in order."""
        whose = self.ledger.table("profile_row").filter(lambda t: (t.profile_id == person) & t.cannot.isnull())
        cells = self.ledger.table("row").join(whose.select("row_key", "n"), "row_key").order_by("n")
        return [{key: row[key] for key in KEYS} for row in self.ledger.read(cells).to_pylist()]


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    opened = Space(tmp_path)
    yield opened
    opened.warehouse.close()
    opened.ledger.close()


@pytest.mark.parametrize("extern_id", [None, "user_id"])
def test_rows_are_those_of_the_record_path(space: Space, extern_id: str | None) -> None:
    space.settings = replace(SETTINGS, extern_id=extern_id)
    space.prepare(PEOPLE)
    for person in PEOPLE:
        traits: dict[str, Any] = dict(person.traits)
        if "emails" in traits:
            traits["emails"] = ["cy@example.com", "cy@example.org"]
        told = [
            Identifier(type=kind, value=f"+{value}" if kind == "phone" else value)
            for kind, value, _ in person.identifiers()
        ]
        record = read_record(traits, space.settings, told)
        expected = [{key: row.sent(key) for key in KEYS} for row in record.rows if row.can_be_sent]
        assert space.rows(person.id) == expected, person.id
        keys = {str(row_key(row)) for row in record.rows if row.can_be_sent}
        found = space.ledger.table("profile_row").filter(lambda t, who=person.id: t.profile_id == who)
        found = found.filter(found.cannot.isnull())
        assert {str(line["row_key"]) for line in space.ledger.read(found).to_pylist()} == keys


MAPPED = {"PHONE": {"+49 171 3920001": "+49 171 3920009"}, "EMAIL": {"Ada@Example.com": "ada@example.net"}}
LIKE_AN_IDENTIFIER: list[tuple[dict[str, dict[str, str]], dict[str, str], int]] = [
    ({}, {"phone": "+49 171 3920001"}, 1),
    ({}, {"phone": "+49 171/392-0001"}, 1),
    ({}, {"phone": "+49.171.3920001"}, 1),
    ({}, {"phone": "+491713920001.0"}, 1),  # a number that a spreadsheet has written
    ({}, {"phone": "+49 (0)171 3920001"}, 1),
    ({}, {"phone": "+49171392000.0"}, 2),  # not 1713920000, which is another identifier
    ({}, {"phone": "+4917139200.00"}, 2),
    ({}, {"phone": "+49 171 392000.01"}, 2),
    ({}, {"email": " ADA@example.com"}, 1),
    (MAPPED, {"phone": "+49 171 3920001"}, 2),
    (MAPPED, {"phone": "+49 171 392 0001"}, 1),
    (MAPPED, {"email": "ADA@example.com"}, 1),  # the identifier is mapped as well
    (MAPPED, {"email": "Ada <ada@example.com>"}, 2),
]


@pytest.mark.parametrize(("maps", "traits", "number"), LIKE_AN_IDENTIFIER)
def test_a_trait_is_left_out_only_where_an_identifier_says_the_same(
    space: Space, maps: Any, traits: dict[str, str], number: int
) -> None:
    (name,) = traits
    space.settings = replace(SETTINGS, value_maps=maps)
    emails = ["grace@example.com", "ada@example.com"] if name == "email" else []
    person = Customer(id="a", emails=emails, phones=["491713920000", "491713920001"], traits=traits)
    told = [
        Identifier(type=kind, value=f"+{value}" if kind == "phone" else value)
        for kind, value, _ in person.identifiers()
    ]
    record = read_record(traits, space.settings, told)
    expected = [{key: row.sent(key) for key in KEYS} for row in record.rows if row.can_be_sent]
    space.prepare([person])
    assert space.rows("a") == expected
    sent = {row["EMAIL" if name == "email" else "PHONE"] for row in expected}
    assert len(sent) == number + 1


def test_only_changed_profiles_are_prepared_again(space: Space) -> None:
    assert space.prepare(PEOPLE).profiles == 7
    assert space.prepare(PEOPLE) == Prepared(profiles=0, values_read=0)
    changed = [*PEOPLE[1:], Customer(id="a", emails=["ada@example.net"])]
    assert space.prepare(changed).profiles == 1
    assert [row["EMAIL"] for row in space.rows("a")] == [digest("ada@example.net")]
    space.settings = replace(SETTINGS, off=frozenset({"ZIP"}))
    assert space.prepare(changed).profiles == 7
    assert space.rows("b")[0]["ZIP"] == ""


def test_who_cannot_be_sent_and_why(space: Space) -> None:
    space.listed = [("email", "f@example.com")]
    wanted = space.want(PEOPLE)
    assert (wanted.members, wanted.people) == (7, 4)
    assert wanted.cannot == {"do_not_send": 1, "only_unusable": 1, "has_none": 1}
    # D goes by phone. E, whose only e-mail is bad, and F, who is listed, have no row in which a cell could be blank.
    assert blank_reasons(space.ledger, wanted) == {("EMAIL", "bad_email"): 1}
    assert unusable_reasons(space.ledger, wanted, SETTINGS.strong) == {("EMAIL", "bad_email"): 1}


def test_what_is_sent_with_a_doubt_is_counted_among_those_who_go(space: Space) -> None:
    hashed, doubtful = digest("ada@example.com"), "noreply@example.com"
    people = [
        Customer(id="a", traits={"email": hashed, "first_name": digest("ada")}),
        Customer(id="b", traits={"email": f"{doubtful}; bo@example.com", "birthday": "1990-02-16T10:00:00"}),
        Customer(id="c", traits={"email": hashed, "phone": "+1 555 987 6543"}),
        Customer(id="d", traits={"first_name": digest("dan")}),
        Customer(id="e", emails=["listed@example.com"], traits={"email": hashed}),
    ]
    space.listed = [("email", "listed@example.com")]
    wanted = space.want(people)
    expected = {
        ("EMAIL", "already_hashed"): 2,
        ("FN", "already_hashed"): 1,
        ("EMAIL", "unlikely_to_match"): 1,
        ("PHONE", "phone_unverified"): 1,
        **{(key, "date_has_time"): 1 for key in ("DOBY", "DOBM", "DOBD")},
    }
    assert flag_counts(space.ledger, wanted) == expected
    mended = [Customer(id=one.id, emails=[f"{one.id}@example.org"]) for one in people]
    assert flag_counts(space.ledger, space.want(mended)) == {}


def test_a_listed_value_is_blank_for_everybody_and_comes_back(space: Space) -> None:
    people = [
        Customer(id="a", emails=["a@example.com"]),
        Customer(id="b", emails=["b@example.com"], traits={"email": digest("a@example.com")}),
    ]
    space.listed = [("email", "a@example.com")]
    assert space.want(people).cannot == {"do_not_send": 1}
    assert [row["EMAIL"] for row in space.rows("b")] == [digest("b@example.com")]
    space.listed = []
    assert space.want(people).people == 2
    assert len(space.rows("b")) == 2


def test_an_entry_of_the_list_costs_only_the_rows_that_it_touches(space: Space) -> None:
    assert space.prepare(PEOPLE).profiles == 7
    space.listed = [("email", "nobody@example.org")]
    assert space.prepare(PEOPLE).profiles == 0
    space.listed = [*space.listed, ("email", "ada@example.com")]
    carriers = space.prepare(PEOPLE).profiles
    assert 0 < carriers < 7
    space.listed = space.listed[:1]
    assert space.prepare(PEOPLE).profiles == carriers
    assert space.prepare(PEOPLE).profiles == 0


def test_a_value_shared_by_many_points_at_nobody(space: Space) -> None:
    space.refused = in_memory({"key": ["EMAIL"], "sent": [digest("team@example.com")], "reason": ["shared_by_many"]})
    people = [Customer(id=n, emails=[f"{n}@example.com"], traits={"email": "team@example.com"}) for n in "ab"]
    wanted = space.want(people)
    assert [len(space.rows(n)) for n in "ab"] == [1, 1]
    assert wanted.people == 2


def test_what_was_split_off_is_blank_for_that_person_alone(space: Space) -> None:
    space.settings = replace(SETTINGS, extern_id="card")
    shared = {
        "email": "Team@example.com; own@example.com",
        "phone": "0171 3920007",
        "mobile_phone": "+49 171 3920007",
        "madid": "3F0C1A52-7A1E-4B6E-9C51-0A1B2C3D4E5F",
        "card": " L7 ",
    }
    people = [Customer(id=n, traits=shared) for n in "ab"]
    space.prepare(people)
    whole = space.rows("a")
    assert whole == space.rows("b")
    space.split = [
        ("a", "email", digest("team@example.com")),  # as a hash, as some send it
        ("a", "phone", "491713920007"),
        ("a", "android.idfa", "3f0c1a52-7a1e-4b6e-9c51-0a1b2c3d4e5f"),
        ("a", "card", "L7"),
    ]
    assert space.prepare(people).profiles == 1
    (left,) = space.rows("a")
    assert left == {**dict.fromkeys(KEYS, ""), "EMAIL": digest("own@example.com"), "COUNTRY": digest("de")}
    assert space.rows("b") == whole
    wanted = space.want(people)
    assert blank_reasons(space.ledger, wanted) == {(key, "split_off"): 1 for key in ("PHONE", "MADID", "EXTERN_ID")}
    space.split = []
    assert space.prepare(people).profiles == 1
    assert space.rows("a") == whole


def test_of_whom_something_is_split_off_changes_rows_though_nothing_else_does(space: Space) -> None:
    """Two who became one: the values are the same, and the id is that of the one who could send it."""
    people = [Customer(id="a", traits={"email": "team@example.com", "phone": "+491713920007"})]
    space.prepare(people)
    space.split = [("a", "email", "team@example.com")]
    assert space.prepare(people).profiles == 1
    assert space.prepare(people).profiles == 0
    assert [row["EMAIL"] for row in space.rows("a")] == [""]


def test_two_people_with_one_row(space: Space) -> None:
    people = [Customer(id=n, emails=["home@example.com"]) for n in "ab"]
    wanted = space.want(people)
    assert space.ledger.count("row") == 1
    assert len(space.ledger.read(wanted.rows)) == 1
    assert len(space.ledger.read(wanted.persons)) == 2


def test_merged_people_follow_the_survivor(space: Space) -> None:
    lines = [
        {"sync": "s", "row_key": f"00000000-0000-0000-0000-00000000000{n}", "profile_id": who}
        for n, who in [(1, "a"), (1, "b"), (2, "a")]
    ]
    space.ledger.append("ledger_person", in_memory(lines, schema=RELATIONS["ledger_person"]))
    for _ in range(2):
        space.ledger.follow_survivors("ledger_person", in_memory({"profile_id": ["a", "b"], "survivor": ["b", "b"]}))
        told = space.ledger.read(space.ledger.table("ledger_person")).to_pylist()
        assert sorted((str(line["row_key"])[-1], line["profile_id"]) for line in told) == [("1", "b"), ("2", "b")]

"""`guestlist do-not-send`: what is one entry, what is stored of it, what is said about it."""

import hashlib

import pytest

from guestlist.profiles.do_not_send import listed_profiles
from guestlist.records import find_people, open_records
from guestlist.space import open_space
from guestlist.store.in_memory import in_memory

from .conftest import CANARIES, Desk

EMAIL_HASH = hashlib.sha256(b"jane.canary@example.org").hexdigest()
PHONE_HASH = hashlib.sha256(b"491713920007").hexdigest()


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        ("email:jane.canary@example.org", "email: JANE.canary@Example.org "),
        ("email:jane.canary@example.org", f"email:{EMAIL_HASH}"),
        (f"EMAIL:{EMAIL_HASH.upper()}", "email:jane.canary@example.org"),
        ("phone:0171 3920007", "phone:+49 171 3920007"),
        ("phone:+491713920007", f"phone:{PHONE_HASH}"),
        (
            "ios.idfa:AEBE52E7-03EE-455A-B3C4-E57283966239",
            "madid:aebe52e7-03ee-455a-b3c4-e57283966239",
        ),
        ("user_id:u1042", "user_id:u1042"),
        ("loyalty_card:77", "loyalty_card:77"),
    ],
)
def test_one_person_in_several_spellings_is_one_entry(desk: Desk, listed: str, asked: str) -> None:
    assert desk.type("do-not-send", "add", listed).code == 0
    assert "listed since" in desk.type("do-not-send", "list", asked).out
    assert desk.type("do-not-send", "add", asked, "--json").facts["already_listed"] == 1
    assert desk.type("do-not-send", "remove", asked, "--json").facts["removed"] == 1
    assert "not listed" in desk.type("do-not-send", "list", listed).out


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("jane.canary@example.org", "no_person_named"),
        ("email:", "no_person_named"),
        ("email:canary at home", "bad_person_value"),
        ("phone:canary", "bad_person_value"),
        ("emial:jane.canary@example.org", "unknown_id_type"),
        (f"email:{hashlib.sha256(b'').hexdigest()}", "bad_person_value"),
    ],
)
def test_a_slip_is_told_and_never_repeats_the_value(desk: Desk, typed: str, code: str) -> None:
    told = desk.type("do-not-send", "add", typed)
    assert told.code == 2
    assert code in told.err
    assert "canary" not in told.err
    assert desk.type("do-not-send", "list", "--json").facts["entries"] == 0


def test_a_file_is_read_to_its_end_and_its_bad_lines_are_named_by_number(desk: Desk) -> None:
    file = desk.space.parent / "list.txt"
    file.write_text("email:a@example.org\n\nemail:canary\nuser_id:u7\n", "utf-8")

    told = desk.type("do-not-send", "add", "--file", file, "--reason", "objection")

    assert told.code == 1
    assert "line 3" in told.out
    assert "canary" not in told.out
    assert desk.type("do-not-send", "list", "--json").facts["entries"] == 2
    assert "objection" in desk.type("do-not-send", "list", "user_id:u7").out


def test_a_missing_file(desk: Desk) -> None:
    assert desk.type("do-not-send", "add", "--file", "nothing.txt").code == 2


def test_no_value_and_no_hash_is_stored(desk: Desk) -> None:
    desk.type("do-not-send", "add", "email:jane.canary@example.org", "phone:+491713920007", "user_id:u1042-canary")
    for text in ("jane.canary", EMAIL_HASH, "491713920007", PHONE_HASH, "u1042-canary"):
        assert desk.where(text) == []
        assert text not in desk.printed
    assert not desk.where(bytes.fromhex(EMAIL_HASH).decode("latin-1"))


def test_it_survives_importing_again_and_finds_the_whole_person(desk: Desk) -> None:
    desk.type("do-not-send", "add", "phone:0171 3920007")
    desk.load()
    here = open_space(desk.space)
    with open_records(here) as records, here.open_warehouse() as warehouse:
        find_people(here, warehouse, records)
        known = warehouse.table("identifier")
        tokens = in_memory({"token": [entry.token.hex() for entry in records.journal.do_not_send()]})
        found = warehouse.read(listed_profiles(known, tokens, records.pepper)).to_pylist()
    assert [row["profile_id"] for row in found] == [desk.people()["user_id", "u1042"]]


def test_beside_a_process_that_owns_the_space_it_works_too(desk: Desk) -> None:
    desk.load()
    with open_space(desk.space).open_warehouse():
        assert desk.type("do-not-send", "add", "user_id:u1042").code == 0


def test_every_change_is_on_record_without_a_value(desk: Desk) -> None:
    desk.type("do-not-send", "add", "email:jane.canary@example.org")
    desk.type("do-not-send", "remove", "email:jane.canary@example.org")
    with open_records(open_space(desk.space)) as records:
        entries = records.journal.audit_entries()
    assert [entry.action for entry in entries] == ["do-not-send added", "do-not-send removed"]
    assert not any(canary in str(entry) for entry in entries for canary in CANARIES)

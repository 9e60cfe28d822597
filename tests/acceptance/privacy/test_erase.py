"""`guestlist erase`: afterwards the bytes are gone, the person is listed under every id, others are untouched."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from guestlist.erasures import erasing
from guestlist.records import open_records
from guestlist.space import open_space
from guestlist.store import Warehouse
from guestlist.store.journal_tables import Sync
from guestlist.telling.naming import read_named

from .conftest import CANARIES, Desk


def test_before_erasing_the_canaries_are_there(loaded: Desk) -> None:
    # Shows that the search in the test below could find something.
    assert [canary for canary in CANARIES if not loaded.where(canary)] == []


@pytest.mark.parametrize("named_by", ["email:Jane.Canary@example.org", "user_id:u1042", "phone:0171 3920007"])
def test_every_byte_is_gone_and_everybody_else_stays(loaded: Desk, named_by: str) -> None:
    before = loaded.people()

    told = loaded.type("erase", named_by)

    assert told.code == 0, told.err
    assert {canary: loaded.where(canary) for canary in CANARIES} == {canary: [] for canary in CANARIES}
    assert not any(canary in told.out + told.err for canary in CANARIES)
    after = loaded.people()
    assert after == {key: value for key, value in before.items() if value == before["user_id", "u1043"]}
    assert loaded.where("omar@example.org")


def test_the_person_is_listed_under_every_id_they_had(loaded: Desk) -> None:
    loaded.type("erase", "email:jane.canary@example.org")
    for one in (
        "user_id:u1042",
        "email:jane.canary@example.org",
        "email:old.canary@example.net",
        "phone:+491713920007",
        "anonymous_id:anon-canary-77",
        "loyalty_card:card-canary-9",
    ):
        assert "erasure" in loaded.type("do-not-send", "list", one).out, one
    assert "not listed" in loaded.type("do-not-send", "list", "user_id:u1043").out


def test_whoever_shared_an_email_can_still_be_sent(loaded: Desk) -> None:
    loaded.type("erase", "user_id:u1042")
    other = [key for key in loaded.people() if key[0] == "email"]
    assert other == [("email", "omar@example.org")]


def test_importing_the_same_file_again_brings_the_person_back_listed(loaded: Desk) -> None:
    loaded.type("erase", "user_id:u1042")
    loaded.load()
    assert ("user_id", "u1042") in loaded.people()
    assert "listed since" in loaded.type("do-not-send", "list", "user_id:u1042").out


def test_the_receipt_tells_counts_and_closes_where_nothing_was_ever_sent(desk: Desk) -> None:
    desk.load()
    facts = desk.type("erase", "user_id:u1042", "--json").facts
    assert facts["state"] == "closed"
    assert facts["people"] == 1
    assert facts["identifiers"] == 6
    assert facts["messages"] == 4
    assert facts["do_not_send_entries"] >= 6
    assert desk.type("erase", "--receipt", facts["receipt"], "--json").facts == facts
    assert facts["receipt"] in desk.type("erase", "--receipt", "all").out
    with open_records(open_space(desk.space)) as records:
        assert records.journal.erased_people() == []


def test_the_receipt_stays_open_while_meta_may_have_the_person(loaded: Desk) -> None:
    profile_id = loaded.people()["user_id", "u1042"]
    with open_records(open_space(loaded.space)) as records:
        records.journal.take_over("test", now=1)
        records.journal.save_sync(Sync(key="a@main", audience="a", destination="main", remote_id="120"))

    here = open_space(loaded.space)
    with open_records(here) as records:
        named = read_named(here, "user_id:u1042").token(records.pepper)
        receipt = erasing.ask(records, "user_id", named, now=datetime.now(UTC)).id
        erasing.carry_out(here, records, now=datetime.now(UTC))

        assert loaded.type("erase", "--receipt", receipt, "--json").facts["state"] == "open"
        assert profile_id in records.journal.erased_people()
        records.journal.removals_handed_over(receipt, now=2_000_000)
        assert "removals taken" in loaded.type("erase", "--receipt", receipt).out
        records.journal.close_erasure(receipt, now=3_000_000)
        assert records.journal.erased_people() == []
    assert "closed 1970-01-01 00:00:03 UTC" in loaded.type("erase", "--receipt", receipt).out


def test_beside_an_owner_it_is_asked_and_done_by_whoever_has_the_stores(loaded: Desk) -> None:
    script = (
        "import sys, pathlib\nfrom guestlist.space import open_space\n"
        "w = open_space(pathlib.Path(sys.argv[1])).open_warehouse()\nprint('open', flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(loaded.space)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        told = loaded.type("erase", "user_id:u1042")
        owner.communicate("")

    assert told.code == 0, told.err
    assert "waits for the process that owns this space" in told.out
    assert "listed since" in loaded.type("do-not-send", "list", "user_id:u1042").out

    here = open_space(loaded.space)
    with open_records(here) as records:
        erasing.carry_out(here, records, now=datetime.now(UTC))
        (done,) = records.journal.erasures()
    assert (done.people, done.messages) == (1, 4)
    assert not any(loaded.where(canary) for canary in CANARIES)


@pytest.mark.parametrize("dies_in", ["delete_keys", "merge"])
def test_a_crash_in_the_middle_is_finished_by_the_next(
    loaded: Desk, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:

    def dies(*_: object) -> int:
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(Warehouse, dies_in, dies)
        assert loaded.type("erase", "user_id:u1042").code == 1

    loaded.type("erase", "user_id:u-unknown")

    with open_records(open_space(loaded.space)) as records:
        first, second = records.journal.erasures()
    assert (first.people, first.messages, second.people) == (1, 4, 0)
    assert not any(loaded.where(canary) for canary in CANARIES)


def test_somebody_unknown_is_listed_and_told(desk: Desk) -> None:
    told = desk.type("erase", "email:stranger.canary@example.org")
    assert told.code == 0
    assert "nobody was known" in told.out
    assert "listed since" in desk.type("do-not-send", "list", "email:stranger.canary@example.org").out


@pytest.mark.parametrize("words", [(), ("user_id:u1", "--receipt", "er-1"), ("--receipt", "er-0"), ("u1",)])
def test_wrong_use(desk: Desk, words: tuple[str, ...]) -> None:
    assert desk.type("erase", *words).code == 2


def test_the_copy_that_an_upgrade_left_is_gone_with_the_values(loaded: Desk) -> None:
    copy = loaded.space / ".guestlist" / "journal.before-0001.sqlite"
    copy.write_bytes(b"as it was")
    assert loaded.type("erase", "user_id:u1042").code == 0
    assert not copy.exists()

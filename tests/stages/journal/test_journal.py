"""The journal: what it promises about owners, plans, batches and what it forgets."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from guestlist.errors import GuestlistError
from guestlist.store import journal_file
from guestlist.store.journal import Journal
from guestlist.store.journal_file import newest_version
from guestlist.store.journal_tables import (
    BATCH_STEPS,
    PLAN_STEPS,
    Answer,
    Batch,
    BatchState,
    Listed,
    Pause,
    Plan,
    PlanState,
    Sealed,
    Sync,
    metadata,
)

SYNC = Sync(key="buyers@main", audience="buyers", destination="main")
APPLIED = Answer(state=BatchState.APPLIED, received=10, invalid=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "space" / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path) as opened:
        opened.take_over("sync", now=1)
        opened.save_sync(SYNC)
        yield opened


def plan_of(plan_id: str = "p1", **changes: object) -> Plan:
    return replace(Plan(id=plan_id, sync=SYNC.key, cause="c", removals=10, additions=20), **changes)  # type: ignore[arg-type]


def batch_of(batch_id: str, ordinal: int = 1, direction: str = "add") -> Batch:
    return Batch(id=batch_id, plan="p1", sync=SYNC.key, ordinal=ordinal, direction=direction, rows=10)


def running(journal: Journal, *batches: str, plan_id: str = "p1") -> None:
    drafts = [batch_of(batch_id, number) for number, batch_id in enumerate(batches, start=1)]
    journal.save_plan(plan_of(plan_id), drafts, now=5)
    journal.move_plan(plan_id, PlanState.RUNNING, now=6)


def states(journal: Journal, plan_id: str = "p1") -> dict[str, str]:
    return {batch.id: str(batch.state) for batch in journal.batches(plan_id)}


def code_of(raised: pytest.ExceptionInfo[GuestlistError]) -> str:
    return raised.value.code


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_only_its_owner_can_read_the_files(journal: Journal, path: Path) -> None:
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1)]
)
def test_every_connection_is_durable_and_forgetful(journal: Journal, pragma: str, value: object) -> None:
    with journal._read() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_migrations_follow_one_another_by_their_numbers() -> None:
    scripts = ScriptDirectory(str(Path(journal_file.__file__).parent / "migrations"))
    numbers = [one.revision for one in scripts.walk_revisions()]
    assert numbers == [f"{number:04}" for number in range(len(numbers), 0, -1)]
    assert newest_version() == scripts.get_current_head()


def test_the_migrations_make_the_tables_that_the_code_uses(journal: Journal) -> None:
    with journal._read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_again_changes_nothing(journal: Journal, path: Path) -> None:
    running(journal, "b1")
    with Journal.open(path) as again:
        assert again.sync(SYNC.key) == SYNC
        assert states(again) == {"b1": "planned"}


def test_a_file_from_the_future_is_left_alone(journal: Journal, path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(GuestlistError) as raised:
        Journal.open(path)
    assert code_of(raised) == "journal_newer"
    assert not list(path.parent.glob("*before*"))


def test_an_older_file_is_copied_before_its_tables_change(path: Path) -> None:
    _made_by_an_older_one(path, "0001")
    with sqlite3.connect(path) as raw:
        raw.execute("INSERT INTO definition_version VALUES ('old', 1, 'digest', 'as it was', 1)")
    for _ in range(2):
        Journal.open(path).close()
    (copy,) = path.parent.glob("*before*")
    assert copy.name == f"journal.before-{newest_version()}.sqlite"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    for file, version in ((path, newest_version()), (copy, "0001")):
        with sqlite3.connect(file) as raw:
            assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(version,)]
            assert raw.execute("SELECT document FROM definition_version").fetchall() == [("as it was",)]


def _made_by_an_older_one(path: Path, version: str) -> None:
    journal_file.make_private(path)
    config = Config()
    config.set_main_option("script_location", str(Path(journal_file.__file__).parent / "migrations"))
    database = journal_file.engine(path)
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    database.dispose()


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(GuestlistError) as raised:
        Journal.open(path)
    assert code_of(raised) == "journal_damaged"


@pytest.mark.parametrize("name", ["with space", "100%", "q?x=1", "umläut"])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    with Journal.open(tmp_path / name / "journal.sqlite"):
        assert (tmp_path / name / "journal.sqlite").stat().st_size > 0


# --- owners -----------------------------------------------------------------------------------------------------------


def test_a_stale_owner_can_record_nothing_that_leads_to_a_request(journal: Journal, path: Path) -> None:
    running(journal, "b1", "b2")
    journal.intend("b1", rows=10, session=1, now=7)
    with Journal.open(path) as successor:
        assert successor.take_over("service", now=8) == 2
        for write in (
            lambda: journal.intend("b2", rows=10, session=1, now=9),
            lambda: journal.answer("b1", APPLIED, now=9),
            lambda: journal.save_plan(plan_of("p2"), [], now=9),
            lambda: journal.move_plan("p1", PlanState.DONE, now=9),
            lambda: journal.save_sync(SYNC),
            lambda: journal.folded(["b1"], now=9),
            lambda: journal.save_pause(Pause(account="act_1", not_before=1, reason="r")),
            lambda: journal.record_definition("buyers", "d", "{}", now=9),
        ):
            with pytest.raises(GuestlistError) as raised:
                write()
            assert code_of(raised) == "space_taken_over"
        assert states(successor) == {"b1": "unknown", "b2": "superseded"}


def test_who_has_never_taken_over_owns_nothing(path: Path) -> None:
    with Journal.open(path) as beside, pytest.raises(GuestlistError) as raised:
        beside.save_sync(SYNC)
    assert code_of(raised) == "space_taken_over"


def test_taking_over_puts_what_was_on_its_way_in_doubt_and_ends_plans(journal: Journal) -> None:
    running(journal, "b1", "b2", "b3")
    journal.intend("b1", rows=10, session=1, now=7)
    journal.intend("b2", rows=10, session=1, now=8)
    journal.answer("b1", APPLIED, now=9)
    journal.take_over("sync", now=10)
    assert states(journal) == {"b1": "applied", "b2": "unknown", "b3": "superseded"}
    ended = journal.plan("p1")
    assert ended is not None
    assert (ended.state, ended.ended_at) == (PlanState.SUPERSEDED, 10)
    assert [batch.id for batch in journal.unfolded()] == ["b1", "b2"]


def test_a_held_plan_outlives_its_owner(journal: Journal) -> None:
    journal.save_plan(plan_of(state=PlanState.HELD, people_leaving=500), [batch_of("b1")], now=5)
    journal.take_over("service", now=6)
    held = journal.held_plan(SYNC.key)
    assert held is not None
    assert held.id == "p1"
    assert states(journal) == {"b1": "planned"}


def test_beside_the_owner_people_can_list_confirm_and_be_audited(journal: Journal, path: Path) -> None:
    journal.save_plan(plan_of(state=PlanState.HELD, people_leaving=500), [], now=5)
    with Journal.open(path) as beside:
        assert beside.confirm("p1", now=6).confirmed_people == 500
        assert beside.list_do_not_send([Listed(token=b"t" * 32, kind="EMAIL", listed_at=6)]) == 1
        beside.audit(actor="cli", action="do_not_send_add", about="do-not-send", counts={"added": 1}, now=6)
        assert beside.owner() == journal.owner()
    assert [entry.kind for entry in journal.do_not_send()] == ["EMAIL"]


# --- plans and batches ------------------------------------------------------------------------------------------------


def test_the_life_of_a_batch(journal: Journal) -> None:
    running(journal, "b1")
    sent_at = journal.intend("b1", rows=9, session=77, now=7)
    journal.answer("b1", Answer(state=BatchState.APPLIED, received=9, invalid=1, fbtrace_id="A1"), now=8)
    journal.move_plan("p1", PlanState.DONE, now=9)
    (batch,) = journal.batches("p1")
    assert (batch.rows, batch.session, batch.sent_at, batch.answered_at) == (9, 77, sent_at, 8)
    assert (batch.received, batch.invalid, batch.fbtrace_id) == (9, 1, "A1")
    assert journal.rows_by_state(SYNC.key) == {BatchState.APPLIED: 9}


@pytest.mark.parametrize(
    ("before", "to"), [(before, to) for before, steps in BATCH_STEPS.items() for to in BatchState if to not in steps]
)
def test_batches_take_no_other_step(journal: Journal, before: BatchState, to: BatchState) -> None:
    running(journal, "b1")
    _bring_batch(journal, before)
    with pytest.raises(GuestlistError) as raised:
        _move_batch(journal, to)
    assert code_of(raised) == "journal_step_refused"
    assert states(journal) == {"b1": str(before)}


def _move_batch(journal: Journal, to: BatchState) -> None:
    if to is BatchState.INTENDED:
        journal.intend("b1", rows=10, session=1, now=20)
    else:
        journal.answer("b1", Answer(state=to), now=20)


def _bring_batch(journal: Journal, to: BatchState) -> None:
    if to is BatchState.SUPERSEDED:
        journal.save_plan(plan_of("p2"), [], now=7)
    elif to is not BatchState.PLANNED:
        journal.intend("b1", rows=10, session=1, now=7)
        if to is not BatchState.INTENDED:
            journal.answer("b1", Answer(state=to), now=8)


@pytest.mark.parametrize(
    ("before", "to"), [(before, to) for before, steps in PLAN_STEPS.items() for to in PlanState if to not in steps]
)
def test_plans_take_no_other_step(journal: Journal, before: PlanState, to: PlanState) -> None:
    journal.save_plan(plan_of(state=PlanState.HELD if before is PlanState.HELD else PlanState.PLANNED), [], now=5)
    if before is PlanState.DONE:
        journal.move_plan("p1", PlanState.RUNNING, now=6)
    if before not in {PlanState.PLANNED, PlanState.HELD}:
        journal.move_plan("p1", before, now=6)
    with pytest.raises(GuestlistError) as raised:
        journal.move_plan("p1", to, now=7)
    assert code_of(raised) == "journal_step_refused"


def test_nothing_is_intended_under_a_plan_that_does_not_run(journal: Journal) -> None:
    journal.save_plan(plan_of(state=PlanState.HELD), [batch_of("b1")], now=5)
    with pytest.raises(GuestlistError) as raised:
        journal.intend("b1", rows=10, session=1, now=6)
    assert code_of(raised) == "journal_step_refused"


def test_instants_rise_even_when_the_clock_stands_or_goes_back(journal: Journal) -> None:
    running(journal, "b1", "b2", "b3")
    sent = [journal.intend(batch, rows=1, session=None, now=now) for batch, now in [("b1", 50), ("b2", 50), ("b3", 3)]]
    assert sent == [50, 51, 52]


def test_a_newer_plan_supersedes_what_was_not_sent(journal: Journal) -> None:
    running(journal, "b1", "b2")
    journal.intend("b1", rows=10, session=1, now=7)
    journal.save_plan(plan_of("p2"), [replace(batch_of("c1"), plan="whatever")], now=8)
    assert states(journal) == {"b1": "intended", "b2": "superseded"}
    assert states(journal, "p2") == {"c1": "planned"}
    assert [plan.id for plan in journal.plans(SYNC.key)] == ["p2", "p1"]


def test_a_held_plan_is_renewed_under_its_id_and_keeps_its_yes(journal: Journal) -> None:
    journal.save_plan(plan_of(state=PlanState.HELD, people_leaving=500), [batch_of("b1")], now=5)
    journal.confirm("p1", now=6)
    renewed = journal.save_plan(plan_of(state=PlanState.HELD, people_leaving=490), [batch_of("b2")], now=7)
    assert (renewed.people_leaving, renewed.confirmed_people, renewed.made_at) == (490, 500, 5)
    assert states(journal) == {"b1": "superseded", "b2": "planned"}
    journal.move_plan("p1", PlanState.RUNNING, now=8)
    assert journal.intend("b2", rows=1, session=1, now=9) == 9


@pytest.mark.parametrize("plan_id", ["p1", "no such plan"])
def test_only_a_held_plan_takes_a_yes(journal: Journal, plan_id: str) -> None:
    running(journal, "b1")
    with pytest.raises(GuestlistError) as raised:
        journal.confirm(plan_id, now=7)
    assert code_of(raised) == "plan_not_held"


def test_folding_is_said_once_and_may_be_repeated(journal: Journal) -> None:
    running(journal, "b1", "b2", "b3")
    for number, batch in enumerate(["b1", "b2", "b3"]):
        journal.intend(batch, rows=10, session=1, now=10 + number)
    journal.answer("b2", Answer(state=BatchState.UNKNOWN), now=20)
    journal.answer("b1", APPLIED, now=21)
    assert [batch.id for batch in journal.unfolded()] == ["b1", "b2"]
    journal.folded(["b1", "b3"], now=22)
    journal.folded(["b1"], now=23)
    assert [batch.id for batch in journal.unfolded()] == ["b2"]
    assert [batch.folded_at for batch in journal.batches("p1")] == [22, None, None]


# --- the small things -------------------------------------------------------------------------------------------------


def test_a_definition_gets_a_version_when_it_changes(journal: Journal) -> None:
    seen = [journal.record_definition("buyers", digest, "{}", now=9).version for digest in ["a", "a", "b", "a"]]
    assert seen == [1, 1, 2, 3]
    last = journal.definition("buyers")
    assert last is not None
    assert last.version == 3
    assert journal.definition("nobody") is None


def test_two_syncs_never_own_one_audience_at_meta(journal: Journal) -> None:
    journal.save_sync(replace(SYNC, remote_id="238"))
    journal.save_sync(replace(SYNC, remote_id="238", paused=True))
    with pytest.raises(GuestlistError) as raised:
        journal.save_sync(Sync(key="other@main", audience="other", destination="main", remote_id="238"))
    assert code_of(raised) == "audience_owned_by_other_sync"
    journal.save_sync(Sync(key="other@second", audience="other", destination="second", remote_id="238"))
    assert [sync.key for sync in journal.syncs()] == ["buyers@main", "other@second"]


def test_a_wait_only_grows(journal: Journal) -> None:
    for until in (100, 300, 200):
        journal.save_pause(Pause(account="act_1", not_before=until, reason="meta_audience_limit"))
    kept = journal.pause("act_1")
    assert kept is not None
    assert kept.not_before == 300
    assert journal.pause("act_2") is None


def test_the_do_not_send_list_keeps_an_entry_once(journal: Journal) -> None:
    entry = Listed(token=b"x" * 32, kind="EMAIL", listed_at=1, reason="asked")
    assert journal.list_do_not_send([entry, entry]) == 1
    assert journal.do_not_send() == [entry]
    assert journal.unlist_do_not_send([entry.token, b"y" * 32]) == 1
    assert journal.do_not_send() == []


@pytest.mark.parametrize("how", ["delete", "overwrite"])
def test_a_forgotten_secret_is_in_no_file(journal: Journal, path: Path, how: str) -> None:
    canary = b"CANARY-0123456789"
    journal.save_secret(Sealed(name="main/token", key_id="k1", sealed=canary, written_at=1))
    if how == "delete":
        assert journal.delete_secret("main/token")
        assert journal.secret("main/token") is None
    else:
        journal.save_secret(Sealed(name="main/token", key_id="k1", sealed=b"new", written_at=2))
    assert all(canary not in file.read_bytes() for file in path.parent.iterdir())


def test_a_database_error_shows_no_values(journal: Journal) -> None:
    entry = Listed(token=b"CANARY", kind=None, listed_at=1)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL") as raised:
        journal.list_do_not_send([entry])
    assert "CANARY" not in str(raised.value)


def test_an_audit_that_was_tampered_with_is_noticed(journal: Journal, path: Path) -> None:
    for number in range(4):
        journal.audit(actor="cli", action="erase", about=f"r{number}", counts={"people": 1}, now=number)
    assert journal.first_broken_audit_entry() is None
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE audit SET counts = '{\"people\":2}' WHERE seq = 3")
    assert journal.first_broken_audit_entry() == 3
    with sqlite3.connect(path) as raw:
        raw.execute("DELETE FROM audit WHERE seq = 2")
    assert journal.first_broken_audit_entry() == 2


def test_threads_share_one_journal(journal: Journal) -> None:
    def note(number: int) -> None:
        for turn in range(10):
            journal.audit(actor=f"t{number}", action="a", about="o", counts={}, now=turn)

    threads = [threading.Thread(target=note, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.audit_entries()) == 60
    assert journal.first_broken_audit_entry() is None


def test_opened_twice_here_and_once_elsewhere_nothing_is_lost(journal: Journal, path: Path) -> None:
    """To open a file anew, and close it, drops a process's locks on it; another process may then delete the log."""
    with Journal.open(path) as second:
        look = [sys.executable, "-c", _ENTRIES, str(path)]
        subprocess.run(look, check=True, stdout=subprocess.DEVNULL)
        journal.audit(actor="first", action="a", about="o", counts={}, now=1)
        second.audit(actor="second", action="a", about="o", counts={}, now=2)
        seen = subprocess.run(look, check=True, capture_output=True, text=True).stdout
    assert seen.split() == ["first", "second"]


_ENTRIES = """
import sys
from pathlib import Path
from guestlist.store.journal import Journal
with Journal.open(Path(sys.argv[1])) as journal:
    print(*(entry.actor for entry in journal.audit_entries()))
"""


def test_threads_open_journals_at_the_same_time(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def make(number: int) -> None:
        try:
            Journal.open(tmp_path / str(number) / "journal.sqlite").close()
        except BaseException as error:  # noqa: BLE001 told by the assertion
            failed.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


_WRITER = """
import sys
from pathlib import Path
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Batch, Plan, PlanState, Sync
with Journal.open(Path(sys.argv[1])) as journal:
    journal.take_over("writer", now=1)
    journal.save_sync(Sync(key="s", audience="s", destination="d"))
    batches = [Batch(id=f"b{n}", plan="p", sync="s", ordinal=n, direction="add", rows=1) for n in range(5000)]
    journal.save_plan(Plan(id="p", sync="s", cause="c", removals=0, additions=5000), batches, now=2)
    journal.move_plan("p", PlanState.RUNNING, now=3)
    for batch in batches:
        journal.intend(batch.id, rows=1, session=None, now=4)
        print(batch.id, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_an_intent_that_returned_survives_a_kill(path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline().strip() for _ in range(40)]
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.read().split()
    writer.wait()
    with Journal.open(path) as journal:
        journal.take_over("sync", now=9)
        unknown = {batch.id for batch in journal.batches("p") if batch.state is BatchState.UNKNOWN}
    assert set(said) <= unknown
    assert len(unknown) <= len(said) + 1

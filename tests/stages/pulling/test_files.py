"""Sources that are folders or patterns of files."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from guestlist.owning.holding import SpaceLock
from guestlist.space import open_space

from .conftest import Shop


@pytest.fixture
def exports(shop: Shop) -> Path:
    folder = shop.folder / "exports"
    folder.mkdir()
    write(folder / "a.csv", "1,a@example.org,free", "2,b@example.org,free")
    (folder / "b.jsonl").write_text('{"id": 3, "email": "c@example.org", "plan": "free"}\n')
    table = pa.table({"id": [4, 5], "email": ["d@example.org", "e@example.org"], "plan": ["free", "free"]})
    parquet.write_table(table, folder / "c.parquet")
    (folder / ".hidden.csv").write_text("x\n1\n")
    shop.source(files="exports", key="id")
    return folder


def write(place: Path, *lines: str) -> None:
    place.write_text("id,email,plan\n" + "".join(f"{line}\n" for line in lines))


def test_a_folder_holds_csv_json_lines_and_parquet(exports: Path, shop: Shop) -> None:
    found = shop.load()
    assert (found.state, found.lines, found.rejected) == ("loaded", 5, 0)
    assert shop.plans() == {f"{letter}@example.org": "free" for letter in "abcde"}


def test_files_that_are_as_they_were_are_not_read(exports: Path, shop: Shop) -> None:
    shop.load()
    told = (exports / "a.csv").stat()
    (exports / "a.csv").write_bytes(b"no file of ours".ljust(told.st_size, b"\0"))
    os.utime(exports / "a.csv", ns=(told.st_atime_ns, told.st_mtime_ns))
    assert shop.load().state == "unchanged"
    write(exports / "d.csv", "6,f@example.org,gold")
    found = shop.load()
    assert (found.state, found.lines, found.came) == ("loaded", 6, 1)


def test_lines_of_a_file_that_changed_or_is_gone_change_or_vanish(exports: Path, shop: Shop) -> None:
    shop.load()
    write(exports / "a.csv", "1,a@example.org,gold")
    found = shop.load()
    assert (found.came, found.went, found.lines) == (1, 1, 4)
    (exports / "b.jsonl").unlink()
    assert shop.load().lines == 3
    assert shop.plans() == {"a@example.org": "gold", "d@example.org": "free", "e@example.org": "free"}


def test_a_line_that_moves_to_another_file_stays(exports: Path, shop: Shop) -> None:
    shop.load()
    write(exports / "a.csv", "1,a@example.org,free")
    write(exports / "z.csv", "2,b@example.org,free")
    found = shop.load()
    assert (found.came, found.went, found.lines) == (0, 0, 5)


def test_a_line_that_was_there_twice_holds_by_the_one_that_is_left(exports: Path, shop: Shop) -> None:
    write(exports / "z.csv", "1,a@example.org,gold")
    assert shop.load().rejected == 1
    write(exports / "a.csv", "2,b@example.org,free")
    shop.load()
    assert shop.plans()["a@example.org"] == "gold"


BROKEN = [
    pytest.param("b.jsonl", b"PK\x03\x04 a zip", "b.jsonl", id="another kind"),
    pytest.param("c.parquet", b"PAR1 cut off", "c.parquet", id="cut off"),
    pytest.param("a.csv", b"id,plan\n1,gold\n", "a.csv", id="a column less"),
]


@pytest.mark.parametrize(("name", "content", "told"), BROKEN)
def test_one_broken_file_fails_the_load_and_is_named(
    exports: Path, shop: Shop, name: str, content: bytes, told: str
) -> None:
    shop.load()
    (exports / name).write_bytes(content)
    write(exports / "z.csv", "9,z@example.org,gold")
    found = shop.load()
    assert (found.state, found.lines) == ("failed", 5)
    assert told in str(found.happened)
    assert len(shop.plans()) == 5


def test_lines_without_a_key_are_what_they_say(shop: Shop) -> None:
    (shop.folder / "log.csv").write_text("id,email,plan\n1,a@example.org,x\n1,a@example.org,x\n2,b@example.org,y\n")
    shop.source(files="log.csv")
    assert shop.load().lines == 3
    (shop.folder / "log.csv").write_text("id,email,plan\n1,a@example.org,x\n2,b@example.org,z\n")
    found = shop.load()
    assert (found.lines, found.came, found.went) == (2, 1, 2)


def test_a_log_that_is_cut_off_may_keep_what_it_said(shop: Shop) -> None:
    (shop.folder / "log.csv").write_text("id,email,plan\n1,a@example.org,x\n2,b@example.org,y\n3,c@example.org,y\n")
    shop.source(files="*.csv", gone="keep")
    shop.load()
    (shop.folder / "log.csv").write_text("id,email,plan\n2,b@example.org,y\n3,c@example.org,y\n")
    found = shop.load()
    assert (found.lines, found.went) == (2, 1)
    assert set(shop.plans()) == {"a@example.org", "b@example.org", "c@example.org"}


def test_an_empty_folder_is_said_to_be_empty(shop: Shop) -> None:
    (shop.folder / "exports").mkdir()
    shop.source(files="exports", key="id")
    assert shop.load().code == "source_file"


def test_another_meaning_of_a_column_is_taken_in_at_once(exports: Path, shop: Shop) -> None:
    shop.load()
    shop.source(files="exports", key="id", columns={"id": "user_id", "email": "email", "plan": "tier"})
    found = shop.load()
    assert (found.state, found.came) == ("loaded", 5)
    assert {key for (key,) in shop.rows("trait", "key")} == {"tier", "email"}


def test_rejected_lines_of_files_are_told_by_file_and_line(exports: Path, shop: Shop) -> None:
    write(exports / "a.csv", "1,a@example.org,free", "2,b@example.org", ",,free")
    found = shop.load()
    assert (found.lines, found.rejected) == (4, 2)
    assert shop.rows("pulled_rejected", "file", "line", "reason") == [("a.csv", 2, "ragged_line"),
                                                                       ("a.csv", 3, "no_user_anon_id")]  # fmt: skip


@pytest.mark.parametrize("held", [False, True])
def test_what_a_killed_load_left_on_disk_is_taken_away_by_who_has_the_space(shop: Shop, *, held: bool) -> None:
    shop.source(files="people.csv", key="id")
    (shop.folder / "people.csv").write_text("id,email,plan\n1,a@example.org,free\n")
    left = {}
    for name, age in {"crm-0a0a0a0a": 0, "gone-0b0b0b0b": 0, "crm-sample-0c": 120, "new-sample-0d": 0}.items():
        left[name] = shop.folder / ".guestlist" / "pulled" / name
        left[name].mkdir(parents=True)
        (left[name] / "lines.parquet").write_bytes(b"z@example.org")
        then = shop.clock.instant.timestamp() - age * 60
        os.utime(left[name], (then, then))
    lock = SpaceLock(open_space(shop.folder))
    assert not held or lock.take()
    shop.load()
    lock.let_go()
    there = {name for name, place in left.items() if place.exists()}
    assert there == (set(left) if held else {"new-sample-0d"})  # somebody is asked about that one now

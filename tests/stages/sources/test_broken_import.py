"""Files whose fault lies far behind their first lines, imported as typed."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guestlist.errors import GuestlistError

from .test_import_command import answer, run

PEOPLE = 150_000


def emails() -> list[str]:
    drawn = random.Random(4711)  # has to pack badly
    return [f"p{number}.{drawn.getrandbits(64):x}@example.org" for number in range(PEOPLE)]


def cut(place: Path) -> Path:
    whole = gzip.compress("\n".join(["email", *emails()]).encode(), compresslevel=1)
    file = place / "cut.csv.gz"
    file.write_bytes(whole[: len(whole) * 4 // 5])
    return file


def blown_up(place: Path) -> Path:
    """Good lines, only too many: what is free of the bound is taken in before it breaks off."""
    file = place / "bomb.csv.gz"
    with gzip.open(file, "wb") as out:
        out.write(b"email\n")
        for _ in range(3):
            out.write(b"ada@example.org\n" * 500_000)
    return file


def one_line(place: Path) -> Path:
    file = place / "line.csv.gz"
    with gzip.open(file, "wb") as out:
        out.write(b"email\nada@example.org\n")
        for _ in range(20):
            out.write(b"x" * 1_000_000)
    return file


def broken(place: Path) -> Path:
    file = place / "broken.parquet"
    pq.write_table(pa.table({"email": emails()}), file, row_group_size=20_000, use_dictionary=False)
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 200_000] = bytes(200_000)
    file.write_bytes(whole)
    return file


FILES: list[tuple[Callable[[Path], Path], str]] = [
    (cut, "file_damaged"),
    (blown_up, "file_expands"),
    (one_line, "file_expands"),
    (broken, "file_damaged"),
]


@pytest.mark.parametrize(("made", "code"), FILES, ids=[made.__name__ for made, _ in FILES])
def test_a_fault_behind_the_first_lines_is_told_and_leaves_the_space_as_it_was(
    tmp_path: Path, made: Callable[[Path], Path], code: str
) -> None:
    space = tmp_path / "shop"
    assert run("init", space, "--country", "DE").exit_code == 0
    good, more = tmp_path / "good.csv", tmp_path / "more.csv"
    good.write_text("email\nada@example.org\n")
    more.write_text("email\nada@example.org\nbo@example.org\n")
    answer("import", good, "--space", space, "--yes")
    settings = (space / "guestlist.yaml").read_text()

    result = run("import", made(tmp_path), "--space", space, "--yes")

    assert isinstance(result.exception, GuestlistError), result.exception
    assert result.exception.code == code
    assert (space / "guestlist.yaml").read_text() == settings
    assert list((space / "reports").iterdir()) == []
    after = answer("import", more, "--space", space)["files"][0]
    assert (after["landed"], after["already_known"]) == (1, 1)

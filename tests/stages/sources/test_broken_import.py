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


CALL = '{"type": "identify", "userId": "u1", "traits": {"note": "%s"}}\n'


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.ndjson", "calls.json", "calls.JSONL.gz"])
@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("not json\n", "bad_json"),
        ("[1]\n", "bad_json"),
        ("<!-- exported -->\n", "bad_json"),
        ('{"type": "identify", "userId"\n', "bad_json"),
        ("x" * 300_000 + "\n", "bad_json"),
        (CALL % ("x" * 1_100_000), "too_long"),
        (CALL % ("x" * 9_000_000), "too_long"),
    ],
    ids=["words", "list", "page", "cut", "longer than the head", "too long", "longer than a block"],
)
def test_a_first_line_that_is_wrong_costs_only_itself(tmp_path: Path, name: str, first: str, reason: str) -> None:
    assert run("init", tmp_path / "shop", "--country", "DE").exit_code == 0
    content = (first + CALL % "a" + CALL % "b").encode()
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") and len(first) < 9_000_000 else content)

    told = answer("import", file, "--space", tmp_path / "shop")["files"][0]

    assert (told["source"], told["lines"], told["landed"], told["rejected"]) == ("messages", 3, 2, 1)
    assert Path(told["report"]).read_text().splitlines()[1].split(",")[2] == reason


def test_a_first_line_of_some_length_comes_in(tmp_path: Path) -> None:
    assert run("init", tmp_path / "shop", "--country", "DE").exit_code == 0
    (tmp_path / "calls").write_text(CALL % ("x" * 400_000) + CALL % "b")
    assert answer("import", tmp_path / "calls", "--space", tmp_path / "shop")["files"][0]["landed"] == 2


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("list.json", '[\n{"userId": "u1"},\n{"userId": "u2"}\n]\n', "file_type"),
        ("broken.jsonl", '{"userId"\n{"userId"\n', "file_type"),
    ],
)
def test_what_is_no_json_lines_is_told(tmp_path: Path, name: str, content: str, code: str) -> None:
    assert run("init", tmp_path / "shop", "--country", "DE").exit_code == 0
    (tmp_path / name).write_text(content)
    result = run("import", tmp_path / name, "--space", tmp_path / "shop")
    assert isinstance(result.exception, GuestlistError)
    assert result.exception.code == code


def test_a_table_that_is_named_json_is_still_a_table(tmp_path: Path) -> None:
    assert run("init", tmp_path / "shop", "--country", "DE").exit_code == 0
    (tmp_path / "people.json").write_text("email,name\nada@example.org,Ada\n")
    assert answer("import", tmp_path / "people.json", "--space", tmp_path / "shop")["files"][0]["landed"] == 1

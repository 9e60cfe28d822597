"""Files of events that are imported again under other options."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from guestlist.errors import GuestlistError

from .test_import_command import answer, run

HEADER = "Order ID,Email,Paid at,Total\n"
LINES = [f"o{number},p{number % 7}@example.org,2026-11-{number % 28 + 1:02},{number}\n" for number in range(50)]
FIRST = ("--as", "events", "--event", "Order Completed", "--time", "Paid at", "--id", "Email")
OTHERS = {
    "a message id": (*FIRST, "--message-id", "Order ID"),
    "another event": (*FIRST[:3], "Bought", *FIRST[4:]),
    "both": (*FIRST[:3], "Bought", *FIRST[4:], "--message-id", "Order ID"),
}


@pytest.fixture
def space(tmp_path: Path) -> Path:
    assert run("init", tmp_path / "shop", "--country", "DE").exit_code == 0
    return tmp_path / "shop"


def written(place: Path, lines: list[str], name: str = "orders.csv") -> Path:
    (place / name).write_text(HEADER + "".join(lines))
    return place / name


AGAIN: dict[str, Callable[[list[str]], list[str]]] = {
    "the same": lambda lines: lines,
    "longer": lambda lines: [*lines, "o99,x@example.org,2026-11-30,1\n"],
    "longer, newest first": lambda lines: ["o99,x@example.org,2026-11-30,1\n", *lines],
    "in another order": lambda lines: lines[::-1],
}


@pytest.mark.parametrize("grown", AGAIN)
@pytest.mark.parametrize("options", OTHERS)
def test_events_under_other_options_are_refused_before_anything_comes_in(
    space: Path, tmp_path: Path, options: str, grown: str
) -> None:
    answer("import", written(tmp_path, LINES), *FIRST, "--space", space)
    settings = (space / "guestlist.yaml").read_text()
    file = written(tmp_path, AGAIN[grown](LINES), "export.csv")

    refused = run("import", file, *OTHERS[options], "--space", space)

    assert isinstance(refused.exception, GuestlistError)
    assert refused.exception.code == "lines_known"
    assert "50 lines of export.csv came in before as events of the source orders" in refused.exception.message
    assert (space / "guestlist.yaml").read_text() == settings
    same = answer("import", file, *FIRST, "--space", space)["files"][0]
    assert (same["landed"], same["again"]) == (len(AGAIN[grown](LINES)) - 50, None)

    meant = answer("import", file, *OTHERS[options], "--space", space, "--yes")["files"][0]
    assert (meant["landed"], meant["again"]) == (len(AGAIN[grown](LINES)), "orders")
    known = answer("import", file, *OTHERS[options], "--space", space)["files"][0]
    assert (known["landed"], known["again"]) == (0, None)


def test_at_a_terminal_it_is_asked(space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("import", written(tmp_path, LINES), *FIRST, "--space", space)
    asked: list[str] = []

    def confirm(text: str, *, default: bool) -> bool:
        asked.append(text)
        return default

    monkeypatch.setattr(typer, "confirm", confirm)
    monkeypatch.setattr("guestlist.cli.imports.sys", Terminal())
    told = run("import", written(tmp_path, LINES), *OTHERS["another event"], "--space", space)
    assert isinstance(told.exception, GuestlistError)
    assert told.exception.code == "lines_known"
    assert asked[-1].startswith("Let them count once more?")


class Terminal:
    """`sys`, at a terminal."""

    stderr = None

    class stdin:  # noqa: N801 as in sys
        """Where somebody types."""

        @staticmethod
        def isatty() -> bool:
            return True


def test_other_events_and_people_come_in_as_ever(space: Path, tmp_path: Path) -> None:
    answer("import", written(tmp_path, LINES), *FIRST, "--space", space)
    others = written(tmp_path, ["o1,p1@example.org,2026-12-24,1\n", *LINES[:20]], "others.csv")
    assert answer("import", others, *OTHERS["another event"], "--space", space)["files"][0]["landed"] == 21
    people = answer("import", written(tmp_path, LINES), "--as", "people", "--space", space, "--yes")["files"][0]
    assert (people["landed"], people["again"]) == (50, None)


def test_lines_of_json(space: Path, tmp_path: Path) -> None:
    names = HEADER.strip().split(",")
    file = tmp_path / "orders.jsonl"
    lines = (dict(zip(names, line.strip().split(","), strict=True)) for line in LINES)
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    answer("import", file, *FIRST, "--space", space)
    refused = run("import", file, *OTHERS["another event"], "--space", space)
    assert "lines_known" in str(refused.exception)

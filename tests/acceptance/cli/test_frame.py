"""The door of the command line: exit codes, mistakes in text and JSON, nothing personal when something breaks."""

import subprocess
import sys
from pathlib import Path

import pytest

from guestlist.cli import frame, run
from guestlist.telling import people

from .conftest import Typed, as_process


def test_no_words_show_the_help(empty: Typed) -> None:
    told = as_process(folder=empty.space)
    assert told.returncode == 2
    assert "guestlist init" in told.stdout
    assert told.stderr == ""


def test_a_wrong_word_is_answered_with_the_nearest(empty: Typed) -> None:
    told = as_process("audience", "list", folder=empty.space)
    assert told.returncode == 2
    assert "Did you mean 'audiences'?" in told.stderr


def test_misuse_with_json_is_an_object(empty: Typed) -> None:
    told = empty("audiences", "show", "--json")
    assert told.code == 2
    assert told.facts["error"]["code"] == "wrong_use"
    assert told.err == ""


def test_what_should_not_happen_tells_its_place_and_no_value(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        message = "could not convert jane@example.org"
        raise ValueError(message)

    monkeypatch.setattr(people, "count", broken)
    told = typed("audiences", "list")

    assert told.code == 1
    assert "ValueError in test_frame.py" in told.err
    assert "jane" not in told.err


def test_an_example_to_type_stays_readable_and_what_was_typed_does_not(empty: Typed) -> None:
    assert "guestlist erase email:jane@example.org" in empty("erase").err
    assert "ann@example.com" not in empty("audiences", "show", "ann@example.com").err


@pytest.mark.parametrize("words", [("results", "--to", "out"), ("hooks", "send"), ("restore", __file__)])
def test_what_only_the_machine_of_the_space_can_do_says_so(typed: Typed, words: tuple[str, ...]) -> None:
    assert run([*words, "--space", "http://127.0.0.1:9/shop"]) == 2
    told = typed.capture.readouterr().err
    assert "[only_on_its_machine]" in told
    assert "Run it there" in told


def test_a_path_that_cannot_be_used_is_told(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(["init", str(tmp_path / "file" / "shop")]) == 1
    told = typed.capture.readouterr().err
    assert "[no_access]" in told
    assert "file" in told
    assert "Not a directory" in told


AT, KEY, PLAN = "2026-12-01 03:59", "loyal_customers_of_long_ago@main", "9800e1aef449"
NAME = "Exclude: bought in the last thirty days, or called us about it, or wrote to somebody"


def shown(capture: pytest.CaptureFixture[str]) -> list[str]:
    made = frame.table("at", "sync", "plan", "audience", "people sent", right=["people sent"])
    frame.add_row(made, (AT, KEY, PLAN, NAME, "1,234,567"))
    frame.show(made)
    return capture.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [120, 100, 80, 40])
def test_in_a_terminal_only_free_text_goes_on_in_the_next_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = shown(capsys)
    for whole in (AT, KEY, PLAN, "1,234,567"):
        assert any(whole in line for line in lines), (whole, lines)
    words = {word for line in lines for word in line.split()}
    assert words.issuperset({"audience", "sent", *NAME.split()})
    assert max(map(len, lines)) <= max(columns, 92)


def test_without_a_terminal_a_row_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys)
    assert len(lines) == 3
    assert [cell for cell in lines[-1].split("  ") if cell] == [AT, KEY, PLAN, NAME, "1,234,567"]
    assert lines[0].endswith("people sent")


def test_a_reader_who_has_seen_enough_is_no_mistake(typed: Typed) -> None:
    command = [sys.executable, "-m", "guestlist.cli", "audiences", "members", "everybody", "--json"]
    with subprocess.Popen(
        command, cwd=typed.space, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0

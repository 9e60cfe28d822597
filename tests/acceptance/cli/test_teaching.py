"""The command line teaches itself: one overview, and help of every command with examples that can be typed."""

import shlex
from collections.abc import Iterator

import pytest
import typer

from guestlist.cli import make_app, run, teaching


def every_command() -> Iterator[tuple[str, ...]]:
    """Words of every command, those of groups with their group."""
    for name in teaching.names():
        command = typer.main.get_command(make_app(name)).commands[name]  # type: ignore[attr-defined]
        yield from ((name, below) for below in command.commands) if hasattr(command, "commands") else [(name,)]


COMMANDS = list(every_command())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    said = capsys.readouterr().out

    example = said.partition("Example")[2]
    assert f"guestlist {' '.join(words)}" in example.partition("Options:")[0]
    assert max(map(len, said.splitlines())) <= 100
    assert "[[" not in said


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_answers_machines(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    run([*words, "--help"])
    assert "--json" in capsys.readouterr().out


def test_the_overview_fits_the_screen_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f" {code} " in said.partition("Exit codes:")[2].replace("\n", " ") for code in range(5))

    assert max(map(len, said.splitlines())) <= 80
    listed = {line.split()[0] for line in said.splitlines() if line.startswith("  ")}
    assert {words[0] for words in COMMANDS} <= listed


def test_the_overview_names_the_commands_of_each_group(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    told = capsys.readouterr().out.replace("\n" + " " * 16, " ")  # a second line goes on with the first
    lines = [shlex.split(line.replace("'", "").replace(",", "").replace(":", "").replace(".", ""))
             for line in told.splitlines() if line.startswith("  ")]  # fmt: skip
    said = {line[0]: line[1:] for line in lines}
    for group, *below in COMMANDS:
        assert set(below) <= set(said[group])


def test_options_before_the_command_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--space", "shop", "plan"]) == 2
    assert "Options follow the command." in capsys.readouterr().err


def test_a_group_alone_shows_its_commands_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audiences"]) == 2
    told = capsys.readouterr()
    assert "explain" in told.out
    assert told.err == ""

"""`guestlist init` and `guestlist import` as typed."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from guestlist.cli import frame
from guestlist.cli.imports import import_files
from guestlist.cli.space import init
from guestlist.errors import GuestlistError
from guestlist.space import open_space

APP = typer.Typer()
APP.command("init")(init)
APP.command("import")(import_files)


def run(*words: object) -> Result:
    return CliRunner().invoke(APP, [str(word) for word in words])


def answer(*words: object) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def space(tmp_path: Path) -> Path:
    assert run("init", tmp_path / "shop", "--country", "DE", "--time-zone", "Europe/Berlin").exit_code == 0
    return tmp_path / "shop"


def test_a_proposed_mapping_is_shown_masked_accepted_without_a_terminal_and_kept(space: Path, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("Email,First Name\nada@example.org,Ada\nragged\n,Bo\n")

    shown = run("import", file, "--space", space)

    assert shown.exit_code == 0
    assert "No terminal to ask at" in shown.output
    assert "xxx@xxxxxxx.xxx" in shown.output
    assert "ada@" not in shown.output
    settings = open_space(space).settings
    assert settings.sources == {
        "customers": {"as": "people", "columns": {"Email": "email", "First Name": "first_name"}}
    }
    again = answer("import", file, "--space", space)["files"][0]
    assert (again["lines"], again["landed"], again["already_known"], again["rejected"]) == (3, 0, 1, 2)
    assert Path(again["report"]).read_text().splitlines()[1:] == ["2,,ragged_line,", "3,Email,no_user_anon_id,"]


def test_the_proposal_of_a_wide_file_can_be_read(space: Path, tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    columns = ["Email", *(f"Answer to question {n}" for n in range(60))]
    lines = [["ada@example.org", *["a rather long answer of some words"] * 60]] * 12
    file.write_text("\n".join(",".join(cells) for cells in [columns, *lines]) + "\n")

    shown = run("import", file, "--space", space).output.splitlines()

    assert max(map(len, shown)) <= 100
    (told,) = [line for line in shown if line.startswith("Answer to question 59 ")]
    assert told.split("  ")[1].strip() == "trait answer_to_question_59"
    assert "x xxxxxx xxxx xxxxxx xx xxxx xxxxx" in told
    (email,) = [line for line in shown if line.startswith("Email ")]
    assert email.split()[-1] == "xxx@xxxxxxx.xxx"


def test_whole_values_are_shown_in_a_narrow_terminal(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "WIDTH", 80)
    file = tmp_path / "customers.csv"
    lines = [f"{'a' * (n % 3 + 4)}.longish{n}@mail.example.org,{n},,DE" for n in range(12)]
    file.write_text("\n".join(["Customer e-mail address,Age,Notes,Country of delivery", *lines]) + "\n")

    shown = run("import", file, "--space", space).output.splitlines()

    assert max(map(len, shown)) <= 80
    whole = {f"{'x' * letters}.xxxxxxx9@xxxx.xxxxxxx.xxx" for letters in (4, 5, 6)}
    assert whole <= {line.split()[-1] for line in shown if line.strip()}
    assert not [line for line in shown if "…" in line]


def test_the_mapping_in_the_settings_holds_whatever_the_file_is_called(space: Path, tmp_path: Path) -> None:
    content = "Email,Code\nada@example.org,7\n"
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(content)
    first = answer("import", tmp_path / "a.csv", "--space", space, "--yes")["files"][0]
    second = answer("import", tmp_path / "b.csv", "--space", space)["files"][0]
    assert (first["source"], first["landed"]) == ("a", 1)
    assert (second["source"], second["already_known"]) == ("a", 1)


def test_a_failed_import_leaves_the_space_as_it_was(space: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.parquet"
    good.write_text("email\nada@example.org\n")
    bad.write_bytes(b"PAR1 cut off")
    before = (space / "guestlist.yaml").read_text()

    result = run("import", good, bad, "--space", space, "--yes")

    assert isinstance(result.exception, GuestlistError)
    assert (space / "guestlist.yaml").read_text() == before
    assert answer("import", good, "--space", space, "--yes")["files"][0]["landed"] == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--as", "events", "--event", "Bought", "--time", "when", "--id", "nobody"], "unknown_column"),
        (["--as", "events", "--time", "when", "--id", "who"], "mapping_incomplete"),
        (["--as", "people"], "mapping_incomplete"),
    ],
)
def test_what_is_missing_is_named(space: Path, tmp_path: Path, options: list[str], code: str) -> None:
    (tmp_path / "log.csv").write_text("who,when,sum\nx,2024-01-01,5\n")
    result = run("import", tmp_path / "log.csv", "--space", space, *options)
    assert code in str(result.exception)
    assert "Its columns are: who, when, sum." in str(result.exception)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("Jane,Doe,Berlin\nBo,Smith,Bonn\n", "1 Xxxx, 2 Xxx, 3 Xxxxxx"),
        ("Jane,Doe,unknown\nBo,Smith,030 4711\n", "1 Xxxx, 2 Xxx, 3 xxxxxxx"),
        ("Jane,Doe,CT\nBo,Smith,MA\n", "1 Xxxx, 2 Xxx, 3 XX"),
        ("Vorname,Phone no.,City\nBo,Smith,Bonn\n", "Its columns are: Vorname, Phone no., City."),
        ("wer;wann;wieviel\nx;2024-01-01;5\n", "Its columns are: wer, wann, wieviel."),
        ("4711,Doe,Berlin\n4712,Smith,Bonn\n", "Its columns are: column_1, column_2, column_3."),
    ],
)
def test_a_first_line_that_may_be_data_is_masked_in_errors(
    space: Path, tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "people.csv").write_text(content)
    for options in ((), ("--time", "X")):
        result = run("import", tmp_path / "people.csv", "--space", space, *options)
        assert isinstance(result.exception, GuestlistError)
        assert told in result.exception.next_step


def test_a_file_without_a_header_joins_a_source_by_its_name_or_its_values(space: Path, tmp_path: Path) -> None:
    def imported(name: str, content: str, *options: str) -> Result:
        (tmp_path / name).write_text(content)
        return run("import", tmp_path / name, "--space", space, *options)

    assert imported("contacts.csv", "ada@example.org,Lovelace,Köln\n").exit_code == 0
    for name in ("contacts-2026-01-31.csv", "others.csv"):
        again = imported(name, "bo@example.org,Bell,Bonn\n")
        assert "column_1" not in again.output  # nothing new to propose
        assert " contacts " in again.output

    refused = imported("calls.csv", "Ada,Lovelace,030 4711\nBo,Bell,030 4712\n")
    assert isinstance(refused.exception, GuestlistError)
    assert refused.exception.code == "mapping_incomplete"

    told = imported("calls.csv", "030 4711,Lovelace,Ada\n030 4712,Bell,Bo\n", "--id", "column_3")
    assert "calls.csv as people, source calls" in told.output
    assert "id: user_id" in told.output
    assert set(open_space(space).settings.sources) == {"contacts", "calls"}


def test_lines_that_name_nobody_are_counted(space: Path, tmp_path: Path) -> None:
    file, calls, good = tmp_path / "customers.csv", tmp_path / "calls.jsonl", tmp_path / "good.csv"
    emails = ["ada@example.org", "test@test.com", "no e-mail", "bo@example.org", "nobody"]
    file.write_text("\n".join(["Email,City", *(f"{email},Bonn" for email in emails)]) + "\n")
    calls.write_text("".join(f'{{"type": "identify", "userId": "{one}"}}\n' for one in ("u1", "null", "u2")))
    good.write_text("Email\ncy@example.org\n")

    told = run("import", file, calls, good, "--space", space)

    assert (
        "customers.csv: nobody is named by 3 of 5 lines that came in: the ids are blocked or cannot be read."
        in told.output
    )
    assert "calls.jsonl: nobody is named by 1 of 3 lines" in told.output
    assert "good.csv:" not in told.output
    assert "test@" not in told.output
    (again,) = answer("import", file, "--space", space)["files"]
    assert (again["landed"], again["nobody"]) == (0, 0)
    file.write_text(file.read_text() + "dee@example.org,Ulm\nx,Ulm\n")
    (grown,) = answer("import", file, "--space", space)["files"]
    assert (grown["landed"], grown["nobody"]) == (2, 1)

"""`guestlist match-keys` as a person or a machine meets it: through the real command."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guestlist.cli import run

PHONE_DIGEST = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"
CSV = """email,phone,first_name,birthday,zip,country
Ann@Example.org,(650)555-1212,Valéry,2/16/1997,2101,US
bad,,,3/4/1990,,
"""


def answers(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def file(folder: Path, text: str | bytes, name: str = "people") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_of_any_delimiter(delimiter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["match-keys", file(tmp_path, CSV.replace(",", delimiter)), "--json"]) == 0
    first, second = answers(capsys)
    assert (first["line"], second["line"]) == (1, 2)
    [row] = first["rows"]
    assert row["can_be_sent"] is True
    assert row["PHONE"] == {"raw": "(650)555-1212", "normal": "16505551212", "sent": PHONE_DIGEST}
    assert {key: row[key]["normal"] for key in ("EMAIL", "FN", "DOBY", "DOBM", "DOBD", "ZIP", "COUNTRY")} == {
        "EMAIL": "ann@example.org",
        "FN": "valéry",
        "DOBY": "1997",
        "DOBM": "02",
        "DOBD": "16",
        "ZIP": "02101",
        "COUNTRY": "us",
    }
    assert first["issues"] == []
    assert second["rows"][0]["can_be_sent"] is False
    assert second["rows"][0]["EMAIL"] == {"raw": "bad", "normal": "", "sent": ""}
    assert {"key": "EMAIL", "raw": "bad", "reason": "bad_email"} in second["issues"]
    assert {"key": "DOBD", "raw": "3/4/1990", "reason": "ambiguous_date"} in second["issues"]


def test_json_lines_walk_dotted_keys_and_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = [
        {"emails": ["a@example.org", "b@example.org"], "address": {"city": "São Paulo", "postalCode": "01310-100"}},
        {"email": "a@example.org; b@example.org", "birthday": 35477},
    ]
    assert run(["match-keys", file(tmp_path, "\n".join(map(json.dumps, people))), "--json"]) == 0
    first, second = answers(capsys)
    assert [row["EMAIL"]["normal"] for row in first["rows"]] == ["a@example.org", "b@example.org"]
    assert (first["rows"][1]["CT"]["normal"], first["rows"][1]["ZIP"]["normal"]) == ("saopaulo", "01310100")
    assert len(second["rows"]) == 2
    detailed = {"key": "DOBD", "raw": "35477", "reason": "bad_birth_day", "detail": "looks_like_excel_serial"}
    assert second["issues"] == [detailed]


def test_country_date_order_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = json.dumps({"email": PHONE_DIGEST.upper(), "phone": "555-987-6543", "birthday": "3/4/1990"})
    assert run(["match-keys", file(tmp_path, text), "--country", "US", "--date-order", "mdy", "--json"]) == 0
    [record] = answers(capsys)
    [row] = record["rows"]
    assert row["EMAIL"] == {"raw": PHONE_DIGEST.upper(), "normal": None, "sent": PHONE_DIGEST}
    assert (row["PHONE"]["normal"], row["DOBM"]["normal"], row["COUNTRY"]["normal"]) == ("15559876543", "03", "us")
    assert [(issue["key"], issue["reason"]) for issue in record["issues"]] == [
        ("EMAIL", "already_hashed"),
        ("PHONE", "phone_unverified"),
        ("COUNTRY", "from_default"),
    ]


def test_rejected_lines_are_told_and_need_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["match-keys", file(tmp_path, "email,city\na@example.org,Paris,3\nb@example.org,Rome\n"), "--json"]) == 1
    first, second = answers(capsys)
    assert (first["line"], first["rows"], second["line"]) == (1, [], 2)
    assert first["issues"][0]["reason"] == "ragged_line"
    assert run(["match-keys", file(tmp_path, '{"email": "a@example.org"}\nnope\n'), "--json"]) == 1
    assert answers(capsys)[1]["issues"][0]["reason"] == "not_a_json_object"


def test_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["match-keys", file(tmp_path, CSV.replace("Ann@", "b@example.org;Ann@"))]) == 0
    shown = capsys.readouterr().out
    for text in ("Record 1, row 2 of 2: can be sent", "16505551212", PHONE_DIGEST[:16], "bad_email", "cannot be sent"):
        assert text in shown


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        pytest.param("a,b\n1,2\n", [], 2, id="no trait in it"),
        pytest.param(CSV, ["--country", "Narnia"], 2, id="no country"),
        pytest.param(CSV, ["--date-order", "ymd"], 2, id="no date order"),
        pytest.param("<html></html>", [], 1, id="no data file"),
        pytest.param("", [], 1, id="empty"),
    ],
)
def test_mistakes_are_told(
    text: str, options: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["match-keys", file(tmp_path, text), *options]) == code
    told = capsys.readouterr()
    assert (told.out, bool(told.err)) == ("", True)


def test_missing_file() -> None:
    assert run(["match-keys", "no-such-file"]) == 2


def test_a_mistake_in_a_file_does_not_speak_of_an_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["match-keys", file(tmp_path, "<html></html>")]) == 1
    told = capsys.readouterr().err
    assert "cannot be read" in told
    assert "Nothing is stored by this command." in told
    assert "import" not in told


def test_stdin_and_the_installed_command() -> None:
    words = [sys.executable, "-m", "guestlist.cli", "match-keys", "-", "--json"]
    done = subprocess.run(words, input=b'{"email": "Ann@example.org"}\n', capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["rows"][0]["EMAIL"]["normal"] == "ann@example.org"

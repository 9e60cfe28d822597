"""`guestlist audiences` as people type it."""

import csv
import io
import json
import os
import shutil
import stat
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from guestlist.audiences.document import read
from guestlist.audiences.schema import published
from guestlist.cli import run
from guestlist.space import open_space

from .conftest import JANE, SHEET, Typed, as_process

PERSONAL = ("jane@", "doe@", "josé", "Jane", "José", "491713920007", "u1042-jane", "secret-lamp", "mother", JANE)


def nothing_personal(text: str) -> bool:
    return not any(value in text for value in PERSONAL)


# Definitions


def test_check_needs_no_data_and_says_what_is_still_missing(empty: Typed) -> None:
    checked = empty("audiences", "check")

    assert checked.code == 0
    assert "3 audiences checked, no mistake." in checked.out
    assert "no destination is connected yet (main)" in checked.out
    assert not (empty.space / ".guestlist" / "warehouse.duckdb").exists()


def test_an_editor_finds_the_schema_where_init_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "shop")]) == 0
    (line,) = [line.strip() for line in capsys.readouterr().out.splitlines() if "yaml-language-server" in line]
    file = tmp_path / "shop" / "audiences" / "gold.yaml"
    file.write_text(f"{line}\nkey: gold\nwho: {{ trait: plan, equals: gold }}\n")

    schema = json.loads((file.parent / line.partition("$schema=")[2]).read_text("utf-8"))
    assert schema == json.loads(published())
    jsonschema.validate(YAML(typ="safe").load(file), schema)
    assert run(["audiences", "check", "--space", str(tmp_path / "shop")]) == 0


def test_the_schema_is_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audiences", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(published())
    place = tmp_path / "audience.schema.json"
    assert run(["audiences", "schema", "--to", str(place), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": str(place)}
    assert place.read_text("utf-8") == published()


def test_check_tells_all_mistakes_of_all_files_with_place_and_suggestion(empty: Typed) -> None:
    folder = empty.space / "audiences"
    (folder / "broken.yaml").write_text('key: broken\nwho: { event: "Order\n')
    (folder / "slip.yaml").write_text("key: slip\nwho: { trait: country, equal: DE }\n")

    checked = empty("audiences", "check")

    assert checked.code == 1
    assert "broken.yaml: cannot be read as YAML: line" in checked.err
    assert "slip.yaml: who" in checked.err
    assert "Did you mean `equals`?" in checked.err
    mistakes = empty("audiences", "check", "--json").facts["error"]["mistakes"]
    assert mistakes[0]["at"] == "broken.yaml"
    assert "Did you mean `equals`?" in [mistake["suggestion"] for mistake in mistakes]


def test_check_knows_the_destinations_once_there_are_some(empty: Typed) -> None:
    open_space(empty.space).write_entry("destinations", "brand", {"ad_account": "act_1"})

    checked = empty("audiences", "check")

    assert checked.code == 1
    assert "`main` is not a connected destination" in checked.err


def test_check_notes_what_nobody_has_done(typed: Typed, tmp_path: Path) -> None:
    copy = Typed(space=tmp_path / "copy", capture=typed.capture)
    shutil.copytree(typed.space, copy.space)
    (copy.space / "audiences" / "slip.yaml").write_text("key: slip\nwho: { event: Order Complete }\n")

    checked = copy("audiences", "check")

    assert checked.code == 0
    assert "slip: nobody has done `Order Complete` yet. Did you mean `Order Completed`?" in checked.out
    assert checked.out.count("nobody") == 1


def test_a_circle_of_audiences_is_told_by_name(empty: Typed) -> None:
    (empty.space / "audiences" / "win_back.yaml").write_text("key: win_back\nwho: { member_of: germans }\n")
    checked = empty("audiences", "check")
    assert (checked.code, "circle: `germans` -> `win_back` -> `germans`" in checked.err) == (1, True)


def test_show_says_who_in_words(typed: Typed) -> None:
    shown = typed("audiences", "show", "germans").out

    assert "country is one of DE or AT" in shown
    assert "did Order Completed with the sum of total more than 20" in shown
    assert "is in the audience win_back" in shown
    assert "People: 1" in shown
    facts = typed("audiences", "show", "win_back", "--json").facts
    assert (facts["name"], facts["people"], facts["syncs"][0]["every"]) == ("Win back: left a cart", 1, "15 minutes")
    assert facts["in_words"] == ["did Product Added in the last 7 days, and after it did not do Order Completed"]


def test_list_counts_people(typed: Typed) -> None:
    listed = typed("audiences", "list")

    assert listed.code == 0
    assert max(map(len, listed.out.splitlines())) <= 100
    counted = {one["key"]: one["people"] for one in typed("audiences", "list", "--json").facts["audiences"]}
    assert counted == {"everybody": 3, "germans": 1, "win_back": 1}


# Before there is data


def test_before_any_data_the_commands_about_people_say_so(empty: Typed) -> None:
    for words in (("members", "win_back"), ("export", "win_back"), ("explain", "win_back", "email:a@b.de")):
        told = empty("audiences", *words)
        assert told.code == 1
        assert "There is no data in this space yet" in told.err
        assert "guestlist import FILE" in told.err
    assert "There is no data yet" in empty("audiences", "list").out
    assert empty("audiences", "list", "--json").facts["audiences"][0]["people"] is None
    assert "People: no data yet" in empty("audiences", "show", "win_back").out


def test_data_that_is_not_people_yet_is_told_apart(empty: Typed) -> None:
    with open_space(empty.space).open_warehouse() as warehouse:
        warehouse.append("message", pa.table({"message_id": ["m1"]}))
    told = empty("audiences", "members", "win_back")
    assert (told.code, "not brought together into people yet" in told.err) == (1, True)
    assert "There is no data" in empty("audiences", "list").out


# Members


def test_members_are_masked_unless_revealed(typed: Typed) -> None:
    shown = typed("audiences", "members", "everybody")

    assert nothing_personal(shown.out)
    for expected in ("j***@example.org +1", "+49 *** 007", "J. D.", JANE[:8], "3 people in everybody."):
        assert expected in shown.out
    assert nothing_personal(typed("audiences", "members", "everybody", "--json").out)
    first = typed("audiences", "members", "everybody", "--json", "--reveal").lines[0]
    assert first["profile_id"] == JANE
    assert first["email"] == ["jane@example.org", "doe@example.net"]
    assert (first["first_name"], first["last_name"], first["phone"]) == ("Jane", "Doe", ["491713920007"])


def test_members_says_how_many_are_not_shown(typed: Typed) -> None:
    shown = typed("audiences", "members", "everybody", "--limit", 2).out
    assert "3 people in everybody." in shown
    assert "1 more not shown" in shown
    assert len(typed("audiences", "members", "everybody", "--limit", 2, "--json").lines) == 2


def test_members_as_of_a_day_gone_by(typed: Typed) -> None:
    before = typed("audiences", "members", "everybody", "--as-of", "2025-06-30")
    assert "0 people in everybody as of 2025-06-30." in before.out
    assert typed("audiences", "members", "everybody", "--as-of", "2025-06-30", "--json").out == ""


# Explain


def test_explain_one_who_is_in(typed: Typed) -> None:
    told = typed("audiences", "explain", "win_back", "email:JANE@Example.org")

    assert told.code == 0
    assert told.out.startswith("j***@example.org (J. D.) is in Win back: left a cart.\nIn since 20")
    assert "yes  did Product Added in the last 7 days" in told.out
    assert "1 that counts" in told.out
    assert "after it no Order Completed" in told.out
    assert nothing_personal(told.out)


def test_explain_one_who_left_names_the_event_that_did_it(typed: Typed) -> None:
    told = typed("audiences", "explain", "win_back", "email:josé@example.org")

    assert "j***@example.org (J.) is not in Win back: left a cart.\nLeft at 20" in told.out
    assert "Order Completed  (41.90 EUR)" in told.out
    assert nothing_personal(told.out)
    revealed = typed("audiences", "explain", "win_back", "email:josé@example.org", "--reveal").out
    assert revealed.startswith("josé@example.org (José) is not in")


def test_explain_every_part_of_a_condition(typed: Typed) -> None:
    told = typed("audiences", "explain", "germans", "email:josé@example.org", "--json").facts

    assert told["inside"] is True
    parts = told["reason"]["parts"]
    assert [part["holds"] for part in parts] == [True, True, True]
    assert parts[0]["traits"][0]["value"] == "***"
    assert parts[1]["events"][0]["properties"] == {"total": "41.9", "currency": "EUR"}
    assert parts[2]["parts"][0]["parts"][0]["path"] == "who.all[2].not.win_back"


@pytest.mark.parametrize(
    "person",
    [
        "phone:0171/392 00 07",
        "phone:+49 171 3920007",
        "user_id:u1042-jane",
        "profile_id:a1b2c3d4",
        "profile_id:ffff0000",
    ],
)
def test_a_person_is_found_however_named(typed: Typed, person: str) -> None:
    assert typed("audiences", "explain", "win_back", person, "--json").facts["person"]["profile_id"] == JANE[:8]


@pytest.mark.parametrize(
    ("person", "code", "said"),
    [
        ("jane@secret.example", 2, "A person is named as TYPE:VALUE."),
        ("phone:12", 2, "The value after phone: cannot be read as one."),
        ("email:nobody@secret.example", 1, "Nobody is known by this email."),
        ("fax:secret.example", 2, "People here are known by: email, phone, user_id, profile_id."),
        ("profile_id:a", 2, "Several people's ids begin so."),
    ],
)
def test_a_person_who_is_not_found_is_never_repeated(typed: Typed, person: str, code: int, said: str) -> None:
    told = typed("audiences", "explain", "everybody", person)
    assert told.code == code
    assert said in told.err
    assert "secret" not in told.err


# Export


def test_export_is_csv_that_no_spreadsheet_runs(typed: Typed) -> None:
    out = typed("audiences", "export", "everybody", "--reveal").out
    rows = {row["profile_id"]: row for row in csv.DictReader(io.StringIO(out, newline=""))}

    assert rows[SHEET]["user_id"] == "'=cmd|' /C calc'!A0"
    assert rows[SHEET]["last_name"] == '\'@SUM(1), "quoted"'
    assert rows[JANE]["email"] == "jane@example.org; doe@example.net"
    assert out.count("\r\n") == 4
    assert nothing_personal(typed("audiences", "export", "everybody").out)


def test_export_to_a_file_that_only_its_owner_reads(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "everybody.csv"

    told = typed("audiences", "export", "everybody", "--file", file, "--json")

    assert told.facts == {"file": str(file), "people": 3}
    assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().count(b"\r\n") == 4
    assert nothing_personal(file.read_text())
    assert [path.name for path in tmp_path.glob(".*.new")] == []


def test_export_to_a_place_that_is_not_there(typed: Typed, tmp_path: Path) -> None:
    told = typed("audiences", "export", "everybody", "--file", tmp_path / "no" / "x.csv")
    assert (told.code, "cannot be written" in told.err) == (2, True)


# Definitions in other forms

QUERY = (
    "event('Product Added').where(event('Order Completed').count() = 0).within(7 days).count() >= 1"
    " AND trait('germans') = false"
)
WHO = """\
who:
  all:
    - event: Product Added
      within: 7 days
      then_not:
        event: Order Completed
    - not_member_of: germans
"""


def test_a_definition_as_a_query(empty: Typed) -> None:
    told = empty("audiences", "show", "germans", "--as", "query")
    assert told.code == 0
    assert told.out == (
        "trait('country').one_of(['DE', 'AT']) AND event('Order Completed').sum(property('total')) > 20"
        " AND NOT (trait('win_back') = true)\n"
    )
    assert empty("audiences", "show", "germans", "--as", "query", "--json").facts == {
        "key": "germans",
        "query": told.out.strip(),
    }


def test_a_definition_as_yaml(empty: Typed) -> None:
    told = empty("audiences", "show", "win_back", "--as", "yaml")
    assert (told.code, told.out.splitlines()[:2]) == (0, ["key: win_back", "name: 'Win back: left a cart'"])
    assert read(told.out) == read((empty.space / "audiences" / "win_back.yaml").read_text())


def test_what_a_query_cannot_say_is_named(empty: Typed) -> None:
    (empty.space / "audiences" / "odd.yaml").write_text("key: odd\nwho: { trait: 'a\\.b', equals: 1 }\n")
    told = empty("audiences", "show", "odd", "--as", "query", "--json")
    assert (told.code, told.facts["error"]["code"]) == (1, "query_cannot_say")
    assert "backslash" in told.facts["error"]["message"]


def test_a_query_from_segment_becomes_yaml(empty: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert empty("audiences", "convert", QUERY).out == WHO
    file = tmp_path / "query.txt"
    file.write_text(QUERY + "\n", encoding="utf-8")
    assert empty("audiences", "convert", file).out == WHO
    monkeypatch.setattr("sys.stdin", io.StringIO(QUERY))
    assert empty("audiences", "convert", "-").out == WHO
    facts = empty("audiences", "convert", QUERY, "--json").facts
    assert facts["query"] == QUERY
    assert facts["who"]["all"][1] == {"not_member_of": "germans"}


def test_a_query_needs_no_space_to_be_converted(tmp_path: Path) -> None:
    told = as_process("audiences", "convert", "trait('vip') = true", folder=tmp_path)
    assert (told.returncode, told.stdout) == (0, "who:\n  trait: vip\n  equals: true\n")


def test_a_pasted_query_is_an_audience(typed: Typed, tmp_path: Path) -> None:
    space = tmp_path / "shop"
    shutil.copytree(typed.space, space)
    (space / "audiences" / "pasted.yaml").write_text(f'key: pasted\nwho: "{QUERY}"\n')
    there = Typed(space=space, capture=typed.capture)
    assert there("audiences", "check").code == 0
    assert there("audiences", "show", "pasted", "--as", "query").out == QUERY + "\n"
    pasted = {person["profile_id"] for person in there("audiences", "members", "pasted", "--json").lines}
    left = {person["profile_id"] for person in there("audiences", "members", "win_back", "--json").lines}
    germans = {person["profile_id"] for person in there("audiences", "members", "germans", "--json").lines}
    assert pasted == left - germans


def test_a_mistake_in_a_query_is_told_with_its_place(empty: Typed) -> None:
    told = empty("audiences", "convert", "event('Order Completed').cuont() >= 1")
    assert told.code == 1
    assert told.err.splitlines()[:3] == [
        "query: column 26: `cuont` is not known here. Did you mean `count`?",
        "    event('Order Completed').cuont() >= 1",
        "                             ^",
    ]
    answered = empty("audiences", "convert", "trait('age') > 'mary@example.com'", "--json").facts["error"]
    assert answered["code"] == "definition_mistakes"
    assert "mary" not in json.dumps(answered)


def test_neither_a_query_nor_a_file(empty: Typed) -> None:
    told = empty("audiences", "convert", "no-such-file.txt", "--json")
    assert (told.code, told.facts["error"]["code"]) == (2, "no_file")


# Mistakes


def test_a_wrong_key_is_answered_with_the_nearest(empty: Typed) -> None:
    told = empty("audiences", "show", "win_bak")
    assert told.code == 2
    assert "There is no audience `win_bak`" in told.err
    assert "Did you mean `win_back`?" in told.err


def test_a_date_that_is_none(typed: Typed) -> None:
    told = typed("audiences", "members", "win_back", "--as-of", "yesterday", "--json")
    assert (told.code, told.facts["error"]["code"]) == (2, "bad_date")


def test_broken_yaml_says_file_and_line(empty: Typed) -> None:
    (empty.space / "audiences" / "broken.yaml").write_text("key: broken\nwho: [\n")
    told = empty("audiences", "members", "win_back")
    assert told.code == 1
    assert "broken.yaml: cannot be read as YAML: line" in told.err


def test_the_real_command_outside_a_space(tmp_path: Path) -> None:
    told = as_process("audiences", "list", folder=tmp_path)
    assert (told.returncode, told.stdout) == (2, "")
    assert "is not a space" in told.stderr
    assert "guestlist init DIR" in told.stderr


def test_the_real_command_in_a_space(typed: Typed) -> None:
    told = as_process("audiences", "members", "win_back", "--json", folder=typed.space)
    assert told.returncode == 0
    assert json.loads(told.stdout)["email"] == ["j***@example.org", "d***@example.net"]


@pytest.mark.parametrize("command", ["check", "list", "show", "convert", "members", "explain", "export"])
def test_help_teaches_with_an_example(empty: Typed, command: str) -> None:
    told = empty("audiences", command, "--help").out
    assert told.count(f"guestlist audiences {command}") > 1  # once in the usage line


def test_check_names_what_was_probably_meant_and_how_much_of_it_there_is(
    peopled: Path, tmp_path: Path, typed: Typed
) -> None:
    space = shutil.copytree(peopled, tmp_path / "shop")
    for old in (space / "audiences").glob("*.yaml"):
        old.unlink()
    who = "all: [{ event: Products Added }, { trait: lastname, exists: true }, { event: Flown }]"
    (space / "audiences" / "slip.yaml").write_text(f"key: slip\nwho: {{ {who} }}\n")
    notes = Typed(space=space, capture=typed.capture)("audiences", "check", "--json").facts["notes"]
    assert notes == [
        "slip: nobody has done `Flown` yet.",
        "slip: nobody has done `Products Added` yet. Did you mean `Product Added`? It has 3 events.",
        "slip: nobody has the trait `lastname` yet. Did you mean `last_name`? 2 people have it.",
    ]

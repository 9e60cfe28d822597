"""A team finds out what Segment Engage sends, and takes an audience over by one command."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.sync.kit import Shop, Told
from tests.stages.engage.calls import identify, track

from guestlist.cli import run
from guestlist.space import make_space


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A space to which Engage told of two audiences."""
    make_space(tmp_path / "shop", country="DE")
    people = [f"u{n}" for n in range(5)]
    calls = [
        *(track(True, 10, userId=one) for one in people),
        track(False, 20, userId="u0"),
        identify(True, 10, userId="u1", key="Lapsed-Users 2"),
    ]
    place = tmp_path / "engage.jsonl"
    place.write_text("".join(f"{json.dumps(call)}\n" for call in calls))
    assert run(["import", str(place), "--yes", "--space", str(tmp_path / "shop")]) == 0
    return tmp_path / "shop"


@pytest.fixture
def typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def type_(*words: str) -> Told:
        capsys.readouterr()
        code = run([*words, "--space", str(folder)])
        out, err = capsys.readouterr()
        return Told(code=code, out=out, err=err)

    return type_


def test_what_came_is_told_where_people_look(typed: Any) -> None:
    told = "Segment sends `high_value_users` (4 people). To send it to Meta: guestlist audiences take high_value_users"
    assert told in typed("audiences", "external").out
    assert told in " ".join(typed("audiences", "check").out.split())
    typed("sources", "add", "web")
    assert told in typed("sources", "list").out
    found = {
        one["key"]: (one["people"], one["asked_by"])
        for one in typed("audiences", "external", "--json").facts["external"]
    }
    assert found == {"high_value_users": (4, []), "Lapsed-Users 2": (1, [])}


def test_one_command_takes_it_over(typed: Any, folder: Path) -> None:
    taken = typed("audiences", "take", "high_value_users")
    assert taken.code == 0, taken.text
    assert (folder / "audiences" / "high_value_users.yaml").read_text() == (
        "key: high_value_users\nname: High value users\nwho:\n  external: high_value_users\n"
    )
    members = typed("audiences", "members", "high_value_users", "--reveal", "--json").out.splitlines()
    assert sorted(json.loads(line)["user_id"][0] for line in members) == ["u1", "u2", "u3", "u4"]
    assert "high_value_users" not in "".join(typed("audiences", "check", "--json").facts["notes"])
    again = typed("audiences", "take", "high_value_users", "--json")
    assert (again.code, again.facts["error"]["code"]) == (2, "external_taken")
    why = typed("audiences", "explain", "high_value_users", "user_id:u0")
    assert "is not in High value users" in why.out
    assert "exited, by message" in why.out
    number = typed("audiences", "preview", "high_value_users", "--json").facts["members"]
    assert number == 4


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("high_value_user",), "unknown_external"),
        (("high_value_users", "--to", "nowhere"), "destination_not_named"),
    ],
)
def test_what_cannot_be_taken(typed: Any, folder: Path, words: tuple[str, ...], code: str) -> None:
    refused = typed("audiences", "take", *words, "--json")
    assert (refused.code, refused.facts["error"]["code"]) == (2, code)
    assert list((folder / "audiences").iterdir()) == []


def test_a_key_of_segments_own_kind_gets_one_of_ours_and_a_file_is_never_written_over(typed: Any, folder: Path) -> None:
    place = folder / "audiences" / "lapsed_users_2.yaml"
    assert typed("audiences", "take", "Lapsed-Users 2").code == 0
    assert "external: Lapsed-Users 2" in place.read_text()
    place.write_text("key: mine\nwho: { trait: a, exists: true }\n")
    assert typed("audiences", "take", "Lapsed-Users 2", "--json").facts["error"]["code"] == "file_exists"
    assert "key: mine" in place.read_text()


def test_it_goes_to_the_one_destination_whenever_it_changes(shop: Shop) -> None:
    place = shop.file("engage.jsonl", json.dumps(track(True, userId="user-000001")))
    assert shop.type("import", place, "--yes").code == 0
    assert shop.type("audiences", "take", "high_value_users").code == 0
    assert "sync:\n  to: main\n  every: on_change\n" in (shop.space / "audiences" / "high_value_users.yaml").read_text()
    assert shop.sync("high_value_users")["code"] == 0
    assert shop.meta.members(shop.audience("High value users")) == {1}

"""Commands that read say the same on disk, beside a service that holds the space, and by the service's address."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from tests.service.keeper.conftest import until

from guestlist.cli import run

from .conftest import VALUES, Made, Served, serving

READING = [
    "audiences check",
    "audiences list",
    "audiences show buyers",
    "audiences show buyers --as query",
    "audiences show buyers --as yaml",
    "audiences members buyers",
    "audiences members buyers --limit 1 --reveal",
    "audiences members viewers --as-of 2026-01-02",
    "audiences export buyers --reveal",
    "audiences explain buyers user_id:u1042",
    "audiences explain buyers user_id:u10 --reveal",
    "audiences preview buyers",
    "audiences diff viewers buyers",
    "audiences history buyers",
    "audiences changes buyers --since 2026-01-01",
    "audiences members none",
    "profile show email:jane.doe@example.org",
    "profile show user_id:u1042 --reveal",
    "profile show user_id:nobody",
    "profile find jane",
    "profile find u --reveal --limit 1",
    "identity try {folder}/rules.yaml",
    "do-not-send list",
    "do-not-send list user_id:u1042 user_id:listed",
    "erase --receipt all",
    "erase --receipt er-none",
    "traits check",
    "traits list",
    "traits show firstName",
    "traits show email --reveal",
    "traits show none",
    "sources list",
    "destinations list",
    "destinations show none",
    "destinations shares none",
    "doctor",
    "keys list",
    "audit --last 3",
    "status",
    "runs",
]
MISTAKEN = {
    *("audiences members none", "profile show user_id:nobody", "erase --receipt er-none", "traits show none"),
    *("destinations show none", "destinations shares none", "doctor"),
}
OF_THE_MOMENT = {"seconds", "used_at", "kept_by"}
"""What differs each time, or tells of the service itself."""
Told = Mapping[str, tuple[int, Any]]


def typed(words: str, space: str, folder: Path) -> tuple[int, Any]:
    out = io.StringIO()
    with redirect_stdout(out):
        code = run([*words.format(folder=folder).split(), "--json", "--space", space])
    return code, [_lasting(json.loads(line)) for line in out.getvalue().splitlines()]


def _lasting(facts: Any) -> Any:
    if isinstance(facts, list):
        return [_lasting(one) for one in facts]
    if isinstance(facts, dict):
        return {name: _lasting(one) for name, one in facts.items() if name not in OF_THE_MOMENT}
    return facts


@pytest.fixture(scope="module")
def told(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Told]:
    here = made.copy_to(tmp_path_factory.mktemp("told") / "both")
    folder = here.folder
    (folder / "rules.yaml").write_text("identifiers: { loyalty_id: { from: traits.loyalty_id } }\n")
    assert run(["do-not-send", "add", "user_id:listed", "--reason", "by post", "--space", str(folder)]) == 0
    assert run(["sources", "add", "web", "--space", str(folder)]) == 0
    with serving(here) as served:
        until(lambda: '"evaluated"' in served.log)  # once for good: what came before it was started
        beside = {words: typed(words, str(folder), folder) for words in READING}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GUESTLIST_API_KEY", served.keys["admin"])
            by_address = {words: typed(words, served.url, folder) for words in READING}
    on_disk = {words: typed(words, str(folder), folder) for words in READING}
    return {"on disk": on_disk, "beside": beside, "by address": by_address}


@pytest.mark.parametrize("how", ["beside", "by address"])
@pytest.mark.parametrize("words", READING)
def test_it_says_the_same(told: Mapping[str, Told], words: str, how: str) -> None:
    assert told[how][words] == told["on disk"][words]


@pytest.mark.parametrize("words", READING)
def test_it_says_something_and_masks(told: Mapping[str, Told], words: str) -> None:
    code, facts = told["on disk"][words]
    assert facts
    assert (code != 0) is (words in MISTAKEN)
    if "--reveal" not in words:
        assert not [value for value in VALUES if value in json.dumps(facts)]


@pytest.mark.parametrize("how", ["beside", "by address"])
def test_a_file_is_imported_by_the_service(
    changing: Served, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUESTLIST_API_KEY", changing.keys["editor"])
    space, name = (str(changing.folder), "people") if how == "beside" else (changing.url, "guests")
    people = tmp_path / f"{name}.csv"
    # A column of its own: else it would be taken for another file of the same source.
    people.write_text(f"User ID,E-Mail,{name}\n{name}-1,new@{name}.example.org,yes\n{name}-2,,\n,,\n")
    code, (facts,) = typed(f"import {people} --as people", space, tmp_path)
    assert (code, facts["files"]) == (
        0,
        [
            {
                "file": str(people),
                "source": name,
                "lines": 3,
                "landed": 2,
                "already_known": 0,
                "rejected": 1,
                "report": str(changing.folder / "reports" / f"{name}.csv"),
                "nobody": 0,
                "again": None,
            }
        ],
    )
    assert facts["proposed"][0]["source"] == name
    assert typed(f"import {people}", space, tmp_path)[1][0]["files"][0]["already_known"] == 2
    assert typed(f"profile find new@{name}.example.org", space, tmp_path)[1][0]["people"] != []
    assert f"{name}:" in (changing.folder / "guestlist.yaml").read_text()
    assert list((changing.folder / ".guestlist" / "uploads").iterdir()) == []


def test_events_that_would_count_twice_are_refused_by_the_service_too(
    changing: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUESTLIST_API_KEY", changing.keys["editor"])
    orders = tmp_path / "twice.csv"
    orders.write_text("twice,email,paid\n1,new@twice.example.org,2026-01-05\n2,new@twice.example.org,2026-01-06\n")
    asked = f"import {orders} --as events --time paid --id email --event"
    assert typed(f"{asked} Bought", changing.url, tmp_path)[1][0]["files"][0]["landed"] == 2
    code, (refused,) = typed(f"{asked} Paid", changing.url, tmp_path)
    assert (code, refused["error"]["code"]) == (1, "lines_known")
    (again,) = typed(f"{asked} Paid --yes", changing.url, tmp_path)[1][0]["files"]
    assert (again["landed"], again["again"]) == (2, "twice")


def test_commands_that_change_something(changing: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUESTLIST_API_KEY", changing.keys["admin"])

    def told(words: str) -> Any:
        code, (facts,) = typed(words, changing.url, tmp_path)
        assert code == 0, facts
        return facts

    assert told("profile split email:jane.doe@example.org")["split_off"] == 1
    assert told("profile split email:jane.doe@example.org --undo")["split_off"] == 0
    assert told("do-not-send add user_id:u9 --reason post")["listed"] == 1
    assert told("do-not-send list user_id:u9")["asked"][0]["reason"] == "post"
    assert told("do-not-send remove user_id:u9")["removed"] == 1
    assert told("sources add web --strict")["write_key"]
    assert told("sources list")["sources"][0]["strict"]
    assert told("sources remove web")["removed"]
    receipt = told("erase user_id:u9")["receipt"]
    for _ in range(600):
        shown = told(f"erase --receipt {receipt}")
        if shown["state"] == "closed":
            break
    assert (shown["state"], shown["people"]) == ("closed", 1)
    entries = told("audit --last 7")["entries"]
    assert {one["actor"] for one in entries} == {"key admin"}
    assert [one["action"] for one in entries] == [
        *("erasure asked", "source removed", "source added", "do-not-send removed", "do-not-send added"),
        *("split undone", "identifier split off"),
    ]


def test_beside_a_service_the_list_is_written_to_the_records(changing: Served, tmp_path: Path) -> None:
    code, (facts,) = typed("do-not-send add user_id:u10", str(changing.folder), tmp_path)
    assert (code, facts["listed"]) == (0, 1)
    entries = typed("audit --last 1", str(changing.folder), tmp_path)[1][0]["entries"]
    assert entries[0]["actor"] == "command line"


def test_a_source_of_files_is_added_and_taken_away_by_address(
    changing: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUESTLIST_API_KEY", changing.keys["admin"])
    (changing.folder / "exports").mkdir()
    (changing.folder / "exports" / "a.csv").write_text("User ID,Plan\nu1,gold\n")
    add = "sources add crm --files exports --as people --every manual --yes"
    code, (facts,) = typed(add, changing.url, tmp_path)
    assert (code, facts["entry"]["load"]) == (0, {"files": "exports", "every": "manual"})
    assert typed("sources list", changing.url, tmp_path)[1][0]["loaded"][0]["key"] == "crm"
    monkeypatch.setenv("GUESTLIST_API_KEY", changing.keys["editor"])
    assert typed("sources remove crm", changing.url, tmp_path)[1][0]["error"]["code"] == "not_allowed"
    monkeypatch.setenv("GUESTLIST_API_KEY", changing.keys["admin"])
    assert typed("sources remove crm", changing.url, tmp_path) == (
        0, [{"key": "crm", "removed": True, "loaded": True}]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"files": "/etc/*.csv"}, "source_elsewhere"),
        ({"files": "../*.csv"}, "source_elsewhere"),
        ({"files": "exports/../../*.csv"}, "source_elsewhere"),
        ({"files": "~/x.csv"}, "source_elsewhere"),
        ({"files": ".guestlist"}, "source_elsewhere"),
        ({"env": "HOME", "table": "a"}, "source_elsewhere"),
        ({"address": "host=db", "table": "a"}, "source_address"),
        ({"address": "postgresql:///db?host=/tmp", "table": "a"}, "source_address"),
        ({"address": "postgresql://r@db.example.org/a?passfile=/etc/passwd", "table": "a"}, "source_address"),
        ({"address": "postgresql://r@one.example.org,127.0.0.1/a", "table": "a"}, "source_address"),
        ({"address": "postgresql://r@127.0.0.1:99999/a", "table": "a"}, "source_address"),
        ({"address": "postgresql://r:topsecret@127.0.0.1/a", "table": "a"}, "source_server"),
        ({"address": "postgresql://r@[::1]:5432/a", "table": "a"}, "source_server"),
        ({"url": "http://127.0.0.1/x.csv"}, "source_address_refused"),
        ({"files": "a.csv", "url": "https://example.org/x.csv"}, "source_settings"),
    ],
)
def test_what_only_its_machine_may_name_is_refused_from_afar(changing: Served, said: dict[str, str], code: str) -> None:
    with changing.client() as api:
        refused = api.put("/sources/afar/load", json=said)
        assert (refused.json().get("code"), refused.is_success) == (code, False)
        assert "topsecret" not in refused.text
        assert "afar" not in [one["key"] for one in api.get("/sources").json()["loaded"]]

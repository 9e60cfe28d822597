"""`guestlist doctor`: one line a check, what to do, and 1 where a person has something to do."""

import os
import shutil
from pathlib import Path

import pytest

from guestlist.records import open_records
from guestlist.space import open_space

from .conftest import Desk


def test_without_a_destination(desk: Desk) -> None:
    told = desk.type("doctor")
    assert told.code == 1
    assert "destinations connect" in told.out


def test_all_fine(desk: Desk) -> None:
    desk.connect()
    told = desk.type("doctor")
    assert told.code == 0
    assert {line.split()[1] for line in told.out.splitlines()} == {"fine"}
    facts = desk.type("doctor", "--json").facts
    assert facts["fine"] is True
    checks = [line["check"] for line in facts["lines"]]
    assert checks == ["token", "role", "account", "business", "terms", "audiences", "quota", "clock", "disk"]


def test_a_file_that_goes_while_the_disk_is_looked_at_does_not_matter(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.connect()
    (desk.space / ".guestlist" / "spill").mkdir(exist_ok=True)
    stat, is_file, gone = Path.stat, Path.is_file, []

    def goes(path: Path) -> None:
        if path.name == "going" and path not in gone:
            gone.append(path)
            path.unlink()

    def looked_at(path: Path) -> bool:
        there = is_file(path)
        goes(path)
        return there

    def measured(path: Path, **how: bool) -> os.stat_result:
        goes(path)
        return stat(path, **how)

    for patched in ({"is_file": looked_at}, {"stat": measured}):
        (desk.space / ".guestlist" / "spill" / "going").touch()
        gone.clear()
        with monkeypatch.context() as patching:
            for name, way in patched.items():
                patching.setattr(Path, name, way)
            assert desk.type("doctor").code == 0


@pytest.mark.parametrize(
    ("change", "check", "code"),
    [
        ({"revoke": 460}, "token", "meta_password_changed"),
        ({"expires_in": -1}, "token", "meta_token_expired"),
        ({"expires_in": 3 * 86_400}, "token", "meta_token_expires_soon"),
    ],
)
def test_a_token_that_needs_a_person(desk: Desk, change: dict[str, int], check: str, code: str) -> None:
    desk.connect()
    desk.meta.post("tokens/change", **change)

    told = desk.type("doctor", "--json")

    assert told.code == 1
    bad = [line for line in told.facts["lines"] if line["code"]]
    assert [(line["check"], line["code"]) for line in bad] == [(check, code)]
    assert bad[0]["next_step"].endswith("guestlist destinations reconnect main")


def test_an_account_that_is_disabled(desk: Desk) -> None:
    desk.connect()
    desk.meta.post(f"accounts/{desk.meta.ad_account.removeprefix('act_')}", status=2)
    told = desk.type("doctor")
    assert told.code == 1
    assert "disabled" in told.out


def test_a_lost_secret_and_a_slip_in_the_settings_are_lines_too(desk: Desk) -> None:
    desk.connect()
    desk.connect(name="second")
    with open_records(open_space(desk.space)) as records:
        records.vault.delete("main/token")
    here = open_space(desk.space)
    here.write_entry("destinations", "third", {"account": "act_1", "mapping": {"off": ["EMALE"]}})

    told = desk.type("doctor", "--json")

    assert told.code == 1
    codes = {line["destination"]: line["code"] for line in told.facts["lines"] if line["code"]}
    assert codes == {"main": "destination_without_token", "third": "destination_settings"}


def test_settings_tell_the_place_of_a_mistake(desk: Desk) -> None:
    here = open_space(desk.space)
    here.write_entry("destinations", "main", {"account": "act_1", "delays": {"pipeline": "soon"}, "batch_rows": 0})
    told = desk.type("doctor").out
    assert "destinations.main.delays.pipeline" in told
    assert "destinations.main.batch_rows" in told


def test_a_name_that_meta_would_flag_and_a_full_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.connect()
    (desk.space / "audiences" / "a.yaml").write_text(
        "key: a\nname: Arthritis newsletter\nwho: { event: Opened }\nsync: main\n"
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))

    told = desk.type("doctor", "--json")

    assert told.code == 1
    assert {line["code"] for line in told.facts["lines"] if line["code"]} == {"meta_name_suggestive", "disk_low"}

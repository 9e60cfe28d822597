"""A space that an earlier Guestlist made and used is opened, kept and backed up by this one.

`space-0005.tar.xz` was made by commit 69fc57a: its journal stands at migration 0005, its people were found by relations
that are no longer begun from. Eight people, of whom one is on the do-not-send list and one was erased; synced once.
"""

import tarfile
from pathlib import Path

import pytest
from tests.acceptance.sync.kit import Shop

from fakemeta.harness import Running, running
from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.space import open_space
from guestlist.syncing import open_ledger

OLD = Path(__file__).with_name("space-0005.tar.xz")


@pytest.fixture
def old(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    with tarfile.open(OLD) as tar:
        tar.extractall(tmp_path, filter="data")
    with running() as meta:
        nobody: Running = meta
    return Shop(space=tmp_path / "shop", meta=nobody, people=[], capture=capsys)


def test_people_audiences_and_what_meta_has_are_as_they_were(old: Shop) -> None:
    plan = old.plan()
    assert (plan["members"], plan["can_be_sent"], plan["people_at_meta"], plan["people_leaving"]) == (4, 3, 3, 0)
    assert plan["remove_rows"] == 0
    assert old.type("do-not-send", "list", "user_id:u3").code == 0
    (receipt,) = old.type("erase", "--receipt", "all", "--json").facts["receipts"]
    assert (receipt["people"], receipt["state"]) == (1, "closed")
    with open_ledger(open_space(old.space)) as ledger:
        assert {name: ledger.columns(name) for name in RELATIONS} == {
            name: tuple(RELATIONS[name]) for name in RELATIONS
        }


def test_it_can_be_backed_up_before_anything_else_and_restored(old: Shop, tmp_path: Path) -> None:
    file = old.type("backup", tmp_path / "old.tar", "--with-key", "--json").facts["file"]
    again = Shop(space=tmp_path / "again", meta=old.meta, people=[], capture=old.capture)
    assert again.type("restore", file, "--json").facts["paused"] == ["vip@main"]
    plan = again.plan()
    # Whoever is known may have been sent since, also u3 before she was listed; u8 is erased, and known to nobody.
    assert (plan["members"], plan["can_be_sent"], plan["add_rows"], plan["remove_rows"]) == (4, 3, 3, 4)
    assert plan["needs_a_yes"] is False

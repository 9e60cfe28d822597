"""A space in a file and out of it again: nobody is left in or out by what the backup does not know."""

import json
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.acceptance.sync.kit import RIGHT, SETTLED, Moment, Shop, customers, made_shop, moment, planned, synced_once
from tests.service.keeper.conftest import keeping, until

from fakemeta.harness import Running, running
from guestlist.errors import GuestlistError
from guestlist.store.archive import need_room

COUNT = 60
LEFT, ENTERED = (4, 5, 8), (2, 3, 6)
ERASED = 9
NEW = 70


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(COUNT + 20)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="module")
def made(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made_shop(tmp_path_factory.mktemp("made") / "shop", server, COUNT, batch_rows=10)


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """A shop that lived on after its backup."""

    moment: Moment
    file: Path

    def copy_to(self, folder: Path, capture: pytest.CaptureFixture[str]) -> tuple[Shop, Path]:
        """The shop and its backup, with what stands beside it."""
        copied = Path(shutil.copytree(self.file.parent, folder / "backups"))
        return self.moment.copy_to(folder / "shop", capture), copied / self.file.name


@pytest.fixture(scope="module")
def before_a_sync(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    return planned(made, tmp_path_factory.mktemp("before") / "shop")


@pytest.fixture(scope="module")
def after_a_sync(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    return synced_once(made, tmp_path_factory.mktemp("after") / "shop")


@pytest.fixture(scope="module")
def first_lived_on(after_a_sync: Moment, tmp_path_factory: pytest.TempPathFactory) -> BackedUp:
    folder = tmp_path_factory.mktemp("lived_on")
    shop = after_a_sync.copy_to(folder / "shop", None)
    file = live_on(shop, folder / "backups")
    return BackedUp(moment=moment(shop), file=file)


@pytest.fixture(scope="module")
def first_erased(after_a_sync: Moment, tmp_path_factory: pytest.TempPathFactory) -> BackedUp:
    folder = tmp_path_factory.mktemp("erased")
    shop = after_a_sync.copy_to(folder / "shop", None)
    file = made_backup(shop, folder / "backups")
    assert shop.type("erase", f"user_id:{shop.people[ERASED - 1].user_id}").code == 0
    return BackedUp(moment=moment(shop), file=file)


@pytest.fixture
def shop(before_a_sync: Moment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """Of which nothing is at Meta yet."""
    return before_a_sync.copy_to(tmp_path / "shop", capsys)


@pytest.fixture
def lived_on(first_lived_on: BackedUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Shop, Path]:
    """A shop in which people left, entered, came for the first time and were erased since its backup."""
    return first_lived_on.copy_to(tmp_path, capsys)


@pytest.fixture
def erased_since(first_erased: BackedUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Shop, Path]:
    """A shop in which one was erased since its backup."""
    return first_erased.copy_to(tmp_path, capsys)


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


def test_what_was_sent_after_a_backup_is_put_right_after_its_restore(lived_on: tuple[Shop, Path]) -> None:
    shop, file = lived_on
    came(shop, NEW, "t3")
    assert shop.sync()["removed_rows"]
    lost, shop = shop, restored(shop, file)
    paused = shop.type("sync", "--json")
    told = paused.facts["syncs"][0]
    assert (told["state"], told["added_rows"]) == ("paused", 0), paused.text
    assert shop.type("resume", "--all").code == 0
    wanted = who(shop) - {ERASED}
    assert shop.sync()["state"] in {"done", "waiting"}
    assert truth(shop, wanted) == RIGHT
    shop.meta.advance(SETTLED)
    assert shop.sync()["state"] == "done"
    assert truth(shop, wanted) == RIGHT
    shop.meta.advance(SETTLED)
    quiet = shop.sync()
    assert (quiet["state"], quiet["calls"]) == ("done", 0)
    assert ERASED not in shop.meta.members(shop.audience())
    assert lost.space != shop.space


def test_what_came_since_can_be_imported_before_the_first_sync(lived_on: tuple[Shop, Path]) -> None:
    shop = restored(*lived_on)
    moved(shop, LEFT, "t3")
    moved(shop, ENTERED, "t0")
    came(shop, NEW, "t3")  # was added after the backup, and has left since
    assert shop.type("resume", "--all").code == 0
    shop.sync()
    wanted = who(shop) - {ERASED, *LEFT} | {*ENTERED}
    assert truth(shop, wanted) == RIGHT
    shop.meta.advance(SETTLED)
    shop.sync()
    assert truth(shop, wanted) == RIGHT


def test_people_who_may_only_be_at_meta_are_not_told_as_sent(after_a_sync: Moment, tmp_path: Path) -> None:
    shop = after_a_sync.copy_to(tmp_path / "shop", None)
    shop.want("t9", key="nobody", name="Nobody")
    assert shop.type("sync").code == 0
    sent = {"vip@main": len(who(after_a_sync.shop)), "nobody@main": 0}
    assert people_sent(shop) == sent
    file, key = made_backup(shop, tmp_path / "backups"), shop.space / ".guestlist" / "key"
    again = at(shop, json.loads(_into(shop, "again", "restore", file, "--key", key, "--json")))
    assert again.type("sync").code == 0  # paused: only who must never be sent leaves
    assert people_sent(again) == sent
    assert again.type("resume", "--all").code == 0
    again.type("sync")
    assert people_sent(again) == sent


def people_sent(shop: Shop) -> dict[str, int]:
    return {one["sync"]: one["people_sent"] for one in shop.type("status", "--json").facts["syncs"]}


def test_an_erasure_that_stands_beside_the_backup_is_made_again(erased_since: tuple[Shop, Path]) -> None:
    shop, file = erased_since
    told = restore(shop, file)
    assert (told["since_known"], told["erasures_made_again"]) == (True, 1)
    shop = at(shop, told)
    (receipt,) = shop.type("erase", "--receipt", "all", "--json").facts["receipts"]
    assert (receipt["state"], receipt["erased_here_at"]) == ("open", None)
    assert shop.type("sync", "--json").code == 0
    (receipt,) = shop.type("erase", "--receipt", "all", "--json").facts["receipts"]
    assert receipt["people"] == 1
    assert shop.type("profile", "show", f"user_id:{shop.people[ERASED - 1].user_id}").code == 1


def test_without_what_stands_beside_it_the_restore_says_so_loudly(erased_since: tuple[Shop, Path]) -> None:
    shop, file = erased_since
    file.with_name(file.name + ".since").unlink()
    key = shop.space / ".guestlist" / "key"
    told = _into(shop, "told", "restore", file, "--key", key)
    assert "EVERYBODY ERASED OR LISTED AFTER" in told
    assert "guestlist erase" in told


def test_a_space_that_is_replaced_tells_whom_it_erased(erased_since: tuple[Shop, Path]) -> None:
    shop, file = erased_since
    file.with_name(file.name + ".since").unlink()
    refused = shop.type("restore", file, "--json")
    assert (refused.code, refused.facts["error"]["code"]) == (2, "space_not_empty")
    told = shop.type("restore", file, "--replace", "--json").facts
    assert (told["since_known"], told["erasures_made_again"], told["key"]) == (True, 1, True)
    assert (Path(told["replaced"]) / ".guestlist" / "ledger.duckdb").is_file()
    assert shop.type("resume", "--all").code == 0
    shop.sync()
    shop.meta.advance(SETTLED)
    shop.sync()
    assert truth(shop, who(shop) - {ERASED}) == RIGHT


def test_beside_a_running_service_the_keeper_makes_it(shop: Shop, backups: Path) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)
        told = shop.process("backup", backups, "--json")
        assert told.code == 0, told.text
        assert kept.of("backup", state="made")
        refused = shop.process("backup", backups / "none" / "here.tar", "--json")
        assert (refused.code, refused.facts["error"]["code"]) == (1, "no_access")
        shop.meta.advance(3600)
        until(lambda: kept.runs() == 2)  # it goes on
    assert shop.type("backup", "--check", told.facts["file"]).code == 0
    assert shop.type("resume", "vip", "--json").code == 0
    again = at(shop, restore(shop, Path(told.facts["file"])))
    assert again.type("resume", "--all").code == 0
    again.sync()
    assert truth(again, who(again)) == RIGHT


def test_what_is_in_it_and_who_may_read_it(shop: Shop, backups: Path) -> None:
    assert shop.plan()["add_rows"]
    inbox = shop.space / ".guestlist" / "inbox"
    inbox.mkdir()
    (inbox / "000000000001.web.jsonl").write_text('{"type": "identify"}\n')
    file = made_backup(shop, backups)
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        names = set(tar.getnames())
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest"))
    stores = {f".guestlist/{name}" for name in ("warehouse.duckdb", "ledger.duckdb", "journal.sqlite")}
    assert names >= {"guestlist.yaml", "audiences/vip.yaml", ".guestlist/inbox/000000000001.web.jsonl", *stores}
    assert ".guestlist/key" not in names
    assert {"guestlist", "engine", "made_at", "with_key"} <= manifest.keys()
    assert all(len(one["sha256"]) == 64 for one in manifest["files"])
    with_key = Path(shop.type("backup", backups / "k.tar", "--with-key", "--json").facts["file"])
    with tarfile.open(with_key) as tar:
        assert ".guestlist/key" in tar.getnames()
    again = restore(shop, file)
    assert (
        (Path(str(again["space"])) / ".guestlist" / "inbox" / "000000000001.web.jsonl")
        .read_text()
        .startswith('{"type"')
    )
    assert not list(backups.glob(".*"))


@pytest.mark.parametrize("harm", ["cut", "changed", "no archive"])
def test_a_backup_that_is_not_whole_is_refused(shop: Shop, backups: Path, harm: str) -> None:
    file = made_backup(shop, backups)
    content = bytearray(file.read_bytes())
    if harm == "changed":
        content[len(content) // 2] ^= 1
    file.write_bytes(
        bytes({"cut": content[: len(content) // 2], "changed": content, "no archive": bytearray(b"hello")}[harm])
    )
    for words in (("backup", "--check", file), ("restore", file, "--replace")):
        told = shop.type(*words, "--json")
        assert (told.code, told.facts["error"]["code"]) == (1, "backup_damaged")
    assert shop.sync()["state"] == "done"  # the space is as it was


def test_another_key_is_refused_and_a_file_is_never_overwritten(shop: Shop, backups: Path, tmp_path: Path) -> None:
    file = made_backup(shop, backups)
    told = shop.type("backup", file, "--json")
    assert (told.code, told.facts["error"]["code"]) == (1, "backup_exists")
    assert shop.type("do-not-send", "list").code == 0
    other = tmp_path / "other-key"
    text = (shop.space / ".guestlist" / "key").read_text()
    other.write_text(text.replace(text.split()[3][:8], "00000000", 1))
    other.chmod(0o600)
    said = _into(shop, "other", "restore", file, "--key", other, "--json")
    assert json.loads(said)["error"]["code"] == "other_key"
    assert not (shop.space.parent / "other" / "guestlist.yaml").exists()


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(GuestlistError) as told:
        need_room(tmp_path, 10**18)
    assert told.value.code == "no_room"


# --- the life of the shop ---------------------------------------------------------------------------------------------


def live_on(shop: Shop, backups: Path) -> Path:
    """It is backed up; then people leave, enter, come for the first time, and one is erased."""
    shop.meta.advance(SETTLED)
    file = made_backup(shop, backups)
    moved(shop, LEFT, "t3")
    moved(shop, ENTERED, "t0")
    assert shop.sync()["state"] == "done"
    came(shop, NEW, "t0")
    shop.sync()
    assert shop.type("erase", f"user_id:{shop.people[ERASED - 1].user_id}").code == 0
    shop.meta.advance(SETTLED)
    shop.sync()
    assert truth(shop, who(shop) - {ERASED, *LEFT} | {*ENTERED, NEW}) == RIGHT
    return file


def made_backup(shop: Shop, to: Path) -> Path:
    to.mkdir(exist_ok=True)
    told = shop.type("backup", to, "--json")
    assert told.code == 0, told.text
    return Path(told.facts["file"])


def restore(shop: Shop, file: Path) -> dict[str, object]:
    """On another machine: all that is left of the first is the backup, and a copy of the key."""
    key = shutil.copy(shop.space / ".guestlist" / "key", shop.space.parent / "kept-key")
    told: dict[str, object] = json.loads(_into(shop, "again", "restore", file, "--key", key, "--json"))
    assert told["paused"] == ["vip@main"], told
    return told


def restored(shop: Shop, file: Path) -> Shop:
    return at(shop, restore(shop, file))


def at(shop: Shop, told: dict[str, object]) -> Shop:
    place = Path(str(told["space"]))
    return Shop(space=place, meta=shop.meta, people=shop.people, capture=shop.capture, tiers=shop.tiers)


def _into(shop: Shop, name: str, *words: object) -> str:
    there = Shop(space=shop.space.parent / name, meta=shop.meta, people=shop.people, capture=shop.capture)
    return there.type(*words).out


def moved(shop: Shop, numbers: Iterable[int], tier: str) -> None:
    lines = "".join(f"{shop.people[number - 1].user_id},{tier}\n" for number in numbers)
    _imported(shop, f"user_id,tier\n{lines}")


def came(shop: Shop, number: int, tier: str) -> None:
    one = customers(number)[-1]
    _imported(shop, f"user_id,email,tier\n{one.user_id},{one.emails[0]},{tier}\n")


def _imported(shop: Shop, text: str) -> None:
    told = shop.type("import", shop.file(f"more-{abs(hash(text))}.csv", text), "--as", "people", "--yes")
    assert told.code == 0, told.text


def who(shop: Shop) -> set[int]:
    return {one.number for one in shop.people if one.tier in shop.tiers}


def truth(shop: Shop, wanted: set[int]) -> dict[str, list[int]]:
    told = shop.meta.truth(shop.audience(), people=sorted(wanted))
    return {"wrongly_in": told["wrongly_in"], "missing": told["missing"]}

"""Secrets at rest: who can read them, and what happens when key or place is wrong."""

import os
import pickle
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Listed
from guestlist.store.vault import Secret, Vault

CANARY = "EAAcanary0123456789"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return tmp_path / "space"


@pytest.fixture
def journal(space: Path) -> Iterator[Journal]:
    with Journal.open(space / "journal.sqlite") as opened:
        yield opened


@pytest.fixture
def vault(space: Path, journal: Journal) -> Vault:
    return Vault.open(space / "key", journal)


def refusal(space: Path, journal: Journal) -> str:
    with pytest.raises(GuestlistError) as raised:
        Vault.open(space / "key", journal).load("main/token")
    assert CANARY not in str(raised.value)
    return raised.value.code


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format, "%s".__mod__], ids=range(5))
def test_a_secret_never_shows_itself(show: object) -> None:
    assert CANARY not in show(Secret(CANARY))  # type: ignore[operator]


def test_a_secret_is_not_pickled_and_compares_by_value() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert not Secret("")


def test_what_was_saved_is_read_back_also_later(space: Path, journal: Journal, vault: Vault) -> None:
    vault.save("main/token", Secret(CANARY), now=1)
    for opened in (vault, Vault.open(space / "key", journal)):
        assert opened.load("main/token") == Secret(CANARY)
        assert opened.load("other") is None
    assert vault.delete("main/token")
    assert vault.load("main/token") is None


def test_no_file_holds_the_secret_in_clear(space: Path, vault: Vault) -> None:
    vault.save("main/token", Secret(CANARY), now=1)
    assert all(CANARY.encode() not in file.read_bytes() for file in space.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_the_key_file_is_for_its_owner_only(space: Path, journal: Journal, vault: Vault) -> None:
    assert stat.S_IMODE((space / "key").stat().st_mode) == 0o600
    (space / "key").chmod(0o640)
    assert refusal(space, journal) == "key_file_open_to_others"


def test_a_missing_key_is_never_silently_replaced(space: Path, journal: Journal, vault: Vault) -> None:
    vault.save("main/token", Secret(CANARY), now=1)
    (space / "key").unlink()
    assert refusal(space, journal) == "key_file_missing"
    vault.delete("main/token")
    journal.list_do_not_send([Listed(token=b"t", kind="EMAIL", listed_at=1)])
    assert refusal(space, journal) == "key_file_missing"


def test_another_key_opens_nothing(space: Path, journal: Journal, vault: Vault, tmp_path: Path) -> None:
    vault.save("main/token", Secret(CANARY), now=1)
    with Journal.open(tmp_path / "other" / "journal.sqlite") as other:
        Vault.open(tmp_path / "other" / "key", other)
    (tmp_path / "other" / "key").replace(space / "key")
    assert refusal(space, journal) == "secret_unreadable"


def test_a_sealed_secret_opens_only_in_its_own_place(space: Path, journal: Journal, vault: Vault) -> None:
    vault.save("second/token", Secret(CANARY), now=1)
    with sqlite3.connect(space / "journal.sqlite") as raw:
        raw.execute("UPDATE secret SET name = 'main/token'")
    assert refusal(space, journal) == "secret_unreadable"


@pytest.mark.parametrize("content", ["", "guestlist-key 1\n", "guestlist-key 1\npepper x\nk1 AAAA\n", "a\nb\nc d e\n"])
def test_a_damaged_key_file_is_named(space: Path, journal: Journal, vault: Vault, content: str) -> None:
    (space / "key").write_text(content)
    assert refusal(space, journal) == "key_file_damaged"


def test_rotation_keeps_secrets_and_pepper_and_forgets_the_old_key(space: Path, journal: Journal, vault: Vault) -> None:
    vault.save("main/token", Secret(CANARY), now=1)
    before = (space / "key").read_text().splitlines()
    pepper = vault.pepper
    assert vault.rotate(now=2) == 1
    after = (space / "key").read_text().splitlines()
    assert before[2] not in after
    assert len(after) == 3
    again = Vault.open(space / "key", journal)
    assert again.load("main/token") == Secret(CANARY)
    assert again.pepper == pepper

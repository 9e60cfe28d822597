"""What the journal keeps of a token's life: when a destination may be called, and how often it was asked about."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from guestlist.connected import parking
from guestlist.destinations.meta.token_life import ending, parks
from guestlist.destinations.meta.verdicts import verdict_of
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sync
from guestlist.store.journal_tokens import KnownToken

SECOND, MINUTE, DAY = 1_000_000, 60_000_000, 86_400_000_000
PASSWORD, EXPIRED, NO_ROLE = verdict_of(190, 460), verdict_of(190, 463), verdict_of(200)
KNOWN = KnownToken(destination="main", checked_at=1, kind="USER", expires_at=100 * DAY)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite") as opened:
        opened.take_over("test", now=1)
        yield opened


def park(journal: Journal, *, now: int, rule: object = PASSWORD) -> tuple[int, int, int]:
    """Since when it is parked, how many tries there were, and after how many seconds Meta may be asked."""
    parking.note(journal, "main", "act_1", rule, now=now)  # type: ignore[arg-type]
    kept = journal.parked("main")
    assert kept is not None
    return kept.since, kept.tries, (kept.ask_at - now) // SECOND


def test_a_destination_is_parked_once(journal: Journal) -> None:
    assert journal.parked("main") is None
    assert park(journal, now=DAY) == (DAY, 1, 60)
    assert park(journal, now=DAY + 10 * SECOND) == (DAY, 1, 50)
    assert park(journal, now=DAY + 20 * SECOND, rule=EXPIRED) == (DAY, 1, 40)
    parked = journal.parked("main")
    assert parked is not None
    assert parked.code == "meta_token_expired"


def test_what_comes_back_is_asked_about_less_and_less_often(journal: Journal) -> None:
    """As a role that is missing on one audience: the account is fine, and the next call is refused again."""
    waits = []
    for number in range(6):
        waits.append(park(journal, now=DAY + number * MINUTE, rule=NO_ROLE)[2])
        assert journal.resume("main", now=DAY + number * MINUTE)
        assert not journal.resume("main", now=DAY + number * MINUTE)
    assert waits == [60, 120, 240, 480, 900, 900]
    assert park(journal, now=3 * DAY, rule=NO_ROLE)[2] == 60


def test_another_token_begins_anew(journal: Journal) -> None:
    park(journal, now=DAY)
    journal.know_token(KNOWN)
    journal.forget_token("main")
    assert (journal.parked("main"), journal.known_token("main")) == (None, None)


def test_what_was_warned_of_stays_warned_of(journal: Journal) -> None:
    journal.know_token(KNOWN)
    journal.note_warned("main", 14)
    assert journal.know_token(replace(KNOWN, checked_at=2)).warned == 14


def test_a_sync_emptied_and_resumed(journal: Journal) -> None:
    journal.save_sync(Sync(key="vip@main", audience="vip", destination="main"))
    journal.empty_sync("vip@main", now=7)
    assert (journal.emptied(), [one.paused for one in journal.syncs()]) == ({"vip@main": 7}, [True])
    assert journal.resume_sync("vip@main")
    assert (journal.emptied(), [one.paused for one in journal.syncs()]) == ({}, [False])
    assert not journal.resume_sync("vip@main")


@pytest.mark.parametrize(
    ("code", "subcode", "parked"),
    [
        *((190, subcode, True) for subcode in (None, 458, 459, 460, 463, 464, 467, 492, 999)),
        *((code, None, True) for code in (10, 102, 200, 273, 294, 250)),
        *((200, subcode, True) for subcode in (1870034, 1870090, 1870092)),
        (2655, None, True),
        *((code, None, False) for code in (1, 2, 4, 17, 100, 368, 613, 2650, 2663, 80003)),
        *((100, subcode, False) for subcode in (33, 36007, 36008, 36009, 1713230)),
        *((200, subcode, False) for subcode in (1870047, 1870050)),
    ],
)
def test_which_errors_park_a_destination(code: int, subcode: int | None, parked: bool) -> None:
    assert parks(verdict_of(code, subcode)) is parked


@pytest.mark.parametrize(
    ("expires", "data", "what", "days", "step"),
    [
        (13.5, None, "token", 13, 14),
        (3.5, None, "token", 3, 14),
        (2.5, 1.5, "data access", 1, 3),
        (0.5, 50, "token", 0, 1),
        (-0.5, None, "token", -1, 1),
    ],
)
def test_what_ends_first(expires: float, data: float | None, what: str, days: int, step: int) -> None:
    now, day = 1_800_000_000, 86_400
    found = ending(now + int(expires * day), None if data is None else now + int(data * day), now=now)
    assert found is not None
    assert (found.what, found.days, found.step) == (what, days, step)


def test_nothing_ends_soon() -> None:
    assert ending(None, None, now=1_800_000_000) is None
    assert ending(1_800_000_000 + 14 * 86_400, None, now=1_800_000_000) is None

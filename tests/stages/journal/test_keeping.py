"""What keeping on time asks of the journal: signs of life, putting aside, waiting times without a name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_keeping import Timing, Waited, step, summary
from guestlist.store.journal_pulls import Pull
from guestlist.store.journal_tables import Pause

DAY = 86_400_000_000
HERE = ("here", 7)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "space" / "journal.sqlite") as opened:
        opened.take_over("service", now=1, process=HERE)
        yield opened


@pytest.mark.parametrize(
    ("by", "left"),
    [(-500, 600), (0, 600), (400, 200)],
    ids=["set forward", "as it was", "set back"],
)
@pytest.mark.parametrize("again", [False, True], ids=["running", "started anew"])
def test_what_waits_does_not_wait_for_a_clock_that_was_set_back(
    journal: Journal, *, again: bool, by: int, left: int
) -> None:
    journal.beat(now=500)
    journal.save_pause(Pause(account="act_1", not_before=600, reason="throttled"))
    journal.save_timing(Timing(sync="a@main", at=450, ran=True, again_at=600))
    journal.save_pull(Pull(source="crm", at=450, state="failed", again_at=600))
    if again:
        journal.take_over("service", now=500 - by, process=HERE)
    else:
        journal.beat(now=500 - by)
    pause, timing, pull = journal.pause("act_1"), journal.timings()["a@main"], journal.pulls()["crm"]
    assert pause is not None
    assert [pause.not_before, timing.again_at, pull.again_at] == [left] * 3
    assert [timing.at, pull.at] == [left - 150] * 2
    journal.beat(now=500 - by + 1)  # and that is all
    assert journal.timings()["a@main"] == timing


def test_who_was_put_aside_can_show_and_record_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.beat(now=2)
    seen = journal.owner()
    assert seen is not None
    assert (seen.pid, seen.beat) == (7, 2)
    with Journal.open(tmp_path / "space" / "journal.sqlite") as standby:
        standby.take_over("standby", now=3, instead_of=seen)
        with pytest.raises(GuestlistError, match="space_taken_over"):
            journal.beat(now=4)
        with pytest.raises(GuestlistError, match="space_taken_over"):
            journal.save_timing(Timing(sync="a@main", at=4))
        with pytest.raises(GuestlistError, match="space_taken_over"):
            journal.note_waited("a@main", [], now=4)


def test_nobody_is_put_aside_who_showed_life_meanwhile(journal: Journal, tmp_path: Path) -> None:
    seen = journal.owner()
    journal.beat(now=2)
    with (
        Journal.open(tmp_path / "space" / "journal.sqlite") as standby,
        pytest.raises(GuestlistError, match="space_taken_over"),
    ):
        standby.take_over("standby", now=3, instead_of=seen)
    journal.beat(now=4)


@pytest.mark.parametrize("milliseconds", [0, 1, 7, 999, 60_000, 86_400_000])
def test_a_step_is_never_below_and_at_most_a_tenth_above(milliseconds: int) -> None:
    assert milliseconds <= step(milliseconds) <= 1.1 * milliseconds + 1


def test_percentiles_and_the_worst() -> None:
    waited = [
        Waited(upto=100, people=60, worst=99),
        Waited(upto=1000, people=36, worst=950),
        Waited(upto=9000, people=4, worst=8100),
    ]
    found = summary(waited)
    assert (found.people, found.p50, found.p95, found.worst) == (100, 99, 950, 8100)


def test_days_add_up_and_end(journal: Journal) -> None:
    one = Waited(upto=100, people=3, worst=90)
    for now, waited in ((0, one), (0, Waited(upto=100, people=1, worst=98)), (DAY, one)):
        journal.note_waited("a@main", [waited], now=now)
    found = journal.freshness("a@main", now=DAY)
    assert found is not None
    assert (found.people, found.worst) == (7, 98)
    assert journal.freshness("a@main", now=20 * DAY) is None
    assert journal.freshness("b@main", now=DAY) is None

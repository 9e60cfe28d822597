"""One space lives through the faults in which an answer is lost, late or unreadable; after each it comes right."""

import pytest

from .kit import Shop, assert_counts_add_up
from .storm import Strike, cases, come_right, move_on, strike
from .strikes import LOST


@pytest.mark.parametrize(("what", "nth"), cases(LOST))
def test_after_a_fault_it_comes_right(life: Shop, what: Strike, nth: int) -> None:
    move_on(life)
    strike(life, what, nth)
    told = life.sync()
    assert told["code"] in {0, 1, 4}
    assert told["code"] == 0 or told["error"] or told["again_at"], "whoever is stopped is told why, or until when"
    life.meta.clear_faults()
    what.remedy(life)
    come_right(life, words=what.words)


def test_in_the_end_the_counts_add_up(life: Shop) -> None:
    life.list_person(3)
    life.list_person(6)
    come_right(life)
    come_right(life)
    assert not life.listed & life.meta.members(life.audience())
    assert_counts_add_up(life)

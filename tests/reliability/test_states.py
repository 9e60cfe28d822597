"""The exhaustive model holds for the law, and sees through the designs that only look right."""

import pytest
from tests.reliability.states import Setup, explore, never_right

from guestlist.destinations.meta.relations import Rules

LAW = [
    pytest.param(Setup(), id="requests without an answer may land late"),
    pytest.param(Setup(late_answers=True), id="answered requests may land late and out of order"),
    pytest.param(Setup(delay=3, real=3, late_answers=True), id="a longer delay"),
]
BROKEN = [
    pytest.param(Setup(cursor_before_delivery=True), id="cursor saved before delivery"),
    pytest.param(Setup(rules=Rules(lost_is_maybe=False, settle=False)), id="diff against the last success"),
    pytest.param(Setup(rules=Rules(settle=False)), id="write-ahead without settling"),
    pytest.param(Setup(delay=1, real=3), id="delay believed too short"),
]


@pytest.mark.parametrize("setup", LAW)
def test_every_reachable_state_ends_as_wanted_and_silent(setup: Setup) -> None:
    states = explore(setup)
    assert len(states) > 300
    assert never_right(setup, states) == []


@pytest.mark.parametrize("setup", BROKEN)
def test_the_model_sees_a_broken_design(setup: Setup) -> None:
    assert never_right(setup, explore(setup))

"""The guard in the churn model: it stops what it should and lets go what it should, whatever became of each request."""

from functools import cache

import pytest
from tests.reliability.churn import DELAY, Pace
from tests.reliability.guarded import (
    Guard,
    blind_to_causes,
    by_number_alone,
    listed_count,
    one_yes_for_all,
    simulate,
    waved_through,
)


@cache
def lawful() -> dict[str, int]:
    (counts,) = simulate([Guard()], range(30), Pace(noisy=15, quiet=4 * DELAY))
    return dict(counts)


def test_a_plan_that_should_be_stopped_is_and_one_that_should_pass_does() -> None:
    counts = lawful()
    assert counts["held"] > 20
    assert counts["passed"] > 200
    assert {name: counts.get(name, 0) for name in ("stopped wrongly", "passed wrongly", "slipped through")} == {
        "stopped wrongly": 0,
        "passed wrongly": 0,
        "slipped through": 0,
    }


def test_once_somebody_said_yes_meta_comes_right_and_sending_ends() -> None:
    counts = lawful()
    assert {name: counts.get(name, 0) for name in ("wrong_in", "wrong_out_known", "loop")} == {
        "wrong_in": 0,
        "wrong_out_known": 0,
        "loop": 0,
    }


BROKEN = {
    "nothing is ever held": (Guard(judge=waved_through), "passed wrongly"),
    "a changed definition counts as any cause": (Guard(judge=blind_to_causes), "passed wrongly"),
    "shares are not looked at": (Guard(judge=by_number_alone), "stopped wrongly"),
    "a yes holds for whatever comes": (Guard(judge=one_yes_for_all), "passed wrongly"),
    "whoever must never be sent counts as leaving": (Guard(exodus=listed_count), "stopped wrongly"),
    "what is held is sent": (Guard(stops=False), "slipped through"),
}


@cache
def broken() -> dict[str, dict[str, int]]:
    counts = simulate([guard for guard, _ in BROKEN.values()], range(25), Pace(noisy=12, quiet=0))
    return dict(zip(BROKEN, map(dict, counts), strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_the_model_sees_a_broken_guard(name: str) -> None:
    assert broken()[name][BROKEN[name][1]] > 0

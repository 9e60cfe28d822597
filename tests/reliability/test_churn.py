"""The churn model: nobody wrongly in, nobody wrongly out, no endless sending; and it sees every rule that is missing.

GUESTLIST_WORLDS=1000 runs so many worlds of each regime at the long pace (about 1.5 minutes for 300).
"""

import os
from collections import Counter
from functools import cache

import pytest
from tests.reliability.churn import DELAY, REGIMES, Case, Pace, Variant, by_regime, designed, simulate

MORE = os.environ.get("GUESTLIST_WORLDS")
SHORT = Pace(noisy=15, quiet=4 * DELAY)

# The seeds are of worlds that the law gets right and the variant does not; found by running many.
BROKEN = {
    "settle per row": (Variant(design=designed(settle_per_row=True)), (107, 150), "wrong_in"),
    "lost removals do not revive keys": (Variant(design=designed(lost_removal_revives=False)), (140, 159), "wrong_in"),
    "blanked keys are forgotten": (Variant(design=designed(blanked_stays_live=False)), (20, 48), "wrong_in"),
    "no re-assert": (Variant(design=designed(reassert=False)), (1, 7), "wrong_out"),
    "cursor saved before delivery": (Variant(cursor_before_delivery=True), (3, 17), "wrong_in"),
}


@cache
def lawful() -> dict[str, Counter[str]]:
    return by_regime(int(MORE), Pace()) if MORE else by_regime(60, Pace(noisy=25, quiet=5 * DELAY))


@pytest.mark.parametrize("regime", REGIMES)
def test_nobody_is_wrongly_in_or_out_and_sending_ends(regime: str) -> None:
    counts = lawful()[regime]
    assert counts["requests"] > 0
    assert {k: counts[k] for k in ("wrong_in", "wrong_out_known", "loop")} == {
        "wrong_in": 0,
        "wrong_out_known": 0,
        "loop": 0,
    }


@pytest.mark.parametrize("regime", REGIMES)
def test_a_full_reassert_heals_what_could_not_be_known(regime: str) -> None:
    counts = lawful()[regime]
    assert (counts["healed_wrong_in"], counts["healed_wrong_out"]) == (0, 0)


@cache
def broken() -> dict[str, Counter[str]]:
    cases = [(name, Case(seed=s, regime="A", variant=v)) for name, (v, seeds, _) in BROKEN.items() for s in seeds]
    sums = {name: Counter[str]() for name in BROKEN}
    for (name, _), counts in zip(cases, simulate([case for _, case in cases], SHORT), strict=True):
        sums[name].update(counts)
    return sums


@pytest.mark.parametrize("name", BROKEN)
def test_the_model_sees_a_missing_rule(name: str) -> None:
    assert broken()[name][BROKEN[name][2]] > 0


def test_the_law_gets_those_worlds_right() -> None:
    seeds = sorted({s for _, seeds, _ in BROKEN.values() for s in seeds})
    counts = sum(simulate([Case(seed=s, regime="A") for s in seeds], SHORT), Counter[str]())
    assert (counts["wrong_in"], counts["wrong_out"]) == (0, 0)

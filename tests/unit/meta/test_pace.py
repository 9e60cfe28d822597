"""What Meta's usage headers say, and how fast Guestlist goes."""

import random

import pytest

from guestlist.destinations.meta.pace import Direction, Usage, not_before, pause_before, read_usage, seconds_for
from guestlist.destinations.meta.verdicts import verdict_of

BUSINESS = (
    '{"123":[{"type":"custom_audience","call_count":32,"total_cputime":3,"total_time":%d,'
    '"estimated_time_to_regain_access":%d}]}'
)


@pytest.mark.parametrize(
    ("headers", "percent", "regain"),
    [
        ({}, 0, 0),
        ({"x-business-use-case-usage": BUSINESS % (7, 0)}, 32, 0),
        ({"x-business-use-case-usage": BUSINESS % (88, 5)}, 88, 300),
        ({"x-app-usage": '{"call_count":5,"total_cputime":0,"total_time":61}'}, 61, 0),
        ({"x-ad-account-usage": '{"acc_id_util_pct":9.67}'}, 9.67, 0),
        ({"x-ad-account-usage": '{"acc_id_util_pct":100}'}, 74, 0),  # recorded: 100 there is not throttling
        ({"x-business-use-case-usage": '{"1":[{"type":"ads_insights","call_count":99}]}'}, 0, 0),
        ({"x-business-use-case-usage": "not json"}, 0, 0),
        ({"x-business-use-case-usage": "[1]", "x-app-usage": '"x"', "x-ad-account-usage": "7"}, 0, 0),
        ({"x-business-use-case-usage": '{"1":{"call_count":9},"2":[3,null]}'}, 0, 0),
        ({"x-app-usage": '{"call_count":"many"}'}, 0, 0),
    ],
)
def test_headers(headers: dict[str, str], percent: float, regain: float) -> None:
    usage = read_usage(headers)
    assert (usage.percent, usage.regain_seconds) == (percent, regain)


def test_the_access_tier_is_read_where_it_is_said() -> None:
    assert read_usage({"x-ad-account-usage": '{"ads_api_access_tier":"standard_access"}'}).tier == "standard_access"
    assert read_usage({"x-ad-account-usage": '{"ads_api_access_tier":7}'}).tier is None


@pytest.mark.parametrize(
    ("percent", "direction", "seconds"),
    [
        (0, "add", 0),
        (59.9, "add", 0),
        (60, "add", 0),
        (67.5, "add", 5),
        (74.9, "add", 9.93),
        (75, "add", 60),
        (75, "remove", 4.29),
        (94, "remove", 9.71),
        (95, "remove", 60),
        (100, "add", 60),
    ],
)
def test_additions_give_way_to_removals(percent: float, direction: Direction, seconds: float) -> None:
    assert pause_before(Usage(percent=percent), direction) == pytest.approx(seconds, abs=0.01)


def test_what_is_used_up_makes_a_plan_take_longer() -> None:
    calls: dict[Direction, int] = {"remove": 10, "add": 100}
    assert seconds_for(calls, 0) == pytest.approx(44)
    assert seconds_for(calls, 67.5) == pytest.approx(44 + 100 * 5 + 10 * 10 * 7.5 / 35)
    assert seconds_for(calls, 80) > 100 * 60


def test_metas_own_wait_goes_first() -> None:
    assert pause_before(Usage(percent=1, regain_seconds=120), "remove") == 120


@pytest.mark.parametrize(
    ("code", "subcode", "regain", "attempt", "least", "most"),
    [
        (80003, 2446079, 0, 1, 60, 60),
        (80003, 2446079, 300, 1, 300, 300),
        (80003, 2446079, 0, 3, 240, 240),
        (17, 2446079, 0, 1, 300, 300),
        (17, 2446079, 0, 50, 3600, 3600),
        (200, 1870047, 0, 1, 900, 900),
        (200, 1870047, 0, 2, 1800, 1800),
        (200, 1870047, 0, 99, 86400, 86400),
        (105, None, 0, 1, 0, 0),
        (2, None, 0, 1, 1, 2),
        (2, None, 0, 4, 8, 16),
        (2, None, 0, 99, 150, 300),
        (31337, None, 0, 1, 1, 2),
        (2, None, 600, 1, 600, 600),
    ],
)
def test_waits_after_a_refusal(
    code: int, subcode: int | None, regain: float, attempt: int, least: float, most: float
) -> None:
    for seed in range(20):
        rng = random.Random(seed)
        usage = Usage(regain_seconds=regain)
        until = not_before(verdict_of(code, subcode), usage, attempt=attempt, now=1_000_000, rng=rng)
        assert least <= until / 1_000_000 - 1 <= most

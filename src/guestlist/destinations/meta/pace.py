"""How fast to call Meta: what its usage headers say, and what that means for the next request.

Meta counts calls per ad account and hour and says in headers how much is used up. Additions slow down from 60 % and
stop at 75 %; removals go on to 95 %, because the rest of the budget is theirs. Calling while throttled makes the wait
longer, so a wait is stored by the caller and outlives a restart.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from guestlist.destinations.meta.verdicts import Rule, Verdict

Direction = Literal["add", "remove"]

SLOW_FROM = 60.0
_STOP_AT: dict[Direction, float] = {"add": 75.0, "remove": 95.0}
_A_CALL = 0.4  # seconds that Meta takes to answer one
_SLOWEST = 10.0  # seconds between requests just before stopping
_LOOK_AGAIN = 60.0  # seconds: usage falls as calls leave the rolling hour
_RETRY_FIRST, _RETRY_MOST = 2.0, 300.0
_REFUSED_MOST = 24 * 3600.0
_MICROSECONDS = 1_000_000
# Recorded uploads succeeded at 100 % of the account's score, so the score slows down but never stops.
_SCORE_COUNTS_TO = _STOP_AT["add"] - 1


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The worst of what the headers of one answer said."""

    percent: float = 0.0
    regain_seconds: float = 0.0  # how long Meta itself says calls will be refused
    tier: str | None = None


def read_usage(headers: Mapping[str, str]) -> Usage:
    """`headers` with lower-case names; a header that cannot be read says nothing."""
    business = list(_business(_parsed(headers.get("x-business-use-case-usage"))))
    account = _entry(_parsed(headers.get("x-ad-account-usage")))
    percents = [_percent(entry) for entry in business]
    percents += [_percent(_entry(_parsed(headers.get("x-app-usage"))))]
    percents += [min(_number(account, "acc_id_util_pct"), _SCORE_COUNTS_TO)]
    tier = next(
        (entry["ads_api_access_tier"] for entry in [account, *business] if "ads_api_access_tier" in entry), None
    )
    return Usage(
        percent=max(percents),
        regain_seconds=max([60 * _number(entry, "estimated_time_to_regain_access") for entry in business], default=0),
        tier=tier if isinstance(tier, str) else None,
    )


def pause_before(usage: Usage, direction: Direction) -> float:
    """Seconds to leave between this answer and the next request of that direction."""
    if usage.regain_seconds > 0:
        return usage.regain_seconds
    stop = _STOP_AT[direction]
    if usage.percent >= stop:
        return _LOOK_AGAIN
    if usage.percent < SLOW_FROM:
        return 0.0
    return _SLOWEST * (usage.percent - SLOW_FROM) / (stop - SLOW_FROM)


def seconds_for(calls: Mapping[Direction, int], used: float) -> float:
    """About how long so many requests take while so many percent of the account's calls are used up."""
    usage = Usage(percent=used)
    return sum(number * (_A_CALL + pause_before(usage, way)) for way, number in calls.items())


def not_before(rule: Rule, usage: Usage, *, attempt: int, now: int, rng: random.Random | None = None) -> int:
    """When the refused request may be tried again, in microseconds. `attempt` counts its refusals from 1."""
    return now + int(_wait(rule, usage, attempt, rng or random.Random()) * _MICROSECONDS)  # noqa: S311 - spreads load


def _wait(rule: Rule, usage: Usage, attempt: int, rng: random.Random) -> float:
    doubled = 2.0 ** min(attempt - 1, 20)
    if rule.verdict is Verdict.WAIT:
        return max(usage.regain_seconds, min(rule.wait * doubled, 3600.0))
    if rule.verdict is Verdict.REFUSED_FOR_NOW:
        return min(rule.wait * doubled, _REFUSED_MOST)
    if rule.verdict is Verdict.SPLIT:
        return usage.regain_seconds
    most = min(_RETRY_FIRST * doubled, _RETRY_MOST)
    # Half of it is certain, so a row of retries never becomes a hammer; the other half keeps syncs apart.
    return max(usage.regain_seconds, most / 2 + rng.uniform(0, most / 2))


def _parsed(text: str | None) -> Any:
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return None


def _business(parsed: Any) -> Iterator[dict[str, Any]]:
    """Entries about audiences of every id: the docs key them by business, recorded answers by ad account."""
    for entries in _entry(parsed).values():
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and entry.get("type", "custom_audience") == "custom_audience":
                yield entry


def _entry(parsed: Any) -> dict[str, Any]:
    return parsed if isinstance(parsed, dict) else {}


def _percent(entry: dict[str, Any]) -> float:
    return max(_number(entry, name) for name in ("call_count", "total_cputime", "total_time"))


def _number(entry: dict[str, Any], name: str) -> float:
    value = entry.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0

"""Usage counters and the headers that show them.

Business use case `custom_audience`, per ad account, rolling hour
(developers.facebook.com/docs/graph-api/overview/rate-limiting). A call while throttled makes the wait longer.
"""

from collections import deque
from dataclasses import dataclass, field

import orjson

_HOUR = 3600.0
_BASE = {"development_access": 5_000, "standard_access": 190_000}
_CEILING = 700_000
_BLOCK_MINUTES = 5.0


@dataclass(slots=True)
class Usage:
    """Calls of one ad account within the last hour, and until when it is throttled."""

    calls: deque[float] = field(default_factory=deque)
    blocked_until: float = 0.0
    block_minutes: float = _BLOCK_MINUTES

    def count(self, now: float) -> None:
        self.calls.append(now)

    def block(self, now: float, minutes: float) -> None:
        self.block_minutes = minutes
        self.blocked_until = now + minutes * 60

    def throttled(self, now: float, limit: int) -> bool:
        """True when this call must be refused; each refused call restarts the wait."""
        self._forget(now)
        if now < self.blocked_until or len(self.calls) >= limit:
            self.blocked_until = max(self.blocked_until, now + self.block_minutes * 60)
            return True
        return False

    def percent(self, now: float, limit: int) -> int:
        self._forget(now)
        if now < self.blocked_until:
            return 100
        return min(100, len(self.calls) * 100 // limit)

    def regain_minutes(self, now: float) -> int:
        return max(0, -int(-(self.blocked_until - now) // 60))

    def _forget(self, now: float) -> None:
        while self.calls and self.calls[0] <= now - _HOUR:
            self.calls.popleft()


def hourly_limit(tier: str, active_lists: int) -> int:
    return min(_CEILING, _BASE[tier] + 40 * active_lists)


def business_header(account_id: str, usage: Usage, now: float, limit: int) -> str:
    """X-Business-Use-Case-Usage. Recorded traffic keys it by the ad account without act_; the docs say business id."""
    percent = usage.percent(now, limit)
    entry = {
        "type": "custom_audience",
        "call_count": percent,
        "total_cputime": percent // 4,
        "total_time": percent // 3,
        "estimated_time_to_regain_access": usage.regain_minutes(now),
    }
    return orjson.dumps({account_id: [entry]}).decode()


def account_header(percent: int, tier: str) -> str:
    return orjson.dumps(
        {"acc_id_util_pct": float(percent), "reset_time_duration": 100, "ads_api_access_tier": tier}
    ).decode()


def app_header(calls: int) -> str:
    return orjson.dumps({"call_count": min(100, calls // 2000), "total_cputime": 0, "total_time": 0}).decode()

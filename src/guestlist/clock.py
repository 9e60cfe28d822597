"""The only place that reads the wall clock, so that whatever depends on time can be shown another one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(instant: datetime) -> int:
    """An instant as the records keep it: microseconds since 1970."""
    return int(instant.timestamp() * 1_000_000)


def instant(at: int) -> datetime:
    """The instant that the records keep so, in UTC, to the microsecond."""
    return _BEGINNING + timedelta(microseconds=at)


class Clock(Protocol):
    """Tells the time, as an instant in UTC."""

    def now(self) -> datetime: ...


class WallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class RemoteClock:
    """The clock of a simulated Meta on this machine, which may run fast; this machine's while it does not answer."""

    def __init__(self, ask: Callable[[], datetime | None], *, keep_s: float = 0.2) -> None:
        self._ask = ask
        self._keep_s = keep_s
        self._asked_at = float("-inf")
        self._last: datetime | None = None

    def now(self) -> datetime:
        if time.monotonic() - self._asked_at >= self._keep_s:
            told = self._ask()
            self._asked_at = time.monotonic()
            # Told in whole seconds, and never backwards.
            self._last = max(told, self._last) if told and self._last else told or self._last
        return self._last or datetime.now(UTC)


def stopwatch() -> Callable[[], float]:
    """Started now; says how many seconds have gone by since."""
    began = time.monotonic()
    return lambda: time.monotonic() - began


def pause(seconds: float) -> None:
    """Wait, and do nothing else."""
    time.sleep(seconds)

"""The only place that reads the wall clock, so that whatever depends on time can be shown another one."""

from datetime import UTC, datetime
from typing import Protocol


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

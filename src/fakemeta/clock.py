"""The simulator's clock: it can run fast, stand still, or jump, so that hours of Meta's delays pass in a test."""

import time
from collections.abc import Callable


class Clock:
    """Simulated seconds since 1970. `speed` simulated seconds pass per real second; 0 stops the clock."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, speed: float = 1.0, starts: float | None = None
    ) -> None:
        self._wall = wall
        self._real_mark = wall()
        self._sim_mark = self._real_mark if starts is None else starts
        self._speed = speed

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> float:
        return self._sim_mark + (self._wall() - self._real_mark) * self._speed

    def set_speed(self, speed: float) -> None:
        if speed < 0:
            raise ValueError("speed must be 0 or more: Meta never runs backwards")
        self._mark()
        self._speed = speed

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("advance must be 0 or more: Meta never runs backwards")
        self._mark()
        self._sim_mark += seconds

    def _mark(self) -> None:
        self._sim_mark, self._real_mark = self.now(), self._wall()

"""How errors are lived with: which of them waiting cures, how long to wait, and what of a strange one may be told."""

import traceback
from pathlib import Path

from guestlist.clock import stopwatch
from guestlist.errors import GuestlistError

LOST = "space_taken_over"
FIRST_WAIT, LONGEST_WAIT = 60.0, 900.0
"""Seconds. The longest is what the promise leaves: removals are with Meta within one interval and 15 minutes."""


def growing(failures: int, *, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(first * 2.0 ** min(failures - 1, 20), longest)


def strange(error: Exception) -> GuestlistError:
    """An error that is none of ours. Its text may quote data, so only its kind and its place are told."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return GuestlistError(
        "unexpected",
        f"Something went wrong that should not: {type(error).__name__} in {Path(place.filename).name}:{place.lineno}.",
        nothing_lost="What was stored before is as it was.",
        next_step="Guestlist tries again by itself; if it comes back, report this line.",
    )


class Backoff:
    """Growing waits, measured by elapsed time."""

    def __init__(self, *, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._failures = 0
        self._since = stopwatch()

    def failed(self) -> float:
        """Once more; gives the seconds to wait."""
        self._failures += 1
        self._since = stopwatch()
        return self._wait()

    def passed(self) -> None:
        self._failures = 0

    @property
    def over(self) -> bool:
        """Whether it may be tried again."""
        return not self._failures or self._since() >= self._wait()

    def _wait(self) -> float:
        return growing(self._failures, first=self._first, longest=self._longest)

"""The same work at a tenth of the size, to show how it grows."""

from collections.abc import Callable

from bench.figures import Figure

PART = 10


def at_two_sizes(measured: Callable[[int, int, bool], list[Figure]], profiles: int, events: int) -> list[Figure]:
    """Figures of a tenth of the people and events, then of all; only the latter are held to targets."""
    return [*measured(profiles // PART, events // PART, False), *measured(profiles, events, True)]

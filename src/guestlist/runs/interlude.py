"""What may come between two requests of a delivery."""

from typing import Protocol


class Interlude(Protocol):
    """What may come between two requests of a delivery, where more is to be done than this one sync."""

    def halted(self) -> bool:
        """Whether the delivery is to end: it sends no further request."""

    def stale(self) -> bool:
        """Whether it is time to look again at who is wanted."""

    def renew(self) -> None:
        """Look again; asked before a plan is drawn up."""

    def sleep(self, seconds: float) -> None:
        """Wait, or less."""


class HaltedError(Exception):
    """A run was asked to end while it waited."""

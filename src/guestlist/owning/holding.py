"""One process holds a space: the lock of a file, which the system lets go when the process dies, and the epoch.

The lock says who may begin, the epoch in the journal who may record. A process that hangs keeps the lock, but the one
that waits for it raises the epoch: from then on the first can record no intent, and so send nothing.
"""

import os
import platform
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from guestlist.clock import Clock, microseconds, stopwatch
from guestlist.errors import GuestlistError
from guestlist.space import Space, make_private
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Owner

LOCK_FILE = "owner.lock"
_ALIVE = 120_000_000


def here() -> tuple[str, int]:
    """This process: its machine and its number there."""
    return platform.node(), os.getpid()


class SpaceLock:
    """The lock of a space; each one taken by at most one process at a time."""

    def __init__(self, space: Space) -> None:
        make_private(space.private)
        self._lock = FileLock(space.private / LOCK_FILE, mode=0o600, thread_local=False)

    def take(self) -> bool:
        """Whether it is ours now."""
        with suppress(Timeout):
            self._lock.acquire(timeout=0)
        return self._lock.is_locked

    @property
    def is_ours(self) -> bool:
        """Whether it was taken and not let go."""
        return self._lock.is_locked

    def let_go(self) -> None:
        self._lock.release()


@contextmanager
def hold(space: Space, journal: Journal) -> Iterator[None]:
    """The space for one command; another process that holds it is told of."""
    lock = SpaceLock(space)
    if not lock.take():
        raise in_use(space, journal.owner())
    try:
        yield
    finally:
        lock.let_go()


def in_use(space: Space, owner: Owner | None) -> GuestlistError:
    """Says who holds a space."""
    return GuestlistError(
        "space_in_use",
        f"The space is in use: {named(owner)} owns {space.folder}.",
        nothing_lost="Nothing was changed.",
        next_step="Wait for it to end, or stop it, then try again.",
    )


def named(owner: Owner | None) -> str:
    """An owner in words."""
    if owner is None:
        return "another process"
    return f"{owner.name} (process {owner.pid} on {owner.host})" if owner.pid else f"a {owner.name} process"


def lives(owner: Owner | None, *, now: int) -> bool:
    """Whether a process that keeps the space has shown life within two minutes."""
    return owner is not None and owner.beat is not None and now - owner.beat < _ALIVE


class Watch:
    """How long an owner has given no sign of life, in seconds that this process was awake for.

    So neither a clock that is set nor a machine that slept makes a healthy owner look dead.
    """

    def __init__(self, *, longest_look: float) -> None:
        self._longest_look = longest_look
        self._since_look = stopwatch()
        self._seen: Owner | None = None
        self._silent = 0.0

    def silent(self, owner: Owner | None) -> float:
        """Seconds since its sign of life last changed. One that never gave any is not waited for: 0."""
        passed = min(self._since_look(), self._longest_look)
        self._since_look = stopwatch()
        if owner is None or owner.beat is None or owner != self._seen:
            self._seen, self._silent = owner, 0.0
        else:
            self._silent += passed
        return self._silent


def fence(journal: Journal, hung: Owner, *, clock: Clock) -> None:
    """From here on the hung owner can record nothing. Fails where it showed life, or another was faster."""
    journal.take_over("standby", now=microseconds(clock.now()), instead_of=hung)


def end(hung: Owner) -> bool:
    """End the process of an owner that was fenced off, so that it lets go of the files; says whether it could.

    It holds the lock, so the number is still its own; what it had in hand is planned again, as after any crash.
    """
    host, pid = here()
    if hung.pid is None or hung.host != host or hung.pid == pid:
        return False
    try:
        os.kill(hung.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    except OSError:
        return False
    return True

"""What a keeper is told by others while it works: run this now, cancel that, stop. Safe from any thread."""

from threading import Event, Lock


class Orders:
    """Told from outside, obeyed by the keeper between two requests."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wake = Event()
        self._interrupt = Event()
        self._asked: set[str] = set()
        self._full: set[str] = set()
        self._cancelled: set[str] = set()
        self._current: str | None = None
        self._stopping = False

    # --- given --------------------------------------------------------------------------------------------------------

    def run_now(self, key: str, *, full: bool = False) -> None:
        """Run this sync at the next opportunity, however it is timed; `full`: every row is sent again."""
        with self._lock:
            self._asked.add(key)
            if full:
                self._full.add(key)
        self._wake.set()

    def cancel(self, key: str) -> bool:
        """End a run after the request in flight, or take back that it was asked for; False where there is neither."""
        with self._lock:
            known = key in self._asked or key == self._current
            self._asked.discard(key)
            self._full.discard(key)
            if key == self._current:
                self._cancelled.add(key)
                self._interrupt.set()
        return known

    def wake(self) -> None:
        """Look at once what there is to do."""
        self._wake.set()

    def stop(self) -> None:
        """End after the request in flight."""
        with self._lock:
            self._stopping = True
        self._interrupt.set()
        self._wake.set()

    # --- obeyed -------------------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        return self._stopping

    def asked(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._asked)

    def begin(self, key: str) -> bool:
        """This sync is running: what was asked is being done. Says whether every row is to be sent again."""
        with self._lock:
            self._current = key
            self._asked.discard(key)
            full = key in self._full
            self._full.discard(key)
            if not self._stopping:
                self._interrupt.clear()
        return full

    @property
    def running(self) -> str | None:
        """The sync that is running."""
        return self._current

    def end(self) -> bool:
        """No sync is running; says whether the last one was cancelled."""
        with self._lock:
            cancelled = self._current in self._cancelled
            self._cancelled.clear()
            self._current = None
            if not self._stopping:
                self._interrupt.clear()
        return cancelled

    def ended_early(self) -> bool:
        """Whether the running sync is to send nothing more."""
        return self._stopping or self._current in self._cancelled

    def pause(self, seconds: float) -> None:
        """Wait within a run; an end to it ends the wait."""
        self._interrupt.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait between runs, until woken."""
        self._wake.wait(seconds)
        self._wake.clear()

"""What the service says of itself while it runs: events of known fields, in JSON or as text, never a free line.

Values are ids, counts, codes and times; a field that is not on the list cannot be logged at all, so no personal value,
token or text of somebody else's error gets in by mistake.
"""

import logging
from collections.abc import Callable, Mapping

import orjson

from guestlist.clock import Clock

FIELDS = frozenset(
    {"space", "sync", "state", "code", "added_rows", "removed_rows", "debt_rows", "requests", "messages", "seconds",
     "owner", "pid", "url", "signal", "kind", "place", "source", "came", "went", "left_out", "destination", "days", "hook",
     "moves"}
)  # fmt: skip
Fact = str | int | float | None
Hearer = Callable[[str, Mapping[str, Fact]], None]
"""Is told every event, with its facts."""


class Log:
    """Writes one line per event."""

    def __init__(self, write: Callable[[str], None], clock: Clock, *, as_json: bool) -> None:
        self._write = write
        self._clock = clock
        self._as_json = as_json
        self.hearers: list[Hearer] = []

    def event(self, name: str, **facts: Fact) -> None:
        """Tell of an event; facts without a value are left out."""
        strange = facts.keys() - FIELDS
        if strange:
            message = f"not on the list of what may be logged: {', '.join(sorted(strange))}"
            raise ValueError(message)
        at = self._clock.now().isoformat(timespec="milliseconds")
        told = {name: fact for name, fact in facts.items() if fact is not None}
        for hearer in self.hearers:
            hearer(name, told)
        if self._as_json:
            self._write(orjson.dumps({"at": at, "event": name, **told}).decode())
        else:
            self._write(" ".join([at, name, *(f"{field}={fact}" for field, fact in told.items())]))


class ServerLog(logging.Handler):
    """The web server's own lines as events: which module complained and of what kind of error, never its text."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else record.levelname.lower()
        self._log.event("web_server", kind=kind, place=f"{record.module}:{record.lineno}")

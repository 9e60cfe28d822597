"""`guestlist serve`, killed by itself or stopped, for real, at a point: after one SIGUSR1, and not after another.

`python -m tests.service.keeper.serve_killed POINT serve …`
"""

import os
import signal
import sys
from typing import Any

from sqlalchemy import Connection, Engine, event
from tests.service.landing_killed import after, dying

from guestlist.cli import run
from guestlist.store import Warehouse
from guestlist.store.inbox import Inbox

POINTS = ("messages are appended", "committed", "half is deleted")
STOPPED = "stopped in a transaction of the journal"

ARMED: list[int] = []


def armed(work: Any, then: Any) -> Any:
    """The work as it is, and what is to be instead once that is asked for."""

    def worked(*given: Any) -> Any:
        return (then if ARMED else work)(*given)

    return worked


def stopping(connection: Connection) -> None:
    if not {"reading", "plain"} & connection.get_execution_options().keys():  # it has the journal's lock
        os.kill(os.getpid(), signal.SIGSTOP)


def prepare(point: str) -> None:
    changed: Any = Warehouse
    forget: Any = Inbox.forget
    if point == "messages are appended":
        append = changed.append
        landing = armed(append, after(append))
        changed.append = lambda self, name, rows: (landing if name == "message" else append)(self, name, rows)
    elif point == "committed":
        Inbox.forget = armed(forget, dying)  # type: ignore[method-assign]
    elif point == "half is deleted":
        half = after(lambda inbox, segments: forget(inbox, segments[:1]))
        Inbox.forget = armed(forget, half)  # type: ignore[method-assign]
    elif point == STOPPED:
        event.listen(Engine, "commit", armed(lambda _: None, stopping))


if __name__ == "__main__":
    prepare(sys.argv[1])
    signal.signal(signal.SIGUSR1, lambda *_: ARMED.clear() if ARMED else ARMED.append(1))
    sys.exit(run(sys.argv[2:]))

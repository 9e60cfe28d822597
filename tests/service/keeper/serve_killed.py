"""`guestlist serve`, which is killed by itself, for real, at its second landing. `python serve_killed.py POINT serve …`."""

import sys
from typing import Any

from tests.service.landing_killed import after, dying

from guestlist.cli import run
from guestlist.store import Warehouse
from guestlist.store.inbox import Inbox

POINTS = ("messages are appended", "committed", "half is deleted")


def second(work: Any, then: Any) -> Any:
    """The work as it is, and from its second time on what is to be instead."""
    times: list[int] = []

    def worked(*given: Any) -> Any:
        times.append(1)
        return (then if len(times) > 1 else work)(*given)

    return worked


def prepare(point: str) -> None:
    changed: Any = Warehouse
    forget: Any = Inbox.forget
    if point == "messages are appended":
        append = changed.append
        landing = second(append, after(append))
        changed.append = lambda self, name, rows: (landing if name == "message" else append)(self, name, rows)
    elif point == "committed":
        Inbox.forget = second(forget, dying)  # type: ignore[method-assign]
    elif point == "half is deleted":
        half = after(lambda inbox, segments: forget(inbox, segments[:1]))
        Inbox.forget = second(forget, half)  # type: ignore[method-assign]


if __name__ == "__main__":
    prepare(sys.argv[1])
    sys.exit(run(sys.argv[2:]))

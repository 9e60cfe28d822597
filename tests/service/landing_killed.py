"""Lands an inbox and is killed by itself, for real, at a point that is named. `python landing_killed.py FOLDER POINT`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guestlist.clock import WallClock
from guestlist.sources.arrivals import Arrivals
from guestlist.sources.arriving import land_inbox
from guestlist.store import Warehouse
from guestlist.store.inbox import Inbox
from guestlist.store.journal import Journal


def dying(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def after(work: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: (work(*given), dying())


def main(folder: Path, point: str) -> None:
    with Journal.open(folder / "journal.sqlite") as journal, Warehouse(folder / "w.duckdb") as warehouse:
        inbox: Any = Inbox(folder / "inbox")
        opened: Any = warehouse
        if point == "messages are appended":
            append = opened.append
            opened.append = lambda name, rows: after(append)(name, rows) if name == "message" else append(name, rows)
        elif point == "committed":
            opened.checkpoint = dying
        elif point == "checkpointed":
            inbox.forget = dying
        elif point == "half is deleted":
            inbox.forget = after(lambda segments: Inbox.forget(inbox, segments[:1]))
        elif point == "deleted":
            inbox.forget = after(lambda segments: Inbox.forget(inbox, segments))
        land_inbox(warehouse, inbox, Arrivals(journal), WallClock())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

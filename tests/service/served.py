"""A space served over real HTTP, with a real inbox, journal and warehouse. Runs as a process of its own, too."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from guestlist.clock import SetClock, WallClock
from guestlist.service.answers import Refusal, refused
from guestlist.service.app import make_app
from guestlist.service.tracking import Door
from guestlist.service.write_keys import WriteKeys, digest_of
from guestlist.sources.arrivals import Arrivals
from guestlist.sources.arriving import land_inbox
from guestlist.store import Warehouse
from guestlist.store.inbox import Inbox
from guestlist.store.journal import Journal
from guestlist.store.journal_sources import Source

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEB, STRICT = "k-web", "k-strict"
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(kw_only=True)
class Shop:
    """One space's stores, opened for a test."""

    folder: Path
    inbox: Inbox
    journal: Journal
    arrivals: Arrivals
    clock: SetClock = field(default_factory=lambda: SetClock(NOW))

    @property
    def door(self) -> Door:
        keys = WriteKeys(self.journal)
        return Door(name="shop", keys=keys, inbox=self.inbox, arrivals=self.arrivals, clock=self.clock, zone=BERLIN)

    def land(self) -> int:
        with Warehouse(self.folder / "w.duckdb") as warehouse:
            return land_inbox(warehouse, self.inbox, self.arrivals, self.clock)

    def landed(self) -> list[dict[str, Any]]:
        self.land()
        with Warehouse(self.folder / "w.duckdb") as warehouse:
            if not warehouse.has("message"):
                return []
            return list(warehouse.read(warehouse.table("message").order_by("ordinal")).to_pylist())

    def counted(self) -> dict[tuple[str, str, str], int]:
        return {(one.source, one.outcome, one.field): one.messages for one in self.arrivals.view()}


@contextmanager
def shop(folder: Path, **inbox: Any) -> Iterator[Shop]:
    """The stores of a space with the sources web and strict."""
    with Journal.open(folder / "journal.sqlite") as journal:
        if not journal.sources():
            for key, write_key in (("web", WEB), ("strict", STRICT)):
                digest = digest_of(write_key)
                journal.add_source(Source(key=key, digest=digest, strict=key == "strict", made_at=0))
        opened = Inbox(folder / "inbox", **inbox)
        opened.start()
        try:
            yield Shop(folder=folder, inbox=opened, journal=journal, arrivals=Arrivals(journal))
        finally:
            opened.stop()


@dataclass(kw_only=True)
class Stumbling:
    """What stands before the doors: it notes what is asked, and first answers calls with these refusals."""

    refusals: list[Refusal] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                self.asked.append((scope["method"], scope["path"]))
                if scope["method"] == "POST" and self.refusals:
                    await refused(self.refusals.pop(0))(scope, receive, send)
                    return
            await app(scope, receive, send)

        return answer


@contextmanager
def serving(*doors: Door, stumbling: Stumbling | None = None) -> Iterator[str]:
    """The address at which these doors are served."""
    app: ASGIApp = make_app(doors)
    if stumbling is not None:
        app = stumbling.around(app)
    config = uvicorn.Config(app, port=0, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield _address(server)
    finally:
        server.should_exit = True
        thread.join(10)


def _address(server: uvicorn.Server) -> str:
    while not server.started:
        time.sleep(0.005)
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def client(*doors: Door) -> Iterator[httpx.Client]:
    with serving(*doors) as address, httpx.Client(base_url=address, auth=(WEB, "")) as opened:
        yield opened


def main(folder: Path) -> None:
    """Serve until killed; says where on the first line."""
    with shop(folder, segment_bytes=64 * 1024) as opened:
        opened.clock = WallClock()  # type: ignore[assignment]
        with serving(opened.door) as address:
            print(address, flush=True)
            threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

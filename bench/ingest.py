"""Durable ingest over HTTP: batches of 100, and calls one by one; a load generator runs beside on the same machine.

The server is a process of its own, like in use. Half load is half of what was reached at full load.
"""

import asyncio
import json
import multiprocessing
import multiprocessing.connection
import os
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn

from bench.figures import Figure, Target

SECONDS = 6.0
BATCH = 100
_KEY = "bench-write-key"
_AUTHORIZATION = "Basic YmVuY2gtd3JpdGUta2V5Og=="
_TRACK = {
    "type": "track",
    "event": "Order Completed",
    "context": {"library": {"name": "analytics-python", "version": "2.4.0"}, "ip": "192.0.2.7"},
    "properties": {"total": 79.9, "currency": "EUR", "order_id": "o-1", "products": [{"sku": "p-1", "quantity": 2}]},
    "timestamp": "2026-01-01T10:00:00.000+00:00",
}


@dataclass(frozen=True, kw_only=True)
class _Load:
    """What was answered: how many requests, in how many seconds, and how long each took."""

    requests: int
    seconds: float
    waits: list[float]

    @property
    def p95(self) -> float:
        return sorted(self.waits)[int(len(self.waits) * 0.95)]


def measure(_people: int, _events: int) -> list[Figure]:
    """Full and half load of both kinds."""
    with tempfile.TemporaryDirectory() as folder:
        port = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, port[1]), daemon=True)
        server.start()
        try:
            return _figures(port[0].recv(), server.pid or 0)
        finally:
            server.kill()
            server.join()


def _figures(port: int, server: int) -> list[Figure]:
    figures = []
    # 95 of 100 requests within 50 ms at half load, beside the rate that must be reached at full load.
    for what, body, size, clients, target in (
        (f"batches of {BATCH}", _batch, BATCH, 8, 20_000),
        ("one by one", _single, 1, 32, 2_000),
    ):
        asyncio.run(_load(port, body, clients, 1.0, None))
        before = _processor(server)
        full = asyncio.run(_load(port, body, clients, SECONDS, None))
        processor = _processor(server) - before
        half = asyncio.run(_load(port, body, clients, SECONDS, full.requests / full.seconds / 2))
        figures.append(
            Figure(
                stage="ingest",
                what=what,
                rows=full.requests * size,
                seconds=full.seconds,
                processor=processor,
                peak=_memory(server),
                target=Target(of="rate", value=target),
                note=f"p95 at half load {half.p95 * 1000:.0f} ms, at full load {full.p95 * 1000:.0f} ms",
            )
        )
    return figures


async def _load(port: int, body: Callable[[int], bytes], clients: int, seconds: float, rate: float | None) -> _Load:
    """Clients that send one request after the other; at a rate, each of them at its own times."""
    waits: list[float] = []
    began = time.perf_counter()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        at, sent = began + number / (rate or 1.0) if rate else began, 0
        while time.perf_counter() < began + seconds:
            if rate:
                await asyncio.sleep(max(0.0, at - time.perf_counter()))
            start = max(at, began) if rate else time.perf_counter()
            writer.write(body(number * 10_000_000 + sent))
            await _answered(reader)
            waits.append(time.perf_counter() - start)
            at, sent = at + clients / (rate or 1.0), sent + 1
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return _Load(requests=len(waits), seconds=time.perf_counter() - began, waits=waits)


async def _answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)


_CALL = json.dumps({**_TRACK, "messageId": "ID", "userId": "uID"}).encode()


def _batch(number: int) -> bytes:
    calls = b",".join(_CALL.replace(b"ID", b"%d" % (number * BATCH + n)) for n in range(BATCH))
    return _request(b"/v1/batch", b'{"batch":[' + calls + b'],"sentAt":"2026-01-01T10:00:01Z"}')


def _single(number: int) -> bytes:
    return _request(b"/v1/track", _CALL.replace(b"ID", b"%d" % number))


def _request(path: bytes, body: bytes) -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %b\r\nContent-Type: application/json\r\n"
    return head % (path, _AUTHORIZATION.encode()) + b"Content-Length: %d\r\n\r\n" % len(body) + body


# The server


def _serve(folder: str, tell: "multiprocessing.connection.Connection") -> None:
    from guestlist.clock import WallClock  # noqa: PLC0415 the load generator needs none of it
    from guestlist.service.app import make_app  # noqa: PLC0415
    from guestlist.service.tracking import Door  # noqa: PLC0415
    from guestlist.service.write_keys import WriteKeys, digest_of  # noqa: PLC0415
    from guestlist.sources.arrivals import Arrivals  # noqa: PLC0415
    from guestlist.store.inbox import Inbox  # noqa: PLC0415
    from guestlist.store.journal import Journal  # noqa: PLC0415
    from guestlist.store.journal_sources import Source  # noqa: PLC0415

    with Journal.open(Path(folder) / "journal.sqlite") as journal, socket.socket() as listening:
        journal.add_source(Source(key="bench", digest=digest_of(_KEY), strict=False, made_at=0))
        inbox = Inbox(Path(folder) / "inbox")
        inbox.start()
        door = Door(
            name="bench",
            keys=WriteKeys(journal),
            inbox=inbox,
            arrivals=Arrivals(journal),
            clock=WallClock(),
            zone=ZoneInfo("UTC"),
        )
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        tell.send(listening.getsockname()[1])
        server = uvicorn.Server(uvicorn.Config(make_app([door]), log_level="warning", access_log=False))
        server.run(sockets=[listening])


def _processor(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> int:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024

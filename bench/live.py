"""A running service at work: how long from a call to the removal at Meta, how soon the API answers, what idling costs.

The space, the service and the simulator are what a user has: files imported, `guestlist serve`, `fakemeta serve`. First
everybody in the audience is sent, and the API is asked meanwhile; then customers' plans change at a steady rate; last
nothing happens.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psutil

from bench.figures import Figure, Target

RATE, CHANGING_S, IDLE_S = 200, 150.0, 60.0
_PER_REQUEST = 20
_PEOPLE = """
COPY (SELECT 'user-' || n AS user_id, 'customer' || n || '@example.com' AS email,
             '+4915' || lpad(n::VARCHAR, 9, '0') AS phone,
             CASE WHEN n % 2 = 0 THEN 'gold' ELSE 'free' END AS plan
      FROM range($people) r(n)) TO '{}' (FORMAT parquet)"""
_AUDIENCE = "key: gold\nname: Gold\nwho: { trait: plan, equals: gold }\nsync: { to: main, every: on_change }\n"


def measure(people: int, _events: int) -> list[Figure]:
    """The three phases."""
    with tempfile.TemporaryDirectory() as folder, _simulator() as meta, _made(Path(folder), meta, people) as space:
        key = json.loads(_told(space, "sources", "add", "web", "--json"))["write_key"]
        api_key = json.loads(_told(space, "keys", "add", "bench", "--role", "viewer", "--json"))["key"]
        with _service(space) as (process, url):
            api = httpx.Client(
                base_url=f"{url}/api/v1/spaces/shop", headers={"Authorization": f"Bearer {api_key}"}, timeout=60
            )
            asked = _while(lambda: _sync(api)["last_right"] is None, api)
            changed = _changing(url, key, people, api)
            idle = _idle(process)
        fresh = changed["received_to_acknowledged"]
        return [
            _figure("api", f"answers while {people // 2:,} people are sent: 95 of 100 within", asked, 0.1),
            _figure("live", f"call to acknowledged by Meta, {RATE}/s: 95 of 100 people within", fresh["p95_seconds"], 60.0,
                    note=f"half within {fresh['p50_seconds']:.1f} s, all within {fresh['worst_seconds']:.1f} s, "
                         f"{fresh['people']:,} people"),
            idle,
        ]  # fmt: skip


def _figure(stage: str, what: str, seconds: float, target: float, note: str = "") -> Figure:
    goal = Target(of="seconds", value=target)
    return Figure(stage=stage, what=what, rows=0, seconds=seconds, processor=0.0, peak=0, target=goal, note=note)


# --- what is there ----------------------------------------------------------------------------------------------------


@contextmanager
def _simulator() -> Iterator[dict[str, Any]]:
    start = "from fakemeta.cli import main; main()"
    command = [sys.executable, "-c", start, "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def _made(folder: Path, meta: dict[str, Any], people: int) -> Iterator[Path]:
    file, token, secret = folder / "people.parquet", folder / "token", folder / "secret"
    duckdb.execute(_PEOPLE.format(file), {"people": people})
    token.write_text(meta["access_token"])
    secret.write_text(meta["app_secret"])
    space = folder / "shop"
    _command("init", space, "--country", "DE")
    _told(space, "import", file, "--as", "people", "--yes")
    _told(space, "destinations", "connect", "main", "--ad-account", meta["ad_account"], "--token-file", token,
          "--app-secret-file", secret, "--graph-url", meta["graph_url"])  # fmt: skip
    (space / "audiences" / "gold.yaml").write_text(_AUDIENCE)
    yield space


@contextmanager
def _service(space: Path) -> Iterator[tuple[psutil.Process, str]]:
    command = [sys.executable, "-m", "guestlist.cli", "serve", "--space", str(space), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield psutil.Process(process.pid), json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.wait(120)


def _command(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "guestlist.cli", *map(str, words)], stdout=subprocess.PIPE, check=True, text=True
    )
    return done.stdout


def _told(space: Path, *words: object) -> str:
    return _command(*words, "--space", space)


# --- what happens -----------------------------------------------------------------------------------------------------


def _sync(api: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/syncs/gold").json()
    return found


def _while(going_on: Callable[[], bool], api: httpx.Client) -> float:
    """Ask the API ten times a second while something goes on; give how long 95 of 100 answers took at most."""
    took, look = [], 0
    while look % 20 or going_on():
        for path in ("/syncs/gold", "/runs", "/syncs"):
            began = time.perf_counter()
            api.get(path).raise_for_status()
            took.append(time.perf_counter() - began)
        time.sleep(0.1)
        look += 1
    return sorted(took)[int(len(took) * 0.95)]


def _changing(url: str, key: str, people: int, api: httpx.Client) -> dict[str, Any]:
    """Customers change their plan, steadily; then wait until Meta knows of all."""
    number, began, pause = 0, time.perf_counter(), _PER_REQUEST / RATE
    with httpx.Client(base_url=url, auth=(key, "")) as client:
        while time.perf_counter() - began < CHANGING_S:
            calls = [_change(number + n, people) for n in range(_PER_REQUEST)]
            client.post("/v1/batch", json={"batch": calls}).raise_for_status()
            number += _PER_REQUEST
            time.sleep(max(0.0, began + number / _PER_REQUEST * pause - time.perf_counter()))
    known = -1
    while (found := _sync(api)) and ((known := _known(found, known)) or found["running"]):
        time.sleep(30)
    return found


def _known(found: dict[str, Any], before: int) -> int:
    """How many people were acknowledged; 0 once no more are."""
    fresh = found["received_to_acknowledged"]
    now = fresh["people"] if fresh else 0
    return 0 if now == before else now


def _change(number: int, people: int) -> dict[str, Any]:
    who = number * 7919 % people  # a prime: everybody once before anybody twice
    plan = "free" if who % 2 == 0 else "gold"
    return {"type": "identify", "messageId": f"m-{number}", "userId": f"user-{who}", "traits": {"plan": plan}}


def _idle(process: psutil.Process) -> Figure:
    """What it costs to wait."""
    time.sleep(10)
    before = sum(process.cpu_times()[:2])
    threading.Event().wait(IDLE_S)
    processor = sum(process.cpu_times()[:2]) - before
    return Figure(
        stage="idle",
        what=f"nothing happens for {IDLE_S:.0f} s; a hundredth of a core is {IDLE_S / 100:.1f} s of processor time",
        rows=0,
        seconds=processor,
        processor=processor,
        peak=process.memory_info().rss,
        target=Target(of="seconds", value=IDLE_S / 100),
    )

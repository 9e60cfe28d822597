"""A simulator, a space that uses it, and keepers in this process or in others."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.acceptance.sync.kit import Shop, customers, made_shop

from fakemeta.harness import Running, running
from guestlist.clock import WallClock
from guestlist.service.keeper import Keeper, Manner
from guestlist.service.logs import Log
from guestlist.space import open_space
from guestlist.store import Warehouse

COUNT, BATCH = 24, 4
ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


def until(true: Callable[[], object], *, within: float = PATIENCE) -> None:
    """Wait for what must come; a machine with much to do may take its time."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(COUNT)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="session")
def made(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made_shop(tmp_path_factory.mktemp("made") / "shop", server, COUNT, batch_rows=BATCH)


@pytest.fixture
def shop(made: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    made.meta.reset()
    return made.copy_to(tmp_path / "shop", capsys)


@dataclass
class Kept:
    """A keeper at work, and what it said."""

    keeper: Keeper
    events: list[dict[str, Any]] = field(default_factory=list)
    looks: int = 0
    arrives: Callable[[Warehouse], int] = lambda _: 0

    def of(self, name: str, **facts: object) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == name and facts.items() <= one.items()]

    def runs(self, state: str = "done", sync: str = "vip@main") -> int:
        return len(self.of("synced", state=state, sync=sync))

    def looks_on(self) -> None:
        """Several looks later: what it is not to do, it would have done."""
        seen = self.looks
        until(lambda: self.looks > seen + 3)


@contextmanager
def keeping(space: Path) -> Iterator[Kept]:
    kept: Kept
    log = Log(lambda line: kept.events.append(json.loads(line)), WallClock(), as_json=True)
    manner = Manner(look_every=0.05, beat_every=0.2)

    def take_in(warehouse: Warehouse) -> int:
        kept.looks += 1  # every look begins with it
        return kept.arrives(warehouse)

    keeper = Keeper(open_space(space), take_in=take_in, log=log, manner=manner)
    kept = Kept(keeper)
    keeper.start()
    try:
        yield kept
    finally:
        keeper.stop()
        assert keeper.join(PATIENCE)


@dataclass
class Serving:
    """`guestlist serve` as a process of its own."""

    process: subprocess.Popen[str]
    log: Path
    url: str | None = None

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def said(self, event: str, **facts: object) -> bool:
        return any(one["event"] == event and facts.items() <= one.items() for one in self.events)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    @property
    def address(self) -> str:
        """Where it is served; waits until it is ready."""
        if self.url is None:
            assert self.process.stdout is not None
            self.url = json.loads(self.process.stdout.readline() or self.log.read_text("utf-8"))["url"]
        return self.url


@contextmanager
def serving(shop: Shop, logs: Path) -> Iterator[Callable[..., Serving]]:
    """Starts services on a shop's space, as many as one likes; all of them end here."""
    running_now: list[Serving] = []

    def start(*words: object, dies: str | None = None) -> Serving:
        log = logs / f"serve-{len(running_now)}.log"
        program = ("guestlist.cli",) if dies is None else ("tests.service.keeper.serve_killed", dies)
        command = [sys.executable, "-m", *program, "serve", "--space", shop.space, "--port", 0, "--json",
                   "--log-format", "json", *words]  # fmt: skip
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [*map(str, command)], stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8", text=True, cwd=ROOT
            )
        running_now.append(Serving(process, log))
        return running_now[-1]

    try:
        yield start
    finally:
        for one in running_now:
            one.process.kill()
            one.process.wait()
            if one.process.stdout:
                one.process.stdout.close()


@pytest.fixture
def serve(shop: Shop, tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    with serving(shop, tmp_path) as start:
        yield start


@pytest.fixture
def told(shop: Shop, serve: Callable[..., Serving]) -> Iterator[httpx.Client]:
    """The API of the shop, whose syncs run only when told to."""
    shop.want(*shop.tiers, sync="{ to: main, every: manual }")
    with admin(shop, serve()) as client:
        yield client


@pytest.fixture(scope="module")
def idle(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The API of a shop that the tests of a module share: they ask only for what changes nothing, or is refused."""
    made.meta.reset()
    folder = tmp_path_factory.mktemp("idle")
    shop = made.copy_to(folder / "shop", None)
    shop.want(*shop.tiers, sync="{ to: main, every: manual }")
    with serving(shop, folder) as start, admin(shop, start()) as client:
        yield client


@contextmanager
def admin(shop: Shop, running: Serving) -> Iterator[httpx.Client]:
    """The API of a shop that is served, once it is kept, for somebody who may do all."""
    with httpx.Client(base_url=f"{running.address}/api/v1/spaces/shop", timeout=60) as client:
        until(lambda: client.get(f"{running.address}/readyz").status_code == 200)
        key = shop.type("keys", "add", "test", "--role", "admin", "--json").facts["key"]
        client.headers["Authorization"] = f"Bearer {key}"
        yield client

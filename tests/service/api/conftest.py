"""A space with people, served by `guestlist serve` in a process of its own, and a key for everybody who may ask."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from guestlist.cli import run
from guestlist.operations.desk import OnDisk
from guestlist.operations.keys import AddKey
from guestlist.operations.operation import Role, Scope
from guestlist.space import make_space, open_space

BUYERS = "key: buyers\nname: Buyers\nowner: page\nwho: { event: Bought }\n"
VIEWERS = "key: viewers\nname: Viewers\nwho: { all: [ { event: Viewed }, { not: { member_of: buyers } } ] }\n"
BOUGHT = "{ key: times_bought, event: Bought, count: true }\n"
MESSAGES = [
    {"type": "track", "event": "Viewed", "anonymousId": "device-1", "messageId": "m1", "timestamp": "2026-01-01"},
    {
        "type": "identify",
        "userId": "u1042",
        "anonymousId": "device-1",
        "messageId": "m2",
        "timestamp": "2026-01-02",
        "traits": {"email": "jane.doe@example.org", "firstName": "Jane", "loyaltyId": "L7"},
    },
    {"type": "track", "event": "Bought", "userId": "u1042", "messageId": "m3", "timestamp": "2026-01-03"},
    {"type": "track", "event": "Bought", "userId": "u9", "messageId": "m4", "timestamp": "2026-01-03"},
    {"type": "track", "event": "Viewed", "userId": "u10", "messageId": "m5", "timestamp": "2026-01-04"},
    {"type": "track", "event": "", "userId": "u10", "messageId": "m6"},
]
VALUES = ("jane.doe", "u1042", "device-1")
"""What only `reveal` may show."""


@dataclass(kw_only=True)
class Served:
    """A space that is served. `keys`: by role, or by the one scope that is left of an admin's; `other`: no good here."""

    folder: Path
    keys: dict[str, str]
    address: str = ""
    process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> str:
        return (self.folder.parent / "serve.log").read_text("utf-8")

    @property
    def url(self) -> str:
        """The space as one types it after --space."""
        return f"{self.address}/{self.folder.name}"

    def client(self, key: str | None = "admin") -> httpx.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {self.keys.get(key, key)}"}
        base = f"{self.address}/api/v1/spaces/{self.folder.name}"
        # Plain HTTP: to load the certificates takes longer than to ask.
        return httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False, verify=False)

    def start(self) -> None:
        spaces = ("--space", str(self.folder), "--space", str(self.folder.parent / "other"))
        command = [sys.executable, "-m", "guestlist.cli", "serve", *spaces, "--port", "0", "--json"]
        with (self.folder.parent / "serve.log").open("a") as stderr:
            self.process = subprocess.Popen(
                [*command, "--log-format", "json"], stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8"
            )
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline() or self.log)
        self.address = told["url"]

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=60)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


def made_space(folder: Path) -> Path:
    make_space(folder, country="DE", time_zone="Europe/Berlin")
    (folder / "traits").mkdir()
    (folder / "audiences" / "buyers.yaml").write_text(BUYERS)
    (folder / "audiences" / "viewers.yaml").write_text(VIEWERS)
    (folder / "traits" / "times_bought.yaml").write_text(BOUGHT)
    (folder / "calls.jsonl").write_bytes(b"\n".join(map(orjson.dumps, MESSAGES)))
    assert run(["import", str(folder / "calls.jsonl"), "--yes", "--space", str(folder)]) == 0
    return folder


def made_keys(folder: Path) -> dict[str, str]:
    with OnDisk(open_space(folder)) as desk:
        roles = {role.value: AddKey(name=role.value, role=role).run(desk).key for role in Role}
        scopes = {
            scope.value: AddKey(name=scope.value.replace(":", "_"), role=Role.ADMIN, scopes=(scope,)).run(desk).key
            for scope in Scope
        }
    return {**roles, **scopes}


@dataclass(frozen=True, kw_only=True)
class Made:
    """Two spaces and their keys, to be copied: to make them takes longer."""

    folder: Path
    keys: dict[str, str]

    def copy_to(self, folder: Path) -> Served:
        shutil.copytree(self.folder.parent, folder)
        return Served(folder=folder / self.folder.name, keys=self.keys)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = made_space(tmp_path_factory.mktemp("made") / "both" / "shop")
    make_space(folder.parent / "other")
    other = made_keys(folder.parent / "other")["admin"]
    return Made(folder=folder, keys={**made_keys(folder), "other": other, "wrong": "gl_nobody"})


@contextmanager
def serving(served: Served) -> Iterator[Served]:
    """Serve it until the end."""
    try:
        served.start()
        yield served
    finally:
        served.end()


@pytest.fixture(scope="session")
def looked_at(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For requests that change nothing, or nothing that others look at."""
    with serving(made.copy_to(tmp_path_factory.mktemp("looked_at") / "both")) as served:
        yield served


@pytest.fixture
def served(made: Made, tmp_path: Path) -> Iterator[Served]:
    """For requests that change what others look at, or end the service."""
    with serving(made.copy_to(tmp_path / "both")) as one:
        yield one


@pytest.fixture(scope="module")
def changing(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For requests of one module that change what none of its other tests looks at."""
    with serving(made.copy_to(tmp_path_factory.mktemp("changing") / "both")) as one:
        yield one

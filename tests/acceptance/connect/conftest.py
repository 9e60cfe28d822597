"""A space and a simulated Meta, as a person has them in front of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.sync.kit import Moment, Shop, customers, made_shop, planned, synced_once

from fakemeta.harness import Running, running
from guestlist.cli import run
from guestlist.space import make_space

COUNT, BATCH = 16, 4


@dataclass(frozen=True, kw_only=True)
class Told:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(kw_only=True)
class Desk:
    """One space, one Meta, and everything that was ever printed."""

    space: Path
    meta: Running
    capture: pytest.CaptureFixture[str]
    printed: str = ""

    def type(self, *words: object) -> Told:
        self.capture.readouterr()
        code = run([*map(str, words), "--space", str(self.space)])
        out, err = self.capture.readouterr()
        self.printed += out + err
        return Told(code=code, out=out, err=err)

    def file(self, name: str, content: str) -> Path:
        place = self.space.parent / name
        place.write_text(content, "utf-8")
        return place

    def connect(self, *words: object, name: str = "main", token: str | None = None, account: str | None = None) -> Told:
        place = self.file("token file.txt", self.meta.access_token if token is None else token)
        given = ("--ad-account", account or self.meta.ad_account, "--token-file", place)
        return self.type("destinations", "connect", name, *given, "--graph-url", self.meta.graph_url, *words)

    @property
    def stored(self) -> bytes:
        """All bytes of the space."""
        return b"".join(place.read_bytes() for place in sorted(self.space.rglob("*")) if place.is_file())

    @property
    def settings(self) -> str:
        return (self.space / "guestlist.yaml").read_text("utf-8")


@pytest.fixture
def meta() -> Iterator[Running]:
    with running() as simulated:
        yield simulated


@pytest.fixture
def desk(tmp_path: Path, meta: Running, capsys: pytest.CaptureFixture[str]) -> Desk:
    make_space(tmp_path / "shop", country="DE", time_zone="Europe/Berlin")
    return Desk(space=tmp_path / "shop", meta=meta, capture=capsys)


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(COUNT)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="session")
def made(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made_shop(tmp_path_factory.mktemp("made") / "shop", server, COUNT, batch_rows=BATCH)


@pytest.fixture(scope="session")
def before_a_sync(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    return planned(made, tmp_path_factory.mktemp("before") / "shop")


@pytest.fixture(scope="session")
def after_a_sync(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    return synced_once(made, tmp_path_factory.mktemp("after") / "shop")


@pytest.fixture
def shop(before_a_sync: Moment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """A shop of a few people: nothing is at Meta yet."""
    return before_a_sync.copy_to(tmp_path / "shop", capsys)


@pytest.fixture
def synced(after_a_sync: Moment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """The same shop after its first sync."""
    return after_a_sync.copy_to(tmp_path / "shop", capsys)

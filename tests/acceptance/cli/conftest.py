"""A small space whose people are written straight into the warehouse."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from guestlist.cli import run
from guestlist.space import make_space, open_space

AT = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
RELATIONS: Mapping[str, pa.Schema] = {
    "identifier": pa.schema(
        [
            ("type", TEXT),
            ("value", TEXT),
            ("profile_id", TEXT),
            ("first_seen", AT),
            ("last_seen", AT),
            ("ordinal", pa.int64()),
        ]
    ),
    "event": pa.schema(
        [
            ("profile_id", TEXT),
            ("event", TEXT),
            ("at", AT),
            ("source", TEXT),
            ("message_id", TEXT),
            ("properties", TEXT),
        ]
    ),
    "trait": pa.schema(
        [("profile_id", TEXT), ("key", TEXT), ("value", TEXT), ("number", pa.float64()), ("at", AT), ("source", TEXT)]
    ),
    "membership": pa.schema([("audience", TEXT), ("profile_id", TEXT), ("entered_at", AT), ("exited_at", AT)]),
    "message": pa.schema(
        [
            ("source", TEXT),
            ("message_id", TEXT),
            ("type", TEXT),
            ("at", AT),
            ("traits", TEXT),
            ("event", TEXT),
            ("properties", TEXT),
            ("context", TEXT),
            ("ordinal", pa.int64()),
        ]
    ),
    "message_profile": pa.schema([("ordinal", pa.int64()), ("profile_id", TEXT)]),
    "alias": pa.schema([("profile_id", TEXT), ("survivor", TEXT)]),
    "identity_decision": pa.schema(
        [
            ("type", TEXT),
            ("value", TEXT),
            ("profile_id", TEXT),
            ("ordinal", pa.int64()),
            ("decision", TEXT),
            ("reason", TEXT),
        ]
    ),
}
JANE, JOSE, SHEET = "a1b2c3d4" * 4, "b2c3d4e5" * 4, "c3d4e5f6" * 4
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC)

WIN_BACK = """\
key: win_back
name: "Win back: left a cart"
description: Put something in the cart this week and did not buy after it
who:
  event: Product Added
  within: 7 days
  then_not: { event: Order Completed }
sync: { to: main, every: 15m }
"""
GERMANS = """\
key: germans
who:
  all:
    - { trait: country, one_of: [DE, AT] }
    - { event: Order Completed, sum: total, greater_than: 20 }
    - not: { member_of: win_back }
"""
EVERYBODY = "key: everybody\nwho: { event: Product Added }\n"


@dataclass(frozen=True, kw_only=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Types a command as a person does, in one space."""

    space: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: object) -> Answer:
        self.capture.readouterr()
        code = run([*map(str, words), "--space", str(self.space)])
        out, err = self.capture.readouterr()
        return Answer(code=code, out=out, err=err)


def as_process(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "guestlist.cli", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def write(space: Path, **relations: Sequence[Mapping[str, Any]]) -> None:
    with open_space(space).open_warehouse() as warehouse:
        for name, rows in relations.items():
            warehouse.append(name, pa.Table.from_pylist([dict(row) for row in rows], schema=RELATIONS[name]))


def identifier(profile_id: str, kind: str, value: str, ordinal: int = 0) -> Mapping[str, Any]:
    seen = {"first_seen": LONG_AGO, "last_seen": LONG_AGO}
    return {"type": kind, "value": value, "profile_id": profile_id, "ordinal": ordinal, **seen}


def event(profile_id: str, name: str, ago: timedelta, **properties: Any) -> Mapping[str, Any]:
    told = {"source": "web", "message_id": f"m-{name}", "properties": json.dumps(properties)}
    return {"profile_id": profile_id, "event": name, "at": NOW - ago, **told}


def trait(profile_id: str, key: str, value: str) -> Mapping[str, Any]:
    return {"profile_id": profile_id, "key": key, "value": value, "at": LONG_AGO, "source": "crm"}


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """A space with three audiences and no data."""
    return Typed(space=_space(tmp_path / "shop"), capture=capsys)


def _space(folder: Path) -> Path:
    make_space(folder, country="DE", time_zone="Europe/Berlin")
    for key, text in (("win_back", WIN_BACK), ("germans", GERMANS), ("everybody", EVERYBODY)):
        (folder / "audiences" / f"{key}.yaml").write_text(text)
    return folder


@pytest.fixture
def typed(peopled: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """A space with people, for commands that change nothing."""
    return Typed(space=peopled, capture=capsys)


@pytest.fixture(scope="session")
def peopled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people: Jane left a cart, José came back and bought, Sheet has hostile cells."""
    folder = _space(tmp_path_factory.mktemp("peopled") / "shop")
    hour = timedelta(hours=1)
    write(
        folder,
        identifier=[
            identifier(JANE, "user_id", "u1042-jane"),
            identifier(JANE, "email", "jane@example.org"),
            identifier(JANE, "email", "doe@example.net", 1),
            identifier(JANE, "phone", "491713920007"),
            identifier(JOSE, "email", "josé@example.org"),
            identifier(SHEET, "user_id", "=cmd|' /C calc'!A0"),
        ],
        event=[
            event(JANE, "Product Added", 5 * hour, sku="secret-lamp"),
            event(JOSE, "Product Added", 3 * hour),
            event(JOSE, "Order Completed", 2 * hour, total=41.9, currency="EUR", note="leave with José's mother"),
            event(SHEET, "Product Added", 30 * 24 * hour),
        ],
        trait=[
            trait(JANE, "first_name", "Jane"),
            trait(JANE, "last_name", "Doe"),
            trait(JOSE, "firstName", "José"),
            trait(JOSE, "country", "DE"),
            trait(SHEET, "last_name", '@SUM(1), "quoted"'),
        ],
        membership=[
            {"audience": "win_back", "profile_id": JANE, "entered_at": NOW - 4 * hour},
            {"audience": "win_back", "profile_id": JOSE, "entered_at": NOW - 2.5 * hour, "exited_at": NOW - 1.5 * hour},
        ],
        alias=[{"profile_id": "ffff0000" * 4, "survivor": JANE}],
        message=[],
        message_profile=[],
        identity_decision=[],
    )
    return folder

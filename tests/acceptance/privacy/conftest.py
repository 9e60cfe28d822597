"""A space with imported customers, and whoever types commands in it."""

import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from guestlist.cli import run
from guestlist.records import find_people, open_records
from guestlist.space import make_space, open_space

PEOPLE = """\
user_id,email,phone,first_name,last_name,city
u1042,Jane.Canary@Example.org,+49 171 3920007,Janecanary,Doecanary,Canarytown
u1043,omar@example.org,+49 171 3920008,Omar,Stays,Berlin
"""
EVENTS = [
    {"type": "identify", "messageId": "m1", "userId": "u1042", "traits": {"email": "old.canary@example.net"}},
    {
        "type": "track",
        "messageId": "m2",
        "userId": "u1042",
        "event": "Order Completed",
        "timestamp": "2026-01-05T10:00:00Z",
        "properties": {"note": "gift for aunt canaryaunt", "total": 41.9},
    },
    {
        "type": "identify",
        "messageId": "m3",
        "userId": "u1042",
        "anonymousId": "anon-canary-77",
        "traits": {"loyalty_note": "canaryloyal"},
        "context": {"externalIds": [{"id": "card-canary-9", "type": "loyalty_card"}]},
    },
    {"type": "identify", "messageId": "m4", "userId": "u1043", "traits": {"email": "jane.canary@example.org"}},
    {"type": "track", "messageId": "m5", "userId": "u1043", "event": "Order Completed", "properties": {"total": 7}},
]
CANARIES = (
    *("Jane.Canary", "jane.canary", "171 3920007", "491713920007", "Janecanary", "Doecanary", "Canarytown"),
    *("old.canary", "canaryaunt", "anon-canary-77", "canaryloyal", "card-canary-9", "u1042"),
)


@dataclass(frozen=True, kw_only=True)
class Told:
    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(kw_only=True)
class Desk:
    space: Path
    printed: str = ""

    def type(self, *words: object) -> Told:
        with redirect_stdout(StringIO()) as told, redirect_stderr(StringIO()) as complained:
            code = run([*map(str, words), "--space", str(self.space)])
        out, err = told.getvalue(), complained.getvalue()
        self.printed += out + err
        return Told(code=code, out=out, err=err)

    def load(self) -> None:
        folder = self.space.parent
        (folder / "people.csv").write_text(PEOPLE, "utf-8")
        (folder / "calls.jsonl").write_text("\n".join(json.dumps(event) for event in EVENTS), "utf-8")
        told = self.type("import", folder / "people.csv", folder / "calls.jsonl", "--yes")
        assert told.code == 0, told.err

    def people(self) -> dict[tuple[str, str], str]:
        """Who is known, by identifier."""
        here = open_space(self.space)
        with open_records(here) as records, here.open_warehouse() as warehouse:
            find_people(here, warehouse, records)
            rows = warehouse.read(warehouse.table("identifier")).to_pylist()
            return {(row["type"], row["value"]): row["profile_id"] for row in rows}

    def where(self, text: str) -> list[str]:
        """Files of the space that hold this text."""
        files = [place for place in self.space.rglob("*") if place.is_file()]
        return [place.name for place in files if text.encode() in place.read_bytes()]


@pytest.fixture(scope="session")
def first_loaded(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("loaded") / "shop"
    make_space(folder, country="DE")
    desk = Desk(space=folder)
    desk.load()
    desk.people()
    return desk


@pytest.fixture
def loaded(first_loaded: Desk, tmp_path: Path) -> Desk:
    """The customers came in and are found as people."""
    return Desk(space=Path(shutil.copytree(first_loaded.space, tmp_path / "shop")))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    make_space(tmp_path / "shop", country="DE")
    return Desk(space=tmp_path / "shop")

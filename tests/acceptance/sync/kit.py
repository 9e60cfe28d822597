"""A shop whose people Meta's simulator knows, and whoever types the product's commands in its space."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakemeta.harness import Running
from fakemeta.people import Person
from guestlist.cli import run
from guestlist.space import make_space

HOUR, DAY = 3_600, 86_400
SETTLED = 27 * HOUR
"""Longer than what was sent may still take effect at Meta."""

COLUMNS = ("user_id", "email", "email_2", "phone", "first_name", "last_name", "city", "country", "tier")
AUDIENCE = """\
key: {key}
name: {name}
description: People of some tiers
who: {{ trait: tier, one_of: [{tiers}] }}
sync: {sync}
"""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """Somebody of the shop who has an account at Meta with the same number."""

    number: int
    tiers: int = 4

    @property
    def tier(self) -> str:
        return f"t{self.number % self.tiers}"

    @property
    def emails(self) -> tuple[str, ...]:
        first = f"guest{self.number}@example.com"
        return (first, f"guest{self.number}@example.org") if self.number % 5 == 0 else (first,)

    @property
    def phones(self) -> tuple[str, ...]:
        return (f"+491713{920_000 + self.number:06}",) if self.number % 3 == 0 and self.number < 10_000 else ()

    @property
    def user_id(self) -> str:
        return f"user-{self.number:06}"

    @property
    def last_name(self) -> str:
        # Of letters only: Meta's rule for names drops digits, and all would have one name.
        return "Lane" + "".join(chr(ord("a") + int(digit)) for digit in f"{self.number:06}")

    def line(self) -> dict[str, str]:
        emails, phones = (*self.emails, ""), (*self.phones, "")
        return {
            "user_id": self.user_id,
            "email": emails[0].title(),
            "email_2": emails[1] if len(self.emails) > 1 else "",
            "phone": phones[0],
            "first_name": "Ada",
            "last_name": self.last_name,
            "city": "Kiel",
            "country": "DE",
            "tier": self.tier,
        }

    def person(self) -> Person:
        return Person(
            id=self.number,
            emails=self.emails,
            phones=self.phones,
            first_name="Ada",
            last_name=self.last_name,
            city="Kiel",
            country="de",
        )


def made_shop(space: Path, server: Running, count: int, *, batch_rows: int) -> "Shop":
    """A shop of so many people, connected and loaded, with the audience of two tiers."""
    make_space(space, country="DE")
    shop = Shop(space=space, meta=server, people=customers(count))
    assert shop.connect(batch_rows=batch_rows).code == 0
    shop.load()
    shop.want("t0", "t1")
    return shop


def customers(count: int, *, tiers: int = 4) -> list[Customer]:
    return [Customer(number=number, tiers=tiers) for number in range(1, count + 1)]


def csv_of(people: Iterable[Customer]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS)
    writer.writeheader()
    writer.writerows(customer.line() for customer in people)
    return written.getvalue()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a command came to."""

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
class Shop:
    """One space, one Meta, and everything that was ever printed."""

    space: Path
    meta: Running
    people: list[Customer]
    capture: pytest.CaptureFixture[str] | None = None
    printed: str = ""
    tiers: tuple[str, ...] = ()
    listed: set[int] = field(default_factory=set)

    # --- commands -----------------------------------------------------------------------------------------------------

    def type(self, *words: object) -> Told:
        """One command, in this process."""
        typed = [*map(str, words), "--space", str(self.space)]
        if self.capture is None:  # of a fixture that many tests share
            with redirect_stdout(io.StringIO()) as told, redirect_stderr(io.StringIO()) as complained:
                code = run(typed)
            out, err = told.getvalue(), complained.getvalue()
        else:
            self.capture.readouterr()
            code = run(typed)
            out, err = self.capture.readouterr()
        self.printed += out + err
        return Told(code=code, out=out, err=err)

    def command(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "guestlist.cli", *map(str, words), "--space", str(self.space)]

    def process(self, *words: object) -> Told:
        """One command, in a process of its own."""
        ended = subprocess.run(self.command(*words), capture_output=True, check=False, encoding="utf-8", timeout=600)
        self.printed += ended.stdout + ended.stderr
        return Told(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    def sync(self, *words: object) -> dict[str, Any]:
        """One sync of one audience: its facts, with the exit code."""
        told = self.type("sync", *words, "--json")
        (one,) = told.facts["syncs"]
        return {"code": told.code, **one}

    def plan(self, *words: object) -> dict[str, Any]:
        (one,) = self.type("plan", *words, "--json").facts["plans"]
        found: dict[str, Any] = one
        return found

    def status(self) -> dict[str, Any]:
        (one,) = self.type("status", "--json").facts["syncs"]
        found: dict[str, Any] = one
        return found

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.type("runs", "--last", "100", "--json").facts["runs"]
        return found

    # --- files --------------------------------------------------------------------------------------------------------

    def file(self, name: str, content: str) -> Path:
        place = self.space.parent / name
        place.write_text(content, "utf-8")
        return place

    def load(self) -> None:
        told = self.type("import", self.file("people.csv", csv_of(self.people)), "--as", "people", "--yes")
        assert told.code == 0, told.text

    def connect(
        self, name: str = "main", *, token: str | None = None, account: str | None = None, batch_rows: int | None = None
    ) -> Told:
        token_file = self.file(f"{name}-token", token or self.meta.access_token)
        secret_file = self.file(f"{name}-secret", self.meta.app_secret)
        given = ("--ad-account", account or self.meta.ad_account, "--token-file", token_file)
        told = self.type("destinations", "connect", name, *given, "--app-secret-file", secret_file,
                         "--graph-url", self.meta.graph_url)  # fmt: skip
        if batch_rows is not None:
            self.edit(
                f"graph_url: {self.meta.graph_url}", f"graph_url: {self.meta.graph_url}\n    batch_rows: {batch_rows}"
            )
        return told

    def edit(self, old: str, new: str) -> None:
        """Edit guestlist.yaml."""
        place = self.space / "guestlist.yaml"
        text = place.read_text("utf-8")
        assert old in text, text
        place.write_text(text.replace(old, new, 1), "utf-8")

    def want(self, *tiers: str, key: str = "vip", name: str = "VIP", sync: str = "{ to: main }") -> None:
        """Write the audience: everybody of these tiers."""
        self.tiers = tiers
        written = AUDIENCE.format(key=key, name=name, tiers=", ".join(tiers), sync=sync)
        (self.space / "audiences" / f"{key}.yaml").write_text(written, "utf-8")

    def copy_to(self, space: Path, capture: pytest.CaptureFixture[str] | None) -> "Shop":
        shutil.copytree(self.space, space)
        return Shop(space=space, meta=self.meta, people=self.people, capture=capture, tiers=self.tiers)

    # --- what is true -------------------------------------------------------------------------------------------------

    def list_person(self, number: int) -> None:
        """Onto the do-not-send list."""
        told = self.type("do-not-send", "add", f"user_id:{self.people[number - 1].user_id}")
        assert told.code == 0, told.text
        self.listed.add(number)

    @property
    def wanted(self) -> set[int]:
        """Who belongs into the audience, worked out here."""
        return {one.number for one in self.people if one.tier in self.tiers} - self.listed

    def rows_of(self, numbers: Iterable[int]) -> int:
        return sum(len(self.people[number - 1].emails) for number in numbers)

    def audience(self, name: str = "VIP") -> str:
        (found,) = [one["id"] for one in self.meta.get("audiences")["audiences"] if one["name"] == name]
        return str(found)

    def truth(self, name: str = "VIP") -> dict[str, list[int]]:
        """Meta's own people against ours, all that is pending taken in."""
        told = self.meta.truth(self.audience(name), people=sorted(self.wanted))
        return {"wrongly_in": told["wrongly_in"], "missing": told["missing"]}

    def uploads(self, *, after: int = 0) -> list[dict[str, Any]]:
        return [one for one in self.meta.requests(after=after) if one["path"].endswith("/users")]

    def somebody(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """Somebody else's call to Meta: of the advertiser in Ads Manager, or of another program."""
        url = f"{self.meta.graph_url}/v25.0/{path}"
        token = {"access_token": self.meta.access_token}
        answered: dict[str, Any] = httpx.request(method, url, params={**params, **token}, trust_env=False).json()
        assert "error" not in answered, answered
        return answered

    def made_by_somebody(self, name: str = "VIP") -> str:
        account = f"{self.meta.ad_account}/customaudiences"
        made = self.somebody("POST", account, name=name, subtype="CUSTOM", customer_file_source="USER_PROVIDED_ONLY")
        return str(made["id"])

    def last_request(self) -> int:
        return int(self.meta.get("")["requests"])


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A shop and its Meta as they once were: many tests go on from there, each with a copy of its own."""

    shop: Shop
    kept: int

    def copy_to(self, space: Path, capture: pytest.CaptureFixture[str] | None) -> Shop:
        """The shop in that folder, and Meta as it was."""
        self.shop.meta.go_back(self.kept)
        return self.shop.copy_to(space, capture)


def moment(shop: Shop) -> Moment:
    """The shop as it is now; from here on it is only copied."""
    return Moment(shop=shop, kept=shop.meta.keep_moment())


def planned(made: Shop, space: Path) -> Moment:
    """A copy of a made shop with nothing at Meta, whose people and members are found: its first sync only sends."""
    made.meta.reset()
    shop = made.copy_to(space, None)
    assert shop.plan()["add_rows"]
    return moment(shop)


def synced_once(made: Shop, space: Path) -> Moment:
    """A copy of a made shop, all of whose members were sent a moment ago."""
    made.meta.reset()
    shop = made.copy_to(space, None)
    assert shop.sync()["code"] == 0
    return moment(shop)


RIGHT: dict[str, list[int]] = {"wrongly_in": [], "missing": []}


def assert_counts_add_up(shop: Shop) -> None:
    """Plan, status and runs say the same, and what is true."""
    plan, wanted = shop.plan(), shop.wanted
    members = len([one for one in shop.people if one.tier in shop.tiers])
    assert plan["members"] == members
    assert plan["can_be_sent"] == len(wanted)
    assert plan["members"] == plan["can_be_sent"] + sum(plan["cannot_be_sent"].values())
    assert plan["add_rows"] + plan["unchanged_rows"] == shop.rows_of(wanted)
    assert (plan["add_rows"], plan["remove_rows"], plan["people_leaving"], plan["calls"]) == (0, 0, 0, 0)
    assert plan["people_at_meta"] == shop.status()["people_sent"] == len(wanted)
    for one in shop.runs():
        told = one["taken"] + one["in doubt"] + one["refused"]
        planned = one["add"] + one["remove"]
        assert told == planned if one["state"] == "done" else told <= planned, one


def keys_of(facts: Sequence[dict[str, Any]]) -> set[str]:
    return {key for one in facts for key in one}

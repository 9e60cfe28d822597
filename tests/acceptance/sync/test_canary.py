"""No personal value, hash or token stands in any log, error, report or URL, nor in what is shown masked.

Where they may stand: the stores in `.guestlist/` (warehouse and ledger; the key file holds the keys themselves), what
a person asked for with --reveal, and `match-keys`, which shows a user's own file. Also the body of a request to Meta,
and its URL where Meta takes a token only there. An error repeats a word that was typed in the place of an audience's or
a file's name, unless it is an e-mail or a phone.
"""

import json
import logging
import subprocess
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakemeta.harness import Running, running
from guestlist.cli import run
from guestlist.records import open_records
from guestlist.space import open_space

from .canaries import Canary, byte_leaks, calls_of, csv_of, leaks, rejected_calls, sha256
from .conftest import waiting_moves_the_clock
from .kit import HOUR, SETTLED, Shop
from .storm import Strike, error
from .strikes import LOST, REFUSED

PEOPLE = [Canary(number=number) for number in range(1, 13)]
GONE = PEOPLE[4]
TIERS = (("t0", "t1"), ("t1", "t2"), ("t0", "t2"))
STORES = ("warehouse.duckdb", "ledger.duckdb", "spill", "key")
"""Of `.guestlist/`, what holds values by design."""
ONLY_IN_THE_URL = ("/debug_token", "/oauth/access_token")


@dataclass(kw_only=True)
class Watched:
    """Whatever leaves the product, but for the bodies of its requests."""

    shop: Shop
    caplog: pytest.LogCaptureFixture
    printed: dict[str, str] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    warned: list[warnings.WarningMessage] = field(default_factory=list)

    def type(self, *words: object, code: int | None = None) -> str:
        """A command as typed, and once more for machines."""
        told = self.shop.type(*words)
        self.printed[f"command {len(self.printed)}: {words[0]} {words[1] if words[1:] else ''}"] = told.text
        assert code is None or told.code == code, (words, told.text)
        assert "Traceback" not in told.text
        return told.text

    def both(self, *words: object, code: int | None = None) -> None:
        self.type(*words, code=code)
        self.type(*words, "--json", code=code)

    def secrets(self) -> set[str]:
        meta = self.shop.meta
        with open_records(open_space(self.shop.space)) as records:
            kept = {meta.access_token, meta.app_secret, records.pepper}
        proof = sha256(meta.access_token)
        return {each.lower() for each in kept | {proof}}

    def shown(self) -> dict[str, str | bytes]:
        space, meta = self.shop.space, self.shop.meta
        files = {str(place.relative_to(space)): place.read_bytes() for place in space.rglob("*") if place.is_file()}
        return {
            **self.printed,
            "the terminal": self.shop.printed,
            "logs": self.caplog.text + "".join(repr(one.__dict__) for one in self.caplog.records),
            "warnings": "".join(str(one.message) for one in self.warned),
            "command lines": "\n".join(self.started),
            "URLs": "\n".join(url for url in self.urls if not any(part in url for part in ONLY_IN_THE_URL)),
            "Meta's log": json.dumps(meta.requests()) + repr(meta.world.log),
            **{name: content for name, content in files.items() if not name.startswith(_stores())},
        }


def _stores() -> tuple[str, ...]:
    return tuple(f".guestlist/{name}" for name in STORES)


@pytest.fixture(scope="module")
def meta() -> Iterator[Running]:
    with running(people=[one.person() for one in PEOPLE], speed=0) as handle:
        yield handle


@pytest.fixture
def watched(
    meta: Running,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watched]:
    shop = Shop(space=tmp_path / "shop", meta=meta, people=[], capture=capsys)
    watched = Watched(shop=shop, caplog=caplog)
    waiting_moves_the_clock(shop, monkeypatch)
    _watch(watched, monkeypatch)
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        watched.warned = warned
        yield watched


def _watch(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    send, popen = httpx.Client.send, subprocess.Popen

    def sending(client: httpx.Client, request: httpx.Request, **given: Any) -> httpx.Response:
        watched.urls.append(str(request.url))
        return send(client, request, **given)

    def starting(command: Any, *args: Any, **given: Any) -> Any:
        watched.started.append(repr(command))
        return popen(command, *args, **given)

    monkeypatch.setattr(httpx.Client, "send", sending)
    monkeypatch.setattr(subprocess, "Popen", starting)


# --- a life of a space ------------------------------------------------------------------------------------------------


def a_space_is_made(watched: Watched) -> None:
    shop = watched.shop
    code = run(["init", str(shop.space), "--country", "DE"])
    assert code == 0
    watched.type("sync", code=1)  # nothing is there yet
    wrong = shop.connect(token="zyxtoken-" + shop.meta.access_token[::-1])
    assert wrong.code == 1
    assert shop.connect(batch_rows=2).code == 0
    for words in (("destinations", "list"), ("doctor",)):
        watched.both(*words, code=0)
    shop.want(*TIERS[0])


def everything_is_imported(watched: Watched) -> None:
    shop, one = watched.shop, PEOPLE[0]
    watched.both("import", shop.file("people.csv", csv_of(PEOPLE)), "--as", "people", "--yes", code=0)
    watched.both("import", shop.file("calls.jsonl", calls_of(PEOPLE)), "--yes", code=0)
    watched.both("import", shop.file("rejected.jsonl", rejected_calls(one)), "--yes")
    assert (shop.space / "reports" / "rejected.jsonl.csv").stat().st_size > 100
    ragged = (
        f"user_id,email,updated_at\n{one.user_id},{one.email},yesterday {one.email},{one.phone},more\n,{one.phone},\n"
    )
    watched.both("import", shop.file("ragged.csv", ragged), "--yes")
    no_header = f"{one.email},{one.user_id},{one.phone}\n{PEOPLE[1].email},{PEOPLE[1].user_id},1\n"
    watched.both("import", shop.file("no_header.csv", no_header), "--yes")
    names = "".join(f"{each.names['first_name']},{each.names['last_name']},{each.names['city']}\n" for each in PEOPLE)
    named = shop.file("names.csv", names)
    watched.both("import", named, "--yes", code=1)
    watched.both("import", named, "--yes", "--time", "X", code=2)
    watched.both("match-keys", named, code=2)
    watched.both("sources", "add", "names", "--files", named, "--key", "X", "--yes")
    watched.both("sources", "add", "names", "--files", named, "--yes")
    watched.both("import", shop.file("page.csv", f"<html>{one.email}</html>"), "--yes")
    watched.both("import", shop.file("list.jsonl", json.dumps([one.line()])), "--yes")


def everything_is_asked(watched: Watched) -> None:
    one = PEOPLE[0]
    watched.both("audiences", "check")
    watched.both("audiences", "list", code=0)
    for word in ("show", "members", "export"):
        watched.both("audiences", word, "vip", code=0)
    watched.both("audiences", "export", "vip", "--file", watched.shop.space.parent / "masked.csv", code=0)
    watched.shop.printed += (watched.shop.space.parent / "masked.csv").read_text("utf-8")
    for asked in (f"email:{one.email}", f"phone:{one.phone}", f"user_id:{PEOPLE[3].user_id}"):
        watched.both("audiences", "explain", "vip", asked, code=0)
    for words in (("plan",), ("plan", "--why"), ("status",), ("runs",), ("doctor",), ("destinations", "list")):
        watched.both(*words)


def everything_is_mistyped(watched: Watched) -> None:
    one = PEOPLE[0]
    for words in (
        ("audiences", "explain", "vip", one.email),
        ("audiences", "explain", one.email, f"email:{one.email}"),
        ("audiences", "explain", "vip", f"email:{one.email}x"),
        ("audiences", "explain", "vip", f"emial:{one.email}"),
        ("audiences", "members", one.email),
        ("audiences", one.email),
        ("audiences", "members", "vip", "--as-of", one.birthday + one.email),
        ("audiences", "members", "vip", "--limit", one.email),
        ("do-not-send", "add", one.email),
        ("do-not-send", "add", f"phone:{one.email}"),
        ("do-not-send", "add", "--file", one.email),
        ("do-not-send", one.email),
        ("erase", one.email),
        ("erase", f"email:{one.email}", f"phone:{one.phone}"),
        ("erase", "--receipt", one.email),
        ("erase", f"--{one.email}"),
        ("sync", one.email),
        ("sync", "vip", "--confirm", one.email),
        ("import", one.email),
        ("destinations", "connect", one.email, "--ad-account", one.email, "--token-file", one.email),
        ("destinations", "connect", "main", "--ad-account", "act_1", "--token-file", watched.shop.meta.access_token),
        (one.email,),
        (f"--{one.email}",),
    ):
        watched.both(*words)


def everything_goes_wrong(watched: Watched) -> None:
    shop, one = watched.shop, PEOPLE[0]
    quoted = f"{one.email} {sha256(one.email.lower())} {one.international[1:]} {shop.meta.access_token}"
    strikes: dict[str, Strike] = {
        **{name: LOST[name] for name in ("dropped after", "half a body", "HTML, applied")},
        **{name: REFUSED[name] for name in ("removals refused", "token revoked", "throttled")},
        "invalid, named": Strike(do="count_invalid", fields={"count": 2}),
        **{f"repeated {code}": error(code, message=quoted) for code in (4711, 100, 190)},
        "repeated under 200": error(2, http=200, message=quoted),
    }
    for turn, (name, strike) in enumerate(strikes.items()):
        shop.want(*TIERS[turn % 3])
        shop.meta.fault(strike.do, path="/users$", nth=1 + turn % 2, **strike.fields)
        watched.type("sync", *(["--json"] if turn % 2 else []))
        shop.meta.clear_faults()
        strike.remedy(shop)
        shop.meta.advance(HOUR)
        watched.both("status" if turn % 2 else "runs")
        assert shop.uploads(), name


def people_are_listed_and_erased(watched: Watched) -> None:
    one, two, three = PEOPLE[:3]
    listed = watched.shop.file("list.txt", f"user_id:{three.user_id}\n{one.email}\nphone:{one.email}\n")
    watched.both("do-not-send", "add", f"email:{one.email}", "--reason", "objection", code=0)
    watched.both("do-not-send", "add", "--file", listed, code=1)
    watched.both("do-not-send", "list", code=0)
    watched.both("do-not-send", "list", f"email:{one.email}", f"phone:{two.phone}")
    watched.both("do-not-send", "remove", f"user_id:{three.user_id}")
    watched.type("erase", f"user_id:{GONE.user_id}", "--json", code=0)
    watched.both("erase", "--receipt", "all", code=0)
    watched.both("erase", "email:zyx.nobody@example.org", code=0)


def it_comes_right(watched: Watched) -> None:
    shop = watched.shop
    shop.want("t0", "t1", "t2")
    for _ in range(3):
        shop.meta.advance(SETTLED)
        watched.type("sync")
    watched.type("sync", "--full", "--json", code=0)
    for _ in range(2):
        shop.meta.advance(SETTLED)
        watched.type("sync", code=0)


STORY: tuple[Callable[[Watched], None], ...] = (
    a_space_is_made,
    everything_is_imported,
    everything_goes_wrong,
    everything_is_asked,
    everything_is_mistyped,
    people_are_listed_and_erased,
    it_comes_right,
)


def test_nothing_that_is_shown_or_logged_tells_who_anybody_is(watched: Watched) -> None:
    needles = frozenset().union(*(one.needles() for one in PEOPLE))
    for chapter in STORY:
        chapter(watched)
        if chapter in {everything_is_asked, STORY[-1]}:  # the erasure clears the journal of what it holds before
            assert leaks(needles | watched.secrets(), watched.shown()) == [], chapter.__name__

    space = watched.shop.space
    # The search could find something: the stores do hold the values of who is still there, and hashes of them.
    stored = byte_leaks(PEOPLE[3].needles(), space)
    assert {place for place, _ in stored} == {f".guestlist/{name}" for name in STORES[:2]}
    assert sha256(PEOPLE[3].email.lower()) in {each for _, each in stored}
    # Secrets are sealed in every byte of the space, too.
    meta = watched.shop.meta
    assert byte_leaks({meta.access_token.lower(), meta.app_secret.lower()}, space) == []
    # Of the erased nothing is left: not their values, not a hash of one.
    receipts = watched.shop.type("erase", "--receipt", "all", "--json").facts["receipts"]
    assert {one["state"] for one in receipts} == {"closed"}
    shared = frozenset().union(*(one.needles() for one in PEOPLE if one is not GONE))
    assert byte_leaks(GONE.needles() - shared, space) == []

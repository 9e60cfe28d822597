"""Clients that others wrote, unmodified: each says the same calls, Node and the page by what docs/tracking.md shows."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import rudderstack.analytics.client as rudder
import segment.analytics.client as segment
from tests.conftest import NODE

DOCS = Path(__file__).parents[2] / "docs" / "tracking.md"
_HOST, _KEY = "https://guestlist.example.com", "WRITE_KEY"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, with the names of the tracking API: `userId`, `traits`, …"""

    kind: str
    says: dict[str, Any]


def call(kind: str, **says: Any) -> Call:
    return Call(kind=kind, says=says)


Talk = Callable[[str, str, Sequence[Call]], None]
"""Say these calls to an address with a write key; ends when the client knows them delivered."""


# Python


def python(made: Any) -> Talk:
    def talk(address: str, write_key: str, calls: Sequence[Call]) -> None:
        failed: list[Exception] = []
        client = made(write_key, host=address, on_error=lambda error, _: failed.append(error))
        for one in calls:
            getattr(client, one.kind)(**{_snake(name): value for name, value in one.says.items()})
        client.flush()
        client.join()
        assert failed == []

    return talk


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


# What the docs show


def snippet(language: str, address: str, write_key: str) -> str:
    """The code of that language in docs/tracking.md, pointed here."""
    (shown,) = re.findall(rf"^```{language}\n(.*?)^```", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert shown.count(_HOST) == shown.count(_KEY) == 1
    return str(shown).replace(_HOST, address).replace(_KEY, write_key)


# Node


def run_node(code: str) -> None:
    """A module of its own, beside what npm brought; fails as it fails."""
    with tempfile.TemporaryDirectory(dir=NODE) as folder:
        place = Path(folder) / "talk.mjs"
        place.write_text(code, "utf-8")
        told = subprocess.run(
            [Path(sys.executable).parent / "node", place], capture_output=True, text=True, check=False, timeout=120
        )
        assert (told.returncode, told.stderr) == (0, "")


def node(address: str, write_key: str, calls: Sequence[Call]) -> None:
    opening, _, closing = _parts(snippet("js", address, write_key))
    said = [f"analytics.{one.kind}({json.dumps(one.says, default=datetime.isoformat)});" for one in calls]
    run_node("\n".join([opening, "analytics.on('error', (error) => console.error(error));", *said, closing]))


def _parts(code: str) -> tuple[str, str, str]:
    """How the client is made, what it says, how it ends: parted by empty lines."""
    imports, opening, middle, closing = code.split("\n\n")
    return f"{imports}\n{opening}", middle, closing


# A page

_ARGUMENTS = {
    "identify": ("userId", "traits"),
    "track": ("event", "properties"),
    "page": ("name", "properties"),
    "screen": ("name", "properties"),
    "group": ("groupId", "traits"),
    "alias": ("userId", "previousId"),
    "reset": (),
}
_SAY = """async (calls) => {
    await new Promise((ready) => analytics.ready(ready));
    for (const [method, words] of calls) await analytics[method](...words);
}"""


def build(site: Path, address: str, write_key: str, *, options: dict[str, Any] | None = None) -> None:
    """The page of the docs, with the script of npm's package that it loads."""
    (site / "js").mkdir()
    shutil.copy(NODE / "node_modules/@segment/analytics-next/dist/umd/standalone.js", site / "js" / "analytics.js")
    shown = snippet("html", address, write_key)
    if options:
        shown = shown.replace("</script>", f"  analytics._loadOptions = {json.dumps(options)};\n</script>", 1)
    (site / "index.html").write_text(f"<!doctype html><title>Shop</title>\n{shown}", "utf-8")


def say(page: Any, calls: Sequence[Call]) -> None:
    """By the page's `analytics`; a call ends when it is delivered, or given up."""
    told = [(one.kind, [one.says.get(name) for name in _ARGUMENTS[one.kind]]) for one in calls]
    page.evaluate(_SAY, told)


def in_page(page: Any, site: tuple[Path, str]) -> Talk:
    """Whoever is identified beside somebody else has logged out before, as at a device that several use."""

    def talk(address: str, write_key: str, calls: Sequence[Call]) -> None:
        folder, url = site
        if not (folder / "index.html").exists():
            build(folder, address, write_key)
            page.goto(url)
        people = len({one.says["userId"] for one in calls if one.kind == "identify"})
        say(page, calls if people < 2 else [each for one in calls for each in (call("reset"), one)])

    return talk


PYTHON = {"segment-analytics-python": python(segment.Client), "rudder-sdk-python": python(rudder.Client)}
CLIENTS = (*PYTHON, "@segment/analytics-node", "analytics.js")


def talk_of(name: str, request: Any) -> Talk:
    """The client of that name; `request` gives a page where one is needed."""
    if name in PYTHON:
        return PYTHON[name]
    if name == "analytics.js":
        return in_page(request.getfixturevalue("page"), request.getfixturevalue("site"))
    return node

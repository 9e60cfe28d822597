"""What the tests of any folder may ask for: a browser, and what npm brought. `make test` puts both into .venv/node."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

NODE = Path(sys.prefix) / "node"
# Chromium would look for updates and for Google's hosts; nothing of that is ever answered here.
_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-quic", "--no-first-run")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, by Playwright's handle; each test opens its own page. Elsewhere than on x86-64 Linux Playwright's own.

    Not longer than a module: Playwright's event loop runs in this thread as long as it is open.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 only `make test` has it

    folder = NODE / "browser"
    ours: dict[str, Any] = {"args": _QUIET}
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        libraries = {"LD_LIBRARY_PATH": f"{folder}/al2023/lib", "FONTCONFIG_PATH": f"{folder}/fonts"}
        ours |= {"executable_path": folder / "chromium", "env": {**os.environ, **libraries}}
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(**ours)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty page, without anything that an earlier one stored."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which its files are pages of a website: another origin than any service's."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()

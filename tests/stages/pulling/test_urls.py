"""Files fetched by HTTP: from whom, how much, and nothing from inside one's own network."""

import ipaddress
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from guestlist.errors import GuestlistError
from guestlist.outward import is_public
from guestlist.sources.fetching import Fetcher
from guestlist.space import open_space

from .conftest import Shop

LINES = b"id,email,plan\n1,a@example.org,free\n2,b@example.org,free\n"


class Files(BaseHTTPRequestHandler):
    """What each path answers is set by the test."""

    answers: dict[str, tuple[int, dict[str, str], bytes]]
    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self.asked.append({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}})
        status, headers, body = self.answers.get(self.path.partition("?")[0], (404, {}, b""))
        if headers.get("ETag") and headers["ETag"] == self.headers.get("If-None-Match"):
            status, body = 304, b""
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if status != 304 and "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def files() -> Iterator[type[Files]]:
    handler = type("Served", (Files,), {"answers": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.port = server.server_port  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler
    server.shutdown()
    server.server_close()


def port(files: Any) -> int:
    found: int = files.port
    return found


def addresses(*found: str) -> Any:
    """A resolver that gives these one after the other, each time it is asked, the last one for ever."""
    left = list(found)

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return [left.pop(0) if len(left) > 1 else left[0]]

    return resolve


REFUSED = [
    "http://127.0.0.1/x.csv",
    "http://127.1/x.csv",
    "http://2130706433/x.csv",
    "http://0x7f.0.0.1/x.csv",
    "http://localhost/x.csv",
    "http://[::1]/x.csv",
    "http://[::ffff:127.0.0.1]/x.csv",
    "http://[64:ff9b::7f00:1]/x.csv",
    "http://[2002:7f00:1::]/x.csv",
    "http://[fd00::1]/x.csv",
    "http://[fe80::1%25eth0]/x.csv",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/x.csv",
    "http://172.16.3.4/x.csv",
    "http://192.168.1.1/x.csv",
    "http://100.64.0.1/x.csv",
    "http://0.0.0.0/x.csv",
    "http://[::]/x.csv",
    "http://224.0.0.1/x.csv",
    "http://255.255.255.255/x.csv",
    "file:///etc/passwd",
    "ftp://example.org/x.csv",
    "gopher://example.org/",
    "http://example.org:22/x.csv",
    "https://user:pass@example.org/x.csv",
    "http:///x.csv",
]


@pytest.mark.parametrize("url", REFUSED)
def test_nothing_is_fetched_from_inside(url: str, tmp_path: Path) -> None:
    with pytest.raises(GuestlistError) as caught:
        Fetcher().fetch(url, tmp_path / "x")
    assert caught.value.code == "source_address_refused"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1"])
def test_public_addresses_are_asked(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_a_name_that_points_inside_is_refused_even_if_only_in_part(tmp_path: Path) -> None:
    fetcher = Fetcher(resolve=lambda _host, _port: ["93.184.216.34", "10.0.0.7"])
    with pytest.raises(GuestlistError, match="inside a network"):
        fetcher.fetch("http://files.example.org/x.csv", tmp_path / "x")


def test_the_address_that_was_judged_is_the_one_that_is_asked(files: Any, tmp_path: Path) -> None:
    files.answers["/x.csv"] = (200, {}, LINES)
    # Were the name asked a second time, it would now lead elsewhere.
    fetcher = Fetcher(resolve=addresses("127.0.0.1", "192.0.2.1"), allowed=frozenset({"files.example.org"}))
    found = fetcher.fetch(f"http://files.example.org:{port(files)}/x.csv", tmp_path / "x")
    assert (found.size, files.asked[0]["host"]) == (len(LINES), f"files.example.org:{port(files)}")


LEADS = [
    "http://169.254.169.254/latest/meta-data",
    "http://127.0.0.1:9/x.csv",
    "//10.0.0.1/x.csv",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("location", LEADS)
def test_where_a_redirect_leads_is_judged_too(files: Any, tmp_path: Path, location: str) -> None:
    files.answers["/x.csv"] = (302, {"Location": location}, b"")
    fetcher = Fetcher(allowed=frozenset({f"127.0.0.1:{port(files)}"}))
    with pytest.raises(GuestlistError) as caught:
        fetcher.fetch(f"http://127.0.0.1:{port(files)}/x.csv", tmp_path / "x")
    assert caught.value.code == "source_address_refused"


def test_redirects_are_followed_and_end(files: Any, tmp_path: Path) -> None:
    files.answers |= {
        "/a": (301, {"Location": "/b"}, b""),
        "/b": (200, {}, LINES),
        "/c": (302, {"Location": "/c"}, b""),
    }
    fetcher, base = Fetcher(allowed=frozenset({"127.0.0.1"})), f"http://127.0.0.1:{port(files)}"
    assert fetcher.fetch(f"{base}/a", tmp_path / "x").name == "b"
    with pytest.raises(GuestlistError, match="redirects more than three times"):
        fetcher.fetch(f"{base}/c", tmp_path / "x")


LIMITS = [
    pytest.param((200, {}, b"x" * 2000), "larger than", id="too large"),
    pytest.param((200, {"Content-Length": "900"}, b"x" * 9), "connection failed", id="broken off"),
    pytest.param((500, {}, b""), "answers 500", id="an error"),
    pytest.param((404, {}, b""), "answers 404", id="nothing there"),
]


@pytest.mark.parametrize(("answer", "told"), LIMITS)
def test_what_is_not_a_whole_file_of_some_size_is_not_fetched(
    files: Any, tmp_path: Path, answer: tuple[int, dict[str, str], bytes], told: str
) -> None:
    files.answers["/x.csv"] = answer
    fetcher = Fetcher(allowed=frozenset({"127.0.0.1"}), most_bytes=1000)
    with pytest.raises(GuestlistError, match=told) as caught:
        fetcher.fetch(f"http://127.0.0.1:{port(files)}/x.csv?sig=secret", tmp_path / "x")
    assert "secret" not in str(caught.value)


STAMPS = [
    pytest.param({"ETag": '"one"'}, {"ETag": '"two"'}, "if-none-match", id="etag"),
    pytest.param({"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, {"Last-Modified": "Fri, 02 Jan 2026 00:00:00 GMT"},
                 "if-modified-since", id="last modified"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "header"), STAMPS)
def test_a_source_at_an_address(files: Any, shop: Shop, first: Any, second: Any, header: str) -> None:
    space = open_space(shop.folder)
    (space.settings_file).write_text(space.settings_file.read_text() + f"allowed_hosts: ['127.0.0.1:{port(files)}']\n")
    shop.source(url=f"http://127.0.0.1:{port(files)}/x.csv", key="id")
    files.answers["/x.csv"] = (200, first, LINES)
    assert shop.load().lines == 2
    assert shop.load().state == "unchanged"
    assert header in files.asked[-1]
    files.answers["/x.csv"] = (200, second, LINES.replace(b"2,b", b"3,c"))
    found = shop.load()
    assert (found.state, found.came, found.went) == ("loaded", 1, 1)


def test_a_source_at_an_address_inside_is_refused_unless_it_is_allowed(files: Any, shop: Shop) -> None:
    files.answers["/x.csv"] = (200, {}, LINES)
    shop.source(url=f"http://127.0.0.1:{port(files)}/x.csv", key="id")
    assert (shop.load().code, files.asked) == ("source_address_refused", [])

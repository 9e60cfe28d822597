"""Where requests may go, and that they go to the address that was checked."""

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest

from guestlist import outward
from guestlist.errors import GuestlistError
from guestlist.outward import Pinned, checked_url, pin
from guestlist.sources.fetching import Fetcher


def test_a_look_up_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    over = Event()
    monkeypatch.setattr(outward, "LOOKUP_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60) and [])
    began = time.monotonic()
    try:
        with pytest.raises(GuestlistError, match="not found in time") as caught:
            pin("https://hooks.example.org/")
        assert caught.value.code == "address_unknown"
        with pytest.raises(GuestlistError, match="not found in time"):
            Fetcher().fetch("https://files.example.org/a.csv", tmp_path / "a.csv")
    finally:
        over.set()
    assert time.monotonic() - began < 30


def test_a_look_up_that_fails_and_one_that_answers() -> None:
    with pytest.raises(GuestlistError, match="has no address"):
        pin("https://nobody.invalid/")
    assert outward.system_addresses("127.0.0.1", 80) == ["127.0.0.1"]


def pinned(url: str, *addresses: str, allowed: Sequence[str] = ()) -> Pinned:
    return pin(url, allowed=allowed, resolve=lambda host, port: addresses)


@pytest.mark.parametrize(
    ("url", "address", "expected"),
    [
        ("https://example.org/a?b=c", "93.184.216.34", ("https://93.184.216.34:443/a?b=c", "example.org")),
        ("https://example.org:8443", "93.184.216.34", ("https://93.184.216.34:8443/", "example.org:8443")),
        ("https://example.org/", "2606:2800:220:1::1", ("https://[2606:2800:220:1::1]:443/", "example.org")),
    ],
)
def test_a_request_goes_to_the_checked_address(url: str, address: str, expected: tuple[str, str]) -> None:
    found = pinned(url, address)
    assert (found.url, found.host) == expected
    assert found.name == "example.org"  # whose certificate is asked for


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "192.0.2.7", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:a00:1::", "::7f00:1",
    ],
)  # fmt: skip
def test_what_is_not_of_the_public_internet_is_refused(address: str) -> None:
    with pytest.raises(GuestlistError) as caught:
        pinned("https://example.org/", address)
    assert caught.value.code == "address_internal"


def test_one_internal_address_among_several_is_enough() -> None:
    with pytest.raises(GuestlistError):
        pinned("https://example.org/", "93.184.216.34", "10.0.0.1")


def test_a_name_is_looked_up_once() -> None:
    """Who answers differently the second time gains nothing."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    assert pin("https://example.org/", resolve=lambda host, port: answers.pop(0)).url == "https://93.184.216.34:443/"
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("url", "allowed", "address"),
    [
        ("http://hooks.internal.example/", ["hooks.internal.example"], "10.0.0.1"),
        ("http://HOOKS.internal.example/", ["hooks.INTERNAL.example"], "10.0.0.1"),
        ("http://127.0.0.1:9000/", ["127.0.0.1"], "127.0.0.1"),
        ("https://example.org/", ["10.0.0.0/8"], "10.2.3.4"),
        ("http://[::1]/", ["::1"], "::1"),
    ],
)
def test_what_is_allowed_by_name_address_or_range(url: str, allowed: list[str], address: str) -> None:
    assert pinned(url, address, allowed=allowed)


@pytest.mark.parametrize(
    ("allowed", "address"), [(["example.org"], "10.0.0.1"), (["10.1.0.0/16", "nonsense"], "10.2.0.1")]
)
def test_what_is_allowed_allows_nothing_else(allowed: list[str], address: str) -> None:
    with pytest.raises(GuestlistError):
        pinned("https://other.example/", address, allowed=allowed)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "http://example.org",
        "file:///etc/passwd",
        "https://",
        "https://a:b@example.org",
        "https://e:99999/",
    ],
)
def test_what_is_no_url_to_send_to(url: str) -> None:
    with pytest.raises(GuestlistError) as caught:
        checked_url(url)
    assert caught.value.code == "url_refused"


def test_a_host_without_an_address_may_have_one_later() -> None:
    def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError(host)

    with pytest.raises(GuestlistError) as caught:
        pin("https://example.org", resolve=nowhere)
    assert caught.value.code == "address_unknown"
    assert "example.org" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://[::1", "https://[x]/", "https://example.org:port/", "https://a..b/", f"https://{'a' * 64}.example.org/",
     "https://example.org/\x01", "https://example.org/" + "a" * 70_000, "https://[fe80::1%25eth0]/", "https://%41/"],
)  # fmt: skip
def test_what_is_no_url_is_told_of(url: str) -> None:
    with pytest.raises(GuestlistError) as caught:
        checked_url(url)
    assert caught.value.code == "url_refused"
    with pytest.raises(GuestlistError) as caught:
        Fetcher().fetch(url, Path("nowhere"))
    assert caught.value.code == "source_address_refused"


def test_a_host_in_other_letters_is_asked_by_its_name_in_ascii() -> None:
    found = pinned("https://b\u00fccher.example/", "93.184.216.34")
    assert (found.host, found.name) == ("xn--bcher-kva.example", "xn--bcher-kva.example")


@pytest.mark.parametrize("module", ["sources.fetching", "alerting.channels", "cli.remote", "hooks.posting"])
def test_whoever_makes_requests_keeps_urls_out_of_the_log(module: str) -> None:
    words = (
        f"import logging, guestlist.{module}; logging.basicConfig(level=0); "
        "logging.getLogger('httpx').info('https://example.org/?key=k'); logging.getLogger('httpcore.http11').debug('k')"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stderr == ""

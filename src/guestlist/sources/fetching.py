"""Files fetched by HTTP, and from nowhere inside one's own network unless its host is allowed by name.

Where a request may go is judged by `outward.py`, and so is each redirect.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from guestlist.clock import stopwatch
from guestlist.errors import GuestlistError
from guestlist.outward import (
    NowhereError,
    Pinned,
    Resolve,
    Why,
    aim,
    is_allowed,
    keep_out_of_logs,
    parted,
    system_addresses,
)

MOST_BYTES = 2 * 1024**3
MOST_SECONDS = 1800.0
_MOST_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}
_WAITS = httpx.Timeout(30.0)
_SAFE = "Nothing was changed: what was loaded last stands."

keep_out_of_logs()


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a server said of a file: `stamp` is the same as long as the file is; None of bytes where it is as known."""

    size: int | None
    stamp: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """Fetches files. `allowed`: hosts of one's own network that may be asked, as `host` or `host:port`."""

    allowed: frozenset[str] = frozenset()
    resolve: Resolve = system_addresses
    most_bytes: int = MOST_BYTES
    most_seconds: float = MOST_SECONDS
    halted: Callable[[], bool] = field(default=lambda: False)

    def fetch(self, url: str, into: Path, *, known: str | None = None) -> Fetched:
        """Write the file to `into`, unless it is as it was when its stamp was `known`."""
        for _ in range(_MOST_REDIRECTS + 1):
            with self._asked(url, known) as answer:
                if answer.status_code in _REDIRECTS and "location" in answer.headers:
                    url = _redirected(url, answer.headers["location"])
                    continue
                return self._take(answer, url, into, known)
        raise _not_fetched("it redirects more than three times", "Give the address it leads to.")

    @contextmanager
    def _asked(self, url: str, known: str | None) -> Iterator[httpx.Response]:
        pinned = self._aimed(url)
        headers = {"Host": pinned.host, "Accept-Encoding": "identity", **_if_changed(known)}
        try:
            # trust_env off: a proxy would resolve the name by itself.
            with (
                httpx.Client(follow_redirects=False, timeout=_WAITS, trust_env=False) as client,
                client.stream("GET", pinned.url, headers=headers, extensions={"sni_hostname": pinned.name}) as answer,
            ):
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _not_fetched(f"the connection failed ({type(error).__name__})", _AGAIN) from None

    def _aimed(self, url: str) -> Pinned:
        try:
            parts = parted(url)
            if not parts.is_usual and not is_allowed(parts.host, parts.port, self.allowed):
                raise _refused(f"port {parts.port} is not one of files")
            return aim(url, allowed=sorted(self.allowed), resolve=self.resolve)
        except NowhereError as error:
            if error.why is Why.UNKNOWN:
                raise _not_fetched(error.why.value, _AGAIN) from None
            raise _refused(error.why.value) from None

    def _take(self, answer: httpx.Response, url: str, into: Path, known: str | None) -> Fetched:
        name = Path(urlsplit(url).path).name or "file"
        if answer.status_code == httpx.codes.NOT_MODIFIED and known:
            return Fetched(size=None, stamp=known, name=name)
        if answer.status_code != httpx.codes.OK:
            raise _not_fetched(f"the server answers {answer.status_code}", "Check the address in a browser.")
        stamp = _stamp(answer)
        if stamp and stamp == known:
            return Fetched(size=None, stamp=stamp, name=name)
        return Fetched(size=self._write(answer, into), stamp=stamp, name=name)

    def _write(self, answer: httpx.Response, into: Path) -> int:
        size, took = 0, stopwatch()
        with into.open("wb") as file:
            for block in answer.iter_raw():
                size += len(block)
                if size > self.most_bytes:
                    raise _not_fetched(f"it is larger than {self.most_bytes // 1024**2:,} MB", "Split it into files.")
                if took() > self.most_seconds or self.halted():
                    raise _not_fetched(f"it takes longer than {self.most_seconds / 60:.0f} minutes", _AGAIN)
                file.write(block)
        told = answer.headers.get("content-length", "")
        if told.isdecimal() and int(told) != size:
            raise _not_fetched("it broke off", _AGAIN)
        return size


def _redirected(url: str, location: str) -> str:
    try:
        led = urljoin(url, location)
        unsafe = urlsplit(url).scheme == "https" and urlsplit(led).scheme != "https"
    except ValueError:
        raise _refused("it redirects to what is no address") from None
    if unsafe:
        raise _refused("it redirects to an address that is not encrypted")
    return led


def _if_changed(known: str | None) -> dict[str, str]:
    kind, _, value = (known or "").partition(" ")
    header = {"etag": "If-None-Match", "modified": "If-Modified-Since"}.get(kind)
    return {header: value} if header else {}


def _stamp(answer: httpx.Response) -> str:
    """Empty where the server says nothing by which a changed file could be told."""
    for kind, header in (("etag", "etag"), ("modified", "last-modified")):
        if header in answer.headers:
            return f"{kind} {answer.headers[header]}"
    return ""


_AGAIN = "Check the address; Guestlist tries again by itself."


def _refused(why: str) -> GuestlistError:
    return GuestlistError(
        "source_address_refused",
        f"The address is not fetched: {why}.",
        nothing_lost=_SAFE,
        next_step="Give a public http or https address, or name the host under allowed_hosts in guestlist.yaml.",
    )


def _not_fetched(why: str, next_step: str) -> GuestlistError:
    return GuestlistError(
        "source_not_fetched", f"The file was not fetched: {why}.", nothing_lost=_SAFE, next_step=next_step
    )

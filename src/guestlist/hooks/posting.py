"""One request to a hook's address, and what its answer means. Nothing here logs or raises what was sent.

The answer's body is never read into anything: somebody else's text may hold anything.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import httpx

from guestlist.clock import stopwatch
from guestlist.errors import GuestlistError
from guestlist.hooks.deadline import Line
from guestlist.outward import Resolve, keep_out_of_logs, pin, system_addresses

SECONDS = 20.0
_LONGEST_ASKED_WAIT = 3_600.0
_READ_AT_MOST = 64 * 1024
_TOO_MANY, _TIMEOUT, _TOO_EARLY, _GONE = 429, 408, 425, 410
_OF_THE_CONTENT = frozenset({400, 406, 409, 413, 415, 422})
"""Statuses that speak of what was sent, not of the address or the key: a smaller part of it may be taken."""

keep_out_of_logs()


class Verdict(Enum):
    """What is to be done after a request."""

    TAKEN = "taken"
    LATER = "later"  # the same again
    SMALLER = "smaller"  # something in it was not taken
    REFUSED = "refused"  # the address or the key is wrong, and waiting cures neither by itself
    GONE = "gone"  # it wants no more


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """`code` is for people and logs (`http_503`, `timed_out`); `wait` the seconds that the other side asks for."""

    verdict: Verdict
    code: str
    wait: float | None = None


class Poster:
    """Sends to addresses outside, one request at a time, each of which is over after `seconds`.

    `allowed`: hosts and networks of one's own that may be sent to.
    """

    def __init__(
        self, allowed: Callable[[], Sequence[str]], *, resolve: Resolve = system_addresses, seconds: float = SECONDS
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._seconds = seconds
        self._line = Line()
        self._client = httpx.Client(
            timeout=seconds, follow_redirects=False, trust_env=False, limits=httpx.Limits(max_connections=1)
        )

    def close(self) -> None:
        self._client.close()
        self._line.close()

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Answer:
        """Send once. Looking up the address is part of the time that it may take."""
        took = stopwatch()
        try:
            pinned = pin(url, allowed=self._allowed(), resolve=self._resolve)
        except GuestlistError as error:
            verdict = Verdict.LATER if error.code == "address_unknown" else Verdict.REFUSED
            return Answer(verdict=verdict, code=error.code)
        left = self._seconds - took()
        if left <= 0:
            return Answer(verdict=Verdict.LATER, code="timed_out")
        sent = {**headers, "Host": pinned.host, "Content-Type": "application/json", "User-Agent": "Guestlist"}
        try:
            request = self._client.build_request(
                "POST", pinned.url, content=body, headers=sent,
                extensions={"sni_hostname": pinned.name, "trace": self._line.trace},
            )  # fmt: skip
            with self._line.within(left):
                answer = self._client.send(request, stream=True)
                try:
                    return _read(answer, now)
                finally:
                    answer.close()
        except httpx.InvalidURL:
            return Answer(verdict=Verdict.REFUSED, code="url_refused")
        except (httpx.HTTPError, OSError) as error:
            return Answer(verdict=Verdict.LATER, code=_code(error))


def _read(answer: httpx.Response, now: datetime) -> Answer:
    status, code = answer.status_code, f"http_{answer.status_code}"
    if answer.is_success:
        _read_to_the_end(answer)
        return Answer(verdict=Verdict.TAKEN, code=code)
    if status in {_TOO_MANY, _TIMEOUT, _TOO_EARLY} or answer.is_server_error:
        return Answer(verdict=Verdict.LATER, code=code, wait=_asked_wait(answer.headers.get("retry-after", ""), now))
    if status == _GONE:
        return Answer(verdict=Verdict.GONE, code=code)
    return Answer(verdict=Verdict.SMALLER if status in _OF_THE_CONTENT else Verdict.REFUSED, code=code)


def _read_to_the_end(answer: httpx.Response) -> None:
    """A connection whose answer was read can be used again; what it says, and whether it ends, is of no interest."""
    size = 0
    with suppress(httpx.HTTPError):
        for part in answer.iter_raw():
            size += len(part)
            if size > _READ_AT_MOST:
                return


def _asked_wait(asked: str, now: datetime) -> float | None:
    """Retry-After: seconds, or a date."""
    if asked.isdecimal():
        return min(float(asked), _LONGEST_ASKED_WAIT)
    try:
        at = parsedate_to_datetime(asked)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return min(max((at - now).total_seconds(), 0.0), _LONGEST_ASKED_WAIT)


def _code(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "timed_out"
    return "not_reached" if isinstance(error, httpx.ConnectError) else "broken_off"

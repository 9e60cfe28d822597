"""Requests to addresses that people name: never to this machine, its network or a cloud's metadata, unless allowed.

A name is looked up once, every address that it has is checked, and the request goes to the checked one: a name that means
another address a moment later gains nothing.
"""

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

from guestlist.errors import GuestlistError, WrongUseError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""Host and port -> the addresses of that host; OSError where there are none."""
LOOKUP_SECONDS = 10.0
"""How long a look-up of a host's addresses may take."""
_LONGEST = 8_000
_PORTS = {"https": 443, "http": 80}
_EMBEDDING = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64: the last 32 bits are an address of IPv4
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4: they follow the prefix
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """Where a request goes: `url` names the checked address, `host` is for the Host header and the certificate."""

    url: str
    host: str
    name: str


def keep_out_of_logs() -> None:
    """Whoever makes requests calls this: httpx logs each URL, and some hold a key, a token or a proof."""
    logging.getLogger("httpx").addFilter(_nothing)
    logging.getLogger("httpcore").setLevel(logging.WARNING)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def system_addresses(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says; TimeoutError where it says nothing for long.

    It cannot be interrupted, so a thread asks it, which is left to itself then.
    """
    told: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()
    Thread(target=_look_up, args=(host, port, told), daemon=True).start()
    try:
        found = told.get(timeout=LOOKUP_SECONDS)
    except Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found


def _look_up(host: str, port: int, told: "SimpleQueue[Sequence[str] | Exception]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        told.put(error)
    else:
        told.put([str(one[4][0]).partition("%")[0] for one in found])


class Why(Enum):
    """Why no request goes somewhere."""

    NO_URL = "it is no http or https address"
    LOGIN = "it holds a password"
    INTERFACE = "it is of one network interface"
    UNKNOWN = "its host has no address, or it was not found in time"
    INTERNAL = "its host is inside a network of one's own"


class NowhereError(Exception):
    """No request goes there. Callers say so in the words of what they do."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, kw_only=True, slots=True)
class Parted:
    """A URL that can be asked, in its parts. `host` as it stands in headers and certificates, in ASCII."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def is_usual(self) -> bool:
        return self.port == _PORTS[self.scheme]


def parted(url: str) -> Parted:
    """What of a URL decides where a request goes."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError:
        raise NowhereError(Why.NO_URL) from None
    if parts.scheme not in _PORTS or not host or not url.isprintable() or len(url) > _LONGEST:
        raise NowhereError(Why.NO_URL)
    if parts.username or parts.password:
        raise NowhereError(Why.LOGIN)
    if "%" in host:
        raise NowhereError(Why.INTERFACE)
    port = _PORTS[parts.scheme] if port is None else port
    return Parted(scheme=parts.scheme, host=host, port=port, path=parts.path or "/", query=parts.query)


def aim(url: str, *, allowed: Sequence[str], resolve: Resolve) -> Pinned:
    """The address that a request to this URL goes to. `allowed`: hosts (with or without a port), addresses, networks.

    A name of which only some addresses are public is refused whole.
    """
    parts = parted(url)
    found = checked_addresses(parts.host, parts.port, allowed=allowed, resolve=resolve)
    host = _literal(parts.host)
    return Pinned(
        url=urlunsplit((parts.scheme, f"{_literal(str(found[0]))}:{parts.port}", parts.path, parts.query, "")),
        host=host if parts.is_usual else f"{host}:{parts.port}",
        name=parts.host,
    )


def checked_addresses(
    host: str, port: int, *, allowed: Sequence[str], resolve: Resolve = system_addresses
) -> list[Address]:
    """The addresses of a host, if all of them may be asked."""
    try:
        found = [ipaddress.ip_address(one) for one in resolve(host, port)]
    except (OSError, ValueError):
        found = []
    if not found:
        raise NowhereError(Why.UNKNOWN)
    if not is_allowed(host, port, allowed):
        for one in found:
            if not is_public(one) and not is_allowed(str(one), port, allowed):
                raise NowhereError(Why.INTERNAL)
    return found


def _literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def checked_url(url: str, *, allowed: Sequence[str] = ()) -> str:
    """The URL, if it may be registered: https, or any kind to a host that is allowed; addresses are looked at later."""
    try:
        parts = parted(url)
    except NowhereError:
        raise _refused(
            "That is no URL that requests can go to.", "Give one such as https://example.org/hooks"
        ) from None
    if parts.scheme != "https" and not is_allowed(parts.host, parts.port, allowed):
        raise _refused("Only https keeps what is sent from others.", "Give a URL that begins with https://")
    return url


def pin(url: str, *, allowed: Sequence[str] = (), resolve: Resolve = system_addresses) -> Pinned:
    """Where a request to a registered URL goes, as `aim` has it."""
    try:
        return aim(checked_url(url, allowed=allowed), allowed=allowed, resolve=resolve)
    except NowhereError as error:
        raise _unknown() if error.why is Why.UNKNOWN else _internal() from None


def is_public(address: Address) -> bool:
    """Whether everybody on the internet means the same machine by it, also where it stands for an address of IPv4."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _embedded(address: Address) -> Address | None:
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.teredo is not None:
        return address.teredo[1]
    for network, shift in _EMBEDDING:
        if address in network:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return None


def is_allowed(host: str, port: int, allowed: Iterable[str]) -> bool:
    """Whether a host or an address is among those of one's own that were named: `host`, `host:port` or a network."""
    named = {one.casefold() for one in allowed}
    if {host.casefold(), f"{host.casefold()}:{port}"} & named:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(_holds(one, address) for one in named)


def _holds(network: str, address: Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _unknown() -> GuestlistError:
    return GuestlistError(
        "address_unknown",
        "The host of this URL has no address, or it was not found in time.",
        nothing_lost="Nothing was sent.",
        next_step="Check the URL, and whether this machine can look up names.",
    )


def _internal() -> GuestlistError:
    return GuestlistError(
        "address_internal",
        "The host of this URL is on this machine or in its own network, where requests are not sent.",
        nothing_lost="Nothing was sent.",
        next_step="If it is meant, name the host under `allowed_hosts:` in guestlist.yaml.",
    )


def _refused(happened: str, next_step: str) -> WrongUseError:
    return WrongUseError("url_refused", happened, nothing_lost="Nothing was sent.", next_step=next_step)

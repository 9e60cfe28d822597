"""Operations sent to a service: the same answers and errors as on disk."""

import ipaddress
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import orjson

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.operation import IN_HEADERS, Export, Operation, Request, Upload
from guestlist.outward import NowhereError, keep_out_of_logs, parted
from guestlist.settings import api_key_given
from guestlist.store.vault import Secret
from guestlist.telling.answer import Answer, Value
from guestlist.telling.problems import error_of

A = TypeVar("A", bound=Answer)
V = TypeVar("V", bound=Value)
_API = "/api/v1/spaces/"
_PATIENCE = httpx.Timeout(120.0, connect=10.0)
_PATIENCE_WITH_FILES = httpx.Timeout(3600.0, connect=10.0)

keep_out_of_logs()


class Remote:
    """A served space."""

    def __init__(self, url: str, key: Secret) -> None:
        """`url`: `http://…/api/v1/spaces/NAME`."""
        self._url = url.rstrip("/")
        self._client = httpx.Client(headers={"Authorization": f"Bearer {key.reveal()}"}, timeout=_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def answers(self) -> bool:
        """Whether anybody is there; asked by what needs no stores, which may be busy."""
        try:
            return self._client.get(f"{self._url}/sources", timeout=10.0).status_code != 401
        except httpx.HTTPError:
            return False

    def ask(self, operation: Operation[A]) -> A:
        """The answer of the service."""
        try:
            answered = self._client.send(self._request(operation))
        except httpx.HTTPError as error:
            raise _not_reached(self._url) from error
        if answered.is_error:
            raise _told(answered.content)
        return operation.answers().model_validate_json(answered.content)

    def send(self, upload: Upload[A], file: Path) -> A:
        """The answer of the service to a file, which is read while it is sent."""
        try:
            with file.open("rb") as content:
                request = self._request(upload, content=content)
                answered = self._client.send(request)
        except httpx.HTTPError as error:
            raise _not_reached(self._url) from error
        if answered.is_error:
            raise _told(answered.content)
        return upload.answers().model_validate_json(answered.content)

    def lines(self, export: Export[V]) -> Iterator[V]:
        """The lines that the service gives, as they come."""
        line_type = export.line_type()
        try:
            with closing(self._client.send(self._request(export), stream=True)) as answered:
                if answered.is_error:
                    raise _told(answered.read())
                for line in answered.iter_lines():
                    yield line_type.model_validate_json(line)
        except httpx.HTTPError as error:
            raise _not_reached(self._url) from error

    def _request(self, asked: Request, content: IO[bytes] | None = None) -> httpx.Request:
        given = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
        headers = {header: given.pop(name) for name, header in IN_HEADERS.items() if name in given}
        path = asked.route.path
        for name in list(given):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", quote(str(given.pop(name)), safe=""))
        in_body = content is None and asked.route.method in {"POST", "PUT"}
        more: dict[str, Any] = {"json": given} if in_body else {"params": given}
        if content is not None:
            more |= {"content": content, "timeout": _PATIENCE_WITH_FILES}
        return self._client.build_request(asked.route.method, self._url + path, headers=headers, **more)


def remote_of(url: str) -> Remote:
    """The space at an address that was typed: `https://HOST/NAME`, or in full."""
    try:
        host = parted(url).host
    except NowhereError:
        host = ""
    parts = urlsplit(url if host else "")
    name = parts.path.strip("/")
    if _API.strip("/") in name:
        name = name.partition(_API.strip("/"))[2].strip("/")
    if not host or not name or "/" in name:
        raise WrongUseError(
            "incomplete_address",
            "The address of a served space is not complete.",
            next_step="Write it as https://HOST/NAME, with the name of the space's folder.",
        )
    if parts.scheme == "http" and not _is_near(host):
        raise WrongUseError(
            "key_would_be_seen",
            "A key is not sent to another place in clear.",
            nothing_lost="Nothing was sent.",
            next_step="Use https://, or a tunnel to this machine.",
        )
    key = api_key_given()
    if key is None:
        raise WrongUseError(
            "no_api_key",
            "There is no key for that service.",
            next_step="Put it into GUESTLIST_API_KEY, or its file into GUESTLIST_API_KEY_FILE.",
        )
    return Remote(f"{parts.scheme}://{parts.netloc}{_API}{name}", Secret(key))


def _is_near(host: str) -> bool:
    """On this machine or in its own network, where names have no dots."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_private or address.is_loopback


def _told(body: bytes) -> GuestlistError:
    try:
        facts = orjson.loads(body)
    except orjson.JSONDecodeError:
        facts = None
    if not isinstance(facts, dict) or "code" not in facts:
        return GuestlistError(
            "not_a_service",
            "What answers at that address is no Guestlist service.",
            next_step="Check the address.",
        )
    return error_of(facts)


def _not_reached(url: str) -> GuestlistError:
    return GuestlistError(
        "service_not_reached",
        f"No answer came from {urlsplit(url).netloc}.",
        nothing_lost="What was asked may have been done all the same: look before you repeat it.",
        next_step="Check that the service runs (GET /healthz), then try again.",
    )

"""Bodies of requests, but for files: read no further than they may be long, and only of somebody with a good key.

They are parsed where all requests are answered, so that a long one of a stranger would hold up everybody.
"""

from collections.abc import Mapping
from re import Pattern

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.catalogue import OPERATIONS
from guestlist.operations.operation import LARGEST_BODY, Upload
from guestlist.service.api.access import not_authorised
from guestlist.service.api.problems import answer_of
from guestlist.service.api.served import Served

_WITH_BODY = {"POST", "PUT", "PATCH"}
_ANY_OF_SPACE = compile_path("/spaces/{space}/{rest:path}")[0]


class Bodies:
    """Stands before the API of these spaces."""

    def __init__(self, app: ASGIApp, spaces: Mapping[str, Served]) -> None:
        self._app = app
        self._spaces = spaces
        self._files = [_address(kind.route.path) for kind in OPERATIONS if issubclass(kind, Upload)]
        self._limits = [
            (_address(kind.route.path), kind.largest_body) for kind in OPERATIONS if kind.largest_body != LARGEST_BODY
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY or self._is_file(_path(scope)):
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(Request(scope, receive))
        except GuestlistError as error:
            await answer_of(error)(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            await self._app(scope, _given(body, receive), send)

    def _is_file(self, path: str) -> bool:
        return any(one.match(path) for one in self._files)

    async def _read(self, request: Request) -> bytes:
        path = _path(request.scope)
        await run_in_threadpool(self._check_key, path, request.headers.get("authorization"))
        limit = next((most for address, most in self._limits if address.match(path)), LARGEST_BODY)
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told) > limit:
            raise _too_large(limit)
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
        return b"".join(parts)

    def _check_key(self, path: str, authorization: str | None) -> None:
        """What the key may do is looked at once it is known what is asked."""
        found = _ANY_OF_SPACE.match(path)
        if found is None:
            return  # there is nothing at such an address
        served = self._spaces.get(found["space"])
        if served is None:
            raise not_authorised()
        served.access.caller(authorization)


def _path(scope: Scope) -> str:
    """Below where the API is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _address(path: str) -> Pattern[str]:
    return compile_path(f"/spaces/{{space}}{path}")[0]


def _given(body: bytes, receive: Receive) -> Receive:
    """The body in one piece, as it was read; then what else comes of the client."""
    left = [body]

    async def given() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return given


def _too_large(limit: int) -> WrongUseError:
    return WrongUseError(
        "too_large",
        f"The request is larger than {limit // 2**20} MB.",
        nothing_lost="Nothing was changed.",
        next_step="Send it in parts.",
    )

"""Answers that break: connections cut before, after or within an answer. Needs the socket, which ASGI hides."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_STATE_KEY = "fakemeta.transport"


class CuttableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the transport handed to the application in the request's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self.app_state = {**self.app_state, _STATE_KEY: transport}


class Dropped(Response):
    """No answer: the connection is reset without a byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        transport = _transport(scope)
        transport.abort()
        await _until_lost(receive)


class Truncated(Response):
    """The headers promise the whole body; the connection closes after a part of it."""

    def __init__(self, whole: Response, fraction: float) -> None:
        super().__init__(whole.body, status_code=whole.status_code)
        self.raw_headers = whole.raw_headers
        self._keep = int(len(self.body) * fraction)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: self._keep], "more_body": True})
        _transport(scope).close()
        await _until_lost(receive)


def _transport(scope: MutableMapping[str, Any]) -> asyncio.Transport:
    transport: asyncio.Transport = scope["state"][_STATE_KEY]
    return transport


async def _until_lost(receive: Receive) -> None:
    """Returning earlier would make uvicorn answer 500 for us."""
    while (await receive())["type"] != "http.disconnect":
        pass

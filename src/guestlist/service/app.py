"""The web application of one process: the doors of its spaces, and whether it lives."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guestlist.service.answers import json_answer
from guestlist.service.browser import settings_route
from guestlist.service.tracking import Door, routes


def make_app(doors: Sequence[Door]) -> Starlette:
    """The application; the write key of a request finds its space among the doors."""
    return Starlette(routes=[Route("/healthz", _healthz), settings_route(doors), *routes(doors)])


async def _healthz(_: Request) -> Response:
    return json_answer({"status": "ok"})

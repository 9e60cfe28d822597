"""The web application of one process: the doors of its spaces, its API, and how it stands."""

from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from guestlist.service import health
from guestlist.service.api.application import make_api, tell_http
from guestlist.service.api.served import Served
from guestlist.service.browser import settings_route
from guestlist.service.tracking import Door, routes, tell_no_such_route

API = "/api/v1"


def make_app(
    doors: Sequence[Door], served: Mapping[str, Served] | None = None, more: Sequence[Route] = ()
) -> Starlette:
    """The application; the write key of a request finds its space among the doors, an API key is of the space named.

    Without `served` there is no API.
    """
    spaces = dict(served or {})
    keepers = [one.keeper for one in spaces.values()]
    api = [] if served is None else [Mount(API, make_api(spaces))]
    every = [*health.routes(keepers), *more, settings_route(doors), *api, *routes(doors)]
    return Starlette(routes=every, exception_handlers={HTTPException: _tell_http})


async def _tell_http(request: Request, error: Exception) -> Response:
    """An address with a line break in it does not get as far as the API, and is answered as there all the same."""
    if request.url.path.startswith(f"{API}/"):
        return await tell_http(request, error)
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/v1/"):
        return await tell_no_such_route(request, error)
    return PlainTextResponse(error.detail, error.status_code, error.headers)

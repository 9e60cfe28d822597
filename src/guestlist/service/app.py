"""The web application of one process: the doors of its spaces, its API, and how it stands."""

from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from guestlist.service import health
from guestlist.service.api.application import make_api
from guestlist.service.api.served import Served
from guestlist.service.browser import settings_route
from guestlist.service.tracking import Door, routes


def make_app(
    doors: Sequence[Door], served: Mapping[str, Served] | None = None, more: Sequence[Route] = ()
) -> Starlette:
    """The application; the write key of a request finds its space among the doors, an API key is of the space named."""
    spaces = dict(served or {})
    keepers = [one.keeper for one in spaces.values()]
    api = Mount("/api/v1", make_api(spaces))
    return Starlette(routes=[*health.routes(keepers), *more, settings_route(doors), api, *routes(doors)])

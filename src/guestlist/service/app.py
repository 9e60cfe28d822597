"""The web application of one process: the doors of its spaces, and how it stands."""

from collections.abc import Sequence

from starlette.applications import Starlette

from guestlist.service import health
from guestlist.service.browser import settings_route
from guestlist.service.keeper import Keeper
from guestlist.service.tracking import Door, routes


def make_app(doors: Sequence[Door], keepers: Sequence[Keeper] = ()) -> Starlette:
    """The application; the write key of a request finds its space among the doors."""
    return Starlette(routes=[*health.routes(keepers), settings_route(doors), *routes(doors)])

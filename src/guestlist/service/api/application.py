"""The application behind `/api/v1`."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.catalogue import OPERATIONS
from guestlist.service.api import problems
from guestlist.service.api.limits import Bodies
from guestlist.service.api.routes import add_route
from guestlist.service.api.served import Served

_ABOUT = """\
What the command line does, by HTTP. Send `Authorization: Bearer KEY`; a key is made by `guestlist keys add`.

Errors are `application/problem+json` with a stable `code` and the next step. Writes heed `Idempotency-Key`.
"""


_KEY = HTTPBearer(auto_error=False, scheme_name="key", description="A key of the space: `guestlist keys add NAME`.")
"""Told in the document; who calls is found out by `access`, for the space that is named."""


class _Documented(FastAPI):
    """An API whose document knows how errors look: they are no answer of any one operation."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"].setdefault("Problem", problems.Problem.model_json_schema())
        return document


def make_api(spaces: Mapping[str, Served]) -> FastAPI:
    """The API of these spaces."""
    api = _Documented(
        title="Guestlist",
        version="1",
        description=_ABOUT,
        docs_url=None,  # the pages that FastAPI offers load their scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    router = APIRouter(dependencies=[Security(_KEY)])
    for kind in OPERATIONS:
        add_route(router, kind, spaces)
    api.include_router(router)
    api.add_middleware(Bodies, spaces=spaces)
    api.add_exception_handler(GuestlistError, problems.tell_ours)
    api.add_exception_handler(RequestValidationError, problems.tell_wrong_parameters)
    api.add_exception_handler(HTTPException, tell_http)
    api.add_exception_handler(Exception, problems.tell_strange)
    return api


async def tell_http(_: Request, error: Exception) -> Response:
    """No such address, or not by this method."""
    assert isinstance(error, HTTPException)
    told = WrongUseError(
        "no_such_route",
        "There is nothing at this address." if error.status_code == 404 else "That cannot be done at this address.",
        nothing_lost="Nothing was changed.",
        next_step="GET /api/v1/openapi.json lists all operations.",
    )
    return problems.answer_of(told, status=error.status_code, headers=error.headers)

"""Before a request is read: whose it is, whether that one may ask it, and whether its form can be read at all.

Who may not ask learns nothing of how it is asked: a wrong key is told before a wrong parameter.
"""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from guestlist.errors import WrongUseError
from guestlist.operations.operation import Request, Upload
from guestlist.service.api.access import Caller, not_authorised
from guestlist.service.api.served import Served

_Handler = Callable[[HttpRequest], Coroutine[Any, Any, Response]]


def admitting(kind: type[Request], spaces: Mapping[str, Served], names: frozenset[str]) -> type[APIRoute]:
    """The route of an operation that looks who asks first. `names`: of the parameters in its body or query."""
    in_query, in_body = (frozenset[str](), names) if reads_body(kind) else (names, frozenset[str]())

    class Admitting(APIRoute):
        def get_route_handler(self) -> _Handler:
            handle = super().get_route_handler()

            async def handle_admitted(http: HttpRequest) -> Response:
                caller = await run_in_threadpool(_caller_of, http, spaces)
                caller.check(frozenset({kind.route.needs}))
                http.state.caller = caller
                http.state.parameters = names
                _check_query(http, in_query)
                if reads_body(kind):
                    await _check_body(http, in_body)
                return await handle(http)

            return handle_admitted

    return Admitting


def _caller_of(http: HttpRequest, spaces: Mapping[str, Served]) -> Caller:
    """Who asks; which space is named stands in the path."""
    served = spaces.get(http.path_params["space"])
    if served is None:
        raise not_authorised()
    return served.access.caller(http.headers.get("authorization"))


def reads_body(kind: type[Request]) -> bool:
    """Whether its parameters stand in a JSON body."""
    return kind.route.method in {"POST", "PUT"} and not issubclass(kind, Upload)


def _check_query(http: HttpRequest, known: frozenset[str]) -> None:
    """A name that nobody reads is a slip; to pass over it would do something else than was asked."""
    _refuse("query", [name for name in http.query_params if name not in known])


async def _check_body(http: HttpRequest, known: frozenset[str]) -> None:
    if not await http.body():
        return
    given = http.headers.get("content-type", "")
    said = given.partition(";")[0].strip().lower()
    if said != "application/json" and not (said.startswith("application/") and said.endswith("+json")):
        raise WrongUseError(
            "not_sent_as_json",
            f"The body was sent {'as another type' if given else 'without a type'}: the header Content-Type has to be"
            " application/json.",
            nothing_lost="Nothing was changed.",
            next_step="Send the same body with the header Content-Type: application/json.",
        )
    body = await _json(http)
    if not isinstance(body, dict):
        raise _bad_json("The body is JSON, but no object of parameters, such as {}.")
    _refuse("body", [name for name in body if name not in known])


async def _json(http: HttpRequest) -> Any:
    try:
        return await http.json()
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _bad_json(f"The body is no JSON: it breaks at {place}.") from None
    except UnicodeDecodeError as error:
        raise _bad_json(f"The body is no JSON: byte {error.start + 1} is no UTF-8.") from None
    except RecursionError:
        raise _bad_json("The body is nested too deeply.") from None


def _refuse(where: str, names: list[str]) -> None:
    if names:
        told = [{"type": "extra_forbidden", "loc": (where, name), "msg": ""} for name in names]
        raise RequestValidationError(told)


def _bad_json(message: str) -> WrongUseError:
    return WrongUseError(
        "bad_json",
        message,
        nothing_lost="Nothing was changed.",
        next_step="Correct the body and send it again; GET /api/v1/openapi.json tells what it may hold.",
    )

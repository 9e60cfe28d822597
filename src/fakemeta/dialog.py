"""The login dialog as pages: choose a person, see what is asked, continue or cancel.

There is no password: everybody in the simulated business is at the keyboard. A client without a browser posts the
same fields, or uses the control API.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fakemeta.business import BusinessUser
from fakemeta.grants import ALWAYS, PERMISSIONS, LoginRequest, origin_of
from fakemeta.login import DialogError, agree, asked_for, refuse
from fakemeta.pages import ForgedError, Pages, is_here, posted
from fakemeta.world import World

_PASSED_ON = (
    *("client_id", "redirect_uri", "state", "scope", "response_type", "auth_type"),
    *("code_challenge", "code_challenge_method"),
)
Show = Callable[[Request], Awaitable[Response]]


def routes(world: World, pages: Pages) -> list[Route]:
    def guarded(show: Show) -> Show:
        async def endpoint(request: Request) -> Response:
            if not is_here(request):
                return pages.message("Wrong address", "Open fakemeta as 127.0.0.1 or localhost.", status=421)
            try:
                return await show(request)
            except DialogError as error:
                return pages.message(error.title, error.text)
            except ForgedError as error:
                return pages.message("Not sent", str(error), status=403)

        return endpoint

    async def ask(request: Request) -> Response:
        return _ask(world, pages, request.query_params)

    async def answer(request: Request) -> Response:
        return _answer(world, await posted(request), request.query_params)

    paths = ("/dialog/oauth", "/{version}/dialog/oauth")
    asking = [Route(path, guarded(ask), methods=["GET"]) for path in paths]
    return [*asking, *(Route(path, guarded(answer), methods=["POST"]) for path in paths)]


def _ask(world: World, pages: Pages, params: QueryParams) -> Response:
    asked = asked_for(world, params)
    passed = {name: params[name] for name in _PASSED_ON if name in params}
    user = world.users.get(params.get("person", ""))
    people = [one for one in world.users.values() if one.kind == "USER"]
    facts: dict[str, Any] = {"title": "Log in", "app": world.app.name, "passed": passed, "people": people}
    if user is None:
        return pages.show("dialog_person.html", facts, form_target=origin_of(asked.redirect_uri))
    rows = [(scope, PERMISSIONS[scope], scope == ALWAYS) for scope in asked.scopes_for(user)]
    refused = [scope for scope in asked.scopes if scope not in asked.scopes_for(user)]
    facts |= {"user": user, "permissions": rows, "refused": refused, "accounts": world.accounts_of(user)}
    return pages.show("dialog_consent.html", facts, form_target=origin_of(asked.redirect_uri))


def _answer(world: World, form: QueryParams, query: QueryParams) -> Response:
    """`decision` continue or cancel, `person`, `permission` and `account` (both repeated).

    Without any `permission` or `account` field, all of them are meant; the page sends an empty one beside the ticks.
    """
    params = {**query, **form}
    asked = asked_for(world, params)
    if params.get("decision") == "cancel":
        return _go(refuse(asked))
    if params.get("decision") != "continue":
        raise DialogError("Invalid parameter", "decision has to be continue or cancel.")
    user = _person(world, params.get("person", ""))
    return _go(_agreed(world, asked, user, form))


def _agreed(world: World, asked: LoginRequest, user: BusinessUser, form: QueryParams) -> str:
    granted = form.getlist("permission") if "permission" in form else None
    narrowed = "account" in form and form.get("all_accounts") is None
    return agree(world, asked, user, granted=granted, accounts=form.getlist("account") if narrowed else None)


def _person(world: World, told: str) -> BusinessUser:
    for user in world.users.values():
        if user.kind == "USER" and told in (user.id, user.name):
            return user
    raise DialogError("Log in", "There is no such person in the simulated business.")


def _go(address: str) -> Response:
    return RedirectResponse(address, status_code=302, headers={"cache-control": "no-store"})

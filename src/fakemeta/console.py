"""The console: the other side as a page, in the manner of Audience Manager, and buttons to play Meta's part."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fakemeta import console_views as views
from fakemeta.business import TASKS
from fakemeta.console_actions import account_of, audience_of, perform
from fakemeta.errors import GraphError
from fakemeta.pages import STYLE, ForgedError, Pages, is_here, stylesheet
from fakemeta.sharing import PERMISSIONS
from fakemeta.tokens import SCOPES
from fakemeta.world import World

Endpoint = Callable[[Request], Awaitable[Response]]
View = Callable[[World, Request], tuple[str, dict[str, Any]]]


def routes(world: World, pages: Pages) -> list[Route]:
    async def style(_: Request) -> Response:
        return stylesheet()

    return [
        Route(STYLE, style, methods=["GET"]),
        Route("/console", _page(world, pages, _accounts), methods=["GET"]),
        Route("/console/accounts/{id}", _page(world, pages, _account), methods=["GET"]),
        Route("/console/audiences/{id}", _page(world, pages, _audience), methods=["GET"]),
        Route("/console/access", _page(world, pages, _access), methods=["GET"]),
        Route("/console/do/{action}", _button(world, pages), methods=["POST"]),
    ]


def _page(world: World, pages: Pages, view: View) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if not is_here(request):
            return pages.message("Wrong address", "Open the console as 127.0.0.1 or localhost.", status=421)
        try:
            template, facts = view(world, request)
        except ValueError as error:
            return pages.message("Not found", str(error), status=404)
        return pages.show(template, {"now": world.clock.now(), "here": request.url.path, **facts})

    return endpoint


def _button(world: World, pages: Pages) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if not is_here(request):
            return pages.message("Wrong address", "Open the console as 127.0.0.1 or localhost.", status=421)
        try:
            form = await pages.form(request)
            place = perform(world, str(request.path_params["action"]), form)
        except ForgedError as error:
            return pages.message("Not done", str(error), status=403)
        except GraphError as error:
            return pages.message("Meta would refuse this", error.text)
        except ValueError as error:
            return pages.message("Not done", str(error))
        return RedirectResponse(place, status_code=303)

    return endpoint


def _accounts(world: World, _: Request) -> tuple[str, dict[str, Any]]:
    rows = [views.account_view(account) for account in world.accounts.values()]
    return "console_accounts.html", {"title": "Ad accounts", "accounts": rows}


def _account(world: World, request: Request) -> tuple[str, dict[str, Any]]:
    account = account_of(world, str(request.path_params["id"]).removeprefix("act_"))
    own = [views.audience_view(world, audience) for audience in reversed(account.audiences.values())]
    shared = [views.audience_view(world, audience) for audience in world.shared_with(account)]
    view = views.account_view(account)
    return "console_account.html", {"title": account.name, "account": view, "audiences": own, "shared": shared}


def _audience(world: World, request: Request) -> tuple[str, dict[str, Any]]:
    account, audience = audience_of(world, str(request.path_params["id"]))
    view = views.audience_view(world, audience)
    others = [one for one in world.accounts.values() if one is not account and one.id not in view.shared_with]
    return "console_audience.html", {
        "title": audience.name,
        "account": views.account_view(account),
        "audience": view,
        "history": views.history_views(audience),
        "sessions": views.session_views(account, audience, world.clock.now()),
        "receivers": [views.account_view(world.accounts[one]) for one in view.shared_with],
        "others": [views.account_view(one) for one in others],
        "permissions": PERMISSIONS,
    }


def _access(world: World, _: Request) -> tuple[str, dict[str, Any]]:
    return "console_access.html", {
        "title": "People and access",
        "users": views.user_views(world),
        "tokens": views.token_views(world),
        "accounts": [views.account_view(account) for account in world.accounts.values()],
        "scopes": SCOPES,
        "tasks": TASKS,
        "app": world.app,
    }

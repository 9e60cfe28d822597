"""The ASGI application: what every Graph call goes through, faults, tokens and usage counters included."""

import asyncio
import sys
import traceback
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fakemeta import accounts, console, control, control_access, dialog, limits, lists, oauth, sharing, users
from fakemeta.audiences import Audience
from fakemeta.connection import Dropped, Truncated
from fakemeta.errors import GraphError, find, graph_error, unknown_object
from fakemeta.faults import Fault, parse_fault
from fakemeta.graph import Call, check_version, parse, split_path
from fakemeta.pages import Pages
from fakemeta.world import Account, Logged, World

_METHODS = ["GET", "POST", "DELETE"]
_LONGEST_QUERY = 60_000  # bytes; longer ones get Meta's HTML error page (rudder-transformer PR 5103)
_HTML = (
    "<!DOCTYPE html><html><head><title>Facebook | Error</title></head><body>Sorry, something went wrong.</body></html>"
)
_WWW_AUTHENTICATE = 'OAuth "Facebook Platform" "{kind}" "{text}"'


def create_app(world: World) -> Starlette:
    """The simulator around `world`. Needs `connection.CuttableProtocol` for the faults that cut connections."""

    async def graph(request: Request) -> Response:
        return await _respond(world, request)

    controls = control.routes(world, (*control.TABLE, *control_access.TABLE))
    pages = Pages()
    own = [*controls, *console.routes(world, pages), *dialog.routes(world, pages)]
    return Starlette(routes=[*own, Route("/{path:path}", graph, methods=_METHODS)])


async def _respond(world: World, request: Request) -> Response:
    body = await request.body()
    world.requests += 1
    number = world.requests
    fault = _fault(world, request)
    if fault is not None and fault.do == "drop_before":
        return _log(world, number, request, Dropped(), fault, None)
    response, error = _outcome(world, request, body, fault)
    if fault is not None:
        response = await _spoil(response, fault)
    return _log(world, number, request, response, fault, error)


def _fault(world: World, request: Request) -> Fault | None:
    """A fault asked for by this very request, else what the plan says."""
    asked = request.headers.get("x-fakemeta-fault")
    if asked:
        return parse_fault(orjson.loads(asked) if asked.startswith("{") else asked)
    method = request.query_params.get("method", request.method).upper()
    path = "/" + "/".join(split_path(request.url.path)[1])
    return world.faults.strike(method, path)


def _outcome(world: World, request: Request, body: bytes, fault: Fault | None) -> tuple[Response, GraphError | None]:
    """What a healthy connection would carry back."""
    trace = world.trace()
    if len(request.url.query) > _LONGEST_QUERY or (fault is not None and fault.do == "html" and not fault.applied):
        return _html(fault), None
    call: Call | None = None
    try:
        call = _parse(world, request, body)
        call.fault = fault
        answer = _handle(world, call, str(request.url.replace(query="")))
    except GraphError as error:
        return _refused(world, call, error, trace), error
    except Exception as error:  # noqa: BLE001 - our own bug must not print a payload, nor look like a healthy answer
        print(f"fakemeta failed: {_where(error)}", file=sys.stderr)  # noqa: T201
        own = graph_error(1)
        return _refused(world, call, own, trace), own
    if fault is not None and fault.do == "html":
        return _html(fault), None
    return _json(answer, 200, _headers(world, call, trace)), None


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {last.name}:{last.lineno}"


def _parse(world: World, request: Request, body: bytes) -> Call:
    read = world.behaviour.delete_body == "read"
    headers = dict(request.headers)
    return parse(request.method, request.url.path, request.url.query, headers, body, read_delete_body=read)


def _handle(world: World, call: Call, url: str) -> dict[str, Any]:
    before = call.fault
    if before is not None:
        _strike_before(world, call, before)
    check_version(call)
    answer = _dispatch(world, call, url)
    if before is not None and before.do == "error":
        raise _as_error(before)
    return answer


def _strike_before(world: World, call: Call, fault: Fault) -> None:
    """The faults that act on the world before the call is looked at."""
    now = world.clock.now()
    token = world.app.tokens.get(call.token or "")
    if fault.do == "error" and not fault.applied:
        raise _as_error(fault)
    if fault.do == "expire" and token is not None:
        token.expires_at = now - 1
    if fault.do == "revoke" and token is not None:
        token.revoked = fault.subcode or 460
    account = _account_of(world, call)
    if fault.do == "throttle":
        (account or world.account).usage.block(now, fault.minutes)
    if fault.do == "flag" and call.path and (found := world.find_audience(call.path[0])):
        found[1].flagged = True


def _as_error(fault: Fault) -> GraphError:
    return GraphError(find(fault.code, fault.subcode), fault.message, fault.http)


def _account_of(world: World, call: Call) -> Account | None:
    if not call.path:
        return None
    if call.path[0].startswith("act_"):
        return world.accounts.get(call.path[0].removeprefix("act_"))
    found = world.find_audience(call.path[0])
    return found[0] if found else None


def _dispatch(world: World, call: Call, url: str) -> dict[str, Any]:
    path = call.path
    match path:
        case ("debug_token",):
            return accounts.debug_token(world, call)
        case ("oauth", "access_token"):
            return oauth.access_token(world, call)
        case ("oauth", "revoke"):
            return oauth.revoke(world, call)
    _check_caller(world, call)
    _count(world, call)
    if path[:1] == ("me",):
        return _my_edge(world, call, path[1:], url)
    return _node(world, call, url)


def _my_edge(world: World, call: Call, edge: tuple[str, ...], url: str) -> dict[str, Any]:
    match edge:
        case ():
            return accounts.me(call)
        case ("permissions",) if call.method == "DELETE":
            return accounts.remove_permissions(world, call, None)
        case ("permissions",):
            return accounts.my_permissions(call)
        case ("permissions", scope) if call.method == "DELETE":
            return accounts.remove_permissions(world, call, scope)
        case ("adaccounts",):
            return accounts.my_accounts(world, call, url)
    raise graph_error(2500, None, f"Unknown path components: /{'/'.join(edge)}")


def _node(world: World, call: Call, url: str) -> dict[str, Any]:
    match call.path:
        case (node, "access_tokens") if node in world.users:
            return oauth.system_user_tokens(world, call, world.users[node])
        case (node, *edge) if node.startswith("act_"):
            return _account_edge(world, call, tuple(edge), url)
        case (_, *edge):
            return _audience_edge(world, call, tuple(edge), url)
    raise graph_error(2500, None, "Unknown path components: /")


def _check_caller(world: World, call: Call) -> None:
    now = world.clock.now()
    call.caller = world.app.check(call.token, now)
    world.app.check_proof(
        call.caller.value,
        call.text("appsecret_proof"),
        call.text("appsecret_time"),
        now,
        required=world.behaviour.require_proof,
    )
    scopes = set(call.caller.scopes)
    if call.path[:1] == ("me",) or call.path[1:] == ("access_tokens",):
        return
    if call.method != "GET" and "ads_management" not in scopes:
        raise graph_error(200)
    if not scopes & {"ads_management", "ads_read"}:
        raise graph_error(200, None, "(#200) Requires ads_read or ads_management permission")


def _count(world: World, call: Call) -> None:
    """Count the call against the account's hour; refuse it when the hour is full."""
    account = _account_of(world, call)
    if account is None:
        return
    now = world.clock.now()
    if account.usage.throttled(now, world.limit(account)):
        error = graph_error(80003, 2446079)
        raise replace(error, http=int(world.behaviour.throttle_http), transient=world.behaviour.throttle_transient)
    if not _is_users_post(call) or world.behaviour.users_post_counts:
        account.usage.count(now)


def _is_users_post(call: Call) -> bool:
    return call.method == "POST" and call.path[1:] == ("users",)


def _account_edge(world: World, call: Call, edge: tuple[str, ...], url: str) -> dict[str, Any]:
    account = accounts.find_account(world, call)
    match edge:
        case ():
            return accounts.account_node(call, account)
        case ("customaudiences",):
            return lists.customaudiences(world, call, account, url)
        case ("customaudiencestos",):
            return accounts.terms(call, account, url)
        case ("usersofanyaudience",):
            if not accounts.may_write(call, account.id):
                raise accounts.not_admin(call, account.id)
            return users.users_of_any_audience(world, call, account)
    raise graph_error(2500, None, f"Unknown path components: /{'/'.join(edge)}")


def _audience_edge(world: World, call: Call, edge: tuple[str, ...], url: str) -> dict[str, Any]:
    account, audience, seen_by = _audience(world, call, edge)
    audience.settle(world.clock.now(), world.behaviour)
    if call.method != "GET" and not accounts.may_write(call, account.id):
        raise graph_error(200, None, f"(#200) The current user can not update audience {audience.id}")
    match edge:
        case ():
            return lists.audience_node(world, call, account, audience, seen_by)
        case ("users",):
            return users.users_edge(world, call, account, audience)
        case ("sessions",):
            return users.sessions_edge(world, call, account, audience)
        case ("adaccounts",):
            return sharing.shares_edge(world, call, account, audience, url)
        case ("shared_account_info",):
            return sharing.shared_account_info(world, call, account, audience)
    raise graph_error(2500, None, f"Unknown path components: /{'/'.join(edge)}")


def _audience(world: World, call: Call, edge: tuple[str, ...]) -> tuple[Account, Audience, str]:
    """The audience that the path names, its owner, and the ad account through which the token sees it."""
    found = world.find_audience(call.path[0])
    if found is not None:
        account, audience = found
        for account_id in (account.id, *audience.shared_with):
            if accounts.may_see(call, account_id):
                return account, audience, account_id
    if call.path[0] in world.accounts and edge:  # the caller forgot act_
        raise graph_error(100, None, f"(#100) Tried accessing nonexisting field ({edge[0]}) on node type (User)")
    raise unknown_object(call.method, call.path[0])


def _headers(world: World, call: Call | None, trace: str, *, failed: bool = False) -> dict[str, str]:
    now = world.clock.now()
    headers = {
        "facebook-api-version": (call and call.version) or "v25.0",
        "x-fb-request-id": trace,
        "x-fb-trace-id": trace[-11:],
        "x-fb-rev": "1000000000",
        "x-fb-debug": trace[::-1],
        "x-fb-rlafr": "0",
        "cache-control": "private, no-cache, no-store, must-revalidate",
        "access-control-allow-origin": "*",
        "date": formatdate(now, usegmt=True),
    }
    account = _account_of(world, call) if call else None
    if call is None or account is None or (failed and not world.behaviour.usage_header_on_errors):
        return headers
    limit = world.limit(account)
    if not _is_users_post(call) or failed:
        headers["x-business-use-case-usage"] = limits.business_header(account.id, account.usage, now, limit)
    if _is_users_post(call):
        percent = account.usage.percent(now, limit)
        headers["x-ad-account-usage"] = limits.account_header(percent, world.behaviour.access_tier)
        headers["x-app-usage"] = limits.app_header(world.requests)
    return headers


def _refused(world: World, call: Call | None, error: GraphError, trace: str) -> Response:
    kind = "invalid_token" if error.row.code == 190 else "invalid_request"
    if call is not None and call.path == ("oauth", "access_token"):
        kind = "invalid_code"
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in error.text).replace('"', "'")
    headers = _headers(world, call, trace, failed=True)
    headers["www-authenticate"] = _WWW_AUTHENTICATE.format(kind=kind, text=text)
    return _json(error.envelope(trace), error.status, headers)


def _json(content: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json; charset=UTF-8")


def _html(fault: Fault | None) -> Response:
    return Response(_HTML, (fault and fault.http) or 500, media_type="text/html; charset=utf-8")


async def _spoil(response: Response, fault: Fault) -> Response:
    """The faults that act on the answer, after the call was applied."""
    if fault.do == "late":
        await asyncio.sleep(fault.seconds)
    if fault.do == "drop_after" or not fault.answered:
        return Dropped()
    if fault.do != "truncate":
        return response
    if fault.clean:
        kept = bytes(response.body)[: int(len(response.body) * fault.fraction)]
        return Response(kept, response.status_code, media_type="application/json; charset=UTF-8")
    return Truncated(response, fault.fraction)


def _log(
    world: World, number: int, request: Request, response: Response, fault: Fault | None, error: GraphError | None
) -> Response:
    world.log.append(
        Logged(
            number=number,
            at=world.clock.now(),
            method=request.method,
            path=request.url.path,
            status=None if isinstance(response, Dropped) else response.status_code,
            fault=fault.do if fault else None,
            error=(error.row.code, error.row.subcode) if error else None,
        )
    )
    return response

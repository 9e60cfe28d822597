"""The caller's own nodes: /me, its ad accounts and permissions, the account node, its terms, and /debug_token."""

from typing import Any

from fakemeta.errors import GraphError, bad_parameter, graph_error, unknown_object
from fakemeta.graph import Call
from fakemeta.paging import page
from fakemeta.tokens import Token
from fakemeta.world import Account, World

_TOS_ID = "100000000000001"
_ACCOUNT_FIELDS = [
    "id",
    "account_id",
    "name",
    "account_status",
    "currency",
    "timezone_name",
    "tos_accepted",
    "user_tos_accepted",
    "user_tasks",
    "business",
    "owner",
    "capabilities",
    "disable_reason",
]


def me(call: Call) -> dict[str, Any]:
    user = _caller(call).user
    return {"id": user.id, "name": user.name}


def my_permissions(call: Call) -> dict[str, Any]:
    return {"data": _caller(call).permissions()}


def remove_permissions(world: World, call: Call, scope: str | None) -> dict[str, Any]:
    """DELETE me/permissions takes the app off the person: their tokens die (190/458). With a scope, only that goes."""
    caller = _caller(call)
    if scope is None:
        world.app.cut_off(caller.user, 458)
        return {"success": True}
    if scope not in caller.scopes:
        raise bad_parameter(f"Invalid permission: {scope}")
    caller.user.declined.add(scope)
    for token in world.app.tokens_of(caller.user):
        token.scopes = tuple(one for one in token.scopes if one != scope)
    return {"success": True}


def my_accounts(world: World, call: Call, url: str) -> dict[str, Any]:
    """All pages of the ad accounts that the token's user has a task on, and gave the app."""
    visible = [account for account in world.accounts.values() if may_see(call, account.id)]
    rows = {account.id: _render(call, account, ["account_id", *call.fields()]) for account in visible}
    return page(call, list(rows), rows, url)


def account_node(call: Call, account: Account) -> dict[str, Any]:
    if call.method != "GET":
        raise unknown_object(call.method, f"act_{account.id}")
    return _render(call, account, call.fields())


def terms(call: Call, account: Account, url: str) -> dict[str, Any]:
    """GET lists the terms, POST accepts them; a system user cannot, a human must (see docs/fakemeta.md)."""
    if call.method == "GET":
        rows = {_TOS_ID: {"id": _TOS_ID, "content": "Custom audience terms", "type": "CUSTOM_AUDIENCE_TOS"}}
        return page(call, [_TOS_ID], rows, url)
    if call.method != "POST":
        raise unknown_object(call.method, f"act_{account.id}")
    if call.text("tos_id") != _TOS_ID:
        raise bad_parameter("Missing parameter(s): tos_id" if call.text("tos_id") is None else "Invalid tos_id")
    if _caller(call).kind == "SYSTEM_USER":
        raise graph_error(200, None, "(#200) A system user cannot accept terms; an admin of the business has to.")
    if not may_write(call, account.id):
        raise not_admin(call, account.id)
    account.terms_accepted = True
    return {"success": True}


def debug_token(world: World, call: Call) -> dict[str, Any]:
    """The caller shows an app token or any living token."""
    if not world.app.is_app_token(call.token):
        world.app.check(call.token, world.clock.now())
    wanted = call.text("input_token")
    if wanted is None:
        raise bad_parameter("Missing parameter(s): input_token")
    return {"data": world.app.describe(wanted, world.clock.now())}


def find_account(world: World, call: Call) -> Account:
    """The account an act_ path names; a token without a role there gets 200, an unknown one 100/33."""
    raw = call.path[0].removeprefix("act_")
    account = world.accounts.get(raw)
    if account is None:
        raise unknown_object(call.method, call.path[0])
    if not may_see(call, raw):
        raise graph_error(
            200, None, f"(#200) Ad account owner has NOT granted ads_management or ads_read permission for act_{raw}"
        )
    return account


def may_see(call: Call, account_id: str) -> bool:
    return _caller(call).reaches(account_id)


def may_write(call: Call, account_id: str) -> bool:
    """Whether the token's user has a task there that lets them change audiences."""
    return may_see(call, account_id) and _caller(call).user.may_write(account_id)


def not_admin(call: Call, account_id: str) -> GraphError:
    user = _caller(call).user.id
    return graph_error(
        273,
        None,
        "(#273) This Ads API call requires the user to be admin of the ad account. "
        f"User {user} not admin on ad account {account_id}.",
    )


def _caller(call: Call) -> Token:
    if call.caller is None:
        raise graph_error(2500)
    return call.caller


def _render(call: Call, account: Account, names: list[str]) -> dict[str, Any]:
    values = {
        "id": f"act_{account.id}",
        "account_id": account.id,
        "name": account.name,
        "account_status": account.status,
        "currency": "EUR",
        "timezone_name": "Europe/Berlin",
        "tos_accepted": {"custom_audience_tos": 1, "web_custom_audience_tos": 1} if account.terms_accepted else {},
        "user_tos_accepted": {"custom_audience_tos": 1} if account.terms_accepted else {},
        "user_tasks": list(_caller(call).user.tasks_on(account.id)),
        "business": {"id": account.business.id, "name": account.business.name} if account.business else None,
        "owner": account.business.id if account.business else None,
        "capabilities": ["CAN_USE_CUSTOM_AUDIENCES"],
        "disable_reason": 0,
    }
    for name in names:
        if name not in _ACCOUNT_FIELDS:
            raise bad_parameter(f"Tried accessing nonexisting field ({name}) on node type (AdAccount)")
    return {name: values[name] for name in dict.fromkeys([*names, "id"]) if values[name] is not None}

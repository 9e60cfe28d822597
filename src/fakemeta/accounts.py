"""The caller's own nodes: /me, its ad accounts and permissions, the account node, its terms, and /debug_token."""

from typing import Any

from fakemeta.errors import bad_parameter, graph_error, unknown_object
from fakemeta.graph import Call
from fakemeta.paging import page
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
    "business",
    "owner",
    "capabilities",
    "disable_reason",
]


def me(world: World) -> dict[str, Any]:
    return {"id": world.app.user_id, "name": "Guest list bot"}


def my_permissions(call: Call) -> dict[str, Any]:
    scopes = call.caller.scopes if call.caller else ()
    return {"data": [{"permission": scope, "status": "granted"} for scope in scopes]}


def my_accounts(world: World, call: Call, url: str) -> dict[str, Any]:
    rows = {account.id: _render(world, account, ["account_id", *call.fields()]) for account in world.accounts.values()}
    visible = [account_id for account_id in rows if may_see(call, account_id)]
    return page(call, visible, rows, url)


def account_node(world: World, call: Call, account: Account) -> dict[str, Any]:
    if call.method != "GET":
        raise unknown_object(call.method, f"act_{account.id}")
    return _render(world, account, call.fields())


def terms(call: Call, account: Account, url: str) -> dict[str, Any]:
    """GET lists the terms, POST accepts them; a system user cannot, a human must (see docs/fakemeta.md)."""
    if call.method == "GET":
        rows = {_TOS_ID: {"id": _TOS_ID, "content": "Custom audience terms", "type": "CUSTOM_AUDIENCE_TOS"}}
        return page(call, [_TOS_ID], rows, url)
    if call.method != "POST":
        raise unknown_object(call.method, f"act_{account.id}")
    if call.text("tos_id") != _TOS_ID:
        raise bad_parameter("Missing parameter(s): tos_id" if call.text("tos_id") is None else "Invalid tos_id")
    if call.caller is not None and call.caller.kind == "SYSTEM_USER":
        raise graph_error(200, None, "(#200) A system user cannot accept terms; an admin of the business has to.")
    account.terms_accepted = True
    return {"success": True}


def debug_token(world: World, call: Call) -> dict[str, Any]:
    """The caller shows an app token (APPID|SECRET) or any living token."""
    if call.token != f"{world.app.id}|{world.app.secret}":
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
    return call.caller is None or call.caller.accounts is None or account_id in call.caller.accounts


def _render(world: World, account: Account, names: list[str]) -> dict[str, Any]:
    values = {
        "id": f"act_{account.id}",
        "account_id": account.id,
        "name": account.name,
        "account_status": account.status,
        "currency": "EUR",
        "timezone_name": "Europe/Berlin",
        "tos_accepted": {"custom_audience_tos": 1, "web_custom_audience_tos": 1} if account.terms_accepted else {},
        "user_tos_accepted": {"custom_audience_tos": 1} if account.terms_accepted else {},
        "business": {"id": "1" + account.id[1:], "name": "Example business"},
        "owner": world.app.user_id,
        "capabilities": ["CAN_USE_CUSTOM_AUDIENCES"],
        "disable_reason": 0,
    }
    for name in names:
        if name not in _ACCOUNT_FIELDS:
            raise bad_parameter(f"Tried accessing nonexisting field ({name}) on node type (AdAccount)")
    return {name: values[name] for name in dict.fromkeys([*names, "id"])}

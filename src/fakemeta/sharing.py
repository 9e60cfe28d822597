"""Audiences shared with other ad accounts, which may use them in ads but not change them.

Source: developers.facebook.com/docs/marketing-api/reference/custom-audience/adaccounts and .../shared_account_info.
"""

from typing import Any

from fakemeta.audiences import Audience
from fakemeta.errors import bad_parameter, graph_error, unknown_object
from fakemeta.graph import Call
from fakemeta.paging import page
from fakemeta.world import Account, World

PERMISSIONS = ("targeting", "targeting_and_insights")


def shares_edge(world: World, call: Call, account: Account, audience: Audience, url: str) -> dict[str, Any]:
    """GET, POST and DELETE {audience}/adaccounts."""
    if call.method == "GET":
        return _list(call, audience, url)
    ids = _account_ids(call)
    if call.method == "DELETE":
        unshare(audience, ids)
        return {"success": True}
    permission = call.text("permissions") or PERMISSIONS[-1]
    share(world, account, audience, ids, permission=permission, replace=call.flag("replace"))
    return {"success": True, "sharing_data": [_shared(world.accounts[account_id]) for account_id in ids]}


def share(
    world: World, account: Account, audience: Audience, ids: list[str], *, permission: str, replace: bool = False
) -> None:
    """With all of the accounts or, when one of them cannot have it, with none."""
    if permission not in PERMISSIONS:
        raise bad_parameter(f"param permissions must be one of {{{', '.join(PERMISSIONS)}}}")
    kept = {} if replace else audience.shared_with
    for account_id in ids:
        _check_receiver(world, account, audience, account_id)
        if account_id in kept:
            raise bad_parameter(f"The audience is already shared with ad account {account_id}")
    audience.shared_with = {**kept, **dict.fromkeys(ids, permission)}


def unshare(audience: Audience, ids: list[str]) -> None:
    if not set(ids) <= audience.shared_with.keys():
        raise graph_error(100, 1487301)
    for account_id in ids:
        del audience.shared_with[account_id]


def shared_account_info(world: World, call: Call, account: Account, audience: Audience) -> dict[str, Any]:
    """Only accounts of other businesses are listed, as the reference page says."""
    if call.method != "GET":
        raise unknown_object(call.method, audience.id)
    receivers = [world.accounts[account_id] for account_id in audience.shared_with]
    rows = [
        {
            "account_id": one.id,
            "account_name": one.name,
            "business_id": one.business.id,
            "business_name": one.business.name,
            "sharing_status": "SHARED",
        }
        for one in receivers
        if one.business is not None and one.business != account.business
    ]
    return {"data": rows}


def _list(call: Call, audience: Audience, url: str) -> dict[str, Any]:
    wanted = call.text("permissions")
    kept = [account_id for account_id, given in audience.shared_with.items() if wanted in (None, given)]
    return page(call, kept, {account_id: {"id": f"act_{account_id}"} for account_id in kept}, url)


def _account_ids(call: Call) -> list[str]:
    raw = call.structure("adaccounts")
    if not isinstance(raw, list) or not raw:
        raise bad_parameter("Missing parameter(s): adaccounts")
    return list(dict.fromkeys(str(one).removeprefix("act_") for one in raw))


def _check_receiver(world: World, account: Account, audience: Audience, account_id: str) -> None:
    receiver = world.accounts.get(account_id)
    if receiver is None or receiver is account:
        raise bad_parameter(f"Invalid ad account id: {account_id}")
    if receiver.business is None or account.business is None:
        raise graph_error(200, 1870050)
    if audience.flagged and receiver.business != account.business:
        raise graph_error(100, 1713231)


def _shared(receiver: Account) -> dict[str, Any]:
    return {
        "ad_acct_id": receiver.id,
        "business_id": receiver.business.id if receiver.business else None,
        "audience_share_status": "shared",
        "errors": [],
    }

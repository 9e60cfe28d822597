"""The part of the control API about who may do what: ad accounts, people of the business, the app, logins, tokens."""

from typing import Any

from fakemeta import login
from fakemeta.business import Business, BusinessUser, as_tasks
from fakemeta.control import Asked, Body, NotFoundError, Row, account_named
from fakemeta.grants import as_redirect_uri
from fakemeta.login import DialogError
from fakemeta.tokens import SCOPES, Token
from fakemeta.world import Account, World


def read_accounts(asked: Asked) -> Any:
    return {"ad_accounts": [_account_row(account) for account in asked.world.accounts.values()]}


def open_account(asked: Asked) -> Any:
    account = asked.world.open_account(str(asked.body.get("name", "Second shop")))
    if "business" in asked.body:
        asked.world.claim(account, _business(asked.world, asked.body["business"]))
    return {"ad_account": f"act_{account.id}"}


def change_account(asked: Asked) -> Any:
    """`terms_accepted`, `status`, `business` (a name or null), `throttle_minutes` (0 lifts it), `used_calls`."""
    account = account_named(asked.world, asked.id)
    now = asked.world.clock.now()
    account.terms_accepted = bool(asked.body.get("terms_accepted", account.terms_accepted))
    account.status = int(asked.body.get("status", account.status))
    if "business" in asked.body:
        asked.world.claim(account, _business(asked.world, asked.body["business"]))
    if "throttle_minutes" in asked.body:
        account.usage.block(now, float(asked.body["throttle_minutes"]))
    for _ in range(int(asked.body.get("used_calls", 0))):
        account.usage.count(now)
    return _account_row(account)


def _account_row(account: Account) -> dict[str, Any]:
    return {
        "ad_account": f"act_{account.id}",
        "name": account.name,
        "terms_accepted": account.terms_accepted,
        "status": account.status,
        "business": account.business.name if account.business else None,
    }


def _business(world: World, name: Any) -> Business | None:
    known = {account.business.name: account.business for account in world.accounts.values() if account.business}
    return None if name is None else known.get(str(name)) or Business(id=world.number(16), name=str(name))


def read_users(asked: Asked) -> Any:
    return {"business_users": [_user_row(asked.world, user) for user in asked.world.users.values()]}


def add_user(asked: Asked) -> Any:
    """`name`, `tasks` ({act_X: [tasks]}) and `everywhere` ([tasks]); `type` SYSTEM_USER for no person."""
    kind = asked.body.get("type", "USER")
    if kind not in ("USER", "SYSTEM_USER"):
        raise ValueError("type must be USER or SYSTEM_USER")
    user = asked.world.add_user(str(asked.body["name"]), kind=kind)
    _set_tasks(asked.world, user, asked.body)
    return _user_row(asked.world, user)


def change_user(asked: Asked) -> Any:
    """`tasks`, `everywhere`; `password_changed` and `app_removed` kill the person's login tokens (460, 458)."""
    user = user_named(asked.world, asked.id)
    _set_tasks(asked.world, user, asked.body)
    if asked.body.get("password_changed"):
        asked.world.app.cut_off(user, 460)
    if asked.body.get("app_removed"):
        asked.world.app.cut_off(user, 458)
    return _user_row(asked.world, user)


def _set_tasks(world: World, user: BusinessUser, body: Body) -> None:
    told = {account_named(world, name).id: as_tasks(tasks) for name, tasks in body.get("tasks", {}).items()}
    if "everywhere" in body:
        user.everywhere = as_tasks(body["everywhere"])
    user.tasks |= told


def _user_row(world: World, user: BusinessUser) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "type": user.kind,
        "tasks": {f"act_{account.id}": list(user.tasks_on(account.id)) for account in world.accounts_of(user)},
        "declined": sorted(user.declined),
    }


def user_named(world: World, told: str) -> BusinessUser:
    """By id or by name."""
    for user in world.users.values():
        if told in (user.id, user.name):
            return user
    raise NotFoundError("no such business user")


def read_app(asked: Asked) -> Any:
    app = asked.world.app
    return {
        "app_id": app.id,
        "app_secret": app.secret,
        "name": app.name,
        "redirect_uris": list(app.redirect_uris),
        "development": app.development,
    }


def change_app(asked: Asked) -> Any:
    """`redirect_uris`: the whole list; `development`: whether any address on localhost may be used, too."""
    app, body = asked.world.app, asked.body
    if "redirect_uris" in body:
        app.redirect_uris = tuple(as_redirect_uri(str(uri)) for uri in body["redirect_uris"])
    app.development = bool(body.get("development", app.development))
    return read_app(asked)


def answer_dialog(asked: Asked) -> Any:
    """A person's answer without a browser: `params` as in the dialog's URL, `person`, `cancel`, `decline`, `accounts`.

    The answer's `redirect` is where the browser would go; the server does not go there.
    """
    world, body = asked.world, asked.body
    try:
        request = login.asked_for(world, body["params"])
    except DialogError as error:
        raise ValueError(f"{error.title}: {error.text}") from error
    if body.get("cancel"):
        return {"redirect": login.refuse(request)}
    user = user_named(world, str(body["person"])) if "person" in body else world.admin
    granted = set(request.scopes_for(user)).difference(body.get("decline", ()))
    return {"redirect": login.agree(world, request, user, granted=granted, accounts=_account_ids(body))}


def read_tokens(asked: Asked) -> Any:
    now = asked.world.clock.now()
    return {"tokens": [_token_row(token, now) for token in asked.world.app.tokens.values()]}


def _token_row(token: Token, now: float) -> dict[str, Any]:
    return {
        "access_token": token.value,
        "type": token.kind,
        "person": token.user.name,
        "scopes": list(token.scopes),
        "accounts": None if token.accounts is None else [f"act_{one}" for one in token.accounts],
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "dead": token.dead(now),
    }


def issue_token(asked: Asked) -> Any:
    """`person` by id or name; without it the first system user or, for another `type`, the admin."""
    world, body = asked.world, asked.body
    kind = str(body["type"]) if "type" in body else None
    default = world.bot if kind in (None, "SYSTEM_USER") else world.admin
    token = world.app.issue(
        world.rng,
        world.clock.now(),
        user=user_named(world, str(body["person"])) if "person" in body else default,
        expires_in=float(body.get("expires_in", 0)),
        kind=kind,
        scopes=body.get("scopes", SCOPES),
        accounts=_account_ids(body),
    )
    return {"access_token": token.value}


def _account_ids(body: Body) -> list[str] | None:
    told = body.get("accounts")
    return None if told is None else [str(name).removeprefix("act_") for name in told]


def change_token(asked: Asked) -> Any:
    """`token` (default: the first one): `revoke` with a subcode of 190, `restore`, `expires_in` seconds from now."""
    token = asked.world.app.tokens.get(str(asked.body.get("token", asked.world.token.value)))
    if token is None:
        raise NotFoundError("no such token")
    if asked.body.get("restore"):
        token.revoked, token.expires_at = None, 0.0
    if "revoke" in asked.body:
        token.revoked = int(asked.body["revoke"])
    if "expires_in" in asked.body:
        token.expires_at = asked.world.clock.now() + float(asked.body["expires_in"])
    return {"dead": token.dead(asked.world.clock.now())}


TABLE: tuple[Row, ...] = (
    ("GET", "accounts", read_accounts),
    ("POST", "accounts", open_account),
    ("POST", "accounts/{id}", change_account),
    ("GET", "business_users", read_users),
    ("POST", "business_users", add_user),
    ("POST", "business_users/{id}", change_user),
    ("GET", "app", read_app),
    ("POST", "app", change_app),
    ("POST", "oauth", answer_dialog),
    ("GET", "tokens", read_tokens),
    ("POST", "tokens", issue_token),
    ("POST", "tokens/change", change_token),
)

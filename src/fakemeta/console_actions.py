"""What the console's buttons do. Each takes the world and the form, and says which page to show next."""

from collections.abc import Callable, Mapping

from starlette.datastructures import QueryParams

from fakemeta import lists, sharing
from fakemeta.audiences import Audience
from fakemeta.business import as_tasks
from fakemeta.grants import as_redirect_uri
from fakemeta.tokens import LONG, SCOPES, Token
from fakemeta.world import Account, World

Action = Callable[[World, QueryParams], str]
HOME, ACCESS = "/console", "/console/access"


def perform(world: World, name: str, form: QueryParams) -> str:
    """Raises KeyError or ValueError, in words for a person, when it cannot be done."""
    action = _ACTIONS.get(name)
    if action is None:
        raise ValueError("There is no such action.")
    return action(world, form)


def account_of(world: World, account_id: str) -> Account:
    account = world.accounts.get(account_id)
    if account is None:
        raise ValueError("There is no such ad account. It may be from before a reset.")
    return account


def audience_of(world: World, audience_id: str) -> tuple[Account, Audience]:
    found = world.find_audience(audience_id)
    if found is None:
        raise ValueError("There is no such audience. It was deleted, or is from before a reset.")
    return found


def _token_of(world: World, form: QueryParams) -> Token:
    token = world.app.tokens.get(form.get("token", ""))
    if token is None:
        raise ValueError("There is no such token. It may be from before a reset.")
    return token


def _to_audience(audience: Audience) -> str:
    return f"/console/audiences/{audience.id}"


def _terms(world: World, form: QueryParams) -> str:
    account = account_of(world, form.get("account", ""))
    account.terms_accepted = form.get("accept") == "yes"
    return f"/console/accounts/{account.id}"


def _open_account(world: World, form: QueryParams) -> str:
    account = world.open_account(_text(form, "name"))
    return f"/console/accounts/{account.id}"


def _clock(world: World, form: QueryParams) -> str:
    world.clock.advance(float(form.get("seconds", "0")))
    return _back(form)


def _rename(world: World, form: QueryParams) -> str:
    _, audience = audience_of(world, form.get("audience", ""))
    lists.rename(audience, _text(form, "name"), world.clock.now())
    return _to_audience(audience)


def _delete(world: World, form: QueryParams) -> str:
    account, audience = audience_of(world, form.get("audience", ""))
    lists.delete(account, audience)
    return f"/console/accounts/{account.id}"


def _flag(world: World, form: QueryParams) -> str:
    _, audience = audience_of(world, form.get("audience", ""))
    audience.flagged = form.get("flagged") == "yes"
    return _to_audience(audience)


def _share(world: World, form: QueryParams) -> str:
    account, audience = audience_of(world, form.get("audience", ""))
    permission = form.get("permission", sharing.PERMISSIONS[-1])
    sharing.share(world, account, audience, [form.get("receiver", "")], permission=permission)
    return _to_audience(audience)


def _unshare(world: World, form: QueryParams) -> str:
    _, audience = audience_of(world, form.get("audience", ""))
    sharing.unshare(audience, [form.get("receiver", "")])
    return _to_audience(audience)


def _make_token(world: World, form: QueryParams) -> str:
    """A token of a system user: never expiring, or for 60 days."""
    user = world.users.get(form.get("user", ""))
    if user is None or user.kind != "SYSTEM_USER":
        raise ValueError("Choose a system user.")
    scopes = [scope for scope in SCOPES if scope in form.getlist("permission")]
    if not scopes:
        raise ValueError("Tick at least one permission.")
    life = LONG if form.get("life") == "60" else 0.0
    world.app.issue(world.rng, world.clock.now(), user=user, scopes=scopes, expires_in=life)
    return f"{ACCESS}#tokens"


def _add_user(world: World, form: QueryParams) -> str:
    tasks = as_tasks(form.getlist("task"))
    account = account_of(world, form.get("account", ""))
    world.add_user(_text(form, "name"), tasks={account.id: tasks})
    return f"{ACCESS}#people"


def _set_tasks(world: World, form: QueryParams) -> str:
    user = world.users.get(form.get("user", ""))
    if user is None:
        raise ValueError("There is no such person. It may be from before a reset.")
    user.tasks[account_of(world, form.get("account", "")).id] = as_tasks(form.getlist("task"))
    return f"{ACCESS}#people"


def _expire(world: World, form: QueryParams) -> str:
    _token_of(world, form).expires_at = world.clock.now()
    return f"{ACCESS}#tokens"


def _revoke(world: World, form: QueryParams) -> str:
    _token_of(world, form).revoked = 467
    return f"{ACCESS}#tokens"


def _restore(world: World, form: QueryParams) -> str:
    token = _token_of(world, form)
    token.revoked = None
    token.expires_at = world.clock.now() + LONG if token.kind == "USER" else 0.0
    return f"{ACCESS}#tokens"


def _cut_off(subcode: int) -> Action:
    def action(world: World, form: QueryParams) -> str:
        user = world.users.get(form.get("user", ""))
        if user is None or user.kind != "USER":
            raise ValueError("There is no such person. It may be from before a reset.")
        world.app.cut_off(user, subcode)
        return f"{ACCESS}#people"

    return action


def _redirects(world: World, form: QueryParams) -> str:
    lines = str(form.get("redirect_uris", "")).split()
    world.app.redirect_uris = tuple(as_redirect_uri(line) for line in lines)
    world.app.development = form.get("development") == "yes"
    return f"{ACCESS}#app"


def _text(form: QueryParams, name: str) -> str:
    text = str(form.get(name, "")).strip()
    if not text:
        raise ValueError(f"The {name} is empty.")
    return text


def _back(form: QueryParams) -> str:
    """The page the form was on; only a page of the console."""
    place = form.get("back", HOME)
    return place if place.startswith(HOME) and "\\" not in place else HOME


_ACTIONS: Mapping[str, Action] = {
    "terms": _terms,
    "open-account": _open_account,
    "clock": _clock,
    "rename": _rename,
    "delete": _delete,
    "flag": _flag,
    "share": _share,
    "unshare": _unshare,
    "make-token": _make_token,
    "add-person": _add_user,
    "set-tasks": _set_tasks,
    "expire": _expire,
    "revoke": _revoke,
    "restore": _restore,
    "change-password": _cut_off(460),
    "remove-app": _cut_off(458),
    "app": _redirects,
}

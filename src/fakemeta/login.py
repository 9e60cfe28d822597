"""The login dialog without its page: what an app asks for is checked, and a person's answer becomes a redirect.

Source: developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow; the texts of refusals are as widely
quoted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from fakemeta.business import BusinessUser
from fakemeta.grants import ALWAYS, PERMISSIONS, LoginRequest, allowed_redirect
from fakemeta.world import World

_REFUSED = {
    "error": "access_denied",
    "error_code": "200",
    "error_description": "Permissions error",
    "error_reason": "user_denied",
}
_MARK = "_=_"  # the fragment that Facebook puts behind every redirect


@dataclass(frozen=True, slots=True)
class DialogError(Exception):
    """Shown to the person on Meta's own page: the app's address gets nothing."""

    title: str
    text: str


def asked_for(world: World, params: Mapping[str, str]) -> LoginRequest:
    """The request in the dialog's URL, or the DialogError that Meta shows instead of the dialog."""
    if params.get("client_id") != world.app.id:
        raise DialogError("Invalid App ID", "The provided app ID does not look like a valid app ID.")
    redirect_uri = params.get("redirect_uri", "")
    if not redirect_uri:
        raise DialogError("Invalid parameter", "The parameter redirect_uri is required.")
    if not allowed_redirect(redirect_uri, world.app.redirect_uris, development=world.app.development):
        raise DialogError(
            "URL Blocked",
            "This redirect failed because the redirect URI is not white-listed in the app's client OAuth settings. "
            "Make sure that the client and web OAuth logins are on and add all your app domains as valid OAuth "
            "redirect URIs.",
        )
    if params.get("response_type", "code") != "code":
        raise DialogError("Invalid parameter", "fakemeta answers with a code only: response_type has to be code.")
    challenge, method = _challenge(world, params)
    return LoginRequest(
        redirect_uri=redirect_uri,
        scopes=_scopes(params.get("scope", "")),
        state=params.get("state"),
        challenge=challenge,
        method=method,
        again=params.get("auth_type") == "rerequest",
    )


def _scopes(text: str) -> tuple[str, ...]:
    wanted = [name for name in text.replace(" ", ",").split(",") if name]
    unknown = [name for name in wanted if name not in PERMISSIONS]
    if unknown:
        raise DialogError(
            "Invalid Scopes",
            f"Invalid Scopes: {', '.join(unknown)}. This message is only shown to developers. Users of your app will "
            "ignore these permissions if present.",
        )
    return tuple(dict.fromkeys([*wanted, ALWAYS]))


def _challenge(world: World, params: Mapping[str, str]) -> tuple[str | None, str]:
    challenge, method = params.get("code_challenge"), params.get("code_challenge_method", "plain")
    if challenge is None or world.behaviour.pkce == "ignored":
        return None, "plain"
    if method not in ("plain", "S256"):
        raise DialogError("Invalid parameter", "code_challenge_method has to be S256 or plain.")
    return challenge, method


def agree(
    world: World,
    asked: LoginRequest,
    user: BusinessUser,
    *,
    granted: Iterable[str] | None = None,
    accounts: Iterable[str] | None = None,
) -> str:
    """Where the browser goes after Continue.

    `granted` are the permissions left ticked (None: all that were shown), `accounts` the ad accounts chosen
    (None: all that the person may use, later ones included).
    """
    shown = asked.scopes_for(user)
    ticked = set(shown if granted is None else granted) | {ALWAYS}
    scopes = tuple(scope for scope in shown if scope in ticked)
    user.declined.update(set(shown).difference(scopes))
    user.declined.difference_update(scopes)
    usable = [account.id for account in world.accounts_of(user)]
    chosen = None if accounts is None else [one for one in usable if one in set(accounts)]
    code = world.grants.issue(world.rng, world.clock.now(), user=user, scopes=scopes, accounts=chosen, asked=asked)
    return _redirect(asked, {"code": code.value})


def refuse(asked: LoginRequest) -> str:
    """Where the browser goes after Cancel."""
    return _redirect(asked, _REFUSED)


def _redirect(asked: LoginRequest, answer: Mapping[str, str]) -> str:
    parts = urlsplit(asked.redirect_uri)
    state = {} if asked.state is None else {"state": asked.state}
    query = "&".join(part for part in (parts.query, urlencode({**answer, **state})) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, _MARK))

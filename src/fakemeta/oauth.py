"""The token endpoint: codes and tokens in, tokens out; tokens of system users; tokens revoked.

Source: developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived, .../advanced/manual-flow and
docs/marketing-api/system-users; texts as in pasted answers where there were any.
"""

import hmac
from typing import Any

from fakemeta.business import BusinessUser
from fakemeta.errors import GraphError, bad_parameter, find, graph_error, unknown_object
from fakemeta.grants import Code
from fakemeta.graph import Call
from fakemeta.tokens import LONG, SCOPES, SHORT, Token
from fakemeta.world import World

_GRANT_TYPES = ("authorization_code", "client_credentials", "fb_exchange_token")


def access_token(world: World, call: Call) -> dict[str, Any]:
    if call.method == "DELETE":
        raise unknown_object(call.method, "oauth")
    grant = call.text("grant_type") or "authorization_code"
    if grant not in _GRANT_TYPES:
        kinds = ", ".join(_GRANT_TYPES)
        raise graph_error(100, None, f"Invalid grant_type: '{grant}'. Supported types: {kinds}")
    _check_app(world, call)
    if grant == "authorization_code":
        return _for_code(world, call)
    _check_secret(world, call)
    if grant == "client_credentials":
        return {"access_token": world.app.token, "token_type": "bearer"}
    return _for_token(world, call)


def revoke(world: World, call: Call) -> dict[str, Any]:
    """GET oauth/revoke: the app gives a token back."""
    _check_app(world, call)
    _check_secret(world, call)
    token = world.app.tokens.get(call.text("revoke_token") or "")
    if token is None:
        raise graph_error(190)
    token.revoked = 467
    return {"success": True}


def system_user_tokens(world: World, call: Call, user: BusinessUser) -> dict[str, Any]:
    """POST {system user}/access_tokens, by somebody who manages the business."""
    caller = call.caller
    if call.method != "POST" or user.kind != "SYSTEM_USER":
        raise unknown_object(call.method, user.id)
    if caller is None or "business_management" not in caller.scopes or "MANAGE" not in caller.user.everywhere:
        raise graph_error(200, None, "(#200) Requires business_management permission and an admin of the business")
    if call.text("business_app") != world.app.id:
        raise bad_parameter("Missing or invalid parameter(s): business_app")
    scopes = [scope for scope in (call.text("scope") or "").split(",") if scope]
    if not scopes or not set(scopes) <= set(SCOPES):
        raise bad_parameter("Missing or invalid parameter(s): scope")
    if call.text("appsecret_proof") is None:
        raise bad_parameter("API calls from the server require an appsecret_proof argument")
    life = LONG if call.flag("set_token_expires_in_60_days") else 0.0
    token = world.app.issue(world.rng, world.clock.now(), user=user, scopes=scopes, expires_in=life)
    return {"access_token": token.value}


def _check_app(world: World, call: Call) -> None:
    client_id = call.text("client_id")
    if client_id is None:
        raise graph_error(101, None, "Missing client_id parameter.")
    if client_id != world.app.id:
        raise graph_error(101)


def _check_secret(world: World, call: Call) -> None:
    told = call.text("client_secret") or ""
    if not hmac.compare_digest(told.encode(), world.app.secret.encode()):
        raise _bad_request(1, "Error validating client secret.")


def _bad_request(code: int, text: str) -> GraphError:
    """Code 1 is a server error elsewhere; here it comes with 400."""
    return GraphError(find(code), text, 400)


def _for_code(world: World, call: Call) -> dict[str, Any]:
    value, redirect_uri = call.text("code"), call.text("redirect_uri")
    if redirect_uri is None:
        raise graph_error(191, None, "Missing redirect_uri parameter.")
    if not value:
        raise _bad_request(1, "Missing authorization code")
    if not _proved_by_verifier(world, call, value):
        _check_secret(world, call)
    code = world.grants.find(value)
    code.check(redirect_uri, call.text("code_verifier"), world.clock.now())
    code.used = True
    return _token_answer(world, _issue(world, code))


def _proved_by_verifier(world: World, call: Call, value: str) -> bool:
    """A verifier may stand in for the secret, for a code whose dialog had a challenge (oidc-token guide)."""
    code = world.grants.codes.get(value)
    told = call.text("client_secret") is None and call.text("code_verifier") is not None
    return told and code is not None and code.challenge is not None


def _issue(world: World, code: Code) -> Token:
    return world.app.issue(
        world.rng,
        world.clock.now(),
        user=code.user,
        scopes=code.scopes,
        accounts=code.accounts,
        expires_in=SHORT,
    )


def _for_token(world: World, call: Call) -> dict[str, Any]:
    """A living token for one that lives 60 days; a system user's stays endless unless 60 days are asked for."""
    value = call.text("fb_exchange_token")
    if value is None:
        raise bad_parameter("fb_exchange_token parameter not specified")
    old = world.app.check(value, world.clock.now())
    limited = old.kind == "USER" or call.flag("set_token_expires_in_60_days")
    new = world.app.issue(
        world.rng,
        world.clock.now(),
        user=old.user,
        kind=old.kind,
        scopes=old.scopes,
        accounts=old.accounts,
        expires_in=LONG if limited else 0.0,
    )
    return _token_answer(world, new)


def _token_answer(world: World, token: Token) -> dict[str, Any]:
    answer: dict[str, Any] = {"access_token": token.value, "token_type": "bearer"}
    if token.expires_at:
        answer["expires_in"] = int(token.expires_at - world.clock.now())
    return answer

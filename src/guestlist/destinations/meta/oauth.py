"""Login at Meta with one's own app: the dialog's address, a code for a token, what the person granted.

Source: developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow and .../access-tokens/get-long-lived.
Meta takes code, secret and token to exchange in a URL only; httpx's log of URLs is off (see `client.py`), and no error
of this module shows one.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from guestlist.destinations.meta.answers import Account, Outcome, Reply, read_account, read_body
from guestlist.destinations.meta.client import GRAPH_URL, failure, on_this_machine
from guestlist.destinations.meta.manifest import API_VERSION
from guestlist.destinations.meta.pace import Usage
from guestlist.destinations.meta.token_life import NEEDED
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.store.vault import Secret

SCOPES = (NEEDED, "business_management")
"""What is asked for; the second only lets the account's business be seen, and may be declined."""
_DIALOG = "https://www.facebook.com"
_ACCOUNT_FIELDS = "id,account_id,name,account_status,currency,timezone_name,tos_accepted,business,user_tasks"
_PAGE, _MOST_PAGES = 100, 200
_NOTHING = "Nothing was changed: the destination is as it was before."
_AGAIN = "Start again: run the same command once more."


@dataclass(frozen=True, kw_only=True)
class App:
    """The app of one's own that people log in to, and where Meta sends them back."""

    id: str
    secret: Secret
    redirect_uri: str
    graph_url: str = GRAPH_URL
    version: str = API_VERSION

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]{1,20}", self.id):
            raise WrongUseError(
                "bad_app_id",
                "An app id is digits only.",
                nothing_lost=_NOTHING,
                next_step="The app's dashboard shows it: App settings, Basic, App ID.",
            )
        if not on_this_machine(self.graph_url) and self.graph_url.rstrip("/") != GRAPH_URL:
            raise WrongUseError(
                "meta_host_not_allowed",
                "The Graph URL is neither Meta's nor on this machine.",
                nothing_lost=_NOTHING,
                next_step="Leave --graph-url out, or give the URL that fakemeta serve prints.",
            )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A dialog that a person is sent to. `state` and `verifier` never stand in a log; the verifier not in the URL."""

    url: str = field(repr=False)
    state: Secret
    verifier: Secret


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What came of a login: whose token it is, what it may, and which ad accounts the person may use."""

    who: str
    token: Secret
    granted: frozenset[str]
    accounts: tuple[Account, ...]

    @property
    def declined(self) -> tuple[str, ...]:
        """What was asked for and not granted."""
        return tuple(scope for scope in SCOPES if scope not in self.granted)


def ask(app: App) -> Asked:
    """A dialog with a new state and a PKCE challenge. What a person has declined before is asked once more."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    params = {
        "client_id": app.id,
        "redirect_uri": app.redirect_uri,
        "state": state,
        "response_type": "code",
        "scope": ",".join(SCOPES),
        "auth_type": "rerequest",
        "code_challenge": _challenge(verifier),
        "code_challenge_method": "S256",
    }
    place = app.graph_url.rstrip("/") if on_this_machine(app.graph_url) else _DIALOG
    url = f"{place}/{app.version}/dialog/oauth?{urlencode(params)}"
    return Asked(url=url, state=Secret(state), verifier=Secret(verifier))


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


class LoginClient:
    """The calls between the dialog and a kept token."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._http = httpx.Client(
            base_url=f"{app.graph_url.rstrip('/')}/{app.version}/",
            headers={"accept": "application/json"},
            timeout=httpx.Timeout(60.0, connect=10.0),
            follow_redirects=False,
            trust_env=False,  # as in `client.py`
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def redeem(self, code: Secret, verifier: Secret) -> Granted:
        """A code for a long-lived token, and what it may. Refuses a login without the permission that is needed."""
        short = self._token({"redirect_uri": self._app.redirect_uri, "code": code, "code_verifier": verifier})
        token = self._lengthened(short)
        granted = self._permissions(token)
        if NEEDED not in granted:
            raise _declined()
        who = self._get("me", {"fields": "name"}, token)
        return Granted(
            who=str(who.get("name", "")),
            token=token,
            granted=granted,
            accounts=tuple(self._accounts(token)),
        )

    def _lengthened(self, short: Secret) -> Secret:
        return self._token({"grant_type": "fb_exchange_token", "fb_exchange_token": short})

    def _token(self, params: Mapping[str, str | Secret]) -> Secret:
        return Secret(str(self._exchange(params).get("access_token", "")))

    def _exchange(self, params: Mapping[str, str | Secret]) -> Mapping[str, Any]:
        """Of the token endpoint. Its code 1 with HTTP 400 is what Meta answers to a wrong app secret."""
        app: dict[str, str | Secret] = {"client_id": self._app.id, "client_secret": self._app.secret}
        reply, status = self._ask("oauth/access_token", {**app, **params}, None)
        if reply.outcome is Outcome.APPLIED:
            return reply.body
        raise _explained(reply, status)

    def _permissions(self, token: Secret) -> frozenset[str]:
        entries = self._get("me/permissions", {}, token).get("data") or ()
        return frozenset(str(entry["permission"]) for entry in entries if entry.get("status") == "granted")

    def _accounts(self, token: Secret) -> list[Account]:
        """All pages."""
        params: dict[str, str | Secret] = {"fields": _ACCOUNT_FIELDS, "limit": str(_PAGE)}
        found: list[Account] = []
        for _ in range(_MOST_PAGES):
            page = self._get("me/adaccounts", params, token)
            data = page.get("data") or ()
            found += [read_account(entry) for entry in data if isinstance(entry, dict)]
            # The cursor, not `paging.next`: that is a whole URL, with the token in it.
            paging = page.get("paging") or {}
            after = (paging.get("cursors") or {}).get("after")
            if not data or not after or not paging.get("next"):
                break
            params = params | {"after": str(after)}
        return found

    def _get(self, path: str, params: Mapping[str, str | Secret], token: Secret) -> Mapping[str, Any]:
        reply, _ = self._ask(path, params, token)
        if reply.outcome is not Outcome.APPLIED:
            raise failure(reply, thing="Login at Meta")
        return reply.body

    def _ask(self, path: str, params: Mapping[str, str | Secret], token: Secret | None) -> tuple[Reply, int]:
        plain = {name: one.reveal() if isinstance(one, Secret) else one for name, one in params.items()}
        headers = {}
        if token is not None:
            proof = hmac.new(self._app.secret.reveal().encode(), token.reveal().encode(), hashlib.sha256)
            plain["appsecret_proof"], headers["authorization"] = proof.hexdigest(), f"Bearer {token.reveal()}"
        try:
            answer = self._http.get(path, params=plain, headers=headers)
        except httpx.HTTPError as error:
            # Not chained: httpx keeps the request, and with it code and secret, on its exceptions.
            sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            return Reply(outcome=Outcome.UNKNOWN if sent else Outcome.NOT_SENT, cause=type(error).__name__), 0
        return read_body(answer.content, answer.status_code, Usage()), answer.status_code


def _explained(reply: Reply, status: int) -> GuestlistError:
    rule = reply.rule
    if rule is not None and rule.code == 1 and status == 400:
        return GuestlistError(
            "meta_bad_app_secret",
            "Meta does not accept the app secret.",
            nothing_lost=_NOTHING,
            next_step="Copy it again (App settings, Basic, App secret) into the file of --app-secret-file.",
        )
    if rule is not None and (rule.code, rule.subcode) == (100, None):
        return GuestlistError(
            "meta_login_refused",
            "Meta does not accept what came back from this login.",
            nothing_lost=_NOTHING,
            next_step=_AGAIN,
        )
    error = failure(reply, thing="Login at Meta")
    return GuestlistError(error.code, error.message, nothing_lost=_NOTHING, next_step=error.next_step)


def _declined() -> GuestlistError:
    return GuestlistError(
        "meta_login_declined",
        f"In the login the permission {NEEDED} was not granted; without it no audience can be kept.",
        nothing_lost=_NOTHING,
        next_step="Run the same command once more and leave that permission on: Meta asks for it again.",
    )

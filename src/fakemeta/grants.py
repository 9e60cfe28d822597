"""What a person grants the app in the login dialog: the permissions, the ad accounts, and the code that stands for them.

Source: developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow and .../oidc-token (PKCE).
"""

import base64
import hashlib
import hmac
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from fakemeta.business import BusinessUser
from fakemeta.errors import GraphError, find, graph_error

ALWAYS = "public_profile"  # granted with every login; nobody can untick it
PERMISSIONS = {
    "ads_management": "Manage ads and audiences of the ad accounts that you choose",
    "ads_read": "Read the ads and audiences of the ad accounts that you choose",
    "business_management": "Manage your business",
    ALWAYS: "Your name",
}
CODE_LIFE = 600.0  # seconds; Meta says only that codes live short
_SHAPE = re.compile(r"AQ[0-9A-Za-z_-]{60,}")
_LOOPBACK = {"localhost", "127.0.0.1"}


@dataclass(kw_only=True, slots=True)
class Code:
    """A login code: good once, for `redirect_uri` only, and with the verifier when a challenge came with the dialog."""

    value: str
    user: BusinessUser
    scopes: tuple[str, ...]
    accounts: tuple[str, ...] | None
    redirect_uri: str
    issued_at: float
    challenge: str | None = None
    method: str = "plain"
    used: bool = False

    def check(self, redirect_uri: str, verifier: str | None, now: float) -> None:
        """Whether it can be exchanged now; raises Meta's error when not."""
        if self.used:
            raise graph_error(100, 36009)
        if now > self.issued_at + CODE_LIFE:
            raise graph_error(100, 36007)
        if redirect_uri != self.redirect_uri:
            raise graph_error(100, 36008)
        if self.challenge is not None and not hmac.compare_digest(
            challenged(verifier or "", self.method), self.challenge
        ):
            raise graph_error(100, None, "Invalid code_verifier parameter.")


def challenged(verifier: str, method: str) -> str:
    """The challenge that a verifier answers (RFC 7636)."""
    if method == "plain":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass(slots=True)
class Grants:
    """The codes given out."""

    codes: dict[str, Code] = field(default_factory=dict)

    def issue(
        self,
        rng: random.Random,
        now: float,
        *,
        user: BusinessUser,
        scopes: Sequence[str],
        accounts: Sequence[str] | None,
        asked: "LoginRequest",
    ) -> Code:
        code = Code(
            value="AQ" + base64.urlsafe_b64encode(rng.randbytes(96)).decode(),
            user=user,
            scopes=tuple(scopes),
            accounts=None if accounts is None else tuple(accounts),
            redirect_uri=asked.redirect_uri,
            issued_at=now,
            challenge=asked.challenge,
            method=asked.method,
        )
        self.codes[code.value] = code
        return code

    def find(self, value: str) -> Code:
        code = self.codes.get(value)
        if code is not None:
            return code
        if _SHAPE.fullmatch(value):
            raise graph_error(100, 36007)
        raise GraphError(find(100), "Invalid verification code format.")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginRequest:
    """What an app asks for in the dialog's URL, already checked. `state` is handed back as it came."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None = None
    challenge: str | None = None
    method: str = "plain"
    again: bool = False  # auth_type=rerequest: what the person has refused before is asked once more

    def scopes_for(self, user: BusinessUser) -> tuple[str, ...]:
        """What the dialog shows: a refused permission is not asked again unless the app says so."""
        return tuple(scope for scope in self.scopes if self.again or scope not in user.declined)


def as_redirect_uri(text: str) -> str:
    """An address for the app's settings: https, or http on this machine. Raises ValueError."""
    parts = _split(text)
    good = parts is not None and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK))
    if not good or (parts is not None and parts.fragment):
        raise ValueError(f"{text!r} is no redirect address: https://…, or http:// with localhost or 127.0.0.1")
    return text


def allowed_redirect(uri: str, listed: Sequence[str], *, development: bool) -> bool:
    """Letter by letter as listed; an app in development may also use any address on localhost."""
    parts = _split(uri)
    if parts is None:
        return False
    return uri in listed or (development and parts.scheme in ("http", "https") and parts.hostname == "localhost")


def origin_of(uri: str) -> str:
    """Scheme and place, fit for a Content-Security-Policy; `none` for what could break out of it."""
    parts = _split(uri)
    if parts is None or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parts.netloc):
        return "'none'"
    return f"{parts.scheme}://{parts.netloc}"


def _split(uri: str) -> SplitResult | None:
    """None for what is no address of a server, or carries a name and password."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    clean = uri.isprintable() and " " not in uri
    return parts if clean and parts.hostname and "@" not in parts.netloc else None

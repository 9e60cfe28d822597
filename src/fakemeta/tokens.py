"""Access tokens: expiry, revocation, permissions, and the proof that a caller knows the app's secret.

Source: developers.facebook.com/docs/facebook-login/security (appsecret_proof) and .../access-tokens/debugging.
"""

import base64
import hashlib
import hmac
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fakemeta.business import BusinessUser
from fakemeta.errors import GraphError, find, graph_error
from fakemeta.grants import ALWAYS, PERMISSIONS

SCOPES = tuple(PERMISSIONS)
SHORT, LONG = 3600.0 + 1800, 5_184_000.0  # seconds: a token from a code, and a long-lived one (60 days)
DATA_ACCESS = 90 * 86_400.0  # seconds a person's grant lets an app read data
_OF_ACCOUNTS = {"ads_management", "ads_read"}  # permissions that can be limited to ad accounts
_PROOF_LIFE = 300.0  # seconds a timestamped proof is good for
DEAD = {
    458: "the user has removed the app",
    459: "the user is checkpointed",
    460: "the password was changed",
    463: "the session has expired",
    464: "the user is not confirmed",
    467: "the user logged out",
    492: "the user lost the role",
}


@dataclass(kw_only=True, slots=True)
class Token:
    """`expires_at` 0 means never. `revoked` is the subcode of 190 that a call with it gets."""

    value: str
    issued_at: float
    user: BusinessUser
    expires_at: float = 0.0
    kind: str = "SYSTEM_USER"
    scopes: tuple[str, ...] = SCOPES
    accounts: tuple[str, ...] | None = None
    revoked: int | None = None

    def dead(self, now: float) -> int | None:
        """The 190 subcode that a call gets now, or None while the token is good."""
        if self.revoked is not None:
            return self.revoked
        return 463 if 0 < self.expires_at <= now else None

    def reaches(self, account_id: str) -> bool:
        """Whether its user has a task there, and gave the app that ad account."""
        return bool(self.user.tasks_on(account_id)) and (self.accounts is None or account_id in self.accounts)

    def permissions(self) -> list[dict[str, str]]:
        """The rows of /me/permissions."""
        declined = sorted(self.user.declined.difference(self.scopes)) if self.kind == "USER" else []
        rows = [(scope, "granted") for scope in self.scopes] + [(scope, "declined") for scope in declined]
        return [{"permission": scope, "status": status} for scope, status in rows]

    def granular(self) -> list[dict[str, Any]]:
        """`target_ids` only where the grant is limited: without it, it holds for all that the user may use."""
        rows: list[dict[str, Any]] = [{"scope": scope} for scope in self.scopes if scope != ALWAYS]
        for row in rows:
            if self.accounts is not None and row["scope"] in _OF_ACCOUNTS:
                row["target_ids"] = list(self.accounts)
        return rows


@dataclass(kw_only=True, slots=True)
class App:
    """The developer's app that tokens belong to, with its login settings."""

    id: str
    secret: str
    name: str = "Example app"
    redirect_uris: tuple[str, ...] = ()
    development: bool = True
    tokens: dict[str, Token] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The app's own token: `client_credentials` gives it, /debug_token takes it."""
        mark = hmac.new(self.secret.encode(), b"app token", hashlib.sha256).digest()
        return f"{self.id}|{base64.urlsafe_b64encode(mark).decode()[:27]}"

    def is_app_token(self, value: str | None) -> bool:
        """By its own token, or by id and secret: Meta takes both."""
        known = (self.token, f"{self.id}|{self.secret}")
        return value is not None and any(hmac.compare_digest(value.encode(), one.encode()) for one in known)

    def issue(
        self,
        rng: random.Random,
        now: float,
        *,
        user: BusinessUser,
        expires_in: float = 0,
        kind: str | None = None,
        scopes: Sequence[str] = SCOPES,
        accounts: Sequence[str] | None = None,
    ) -> Token:
        token = Token(
            value=f"EAAF{rng.getrandbits(320):080x}",
            issued_at=now,
            user=user,
            expires_at=now + expires_in if expires_in else 0.0,
            kind=kind or user.kind,
            scopes=tuple(scopes),
            accounts=None if accounts is None else tuple(accounts),
        )
        self.tokens[token.value] = token
        return token

    def tokens_of(self, user: BusinessUser) -> list[Token]:
        return [token for token in self.tokens.values() if token.user is user]

    def cut_off(self, user: BusinessUser, subcode: int) -> int:
        """Kill the person's living login tokens, as a changed password (460) or a removed app (458) does; how many."""
        living = [token for token in self.tokens_of(user) if token.kind == "USER" and token.revoked is None]
        for token in living:
            token.revoked = subcode
        return len(living)

    def check(self, value: str | None, now: float) -> Token:
        """The living token of that value, or the error Meta answers with."""
        if not value or self.is_app_token(value):
            raise graph_error(
                2500, None, "An active access token must be used to query information about the current user."
            )
        token = self.tokens.get(value)
        if token is None:
            raise graph_error(190)
        subcode = token.dead(now)
        if subcode is not None:
            raise expired(token, now) if subcode == 463 else GraphError(find(190, subcode))
        return token

    def check_proof(self, token: str, proof: str | None, at: str | None, now: float, *, required: bool) -> None:
        if proof is None:
            if required:
                raise graph_error(100, None, "API calls from the server require an appsecret_proof argument")
            return
        if not hmac.compare_digest(proof, self._proof(token, at)) or _stale(at, now):
            error = graph_error(100, None, "(#100) Invalid appsecret_proof provided in the API argument")
            raise GraphError(_as_method_error(error), error.message)

    def _proof(self, token: str, at: str | None) -> str:
        message = token if at is None else f"{token}|{at}"
        return hmac.new(self.secret.encode(), message.encode(), hashlib.sha256).hexdigest()

    def describe(self, value: str, now: float) -> dict[str, Any]:
        """The answer of /debug_token: HTTP 200 even for a dead or unknown token."""
        if self.is_app_token(value):
            return {"app_id": self.id, "type": "APP", "application": self.name, "is_valid": True, "scopes": []}
        token = self.tokens.get(value)
        if token is None:
            return {"is_valid": False, "scopes": [], "error": {"code": 190, "message": "Invalid OAuth access token."}}
        subcode = token.dead(now)
        facts: dict[str, Any] = {
            "app_id": self.id,
            "type": token.kind,
            "application": self.name,
            "data_access_expires_at": int(token.issued_at + DATA_ACCESS) if token.kind == "USER" else 0,
            "expires_at": int(token.expires_at),
            "is_valid": subcode is None,
            "issued_at": int(token.issued_at),
            "scopes": list(token.scopes),
            "granular_scopes": token.granular(),
            "user_id": token.user.id,
        }
        if subcode is not None:
            message = f"Error validating access token: {DEAD.get(subcode, 'it is invalid')}."
            facts["error"] = {"code": 190, "message": message, "subcode": subcode}
        return facts


def _as_method_error(error: GraphError) -> Any:
    row = error.row
    return type(row)(row.code, row.subcode, row.message, type="GraphMethodException")


def _stale(at: str | None, now: float) -> bool:
    return at is not None and (not at.isdigit() or abs(now - int(at)) > _PROOF_LIFE)


def expired(token: Token, now: float) -> GraphError:
    def day(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%A, %d-%b-%y %H:%M:%S UTC")

    return graph_error(
        190,
        463,
        f"Error validating access token: Session has expired on {day(token.expires_at or now)}. "
        f"The current time is {day(now)}.",
    )

"""Access tokens: expiry, revocation, permissions, and the proof that a caller knows the app's secret.

Source: developers.facebook.com/docs/facebook-login/security (appsecret_proof) and .../access-tokens/debugging.
"""

import hashlib
import hmac
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fakemeta.errors import GraphError, find, graph_error

SCOPES = ("ads_management", "ads_read", "business_management", "public_profile")
_PROOF_LIFE = 300.0  # seconds a timestamped proof is good for
_DEAD = {
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


@dataclass(kw_only=True, slots=True)
class App:
    """The developer's app that tokens belong to."""

    id: str
    secret: str
    user_id: str
    tokens: dict[str, Token] = field(default_factory=dict)

    def issue(
        self,
        rng: random.Random,
        now: float,
        *,
        expires_in: float = 0,
        kind: str = "SYSTEM_USER",
        scopes: Sequence[str] = SCOPES,
        accounts: Sequence[str] | None = None,
    ) -> Token:
        token = Token(
            value=f"EAAF{rng.getrandbits(320):080x}",
            issued_at=now,
            expires_at=now + expires_in if expires_in else 0.0,
            kind=kind,
            scopes=tuple(scopes),
            accounts=None if accounts is None else tuple(accounts),
        )
        self.tokens[token.value] = token
        return token

    def check(self, value: str | None, now: float) -> Token:
        """The living token of that value, or the error Meta answers with."""
        if not value:
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
        token = self.tokens.get(value)
        if token is None:
            return {"is_valid": False, "scopes": [], "error": {"code": 190, "message": "Invalid OAuth access token."}}
        subcode = token.dead(now)
        facts: dict[str, Any] = {
            "app_id": self.id,
            "type": token.kind,
            "application": "fakemeta",
            "data_access_expires_at": 0,
            "expires_at": int(token.expires_at),
            "is_valid": subcode is None,
            "issued_at": int(token.issued_at),
            "scopes": list(token.scopes),
            "granular_scopes": [{"scope": scope} for scope in token.scopes],
            "user_id": self.user_id,
        }
        if subcode is not None:
            message = f"Error validating access token: {_DEAD.get(subcode, 'it is invalid')}."
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

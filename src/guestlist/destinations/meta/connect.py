"""Connecting an ad account: the token is tried at Meta before it is kept, and kept sealed, never in guestlist.yaml."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from guestlist.destinations.meta.answers import Account, Outcome, TokenFacts
from guestlist.destinations.meta.client import Connection, MetaClient, MetaError, failure
from guestlist.destinations.meta.token_life import NEEDED, may_write
from guestlist.destinations.meta.verdicts import as_error, verdict_of
from guestlist.destinations.settings import DestinationSettings
from guestlist.errors import GuestlistError
from guestlist.store.vault import Secret, Vault

T = TypeVar("T")

_NOT_CONNECTED = "Nothing was changed: the destination is as it was before."
_BAD_PARAMETER, _NO_OBJECT, _NO_PERMISSION = 100, 33, 200
_ANOTHER_TOKEN = (
    f"Make a new token with {NEEDED}, best one of a system user (docs/connect-meta.md), and connect with that."
)
_TERMS = "https://business.facebook.com/ads/manage/customaudiences/tos/?act="


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What opens an ad account."""

    token: Secret
    app_secret: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Connected:
    """What Meta told of a token and its account. `who` is the name of the token's user at Meta."""

    who: str
    token: TokenFacts
    account: Account

    @property
    def terms_link(self) -> str:
        """Where a person accepts the terms of this account."""
        return terms_link(self.account.id)


def terms_link(account: str) -> str:
    """Meta's page with the custom audience terms of an ad account."""
    return _TERMS + account.removeprefix("act_")


def secret_names(destination: str) -> tuple[str, str]:
    """Under which names the token and the app secret of a destination are sealed."""
    return f"{destination}/token", f"{destination}/app_secret"


def keep(vault: Vault, destination: str, credentials: Credentials, *, now: int) -> None:
    """Seal what opens the account; an app secret that is no longer used goes."""
    token, app_secret = secret_names(destination)
    if credentials.app_secret is None:
        vault.delete(app_secret)
    else:
        vault.save(app_secret, credentials.app_secret, now=now)
    vault.save(token, credentials.token, now=now)


def kept_credentials(vault: Vault, destination: str) -> Credentials:
    """What was sealed for this destination."""
    token, app_secret = secret_names(destination)
    found = vault.load(token)
    if found is None:
        raise GuestlistError(
            "destination_without_token",
            f"Destination '{destination}': its token is not in this space.",
            nothing_lost="Nothing is lost.",
            next_step=f"Run: guestlist destinations connect {destination} --ad-account act_… --token-file FILE",
        )
    return Credentials(token=found, app_secret=vault.load(app_secret))


def connection(settings: DestinationSettings, credentials: Credentials, name: str) -> Connection:
    """How to reach the account of the destination `name`. Refuses any host but Meta's and this machine."""
    return Connection(
        ad_account=settings.account,
        token=credentials.token,
        app_secret=credentials.app_secret,
        graph_url=settings.graph_url,
        version=settings.version,
        destination=name,
    )


def try_out(client: MetaClient, account: str) -> Connected:
    """Ask Meta who the token is and whether it may manage this account; raises what stands in the way."""
    token = _asked(lambda: _live(client.token()), account)
    who = _asked(lambda: _who(client), account)
    if NEEDED not in _asked(client.permissions, account):
        raise _refused(as_error(verdict_of(294), thing="Token"))
    found = _asked(client.account, account)
    if not may_write(found):
        raise _refused(only_looks(found, who))
    return Connected(who=who, token=token, account=found)


def only_looks(account: Account, who: str) -> GuestlistError:
    """Somebody without the task that lets audiences be changed."""
    return GuestlistError(
        "meta_only_looks",
        f"'{who}' may only look at the ad account {account.id}, not change its audiences.",
        nothing_lost=_NOT_CONNECTED,
        next_step="In Meta's business settings give that user the task 'Manage campaigns' for this account.",
    )


def _live(facts: TokenFacts) -> TokenFacts:
    if not facts.valid:
        raise _refused(as_error(verdict_of(190, facts.subcode), thing="Token"))
    return facts


def _who(client: MetaClient) -> str:
    reply = client.call("GET", "me", {"fields": "id,name"})
    if reply.outcome is not Outcome.APPLIED:
        raise failure(reply, thing="Token")
    return str(reply.body.get("name") or reply.body.get("id", ""))


def _asked(ask: Callable[[], T], account: str) -> T:
    try:
        return ask()
    except MetaError as error:
        raise _explained(error, account) from None


def _explained(error: MetaError, account: str) -> GuestlistError:
    """In the words of someone who is connecting: the table's next steps are for a running sync."""
    rule = error.rule
    if rule is not None and (rule.code, rule.subcode) == (_BAD_PARAMETER, _NO_OBJECT):
        return GuestlistError(
            error.code,
            f"Meta has no ad account {account} that this token may see.",
            nothing_lost=_NOT_CONNECTED,
            next_step="Check --ad-account, and that the account is assigned to the token's system user.",
        )
    if rule is not None and (rule.code, rule.subcode) == (_NO_PERMISSION, None):
        return GuestlistError(
            error.code,
            f"This token may not use the ad account {account}.",
            nothing_lost=_NOT_CONNECTED,
            next_step="Assign the account to the token's user, or give a token of somebody who may use it. Another account "
            "is connected under another name.",
        )
    if rule is not None and (rule.code, rule.subcode) in {(_BAD_PARAMETER, None), (104, None)}:
        return GuestlistError(
            "meta_bad_proof",
            "Meta refused the proof of the app secret: it is missing, or it is not of the app that made the token.",
            nothing_lost=_NOT_CONNECTED,
            next_step="Give the app secret of that app with --app-secret-file.",
        )
    if rule is None:
        step = "Check the network (and --graph-url, if given), then run this command again."
        return GuestlistError(error.code, error.message, nothing_lost=_NOT_CONNECTED, next_step=step)
    return _refused(error)


def _refused(error: GuestlistError) -> GuestlistError:
    """Another token is what helps, and it is given as this one was: there may be no destination yet to reconnect."""
    another = "destinations reconnect" in error.next_step
    step = _ANOTHER_TOKEN if another else error.next_step
    return GuestlistError(error.code, error.message, nothing_lost=_NOT_CONNECTED, next_step=step)

"""A destination connected by a login at Meta, in three steps that may be minutes and processes apart.

begin gives the address of Meta's dialog; finish takes what Meta sent back and gives the ad accounts to choose from;
choose connects one. What is needed between them lies sealed in the vault, found by a digest of the state: each step
is good once, for ten minutes, and only for whom it was begun (`bound_to`: the session of a web page, or nothing).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any

import orjson

from guestlist.clock import microseconds
from guestlist.connected.connecting import connect, planned_settings
from guestlist.connected.connections import clock_at
from guestlist.destinations.meta.answers import Account
from guestlist.destinations.meta.client import GRAPH_URL, on_this_machine
from guestlist.destinations.meta.connect import Connected, Credentials
from guestlist.destinations.meta.oauth import App, LoginClient, ask
from guestlist.destinations.meta.token_life import may_write
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.records import Records
from guestlist.space import Space
from guestlist.store.journal_tables import Sealed
from guestlist.store.vault import Secret

LIFE = 600
"""Seconds that a person has for each step."""
_SECOND = 1_000_000
_LOGIN, _GRANT = "login", "grant"
_NOTHING = "Nothing was changed: the destination is as it was before."
_USED = "This login was not begun here, or it was used already."
_AGAIN = "Start the login again; each one is good once, and for ten minutes."


@dataclass(frozen=True, kw_only=True)
class Begun:
    """Where to send the person, and the state that comes back with them. The URL holds the state: it is not logged."""

    url: str = field(repr=False)
    state: Secret


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A login that is over: whose, what was declined of what was asked, and the ad accounts to choose from."""

    id: Secret
    destination: str
    who: str
    declined: tuple[str, ...]
    accounts: tuple[Account, ...]
    settled: str | None  # the only account that can be chosen, where that is known


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What a login is for, and at which Meta."""

    destination: str
    graph_url: str


def begin(space: Space, records: Records, name: str, app: App, *, bound_to: str = "", now: int) -> Begun:
    """Begin a login for a destination, new or known."""
    planned_settings(space, name, "act_1", app.graph_url)  # refuses a name that cannot be one
    sweep(records, now=now)
    asked = ask(app)
    kept = {
        "destination": name,
        "app": app.id,
        "secret": app.secret.reveal(),
        "redirect_uri": app.redirect_uri,
        "graph_url": app.graph_url,
        "version": app.version,
        "verifier": asked.verifier.reveal(),
    }
    _keep(records, _LOGIN, asked.state, kept, bound_to, now)
    return Begun(url=asked.url, state=asked.state)


def finish(
    space: Space,
    records: Records,
    *,
    state: Secret,
    code: Secret | None,
    refused: bool = False,
    bound_to: str = "",
    now: int,
) -> Choice:
    """Take what Meta sent back. `refused`: the person pressed Cancel. The state is used up, whatever comes of it."""
    kept = _taken(records, _LOGIN, state, bound_to, now)
    if refused or code is None:
        raise GuestlistError(
            "meta_login_cancelled",
            "The login was cancelled at Meta.",
            nothing_lost=_NOTHING,
            next_step="Start it again when somebody is there who may manage the ad account.",
        )
    app = _app(kept)
    with LoginClient(app) as client:
        granted = client.redeem(code, Secret(kept["verifier"]))
    if not granted.accounts:
        raise GuestlistError(
            "meta_login_no_account",
            f"'{granted.who}' may use no ad account, or gave the app none in the dialog.",
            nothing_lost=_NOTHING,
            next_step="Have an admin assign the ad account to that person in Meta's business settings, or tick it in the "
            "dialog, then start the login again.",
        )
    settled = _settled(space, records, kept["destination"], granted.accounts)
    token = {**kept, "token": granted.token.reveal(), "accounts": [one.id for one in granted.accounts]}
    ticket = Secret(secrets.token_urlsafe(32))
    _keep(records, _GRANT, ticket, token, bound_to, now)
    return Choice(
        id=ticket,
        destination=kept["destination"],
        who=granted.who,
        declined=granted.declined,
        accounts=granted.accounts,
        settled=settled,
    )


def choose(
    space: Space, records: Records, choice: Secret, account: str, *, actor: str, bound_to: str = "", now: int
) -> Connected:
    """Connect this account with the token of the login. Another may be tried until one is connected."""
    kept = _read(records, _GRANT, choice, bound_to, now)
    name, app = kept["destination"], _app(kept)
    if account not in kept["accounts"]:
        raise no_such_account(account, kept["accounts"])
    credentials = Credentials(token=Secret(kept["token"]), app_secret=app.secret)
    settings = planned_settings(space, name, account, None if app.graph_url == GRAPH_URL else app.graph_url)
    found = connect(space, records, name, settings, credentials, actor=actor, now=now)
    records.vault.delete(_place(_GRANT, choice))
    return found


def aim_of(records: Records, ticket: Secret) -> Aim:
    """What a login is for, by its state or choice."""
    for kind in (_LOGIN, _GRANT):
        sealed = records.vault.load(_place(kind, ticket))
        if sealed is not None:
            kept = orjson.loads(sealed.reveal())
            return Aim(destination=kept["destination"], graph_url=kept["graph_url"])
    raise _unknown(_USED)


def no_such_account(account: str, accounts: list[str] | tuple[str, ...]) -> WrongUseError:
    """Says which there are."""
    return WrongUseError(
        "meta_login_other_account",
        f"This login does not reach the ad account {account}.",
        nothing_lost=_NOTHING,
        next_step=f"Choose one that it reaches ({', '.join(accounts)}), or log in as somebody who may use {account}.",
    )


def _settled(space: Space, records: Records, name: str, accounts: tuple[Account, ...]) -> str | None:
    """The account of a destination that is known stays, and one that is the only one needs no choice."""
    known = space.settings.destinations.get(name, {}).get("account")
    if known is not None:
        if known in {one.id for one in accounts}:
            return str(known)
        if any(sync.remote_id for sync in records.journal.syncs() if sync.destination == name):
            raise no_such_account(str(known), [one.id for one in accounts])
    usable = [one.id for one in accounts if may_write(one)]
    return usable[0] if len(usable) == 1 and len(accounts) == 1 else None


def _app(kept: dict[str, Any]) -> App:
    return App(
        id=kept["app"],
        secret=Secret(kept["secret"]),
        redirect_uri=kept["redirect_uri"],
        graph_url=kept["graph_url"],
        version=kept["version"],
    )


# --- what lies sealed between the steps ---


def _place(kind: str, ticket: Secret) -> str:
    return f"{kind}/{hashlib.sha256(ticket.reveal().encode()).hexdigest()[:32]}"


def _keep(records: Records, kind: str, ticket: Secret, kept: dict[str, Any], bound_to: str, now: int) -> None:
    whole = {**kept, "bound_to": bound_to}
    records.vault.save(_place(kind, ticket), Secret(orjson.dumps(whole).decode()), now=now)


def _taken(records: Records, kind: str, ticket: Secret, bound_to: str, now: int) -> dict[str, Any]:
    """What was kept, once: whoever deletes it has it."""
    try:
        return _read(records, kind, ticket, bound_to, now)
    finally:
        if not records.vault.delete(_place(kind, ticket)):
            raise _unknown(_USED)


def _read(records: Records, kind: str, ticket: Secret, bound_to: str, now: int) -> dict[str, Any]:
    place = _place(kind, ticket)
    stored = records.journal.secret(place)
    kept = records.vault.load(place)
    if stored is None or kept is None:
        raise _unknown(_USED)
    if not 0 <= now - stored.written_at <= LIFE * _SECOND:
        raise _unknown("This login took longer than ten minutes.")
    found: dict[str, Any] = orjson.loads(kept.reveal())
    if not hmac.compare_digest(found["bound_to"].encode(), bound_to.encode()):
        raise _unknown("This login was begun by somebody else.")
    return found


def _unknown(happened: str) -> GuestlistError:
    return GuestlistError("login_not_known", happened, nothing_lost=_NOTHING, next_step=_AGAIN)


def sweep(records: Records, *, now: int) -> None:
    """Logins that nobody came back from."""
    for stored in records.journal.secrets():
        if stored.name.startswith((f"{_LOGIN}/", f"{_GRANT}/")) and _is_over(records, stored, now):
            records.vault.delete(stored.name)


def _is_over(records: Records, stored: Sealed, now: int) -> bool:
    """By the clock that it was begun by: that of a simulated Meta may be years apart from the space's."""
    try:
        kept = records.vault.load(stored.name)
    except GuestlistError:  # nobody can use it any more
        kept = None
    graph_url = "" if kept is None else str(orjson.loads(kept.reveal())["graph_url"])
    there = microseconds(clock_at(graph_url).now()) if on_this_machine(graph_url) else now
    return there - stored.written_at > LIFE * _SECOND

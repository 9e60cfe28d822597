"""Destinations connected, given another token, let go of. A token is tried at Meta before anything is kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guestlist.connected import parking, watching
from guestlist.destinations.meta.client import GRAPH_URL, Connection, MetaClient, is_account_id
from guestlist.destinations.meta.connect import Connected, Credentials, connection, keep, secret_names, try_out
from guestlist.destinations.meta.verdicts import verdict_of
from guestlist.destinations.settings import DestinationSettings, parse_destination, read_destination
from guestlist.edits import own_change, setting
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.records import Records
from guestlist.space import Space
from guestlist.store.journal_tables import Sync
from guestlist.store.vault import Secret

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LIST_TERMS = (200, 1870090)


@dataclass(frozen=True, kw_only=True)
class LetGo:
    """A destination whose token was forgotten, and its audiences, which stay at Meta as they are."""

    name: str
    account: str
    audiences: tuple[Sync, ...]


def check_typed(name: str, account: str) -> None:
    """Refuse what can be no destination, before a secret is read."""
    if not _NAME.fullmatch(name):
        raise WrongUseError(
            "bad_destination_name",
            "A destination's name is lower-case letters, digits, - and _, a letter first.",
            next_step="For example: guestlist destinations connect main …",
        )
    check_account(account)


def check_account(account: str) -> None:
    """Refuse what can be no ad account."""
    if not is_account_id(account):
        raise WrongUseError(
            "meta_bad_account_id",
            "An ad account id is act_ and digits.",
            next_step="Ads Manager shows the digits in its address, after act=.",
        )


def planned_settings(space: Space, name: str, account: str, graph_url: str | None) -> DestinationSettings:
    """The destination as it will stand in guestlist.yaml; what a person wrote there stays."""
    check_typed(name, account)
    given = {"graph_url": graph_url.rstrip("/")} if graph_url else {}
    return parse_destination(name, {**_written(space, name), "account": account, **given})


def connect(
    space: Space,
    records: Records,
    name: str,
    settings: DestinationSettings,
    credentials: Credentials,
    *,
    actor: str,
    now: int,
) -> Connected:
    """Try the token at Meta; if it works, keep it and write the destination into guestlist.yaml."""
    refuse_other_account(space, records, name, settings.account)
    found = _tried(name, settings, credentials)
    keep(records.vault, name, credentials, now=now)
    entry = _entry(space, name, settings)
    if space.settings.destinations.get(name) != entry:
        with own_change(space, records.journal, setting("destinations", name), now=now):
            space.write_entry("destinations", name, entry)
    _remember(records, name, found, now=now)
    records.journal.audit(actor=actor, action="destination connected", about=name, counts={}, now=now)
    return found


def reconnect(
    space: Space, records: Records, name: str, credentials: Credentials, *, actor: str, now: int
) -> Connected:
    """Another token for the same ad account; what waited goes on where it stood."""
    found = _tried(name, read_destination(space.settings, name), credentials)
    keep(records.vault, name, credentials, now=now)
    _remember(records, name, found, now=now)
    records.journal.audit(actor=actor, action="destination reconnected", about=name, counts={}, now=now)
    return found


def disconnect(space: Space, records: Records, name: str, *, actor: str, now: int) -> LetGo:
    """Forget the token. Settings and records stay, and so do the audiences at Meta, as they are."""
    settings, journal = read_destination(space.settings, name), records.journal
    held = [records.vault.delete(secret) for secret in secret_names(name)]
    if not any(held):
        raise GuestlistError(
            "destination_without_token",
            f"Destination '{name}': its token is not in this space.",
            nothing_lost="Nothing was changed.",
            next_step=f"Nothing to do; to connect it again: guestlist destinations reconnect {name}",
        )
    journal.forget_token(name)
    there = tuple(sync for sync in journal.syncs() if sync.destination == name and sync.remote_id)
    counts = {"audiences": len(there)}
    journal.audit(actor=actor, action="destination disconnected", about=name, counts=counts, now=now)
    return LetGo(name=name, account=settings.account, audiences=there)


def with_kept_secret(records: Records, name: str, token: Secret) -> Credentials:
    """A new token with the app secret that was given before, if one was."""
    _, sealed_as = secret_names(name)
    return Credentials(token=token, app_secret=records.vault.load(sealed_as))


def refuse_other_account(space: Space, records: Records, name: str, account: str) -> None:
    """The audiences live in the account that they were made in; elsewhere nobody would remove anybody from them."""
    before = space.settings.destinations.get(name, {}).get("account", account)
    syncs = [sync for sync in records.journal.syncs() if sync.destination == name and sync.remote_id]
    if before == account or not syncs:
        return
    raise GuestlistError(
        "destination_in_use",
        f"Destination '{name}' is the ad account {before}, and {len(syncs)} of its audiences are there.",
        nothing_lost="Nothing was changed.",
        next_step=f"Connect {account} under another name.",
    )


def _tried(name: str, settings: DestinationSettings, credentials: Credentials) -> Connected:
    with MetaClient(_way(name, settings, credentials)) as client:
        return try_out(client, settings.account)


def _way(name: str, settings: DestinationSettings, credentials: Credentials) -> Connection:
    """How to reach the account; what cannot be one was typed wrongly."""
    try:
        return connection(settings, credentials, name)
    except GuestlistError as error:
        raise WrongUseError(
            error.code, error.message, next_step=error.next_step, nothing_lost=error.nothing_lost
        ) from None


def _remember(records: Records, name: str, found: Connected, *, now: int) -> None:
    """Whatever parked the destination is over with a token that was tried, but for terms that are still wanted."""
    records.journal.forget_token(name)
    watching.know(records.journal, name, found.token, now=now)
    if not found.account.list_terms_accepted:
        parking.note(records.journal, name, found.account.id, verdict_of(*_LIST_TERMS), now=now)


def _written(space: Space, name: str) -> dict[str, Any]:
    entry: Mapping[str, Any] = space.settings.destinations.get(name, {})
    return {key: value for key, value in entry.items() if key != "graph_url"}


def _entry(space: Space, name: str, settings: DestinationSettings) -> dict[str, Any]:
    """What a person wrote stays; account and address are as connected."""
    simulated = {} if settings.graph_url == GRAPH_URL else {"graph_url": settings.graph_url}
    return {**_written(space, name), "account": settings.account, "version": settings.version, **simulated}

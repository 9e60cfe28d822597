"""What there is at Meta in a destination's ad account: all its audiences, whom they are shared with, which one to adopt."""

from collections.abc import Sequence
from dataclasses import dataclass

from guestlist.connected.connecting import check_account
from guestlist.connected.connections import Connections
from guestlist.destinations.meta.answers import Audience
from guestlist.destinations.meta.client import MetaClient, MetaError
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.known_syncs import matching
from guestlist.records import Records
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sync


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One audience of an ad account. `sync` is the one of ours that keeps it; `ours` says that the account owns it."""

    audience: Audience
    ours: bool
    sync: str | None

    @property
    def can_be_adopted(self) -> bool:
        """A customer list of this account that may be edited and that no sync keeps."""
        return self.why_not is None

    @property
    def why_not(self) -> str | None:
        """Why it cannot be adopted."""
        if self.sync is not None:
            return f"the sync {self.sync} keeps it"
        if not self.ours:
            return "it belongs to another ad account, which shares it"
        if self.audience.subtype != "CUSTOM":
            return "it is not a customer list"
        return None if self.audience.can_edit else "Meta does not let it be edited"


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The ad accounts that may use a sync's audience, after what was asked; `changed` are those that it changed."""

    sync: str
    audience: str
    accounts: tuple[str, ...]
    changed: tuple[str, ...] = ()


def listed(records: Records, connections: Connections, name: str, account: str) -> list[Remote]:
    """All audiences of the account, all pages, newest first."""
    keeps = {sync.remote_id: sync.key for sync in records.journal.syncs() if sync.destination == name}
    return [
        Remote(audience=one, ours=one.account in {"", account}, sync=keeps.get(one.id))
        for one in connections.client(name).audiences_in_full()
    ]


def to_adopt(records: Records, connections: Connections, name: str, account: str, audience: str) -> Remote:
    """The audience to adopt, if it can be."""
    found = next((one for one in listed(records, connections, name, account) if one.audience.id == audience), None)
    if found is None:
        raise WrongUseError(
            "audience_not_there",
            f"There is no audience {audience} in {account} at Meta.",
            nothing_lost="Nothing was changed.",
            next_step=f"See what there is: guestlist destinations audiences {name}",
        )
    if found.why_not is not None:
        raise GuestlistError(
            "audience_not_adoptable",
            f"The audience {audience} '{found.audience.name}' cannot be adopted: {found.why_not}.",
            nothing_lost="Nothing was changed.",
            next_step=f"Choose another: guestlist destinations audiences {name}",
        )
    return found


# --- sharing ---


def shares(records: Records, connections: Connections, key: str) -> Shares:
    """With whom it is shared."""
    sync, client = _there(records.journal, connections, key)
    return Shares(sync=sync.key, audience=_id(sync), accounts=_shared(client, sync))


def share(
    records: Records, connections: Connections, key: str, accounts: Sequence[str], *, actor: str, now: int
) -> Shares:
    """Let other ad accounts use it in their ads; they cannot change it. Those that may already are left as they are."""
    sync, client = _there(records.journal, connections, key)
    before = _shared(client, sync)
    new = tuple(one for one in dict.fromkeys(_checked(accounts)) if one not in before)
    if new:
        try:
            client.share_audience(_id(sync), new)
        except MetaError as error:
            raise _not_shareable(sync, new, error) from None
        _audit(records.journal, sync, "audience shared", new, actor, now)
    return Shares(sync=sync.key, audience=_id(sync), accounts=_shared(client, sync), changed=new)


def unshare(
    records: Records, connections: Connections, key: str, accounts: Sequence[str], *, actor: str, now: int
) -> Shares:
    """Take that back."""
    sync, client = _there(records.journal, connections, key)
    before = _shared(client, sync)
    gone = tuple(one for one in dict.fromkeys(_checked(accounts)) if one in before)
    if gone:
        client.unshare_audience(_id(sync), gone)
        _audit(records.journal, sync, "audience unshared", gone, actor, now)
    return Shares(sync=sync.key, audience=_id(sync), accounts=_shared(client, sync), changed=gone)


def _not_shareable(sync: Sync, accounts: Sequence[str], error: MetaError) -> GuestlistError:
    """The audience was found a moment ago: what Meta does not accept now is the accounts."""
    rule = error.rule
    if rule is None or (rule.code, rule.subcode) not in _ABOUT_ACCOUNTS:
        return error
    number = f"{rule.code}/{rule.subcode}" if rule.subcode else f"{rule.code}"
    one = accounts[0] if len(accounts) == 1 else f"one of {', '.join(accounts)}"
    return GuestlistError(
        "audience_not_shareable",
        f"{sync.key}: Meta does not share the audience {_id(sync)} with {one}: it does not know that ad account, or not "
        f"as one that may have it (Meta's error {number}, trace {error.reply.trace or '-'}).",
        nothing_lost="Nothing was changed: it is shared with whom it was before.",
        next_step="Check the id (Ads Manager shows it in its address, after act=). Both ad accounts must belong to a "
        "business, and the other one must not be the audience's own.",
    )


_ABOUT_ACCOUNTS = frozenset({(100, None), (100, 33)})


def _shared(client: MetaClient, sync: Sync) -> tuple[str, ...]:
    return tuple(client.shared_with(_id(sync)))


def _checked(accounts: Sequence[str]) -> Sequence[str]:
    for account in accounts:
        check_account(account)
    return accounts


def _audit(journal: Journal, sync: Sync, action: str, accounts: Sequence[str], actor: str, now: int) -> None:
    journal.audit(actor=actor, action=action, about=sync.key, counts={"accounts": len(accounts)}, now=now)


# --- one of ours ---


def kept_there(journal: Journal, key: str) -> Sync:
    """The sync of that key (audience@destination, or audience while it has one) whose audience is at Meta."""
    every = {one.key: one for one in journal.syncs() if one.remote_id}
    found = matching(key, every)
    if len(found) == 1:
        return every[found[0]]
    there = ", ".join(found or every)
    happened = f"'{key}' goes to several destinations." if found else f"'{key}' has no audience at Meta."
    raise WrongUseError(
        "no_audience_at_meta",
        happened,
        nothing_lost="Nothing was changed.",
        next_step=f"Name one of: {there}" if there else "Make one first: guestlist sync",
    )


def _there(journal: Journal, connections: Connections, key: str) -> tuple[Sync, MetaClient]:
    sync = kept_there(journal, key)
    return sync, connections.client(sync.destination)


def _id(sync: Sync) -> str:
    return str(sync.remote_id)

"""Audiences at Meta: all of an ad account, one gone on with, shared with others, emptied, deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field

from guestlist import emptying
from guestlist.connected import at_meta
from guestlist.connected.adopting import write_adopt
from guestlist.connected.connections import Connections, open_connections
from guestlist.counts import counted
from guestlist.destinations.meta.account import in_words
from guestlist.destinations.meta.deliver import Report
from guestlist.destinations.settings import read_destination
from guestlist.edits import audience_file, own_change
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.definitions import check_is_changed_here, place_of, writing
from guestlist.operations.desk import Desk
from guestlist.operations.destinations import Name, Needed, instant
from guestlist.operations.operation import Operation, Scope, delete, get, post
from guestlist.operations.syncs import keeper_of
from guestlist.space import Space
from guestlist.telling.answer import Answer, Value

Key = Annotated[str, Field(description="The sync: audience@destination, or audience while it has one.")]
Accounts = Annotated[tuple[str, ...], Field(min_length=1, description="Other ad accounts: `act_` and digits.")]
Yes = Annotated[
    bool, Field(description="Whether it is meant. Without it, it is told what would go, and nothing is done.")
]


@contextmanager
def _connections(desk: Desk) -> Iterator[Connections]:
    """Of this request, beside those of whoever keeps the space."""
    with open_connections(desk.space, desk.records) as connections:
        yield connections


# --- all of an ad account ---------------------------------------------------------------------------------------------


class AudienceAtMeta(Value):
    """One audience. `sync`: which of ours keeps it; `why_not`: why it cannot be adopted; sizes as Meta rounds them."""

    id: str
    name: str
    kind: str
    size: str
    lower: int | None
    upper: int | None
    state: str
    account: str
    can_edit: bool
    sync: str | None
    can_be_adopted: bool
    why_not: str | None
    link: str


class AudiencesAtMeta(Answer):
    """All audiences of a destination's ad account, newest first."""

    destination: str
    account: str
    audiences: tuple[AudienceAtMeta, ...]


class ListAudiencesAtMeta(Operation[AudiencesAtMeta]):
    """List all audiences of the ad account at Meta: size, state, whose, which sync keeps it, which can be adopted."""

    route = get("/destinations/{name}/audiences")
    name: Name

    def run(self, desk: Desk) -> AudiencesAtMeta:
        account = read_destination(desk.space.settings, self.name).account
        with _connections(desk) as connections:
            found = at_meta.listed(desk.records, connections, self.name, account)
        return AudiencesAtMeta(
            destination=self.name, account=account, audiences=tuple(_told(one, account) for one in found)
        )


def _told(one: at_meta.Remote, account: str) -> AudienceAtMeta:
    told, standing = one.audience, in_words(one.audience, account)
    return AudienceAtMeta(
        id=told.id,
        name=told.name,
        kind=told.subtype,
        size=standing.size,
        lower=told.lower,
        upper=told.upper,
        state=standing.state,
        account=told.account or account,
        can_edit=told.can_edit,
        sync=one.sync,
        can_be_adopted=one.can_be_adopted,
        why_not=one.why_not,
        link=standing.link,
    )


class Adopted(Answer):
    """What stands in the audience's file now. `name`: of the audience at Meta; `file`: in the space."""

    audience: str
    destination: str
    adopt: str
    name: str
    file: str


class AdoptAudience(Operation[Adopted]):
    """Write into an audience's definition that its sync goes on with an audience that is at Meta already.

    People whom only others put there are never removed. By a service, definitions that are owned by the page only.
    """

    route = post("/audiences/{key}/adopt", Scope.SETTINGS)
    key: Annotated[str, Field(description="The audience, by the key in its file.")]
    audience: Annotated[str, Field(description="The audience at Meta, by its id.")]
    to: Annotated[str | None, Field(description="The destination, where there are several.")] = None

    def run(self, desk: Desk) -> Adopted:
        name = self.to or _only(desk.space)
        self._check_has_none(desk, name)
        account = read_destination(desk.space.settings, name).account
        with _connections(desk) as connections:
            found = at_meta.to_adopt(desk.records, connections, name, account, self.audience)
        with writing(desk.space):
            if desk.keeper is not None:
                check_is_changed_here(desk.space, self.key)
            item = audience_file(desk.space, place_of(desk.space, self.key).name, self.key)
            with own_change(desk.space, desk.records.journal, item, now=desk.now):
                place = write_adopt(desk.space, self.key, name, self.audience)
        desk.audit("audience adopted", f"{self.key}@{name}")
        return Adopted(
            audience=self.key,
            destination=name,
            adopt=self.audience,
            name=found.audience.name,
            file=str(place.relative_to(desk.space.folder)),
        )

    def _check_has_none(self, desk: Desk, name: str) -> None:
        kept = desk.records.journal.sync(f"{self.key}@{name}")
        if kept is not None and kept.remote_id is not None:
            raise GuestlistError(
                "sync_has_audience",
                f"{kept.key} keeps the audience {kept.remote_id} at Meta already.",
                nothing_lost="Nothing was changed.",
                next_step=f"Delete that one first (guestlist destinations delete-audience {kept.key}), or adopt under "
                "another key.",
            )


def _only(space: Space) -> str:
    names = list(space.settings.destinations)
    if len(names) != 1:
        raise WrongUseError(
            "destination_not_named",
            f"There are {len(names)} destinations.",
            nothing_lost="Nothing was changed.",
            next_step=f"Name one with --to: {', '.join(names)}"
            if names
            else "Connect one: guestlist destinations connect --help",
        )
    return names[0]


# --- shared -----------------------------------------------------------------------------------------------------------


class Shared(Answer):
    """The ad accounts that may use a sync's audience beside its own; `changed`: those of what was asked."""

    sync: str
    audience: str
    shared_with: tuple[str, ...]
    changed: tuple[str, ...]


def _shared(told: at_meta.Shares) -> Shared:
    return Shared(sync=told.sync, audience=told.audience, shared_with=told.accounts, changed=told.changed)


class ListShares(Operation[Shared]):
    """List the ad accounts that may use an audience beside its own, as Meta has them."""

    route = get("/syncs/{key}/shares")
    key: Key

    def run(self, desk: Desk) -> Shared:
        with _connections(desk) as connections:
            return _shared(at_meta.shares(desk.records, connections, self.key))


class ShareAudience(Operation[Shared]):
    """Let other ad accounts use an audience in their ads. They cannot change it; all must belong to a business."""

    route = post("/syncs/{key}/share", Scope.SETTINGS)
    key: Key
    accounts: Accounts

    def run(self, desk: Desk) -> Shared:
        with _connections(desk) as connections:
            return _shared(
                at_meta.share(desk.records, connections, self.key, self.accounts, actor=desk.actor, now=desk.now)
            )


class UnshareAudience(Operation[Shared]):
    """Take that back."""

    route = post("/syncs/{key}/unshare", Scope.SETTINGS)
    key: Key
    accounts: Accounts

    def run(self, desk: Desk) -> Shared:
        with _connections(desk) as connections:
            return _shared(
                at_meta.unshare(desk.records, connections, self.key, self.accounts, actor=desk.actor, now=desk.now)
            )


# --- emptied ----------------------------------------------------------------------------------------------------------


class SyncReport(Value):
    """What a run of a sync came to. `state`: `ordered` where a service is to run it; `plan_waiting`: for a yes."""

    sync: str
    state: str
    added_rows: int
    removed_rows: int
    in_doubt_rows: int
    declined_rows: int
    refused_rows: int
    rows_still_to_remove: int
    calls: int
    plan_waiting: str | None
    again_at: str | None
    error: Needed | None


def report_of(key: str, report: Report) -> SyncReport:
    """As it is told."""
    error = report.error
    return SyncReport(
        sync=key,
        state=report.state.value,
        added_rows=report.added,
        removed_rows=report.removed,
        in_doubt_rows=report.in_doubt,
        declined_rows=report.declined,
        refused_rows=report.refused,
        rows_still_to_remove=report.debt,
        calls=report.requests,
        plan_waiting=report.held,
        again_at=instant(report.again_at),
        error=None
        if error is None
        else Needed(code=error.code, message=error.message, nothing_lost=error.nothing_lost, next=error.next_step),
    )


class EmptiedSync(SyncReport):
    """What became of it. `emptied`: how many people Meta had from us; `name`: of the audience at Meta."""

    emptied: int
    name: str


class Emptied(Answer):
    """The sync that was emptied."""

    syncs: tuple[EmptiedSync, ...]
    traits_not_renewed: dict[str, str]


class EmptySync(Operation[Emptied]):
    """Take everybody out of a sync's audience at Meta, and leave it empty until it is resumed. Needs a yes.

    A service answers at once and goes on by itself: `GET /syncs/{key}` tells when nobody is left.
    """

    route = post("/syncs/{key}/empty", Scope.SETTINGS)
    key: Key
    yes: Yes = False

    def run(self, desk: Desk) -> Emptied:
        going = emptying.stake(desk.records.journal, self.key)
        if not self.yes:
            raise GuestlistError(
                "yes_needed",
                f"{counted(going.people, 'person')} would be taken out of '{going.name}' ({going.audience}) at Meta, and "
                f"nobody put in again until: guestlist resume {going.sync}",
                nothing_lost="Nothing was sent. People whom only others put there would stay.",
                next_step=f"If that is meant: guestlist sync {going.sync} --empty --yes, by the API with yes: true",
            )
        report = self._ordered(desk, going) if desk.keeper is not None else self._done(desk, going)
        told = EmptiedSync(**dict(report), emptied=going.people, name=going.name)
        return Emptied(syncs=(told,), traits_not_renewed={})

    def _ordered(self, desk: Desk, going: emptying.Stake) -> SyncReport:
        """It may take long: the one who keeps the space does it in its turn."""
        keeper = keeper_of(desk)
        emptying.order(desk.space, desk.records.journal, self.key, actor=desk.actor, now=desk.now)
        keeper.run_now(going.sync)
        return report_of(going.sync, Report()).model_copy(update={"state": "ordered"})

    def _done(self, desk: Desk, going: emptying.Stake) -> SyncReport:
        with desk.stores() as syncing:
            return report_of(going.sync, emptying.empty(syncing, self.key, actor=desk.actor))


# --- deleted ----------------------------------------------------------------------------------------------------------


class AudienceDeleted(Answer):
    """The audience is gone at Meta, with so many people from us; its sync is paused."""

    sync: str
    audience: str
    name: str
    people: int
    deleted: bool


class DeleteAudienceAtMeta(Operation[AudienceDeleted]):
    """Delete an audience at Meta. Its sync is paused; resumed, it makes a new one. Needs a yes."""

    route = delete("/syncs/{key}/audience", Scope.SETTINGS)
    key: Key
    yes: Yes = False

    def run(self, desk: Desk) -> AudienceDeleted:
        going = emptying.stake(desk.records.journal, self.key)
        if not self.yes:
            raise _yes_needed(going)
        with desk.stores() as syncing:
            emptying.delete(syncing, self.key, actor=desk.actor)
        return AudienceDeleted(
            sync=going.sync, audience=going.audience, name=going.name, people=going.people, deleted=True
        )


def _yes_needed(going: emptying.Stake) -> GuestlistError:
    others = " It was adopted: people whom others put there would go too." if going.adopted else ""
    return GuestlistError(
        "yes_needed",
        f"'{going.name}' ({going.audience}) would be deleted at Meta, with {counted(going.people, 'person')} from here."
        f"{others} Ads that use it would stop.",
        nothing_lost="Nothing was changed.",
        next_step=f"If that is meant: guestlist destinations delete-audience {going.sync} --yes, by the API with "
        "yes: true",
    )

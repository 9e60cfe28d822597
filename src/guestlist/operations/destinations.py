"""Destinations: how each stands, whether we may send there and for how long; connected, given another token, let go of."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from guestlist.clock import Clock, microseconds
from guestlist.connected import connecting
from guestlist.connected import login as logging_in
from guestlist.connected.connections import clock_at
from guestlist.connected.watching import DestinationStanding, standing_of
from guestlist.destinations.meta.client import GRAPH_URL, on_this_machine
from guestlist.destinations.meta.connect import Connected, Credentials, secret_names
from guestlist.destinations.settings import read_destination
from guestlist.errors import GuestlistError
from guestlist.operations.desk import Desk
from guestlist.operations.hidden import Hidden, secret_of
from guestlist.operations.operation import Operation, Scope, get, post, put
from guestlist.outward import is_allowed
from guestlist.owning.holding import lives
from guestlist.store.journal_tables import Sync
from guestlist.telling.answer import Answer, Value

Name = Annotated[str, Field(description="What audiences call it: `sync: NAME`.")]
GraphUrl = Annotated[
    str | None,
    Field(
        description="Of a simulated Meta on the service's machine, whose host stands under `allowed_hosts:`; "
        "Meta's own when left out."
    ),
]
Token = Annotated[Hidden, Field(description="An access token. It is tried at Meta, then kept sealed, and never shown.")]
AppSecret = Annotated[
    Hidden | None, Field(description="The secret of the token's app; the one that was given before when left out.")
]
META = "Meta"
"""Where a destination is that is not at a simulated one."""
_KINDS = {"SYSTEM_USER": "of a system user", "USER": "a person's", "PAGE": "a page's", "APP": "an app's"}
_DAY = 86_400


# --- how it stands ----------------------------------------------------------------------------------------------------


class Needed(Value):
    """What a person has to do about a destination, and why."""

    code: str
    message: str
    nothing_lost: str | None
    next: str


class DestinationTold(Value):
    """One destination, by the records. `days_left` where its token ends within two weeks."""

    destination: str
    account: str
    token_kept: bool
    token_kind: str | None
    token_expires: str | None
    data_access_ends: str | None
    token_checked: str | None
    days_left: int | None
    parked: bool
    parked_since: str | None
    error: Needed | None

    @property
    def needs_a_person(self) -> bool:
        """Whether it is parked, or about to be."""
        return self.error is not None

    @property
    def token_in_words(self) -> str:
        """Whose token it is, and until when it is good."""
        if not self.token_kept:
            return "none kept"
        if self.token_kind is None:
            return "kept"
        kind = _KINDS.get(self.token_kind, "kept")
        return f"{kind}, does not expire" if self.token_expires is None else f"{kind}, until {self.token_expires[:10]}"


def told_of(one: DestinationStanding) -> DestinationTold:
    """As it is told to people and machines."""
    known, error = one.known, one.parked or one.warning
    return DestinationTold(
        destination=one.name,
        account=one.account,
        token_kept=one.token_kept,
        token_kind=known.kind if known else None,
        token_expires=instant(known.expires_at) if known else None,
        data_access_ends=instant(known.data_access_ends_at) if known else None,
        token_checked=instant(known.checked_at) if known else None,
        days_left=one.ending.days if one.ending else None,
        parked=one.parked is not None,
        parked_since=instant(one.parked_since),
        error=None
        if error is None
        else Needed(code=error.code, message=error.message, nothing_lost=error.nothing_lost, next=error.next_step),
    )


def instant(microseconds: int | None) -> str | None:
    """To the second."""
    return None if microseconds is None else datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()


class DestinationListed(DestinationTold):
    """One destination of the list. `at`: Meta, or where a simulated one is; `audiences`: how many syncs go there."""

    at: str
    version: str
    token: bool
    token_told: str
    app_secret: bool
    audiences: int


class DestinationsListed(Answer):
    """All destinations, as they stand in guestlist.yaml."""

    destinations: tuple[DestinationListed, ...]


class ListDestinations(Operation[DestinationsListed]):
    """List the destinations of the space. Nothing is asked of Meta."""

    route = get("/destinations")

    def run(self, desk: Desk) -> DestinationsListed:
        logging_in.sweep(desk.records, now=desk.now)
        return DestinationsListed(destinations=tuple(_listed(desk, name) for name in desk.space.settings.destinations))


def _listed(desk: Desk, name: str) -> DestinationListed:
    told, journal = _standing(desk, name), desk.records.journal
    _, app_secret = secret_names(name)
    return DestinationListed(
        **dict(told),
        at=_at(desk, name),
        version=read_destination(desk.space.settings, name).version,
        token=told.token_kept,
        token_told="parked" if told.parked else told.token_in_words,
        app_secret=journal.secret(app_secret) is not None,
        audiences=sum(1 for sync in journal.syncs() if sync.destination == name),
    )


def _standing(desk: Desk, name: str) -> DestinationTold:
    return told_of(standing_of(desk.space, desk.records.journal, name, now=desk.now))


def _at(desk: Desk, name: str) -> str:
    graph_url = read_destination(desk.space.settings, name).graph_url
    return META if graph_url == GRAPH_URL else graph_url


class AudienceKept(Value):
    """An audience at Meta that a sync keeps. `people_sent`: people, not rows."""

    sync: str
    id: str | None
    name: str | None
    people_sent: int


def _kept(sync: Sync) -> AudienceKept:
    return AudienceKept(sync=sync.key, id=sync.remote_id, name=sync.remote_name, people_sent=sync.people_sent)


class DestinationInFull(DestinationTold, Answer):
    """One destination and its audiences. `at`: Meta, or where a simulated one is."""

    at: str
    audiences: tuple[AudienceKept, ...]


class ShowDestination(Operation[DestinationInFull]):
    """Show one destination: whether we may send there, for how long, and its audiences. Nothing is asked of Meta."""

    route = get("/destinations/{name}")
    name: Name

    def run(self, desk: Desk) -> DestinationInFull:
        told = _standing(desk, self.name)
        there = [one for one in desk.records.journal.syncs() if one.destination == self.name and one.remote_id]
        return DestinationInFull(**dict(told), at=_at(desk, self.name), audiences=tuple(map(_kept, there)))


# --- connected --------------------------------------------------------------------------------------------------------


class ConnectedTold(Answer):
    """What Meta told of a token and its ad account; the token itself is never told. `kept_by_service`: whether a service
    keeps the space right, and goes on by itself."""

    destination: str
    account: str
    account_name: str
    currency: str
    time_zone: str
    token_of: str
    token_kind: str
    token_expires: str | None
    token_days_left: int | None
    terms_accepted: bool
    terms_link: str
    kept_by_service: bool


def connected_told(desk: Desk, name: str, found: Connected, clock: Clock) -> ConnectedTold:
    """As it is told."""
    expires, now = found.token.expires_at, clock.now()
    return ConnectedTold(
        destination=name,
        account=found.account.id,
        account_name=found.account.name,
        currency=found.account.currency,
        time_zone=found.account.time_zone,
        token_of=found.who,
        token_kind=found.token.kind,
        token_expires=None if expires is None else datetime.fromtimestamp(expires, UTC).date().isoformat(),
        token_days_left=None if expires is None else (expires - int(now.timestamp())) // _DAY,
        terms_accepted=found.account.list_terms_accepted,
        terms_link=found.terms_link,
        kept_by_service=lives(desk.records.journal.owner(), now=microseconds(now)),
    )


class ConnectDestination(Operation[ConnectedTold]):
    """Connect a Meta ad account by an access token. The token is tried at Meta before anything is kept.

    It is kept sealed in the space, as is the app's secret; neither is ever in an answer, a log or the audit.
    """

    route = put("/destinations/{name}", Scope.SETTINGS)
    name: Name
    account: Annotated[str, Field(description="The ad account: `act_` and digits.")]
    token: Token
    app_secret: AppSecret = None
    graph_url: GraphUrl = None

    def run(self, desk: Desk) -> ConnectedTold:
        check_simulated(desk, self.graph_url)
        settings = connecting.planned_settings(desk.space, self.name, self.account, self.graph_url)
        clock, credentials = clock_for(desk, self.graph_url), _credentials(desk, self.name, self.token, self.app_secret)
        now = microseconds(clock.now())
        found = connecting.connect(
            desk.space, desk.records, self.name, settings, credentials, actor=desk.actor, now=now
        )
        return connected_told(desk, self.name, found, clock)


class ReconnectDestination(Operation[ConnectedTold]):
    """Give a destination another token, for the same ad account. What waited goes on where it stood."""

    route = post("/destinations/{name}/reconnect", Scope.SETTINGS)
    name: Name
    token: Token
    app_secret: AppSecret = None

    def run(self, desk: Desk) -> ConnectedTold:
        credentials = _credentials(desk, self.name, self.token, self.app_secret)
        found = connecting.reconnect(desk.space, desk.records, self.name, credentials, actor=desk.actor, now=desk.now)
        return connected_told(desk, self.name, found, desk.clock)


def _credentials(desk: Desk, name: str, token: SecretStr, app_secret: SecretStr | None) -> Credentials:
    if app_secret is None:
        return connecting.with_kept_secret(desk.records, name, secret_of(token))
    return Credentials(token=secret_of(token), app_secret=secret_of(app_secret))


def check_simulated(desk: Desk, graph_url: str | None) -> None:
    """Nobody has a service call something on its machine, unless its owner named that, or one is connected to it.

    What is not on this machine is refused by whoever connects, unless it is Meta's.
    """
    if graph_url is None or desk.keeper is None or not on_this_machine(graph_url):
        return
    parts = urlsplit(graph_url)
    known = {str(one.get("graph_url")) for one in desk.space.settings.destinations.values()}
    allowed = desk.space.settings.allowed_hosts
    if graph_url.rstrip("/") not in known and not is_allowed(parts.hostname or "", parts.port or 80, allowed):
        raise GuestlistError(
            "address_internal",
            "The Graph URL is on the service's own machine, where requests are not sent.",
            nothing_lost="Nothing was changed or sent.",
            next_step="If a simulated Meta is meant, name its host under `allowed_hosts:` in guestlist.yaml.",
        )


def clock_for(desk: Desk, graph_url: str | None) -> Clock:
    """The clock of a simulated Meta, which may run fast; or the space's."""
    return clock_at(graph_url) if graph_url and on_this_machine(graph_url) else desk.clock


# --- let go of --------------------------------------------------------------------------------------------------------


class Disconnected(Answer):
    """The token is forgotten. `audiences_at_meta` stay there as they are."""

    destination: str
    account: str
    audiences_at_meta: tuple[AudienceKept, ...]


class DisconnectDestination(Operation[Disconnected]):
    """Forget a destination's token. Its settings and records stay, and so do its audiences at Meta, as they are."""

    route = post("/destinations/{name}/disconnect", Scope.SETTINGS)
    name: Name

    def run(self, desk: Desk) -> Disconnected:
        gone = connecting.disconnect(desk.space, desk.records, self.name, actor=desk.actor, now=desk.now)
        return Disconnected(
            destination=self.name, account=gone.account, audiences_at_meta=tuple(map(_kept, gone.audiences))
        )

"""What the console's pages show, read from the world: plain values, ready to print."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fakemeta.audiences import Audience, status
from fakemeta.business import BusinessUser
from fakemeta.sessions import LIFE
from fakemeta.tokens import DEAD, Token
from fakemeta.world import Account, World

Tone = Literal["good", "waiting", "bad"]
_ACCOUNT_STATUS = {1: "Active", 2: "Disabled", 3: "Unsettled", 7: "In review", 9: "In grace period", 101: "Closed"}
_OPERATION = {
    0: "Unknown",
    200: "Normal",
    410: "Nothing uploaded",
    411: "Few matched",
    412: "Many invalid",
    441: "Populating",
    471: "Flagged",
}
_DELIVERY = {200: "Ready", 300: "Too small", 400: "Disabled"}
_WORKING = {0, 300, 410, 414, 441}
_GOOD = {200}
_HISTORY = 200  # lines of history on a page; the control API has them all


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountView:
    id: str
    name: str
    business: str
    status: str
    terms_accepted: bool
    audiences: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusView:
    """`label` in a word or two, `text` as the API says it."""

    code: int
    label: str
    text: str
    tone: Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class AudienceView:
    id: str
    account_id: str
    name: str
    description: str
    kind: str
    size: str
    operation: StatusView
    delivery: StatusView
    created: float
    changed: float
    content_changed: float | None
    flagged: bool
    received: int
    invalid: int
    pending: int
    shared_with: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryView:
    """One applied request."""

    at: float
    action: str
    rows: int
    invalid: int
    matched: int
    session: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionView:
    id: str
    action: str
    started: float
    ended: float | None
    open: bool
    batches: int
    received: int
    invalid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UserView:
    id: str
    name: str
    is_person: bool
    roles: tuple[tuple[str, str], ...]  # ad account, tasks
    declined: tuple[str, ...]
    living: int  # login tokens that still work


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenView:
    value: str
    person: str
    kind: str
    scopes: tuple[str, ...]
    accounts: str
    issued: float
    expires: float | None
    state: str
    alive: bool


def account_view(account: Account) -> AccountView:
    return AccountView(
        id=account.id,
        name=account.name,
        business=account.business.name if account.business else "no business",
        status=_ACCOUNT_STATUS.get(account.status, f"Status {account.status}"),
        terms_accepted=account.terms_accepted,
        audiences=len(account.audiences),
    )


def audience_view(world: World, audience: Audience) -> AudienceView:
    audience.settle(world.clock.now(), world.behaviour)
    return AudienceView(
        id=audience.id,
        account_id=audience.account_id,
        name=audience.name,
        description=str(audience.settings.get("description") or ""),
        kind="Customer list" if audience.subtype == "CUSTOM" else audience.subtype.capitalize(),
        size=_size(*audience.bounds(world.clock.now(), world.behaviour)),
        operation=_status(status(audience.operation_code(world.behaviour)), _OPERATION),
        delivery=_status(audience.delivery(), _DELIVERY),
        created=audience.created,
        changed=max(audience.updated, audience.content_updated or 0.0),
        content_changed=audience.content_updated,
        flagged=audience.flagged,
        received=audience.received,
        invalid=audience.invalid,
        pending=len(audience.members.pending),
        shared_with=tuple(audience.shared_with),
    )


def _size(low: int, high: int) -> str:
    """As Audience Manager words it."""
    if low < 0:
        return "Not available"
    return "Below 1,000" if high <= 1000 else f"{low:,} – {high:,}"


def _status(told: Mapping[str, Any], labels: Mapping[int, str]) -> StatusView:
    code = int(told["code"])
    return StatusView(code=code, label=labels.get(code, "See below"), text=told["description"], tone=_tone(code))


def _tone(code: int) -> Tone:
    if code in _GOOD:
        return "good"
    return "waiting" if code in _WORKING else "bad"


def history_views(audience: Audience) -> list[HistoryView]:
    """Newest first."""
    return [
        HistoryView(
            at=entry.at,
            action="Added" if entry.action == "add" else "Removed",
            rows=entry.rows,
            invalid=entry.invalid,
            matched=len(entry.people),
            session=entry.session_id,
        )
        for entry in reversed(audience.history[-_HISTORY:])
    ]


def session_views(account: Account, audience: Audience, now: float) -> list[SessionView]:
    """Newest first."""
    sessions = sorted(account.sessions.of(audience.id), key=lambda one: one.started, reverse=True)
    return [
        SessionView(
            id=str(one.id),
            action="Add" if one.direction == "add" else "Remove",
            started=one.started,
            ended=one.ended or (one.started + LIFE if one.closed(now) else None),
            open=one.closed(now) is None,
            batches=len(one.batches),
            received=one.received,
            invalid=one.invalid,
        )
        for one in sessions[:_HISTORY]
    ]


def user_views(world: World) -> list[UserView]:
    now = world.clock.now()
    return [
        UserView(
            id=user.id,
            name=user.name,
            is_person=user.kind == "USER",
            roles=_roles(world, user),
            declined=tuple(sorted(user.declined)),
            living=sum(token.dead(now) is None for token in world.app.tokens_of(user)),
        )
        for user in world.users.values()
    ]


def _roles(world: World, user: BusinessUser) -> tuple[tuple[str, str], ...]:
    accounts = world.accounts_of(user)
    return tuple((account.name, ", ".join(user.tasks_on(account.id)).title()) for account in accounts)


def token_views(world: World) -> list[TokenView]:
    """Newest first."""
    return [_token_view(world, token) for token in reversed(world.app.tokens.values())]


def _token_view(world: World, token: Token) -> TokenView:
    dead = token.dead(world.clock.now())
    return TokenView(
        value=token.value,
        person=token.user.name,
        kind="System user" if token.kind == "SYSTEM_USER" else "Login",
        scopes=token.scopes,
        accounts="all" if token.accounts is None else _names(world, token.accounts),
        issued=token.issued_at,
        expires=token.expires_at or None,
        state="works" if dead is None else DEAD.get(dead, f"dead (190/{dead})"),
        alive=dead is None,
    )


def _names(world: World, ids: Iterable[str]) -> str:
    return ", ".join(world.accounts[one].name if one in world.accounts else one for one in ids) or "none"

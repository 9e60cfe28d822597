"""Is everything in order at Meta? Each check is one line; nothing is changed and no row is sent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from guestlist.destinations.meta.answers import Account, TokenFacts
from guestlist.destinations.meta.client import MetaClient, MetaError
from guestlist.destinations.meta.verdicts import as_error, verdict_of

_NEEDED = "ads_management"
_MOST_LISTS = 500
_WARN_LISTS = 450
_WARN_DAYS = 14
_WARN_USAGE = 60.0
_ACTIVE = frozenset({1, 9})  # 9: in the grace period after a failed payment, still working
_STATUS = {
    2: "disabled", 3: "unsettled: a payment is open", 7: "under review by Meta", 8: "waiting for settlement",
    100: "about to be closed", 101: "closed",
}  # fmt: skip
_DAY = 86_400


class Health(Enum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One check: what was found and, unless all is well, what to do and the stable code."""

    check: str  # token | account | role | terms | quota | audiences
    health: Health
    found: str
    next_step: str = ""
    code: str = ""


def examine(client: MetaClient, *, now: int) -> Iterator[Line]:
    """Yields each line as soon as it is known; `now` in seconds since 1970. A dead token ends it early."""
    token = _asked("token", lambda: _token(client.token(), now))
    yield token
    if token.health is Health.BROKEN:
        return
    yield _asked("role", lambda: _role(client.permissions()))
    accounts: list[Account] = []
    yield _asked("account", lambda: _account(client, accounts))
    for account in accounts:
        yield _terms(account)
        yield _asked("audiences", lambda: _audiences(client))
    yield _quota(client)


def _asked(check: str, look: Callable[[], Line]) -> Line:
    try:
        return look()
    except MetaError as error:
        return Line(check=check, health=Health.BROKEN, found=error.message, next_step=error.next_step, code=error.code)


def _token(facts: TokenFacts, now: int) -> Line:
    if not facts.valid:
        return _by_table("token", "Token", 190, facts.subcode)
    if facts.expires_at is None:
        return Line(check="token", health=Health.OK, found="The token is valid and does not expire.")
    days = (facts.expires_at - now) // _DAY
    day = datetime.fromtimestamp(facts.expires_at, UTC).date().isoformat()
    found = f"The token is valid until {day}, {days} days from now."
    if days >= _WARN_DAYS:
        return Line(check="token", health=Health.OK, found=found)
    return Line(
        check="token",
        health=Health.WARNING,
        found=found,
        next_step="Make a new token, best one of a system user that does not expire: guestlist destinations connect.",
        code="meta_token_expires_soon",
    )


def _role(granted: frozenset[str]) -> Line:
    if _NEEDED in granted:
        return Line(check="role", health=Health.OK, found=f"The token may manage ads ({_NEEDED}).")
    return _by_table("role", "Token", 294)


def _account(client: MetaClient, found: list[Account]) -> Line:
    account = client.account()
    found.append(account)
    named = f"{account.id} '{account.name}'"
    if account.status in _ACTIVE:
        return Line(check="account", health=Health.OK, found=f"Ad account {named} is active.")
    return Line(
        check="account",
        health=Health.BROKEN,
        found=f"Ad account {named} is {_STATUS.get(account.status, f'in state {account.status}')}.",
        next_step="Look at the account in Meta's business settings.",
        code="meta_account_not_active",
    )


def _terms(account: Account) -> Line:
    if account.list_terms_accepted:
        return Line(check="terms", health=Health.OK, found="Meta's custom audience terms are accepted.")
    return _by_table("terms", f"ad account {account.id}", 200, 1870090)


def _audiences(client: MetaClient) -> Line:
    count = sum(1 for audience in client.audiences() if audience.subtype == "CUSTOM")
    found = f"The account has {count} of {_MOST_LISTS} customer lists."
    if count < _WARN_LISTS:
        return Line(check="audiences", health=Health.OK, found=found)
    return Line(
        check="audiences",
        health=Health.WARNING if count < _MOST_LISTS else Health.BROKEN,
        found=found,
        next_step="Delete lists that no ad set uses in Audience Manager.",
        code="meta_many_audiences",
    )


def _quota(client: MetaClient) -> Line:
    """From the headers of the calls above; an answer without them leaves the quota unknown, which is not a fault."""
    usage = client.usage
    found = f"{usage.percent:.0f} % of this hour's calls to Meta are used."
    if usage.regain_seconds > 0:
        found += f" Meta takes calls again in {usage.regain_seconds / 60:.0f} minutes."
    if usage.regain_seconds == 0 and usage.percent < _WARN_USAGE:
        return Line(check="quota", health=Health.OK, found=found)
    return Line(
        check="quota",
        health=Health.WARNING,
        found=found,
        next_step="Nothing to do: Guestlist slows down by itself. Other tools on this account share the quota.",
        code="meta_quota_high",
    )


def _by_table(check: str, thing: str, code: int, subcode: int | None = None) -> Line:
    error = as_error(verdict_of(code, subcode), thing=thing)
    return Line(check=check, health=Health.BROKEN, found=error.message, next_step=error.next_step, code=error.code)

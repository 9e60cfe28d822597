"""Is everything in order at Meta? Each check is one line; nothing is changed and no row is sent."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from guestlist.destinations.meta.answers import Account, TokenFacts
from guestlist.destinations.meta.client import MetaClient, MetaError
from guestlist.destinations.meta.token_life import NEEDED, ending, may_write
from guestlist.destinations.meta.verdicts import as_error, verdict_of

_MOST_LISTS = 500
_WARN_LISTS = 450
_WARN_USAGE = 60.0
_ACTIVE = frozenset({1, 9})  # 9: in the grace period after a failed payment, still working
_STATUS = {
    2: "disabled", 3: "unsettled: a payment is open", 7: "under review by Meta", 8: "waiting for settlement",
    100: "about to be closed", 101: "closed",
}  # fmt: skip
_DAY = 86_400
_MOST_SKEW_S = 300
_KINDS = {"SYSTEM_USER": "a system user's", "USER": "a person's", "PAGE": "a page's", "APP": "an app's"}
# Names that suggest a condition of health or of money are flagged since September 2025 (operation status 471 of
# https://developers.facebook.com/docs/marketing-api/reference/custom-audience); which words, Meta does not say.
_SUGGESTIVE = (
    *("diabet", "arthritis", "cancer", "asthma", "depress", "hiv", "pregnan", "addict", "disabled", "patient"),
    *("high income", "low income", "credit score", "bankrupt", "in debt", "insolven", "unemployed", "net worth"),
)


class Health(Enum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One check: what was found and, unless all is well, what to do and the stable code."""

    check: str  # token | role | account | business | terms | audiences | names | quota | clock | disk
    health: Health
    found: str
    next_step: str = ""
    code: str = ""


def examine(client: MetaClient, *, now: int, names: Iterable[str] = ()) -> Iterator[Line]:
    """Yields each line as soon as it is known; `now` in seconds since 1970. A dead token ends it early.

    `names`: of the audiences that are sent there.
    """
    token = _asked("token", lambda: _token(client.token(), now))
    yield token
    if token.health is Health.BROKEN:
        return
    yield _asked("role", lambda: _role(client.permissions()))
    accounts: list[Account] = []
    yield _asked("account", lambda: _account(client, accounts))
    for account in accounts:
        yield _business(account)
        yield _terms(account)
        yield _asked("audiences", lambda: _audiences(client))
    yield from _names(names)
    yield _quota(client)
    yield from _clock(client, now)


def _asked(check: str, look: Callable[[], Line]) -> Line:
    try:
        return look()
    except MetaError as error:
        return Line(check=check, health=Health.BROKEN, found=error.message, next_step=error.next_step, code=error.code)


def _token(facts: TokenFacts, now: int) -> Line:
    if not facts.valid:
        return _by_table("token", "Token", 190, facts.subcode)
    whose = f"The token is {_KINDS.get(facts.kind, 'of an unknown kind')}"
    ends = ", and ends when the person changes the password" if facts.kind == "USER" else ""
    found = f"{whose}, {_until(facts, now)}{ends}."
    soon = ending(facts.expires_at, facts.data_access_ends_at, now=now)
    if soon is None:
        return Line(check="token", health=Health.OK, found=found)
    if soon.what != "token":
        found += f" But {soon.happened}."
    return Line(
        check="token",
        health=Health.WARNING,
        found=found,
        next_step="Make a new token, best one of a system user that does not expire: guestlist destinations reconnect NAME",
        code="meta_token_expires_soon",
    )


def _until(facts: TokenFacts, now: int) -> str:
    if facts.expires_at is None:
        return "valid, and does not expire"
    day = datetime.fromtimestamp(facts.expires_at, UTC).date().isoformat()
    return f"valid until {day}, {(facts.expires_at - now) // _DAY} days from now"


def _role(granted: frozenset[str]) -> Line:
    if NEEDED in granted:
        return Line(check="role", health=Health.OK, found=f"The token may manage ads ({', '.join(sorted(granted))}).")
    return _by_table("role", "Token", 294)


def _account(client: MetaClient, found: list[Account]) -> Line:
    account = client.account()
    found.append(account)
    named = f"{account.id} '{account.name}'"
    if not may_write(account):
        tasks = ", ".join(sorted(account.tasks or ())) or "no task"
        return Line(
            check="account",
            health=Health.BROKEN,
            found=f"Ad account {named}: the token's user may only look ({tasks}).",
            next_step="In Meta's business settings give that user the task 'Manage campaigns' for this account.",
            code="meta_only_looks",
        )
    if account.status in _ACTIVE:
        may = f"; the token's user may {', '.join(sorted(account.tasks))}" if account.tasks else ""
        return Line(check="account", health=Health.OK, found=f"Ad account {named} is active{may}.")
    return Line(
        check="account",
        health=Health.BROKEN,
        found=f"Ad account {named} is {_STATUS.get(account.status, f'in state {account.status}')}.",
        next_step="Look at the account in Meta's business settings.",
        code="meta_account_not_active",
    )


def _business(account: Account) -> Line:
    if account.business is not None:
        return Line(check="business", health=Health.OK, found=f"It belongs to the business '{account.business}'.")
    return Line(
        check="business",
        health=Health.WARNING,
        found=f"Ad account {account.id} belongs to no business, as far as this token may see.",
        next_step="Claim the account in Meta's business settings: Meta refuses customer lists of accounts without one.",
        code="meta_no_business",
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


def _names(names: Iterable[str]) -> Iterator[Line]:
    """One line for all names, or one for each that may be flagged."""
    known = sorted(set(names))
    suggestive = [name for name in known if any(word in name.lower() for word in _SUGGESTIVE)]
    for name in suggestive:
        yield Line(
            check="names",
            health=Health.WARNING,
            found=f"Meta may flag the audience '{name}': its name suggests a condition of health or of money.",
            next_step="Give it another `name`. A flagged audience takes no new people, and its ad sets are paused.",
            code="meta_name_suggestive",
        )
    if known and not suggestive:
        yield Line(check="names", health=Health.OK, found="No audience has a name that Meta is known to flag.")


def _clock(client: MetaClient, now: int) -> Iterator[Line]:
    """By the date of Meta's last answer; the call took seconds at most."""
    if client.answered_at is None:
        return
    ahead = now - int(client.answered_at.timestamp())
    if abs(ahead) <= _MOST_SKEW_S:
        yield Line(check="clock", health=Health.OK, found="This machine's clock agrees with Meta's.")
        return
    yield Line(
        check="clock",
        health=Health.WARNING,
        found=f"This machine's clock is {abs(ahead) / 60:,.0f} minutes {'ahead of' if ahead > 0 else 'behind'} Meta's.",
        next_step="Set it by a time server: windows of audiences and waits for Meta go by it.",
        code="clock_wrong",
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

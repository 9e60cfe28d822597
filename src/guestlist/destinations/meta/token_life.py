"""The life of a token: which errors end it for the whole destination, whether it lives again, how long it still has."""

from dataclasses import dataclass
from datetime import UTC, datetime

from guestlist.counts import counted
from guestlist.destinations.meta.answers import Account
from guestlist.destinations.meta.client import MetaClient, MetaError
from guestlist.destinations.meta.verdicts import TABLE, Rule, Verdict, verdict_of

WARN_DAYS = (14, 3, 1)
NEEDED = "ads_management"
WRITING = frozenset({"MANAGE", "ADVERTISE"})
_DAY = 86_400
_LIST_TERMS = (200, 1870090)
_ELSEWHERE = frozenset({2663, 2664})  # terms of other things than customer lists


def parks(rule: Rule) -> bool:
    """Whether no call of the destination can go well until a person did something: the token, its rights, the terms."""
    if rule.code == 100 or rule.code in _ELSEWHERE:  # 100: a login that went wrong
        return False
    return rule.verdict in {Verdict.RECONNECT, Verdict.ACCEPT_TERMS}


PARKING_CODES = frozenset(rule.name for rule in TABLE if parks(rule))
"""The stable codes of errors that park a destination."""


def may_write(account: Account) -> bool:
    """Whether the token's user may change audiences there; where Meta does not say, trying will tell."""
    return account.tasks is None or not account.tasks.isdisjoint(WRITING)


def what_still_parks(client: MetaClient) -> Rule | None:
    """Ask Meta for token, rights and terms, in three calls at most; raises what has nothing to do with them."""
    try:
        return _what_parks(client)
    except MetaError as error:
        if error.rule is not None and parks(error.rule):
            return error.rule
        raise


def _what_parks(client: MetaClient) -> Rule | None:
    facts = client.token()
    if not facts.valid:
        return verdict_of(190, facts.subcode)
    if NEEDED not in client.permissions():
        return verdict_of(294)
    account = client.account()
    if not may_write(account):
        return verdict_of(200)
    return None if account.list_terms_accepted else verdict_of(*_LIST_TERMS)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A token that ends soon, or has. `what` ends: the token, or the app's access to its person's data (90 days)."""

    what: str  # token | data access
    at: int  # seconds since 1970
    days: int  # whole days left, 0 on the last, less after it
    step: int  # of WARN_DAYS: the fewest that are not yet over

    @property
    def happened(self) -> str:
        """As a sentence."""
        if self.days < 0:
            return f"its {self.what} has ended"
        day, left = datetime.fromtimestamp(self.at, UTC).date().isoformat(), _left(self.days)
        if self.what == "token":
            return f"its token ends {left}, on {day}"
        return f"Meta lets the app use its person's data until {day}, so the token is of no use any more {left}"


def _left(days: int) -> str:
    if days <= 0:
        return "in less than a day"
    return f"in {counted(days, 'day')}"


def ending(expires_at: int | None, data_access_ends_at: int | None, *, now: int) -> Ending | None:
    """What ends first within 14 days, all in seconds; None while there is more time than that."""
    ends = [(at, what) for at, what in ((expires_at, "token"), (data_access_ends_at, "data access")) if at]
    if not ends:
        return None
    at, what = min(ends)
    left = at - now
    passed = [days for days in WARN_DAYS if left < days * _DAY]
    return Ending(what=what, at=at, days=left // _DAY, step=passed[-1]) if passed else None

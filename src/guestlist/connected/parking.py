"""Parked destinations: once a token is dead or terms are wanted, nothing of it is called until a person did something.

Whatever calls Meta meets the error first and parks the destination; nothing that waits is lost by that, do-not-send and
erasure stay due. It goes on with another token, or once Meta says that the reason is gone: it is asked at growing
intervals, and at once by `guestlist sync` and `guestlist doctor`.
"""

from guestlist.destinations.meta.client import MetaClient, MetaError
from guestlist.destinations.meta.token_life import parks, what_still_parks
from guestlist.destinations.meta.verdicts import Rule, to_type
from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_tokens import Parked

_SECOND = 1_000_000
_FIRST, _LONGEST = 60, 900
"""Seconds until Meta is asked whether it is over, doubling; the longest is what the promise leaves for a removal."""


def note(journal: Journal, destination: str, account: str, rule: Rule, *, now: int) -> None:
    """Park the destination if this error of Meta's says so."""
    if not parks(rule):
        return
    new = Parked(
        destination=destination,
        since=now,
        code=rule.name,
        happened=rule.happened,
        next_step=_next_step(destination, account, rule),
        tries=1,
        ask_at=0,
    )
    kept = journal.park(new)
    if not kept.ask_at:
        journal.ask_again(destination, tries=kept.tries, ask_at=now + _wait(kept.tries))


def _next_step(destination: str, account: str, rule: Rule) -> str:
    if "connect" not in rule.next_step:
        return to_type(rule.next_step, destination=destination, account=account)
    return (
        "Make a new token, best one of a system user (docs/connect-meta.md), and run: "
        f"guestlist destinations reconnect {destination}"
    )


def _wait(tries: int) -> int:
    """Microseconds."""
    return int(min(_FIRST * 2.0 ** min(tries - 1, 20), _LONGEST)) * _SECOND


def error_of(parked: Parked) -> GuestlistError:
    """Why it is parked, as an error for a person."""
    code = parked.code
    return GuestlistError(
        code,
        f"Destination '{parked.destination}' is parked: {parked.happened}",
        nothing_lost="Nothing is lost: what waits is sent once it goes on.",
        next_step=parked.next_step,
    )


def look_whether_over(journal: Journal, parked: Parked, account: str, client: MetaClient, *, now: int) -> bool:
    """Ask Meta; where it is over, the destination goes on. Where Meta cannot be asked, it stays as it is."""
    try:
        rule = what_still_parks(client)
    except MetaError:
        rule = None
        over = False
    else:
        over = rule is None
    if over:
        journal.resume(parked.destination, now=now)
        return True
    if rule is not None:
        note(journal, parked.destination, account, rule, now=now)
    journal.ask_again(parked.destination, tries=parked.tries + 1, ask_at=now + _wait(parked.tries + 1))
    return False

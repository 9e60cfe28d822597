"""Where Meta asked for time before an audience could even be looked at: a run that waits, and asks nobody meanwhile."""

from guestlist.destinations.meta.client import MetaError
from guestlist.destinations.meta.deliver import Report, State
from guestlist.destinations.meta.pace import Usage, not_before
from guestlist.destinations.meta.verdicts import Verdict
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Pause

_SHORT = 30_000_000  # microseconds: what a run waits for by itself


def still_rests(journal: Journal, account: str, *, now: int) -> Report | None:
    """A run that does not begin, as Meta wants no calls of this account for a while."""
    pause = journal.pause(account)
    if pause is None or pause.not_before - now <= _SHORT:
        return None
    return Report(state=State.WAITING, again_at=pause.not_before)


def put_off(journal: Journal, account: str, error: MetaError, usage: Usage, *, now: int) -> Report:
    """A run that ended before it began, with the time that Meta asks for kept; raises what waiting does not cure."""
    if error.rule is None or error.rule.verdict is not Verdict.WAIT:
        raise error
    until = not_before(error.rule, usage, attempt=1, now=now)
    journal.save_pause(Pause(account=account, not_before=until, reason=error.rule.name))
    return Report(state=State.WAITING, again_at=until, error=error)

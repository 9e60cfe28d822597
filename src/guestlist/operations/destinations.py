"""How a destination stands, as it is told: whether we may send there, and for how long."""

from datetime import UTC, datetime

from guestlist.connected.watching import DestinationStanding
from guestlist.telling.answer import Value


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

"""Watching tokens: Meta is asked once a day until when each is good, so that its end surprises nobody."""

from dataclasses import dataclass

from guestlist.connected import parking
from guestlist.connected.connections import Connections
from guestlist.destinations.meta.answers import TokenFacts
from guestlist.destinations.meta.token_life import Ending, ending
from guestlist.destinations.meta.verdicts import verdict_of
from guestlist.destinations.settings import read_destination
from guestlist.errors import GuestlistError
from guestlist.space import Space
from guestlist.store.journal import Journal
from guestlist.store.journal_tokens import KnownToken

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND


@dataclass(frozen=True, kw_only=True)
class DestinationStanding:
    """Whether we may send there, and for how long: from the records, without a call. Times in microseconds."""

    name: str
    account: str
    token_kept: bool
    known: KnownToken | None
    ending: Ending | None
    parked: GuestlistError | None
    parked_since: int | None

    @property
    def needs_a_person(self) -> bool:
        return self.ending is not None or self.parked is not None

    @property
    def warning(self) -> GuestlistError | None:
        """That the token ends soon, as an error for a person."""
        if self.ending is None or self.parked is not None:
            return None
        return GuestlistError(
            "meta_token_expires_soon",
            f"Destination '{self.name}': {self.ending.happened}.",
            nothing_lost="Until then all goes on.",
            next_step="Make a new token, best one of a system user, which does not end (docs/connect-meta.md), and run: "
            f"guestlist destinations reconnect {self.name}",
        )


def standing_of(space: Space, journal: Journal, name: str, *, now: int) -> DestinationStanding:
    """How a destination stands."""
    known, parked = journal.known_token(name), journal.parked(name)
    return DestinationStanding(
        name=name,
        account=read_destination(space.settings, name).account,
        token_kept=journal.secret(f"{name}/token") is not None,
        known=known,
        ending=_ending(known, now),
        parked=parking.error_of(parked) if parked else None,
        parked_since=parked.since if parked else None,
    )


def _ending(known: KnownToken | None, now: int) -> Ending | None:
    if known is None:
        return None
    expires, data = known.expires_at, known.data_access_ends_at
    return ending(expires and expires // _SECOND, data and data // _SECOND, now=now // _SECOND)


def know(journal: Journal, destination: str, facts: TokenFacts, *, now: int) -> KnownToken:
    """Keep what Meta told of the destination's token."""
    return journal.know_token(
        KnownToken(
            destination=destination,
            checked_at=now,
            kind=facts.kind,
            expires_at=facts.expires_at and facts.expires_at * _SECOND,
            data_access_ends_at=facts.data_access_ends_at and facts.data_access_ends_at * _SECOND,
        )
    )


def look(space: Space, journal: Journal, connections: Connections, name: str, *, now: int) -> DestinationStanding:
    """Ask Meta about the token if a day has gone by since; how the destination stands then.

    A token that Meta no longer accepts parks the destination. Where Meta cannot be asked, what was known stands.
    """
    if due(journal.known_token(name), now=now):
        try:
            facts = connections.client(name).token()
        except GuestlistError:
            return standing_of(space, journal, name, now=now)
        if facts.valid:
            know(journal, name, facts, now=now)
        else:
            account = read_destination(space.settings, name).account
            parking.note(journal, name, account, verdict_of(190, facts.subcode), now=now)
    return standing_of(space, journal, name, now=now)


def due(known: KnownToken | None, *, now: int) -> bool:
    """Whether a day has gone by since Meta was asked about the token, or it should have ended by now."""
    if known is None or now - known.checked_at >= _DAY:
        return True
    return known.expires_at is not None and known.expires_at <= now


def newly_ending(journal: Journal, standing: DestinationStanding) -> Ending | None:
    """That the token ends soon, once for each of 14, 3 and 1 days before; None where that was told."""
    soon, known = standing.ending, standing.known
    if soon is None or known is None or (known.warned is not None and known.warned <= soon.step):
        return None
    journal.note_warned(standing.name, soon.step)
    return soon


def token_ends(space: Space, journal: Journal) -> dict[str, int]:
    """By destination, when its token is of no use any more, in microseconds; as far as Meta told."""
    ends = {}
    for name in space.settings.destinations:
        known = journal.known_token(name)
        told = [at for at in (known.expires_at, known.data_access_ends_at) if at] if known else []
        if told:
            ends[name] = min(told)
    return ends

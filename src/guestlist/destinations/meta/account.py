"""The Custom Audience behind a sync: made once, found again after a crash, adopted, renamed, and its state in words."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from guestlist.clock import Clock
from guestlist.destinations.meta.answers import Audience, Outcome
from guestlist.destinations.meta.client import REQUEST_SECONDS, MetaError
from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sync

_SECOND = 1_000_000
_CLOCKS_DIFFER = 300  # seconds by which our clock and Meta's may be apart
_ENOUGH = 100  # matched people that Meta needs before ads can use an audience
_GONE = {(100, 33), (1487366, None)}


class AudienceClient(Protocol):
    """The part of the Meta client that deals with audiences."""

    def create_audience(self, name: str, description: str, customer_file_source: str) -> str: ...

    def audience(self, audience: str) -> Audience: ...

    def audiences(self) -> Iterable[Audience]: ...

    def rename_audience(self, audience: str, *, name: str, description: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the audience is to be at Meta. `adopt`: an id, False to make one beside others of its name, None to ask."""

    name: str
    description: str = ""
    customer_file_source: str = "USER_PROVIDED_ONLY"
    adopt: str | Literal[False] | None = None
    rename: Literal["follow", "keep"] = "follow"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The audience as Meta shows it, in words."""

    state: str
    ready: bool
    lower: int | None
    upper: int | None
    size: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """Looks after the audiences of one ad account."""

    journal: Journal
    client: AudienceClient
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def ensure(self, sync: Sync, wish: Wish) -> Sync:
        """The sync with its audience at Meta: made, found, adopted or renamed as needed."""
        if sync.remote_id is not None:
            return self._named(sync, wish)
        if wish.adopt:
            return self._adopted(sync, wish, wish.adopt)
        if sync.creation_intended_at is not None:
            return self._found_again(sync, wish)
        if wish.adopt is None:
            _refuse_known_name(sync, wish, [a for a in self.client.audiences() if a.name == wish.name])
        return self._created(sync, wish)

    def is_gone(self, sync: Sync) -> bool:
        """Whether the audience was deleted at Meta, or is out of the token's sight."""
        if sync.remote_id is None:
            return False
        try:
            self.client.audience(sync.remote_id)
        except MetaError as error:
            rule = error.rule
            if rule is not None and (rule.code, rule.subcode) in _GONE:
                return True
            raise
        return False

    def forget(self, sync: Sync) -> Sync:
        """Let go of an audience that is gone, so that `ensure` makes a new one. The ledger must forget it as well."""
        return self._save(
            replace(
                sync,
                remote_id=None,
                remote_name=None,
                remote_description=None,
                creation_intended_at=None,
                created_at=None,
                adopted=False,
            )
        )

    def _named(self, sync: Sync, wish: Wish) -> Sync:
        remote_id = sync.remote_id
        if wish.rename == "keep" or remote_id is None:
            return sync
        if sync.remote_description is None:  # of before it was kept: what it was then is what Meta has
            sync = self._save(replace(sync, remote_description=wish.description))
        if (sync.remote_name, sync.remote_description) == (wish.name, wish.description):
            return sync
        self.client.rename_audience(remote_id, name=wish.name, description=wish.description)
        return self._save(replace(sync, remote_name=wish.name, remote_description=wish.description))

    def _adopted(self, sync: Sync, wish: Wish, remote_id: str) -> Sync:
        found = self.client.audience(remote_id)
        if found.subtype != "CUSTOM":
            raise GuestlistError(
                "audience_not_a_list",
                f"{sync.key}: the audience {remote_id} at Meta is not a customer list.",
                next_step="Adopt a customer list, or set adopt: false to make a new one.",
                nothing_lost="Nothing was sent.",
            )
        # The name and description that it has stay until the definition's change.
        return self._save(
            replace(
                sync,
                remote_id=remote_id,
                adopted=True,
                remote_name=wish.name,
                remote_description=wish.description,
            )
        )

    def _created(self, sync: Sync, wish: Wish) -> Sync:
        """Intent first: whatever happens from here on, the next run looks for what this one made."""
        sync = self._save(self._intended(sync, wish))
        try:
            made = self.client.create_audience(wish.name, wish.description, wish.customer_file_source)
        except MetaError as error:
            if error.reply.outcome is Outcome.UNKNOWN:
                return self._found_again(sync, wish)
            self._save(replace(sync, creation_intended_at=None, remote_name=None, remote_description=None))
            raise
        return self._save(replace(sync, remote_id=made, created_at=self._now()))

    def _found_again(self, sync: Sync, wish: Wish) -> Sync:
        """What an earlier attempt made, by its name and time; made anew only when no request can be on its way."""
        intended, name = sync.creation_intended_at or 0, sync.remote_name or wish.name
        found = self._made_since(name, intended)
        if found is None:
            rest = intended / _SECOND + REQUEST_SECONDS - self._now() / _SECOND
            if rest > 0:
                self.sleep(rest)
                found = self._made_since(name, intended)
        if found is None:
            return self._created_after_all(sync, wish)
        found_sync = self._save(replace(sync, remote_id=found.id, created_at=found.created * _SECOND))
        return self._named(found_sync, wish)

    def _created_after_all(self, sync: Sync, wish: Wish) -> Sync:
        sync = self._save(self._intended(sync, wish))
        made = self.client.create_audience(wish.name, wish.description, wish.customer_file_source)
        return self._save(replace(sync, remote_id=made, created_at=self._now()))

    def _intended(self, sync: Sync, wish: Wish) -> Sync:
        return replace(
            sync,
            creation_intended_at=self._now(),
            remote_name=wish.name,
            remote_description=wish.description,
        )

    def _made_since(self, name: str, intended: int) -> Audience | None:
        """The first of that name that no other sync has."""
        earliest = intended // _SECOND - _CLOCKS_DIFFER
        taken = {sync.remote_id for sync in self.journal.syncs()}
        found = [a for a in self.client.audiences() if a.name == name and a.created >= earliest and a.id not in taken]
        return min(found, key=lambda audience: audience.created, default=None)

    def _save(self, sync: Sync) -> Sync:
        self.journal.save_sync(sync)
        return sync

    def _now(self) -> int:
        return int(self.clock.now().timestamp() * _SECOND)


def _refuse_known_name(sync: Sync, wish: Wish, same: list[Audience]) -> None:
    if not same:
        return
    ids = ", ".join(audience.id for audience in same)
    raise GuestlistError(
        "audience_name_exists",
        f"{sync.key}: Meta already has an audience named '{wish.name}' ({ids}).",
        next_step=f"Set adopt: {same[0].id} to go on with it, or adopt: false to make a new one beside it.",
        nothing_lost="Nothing was sent.",
    )


def standing(client: AudienceClient, sync: Sync, account: str, *, since: datetime | None = None) -> Standing | None:
    """How the audience stands at Meta, None before it is there; `since` is when rows were last handed over."""
    return None if sync.remote_id is None else in_words(client.audience(sync.remote_id), account, since=since)


_OPERATIONS = {
    100: "not used for two years: Meta is about to delete it",
    400: "Meta warns about it",
    410: "nothing was uploaded yet",
    411: "few people matched",
    412: "many entries were invalid",
    414: "being replaced",
    415: "its replacement failed",
    450: "out of date",
    470: "its creator's account is inactive",
    471: "flagged by Meta: change its name and description, or appeal in Audience Manager",
    500: "Meta reports an error",
}


def in_words(audience: Audience, account: str, *, since: datetime | None = None) -> Standing:
    """An audience's state, size and address."""
    ready = audience.delivery_code == 200 and audience.operation_code in {0, 200, 411, 412}
    return Standing(
        state=_state(audience, since),
        ready=ready,
        lower=audience.lower,
        upper=audience.upper,
        size=_size(audience),
        link="https://www.facebook.com/adsmanager/audiences"
        f"?act={account.removeprefix('act_')}&selected_audience_ids={audience.id}",
    )


def _state(audience: Audience, since: datetime | None) -> str:
    if audience.operation_code == 441:
        return f"populating since {since:%H:%M}" if since is not None else "populating"
    if audience.operation_code in _OPERATIONS and audience.operation_code not in {411, 412}:
        return _OPERATIONS[audience.operation_code]
    if audience.delivery_code == 300:
        return f"too small: Meta needs {_ENOUGH} matched people"
    if audience.delivery_code >= 400:
        return "cannot be used for ads"
    detail = _OPERATIONS.get(audience.operation_code)
    return f"ready; {detail}" if detail else "ready"


def _size(audience: Audience) -> str:
    if audience.lower is None or audience.upper is None:
        return "not known yet"
    if audience.upper <= 1000:
        return "below 1,000"
    return f"{audience.lower:,} to {audience.upper:,}"

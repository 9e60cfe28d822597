"""Keys of the API, and the record of who changed what."""

import re
from datetime import UTC, datetime
from typing import Annotated

import orjson
from pydantic import Field

from guestlist.errors import WrongUseError
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Role, Scope, delete, get, post
from guestlist.owning.reaching import digest_of, new_key
from guestlist.store.journal_access import ApiKey
from guestlist.telling.answer import Answer, Value

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
Name = Annotated[str, Field(description="What the key is called; small letters, digits and . _ -")]


class KeyKnown(Value):
    """A key without the key itself."""

    name: str
    role: Role
    scopes: tuple[Scope, ...]
    made_at: datetime
    used_at: datetime | None


class Keys(Answer):
    """All keys, by name."""

    keys: tuple[KeyKnown, ...]


class ListKeys(Operation[Keys]):
    """List the keys of the API: who may do what, and when each was last used."""

    route = get("/keys", Scope.KEYS)

    def run(self, desk: Desk) -> Keys:
        return Keys(keys=tuple(_known(one) for one in desk.records.journal.api_keys()))


def _known(one: ApiKey) -> KeyKnown:
    return KeyKnown(
        name=one.name,
        role=Role(one.role),
        scopes=tuple(sorted(scopes_of(one))),
        made_at=_instant(one.made_at),
        used_at=None if one.used_at is None else _instant(one.used_at),
    )


def scopes_of(key: ApiKey) -> frozenset[Scope]:
    """What a key may do: what its role may, narrowed by its own scopes."""
    role = Role(key.role).scopes
    return role & {Scope(one) for one in key.scopes.split()} if key.scopes else role


class NewKey(Answer):
    """The key, which is shown this once: only its digest is kept."""

    name: str
    role: Role
    scopes: tuple[Scope, ...]
    key: str


class AddKey(Operation[NewKey]):
    """Make a key of the API. It is shown once."""

    route = post("/keys", Scope.KEYS)
    tells_secret = True
    name: Name
    role: Role = Role.VIEWER
    scopes: Annotated[
        tuple[Scope, ...], Field(description="Some of the scopes of its role, where it is to have less than all.")
    ] = ()

    def run(self, desk: Desk) -> NewKey:
        if not _NAME.fullmatch(self.name):
            raise WrongUseError(
                "bad_key_name",
                f"'{self.name}' cannot be the name of a key.",
                nothing_lost="Nothing was changed.",
                next_step="Use small letters, digits and . _ - only, such as airflow.",
            )
        beyond = set(self.scopes) - self.role.scopes
        if beyond:
            raise WrongUseError(
                "scope_beyond_role",
                f"The role {self.role} has no scope {', '.join(sorted(beyond))}.",
                nothing_lost="Nothing was changed.",
                next_step=f"It has: {', '.join(sorted(self.role.scopes))}.",
            )
        self._check_is_not_more(desk)
        key = new_key()
        made = ApiKey(
            name=self.name,
            digest=digest_of(key),
            role=self.role.value,
            scopes=" ".join(sorted(self.scopes)),
            made_at=desk.now,
        )
        desk.records.journal.add_api_key(made)
        desk.audit("key added", self.name)
        return NewKey(name=self.name, role=self.role, scopes=tuple(sorted(scopes_of(made))), key=key.reveal())

    def _check_is_not_more(self, desk: Desk) -> None:
        """Who was given less than all could otherwise take all."""
        wanted = frozenset(self.scopes) or self.role.scopes
        if wanted - desk.scopes:
            raise WrongUseError(
                "more_than_own_key",
                f"Your key may not give away what it has not: {', '.join(sorted(wanted - desk.scopes))}.",
                nothing_lost="Nothing was changed.",
                next_step="Give the new key less, by its role and scopes; or ask somebody whose key may do that.",
            )


class KeyRemoved(Answer):
    """The key is good no longer."""

    name: str
    removed: bool


class RemoveKey(Operation[KeyRemoved]):
    """Take a key away: requests with it are refused within two seconds."""

    route = delete("/keys/{name}", Scope.KEYS)
    name: Name

    def run(self, desk: Desk) -> KeyRemoved:
        if not desk.records.journal.remove_api_key(self.name):
            known = ", ".join(one.name for one in desk.records.journal.api_keys())
            raise WrongUseError(
                "no_such_key",
                "There is no key of that name.",
                nothing_lost="Nothing was changed.",
                next_step=f"Here are: {known}." if known else "There is none yet: guestlist keys add NAME",
            )
        desk.audit("key removed", self.name)
        return KeyRemoved(name=self.name, removed=True)


class AuditLine(Value):
    """Who did what to which thing; numbers and ids only."""

    number: int
    at: datetime
    actor: str
    action: str
    about: str
    counts: dict[str, int]
    reason: str


class Audit(Answer):
    """The newest first.

    `whole`: whether no entry was changed or taken out since it was written; told with the first page only.
    """

    entries: tuple[AuditLine, ...]
    whole: bool | None
    next: int | None


class ListAudit(Operation[Audit]):
    """List who changed what, newest first."""

    route = get("/audit", Scope.KEYS)
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    before: Annotated[int | None, Field(ge=1, description="Only entries with a smaller number: `next` of a page.")] = (
        None
    )
    actor: Annotated[str | None, Field(min_length=1, description="Only what one did, such as `key airflow`.")] = None
    action: Annotated[str | None, Field(min_length=1, description="Only this, such as `audience written`.")] = None

    def run(self, desk: Desk) -> Audit:
        journal = desk.records.journal
        found = journal.audit_page(most=self.limit + 1, before=self.before, actor=self.actor, action=self.action)
        page = found[: self.limit]
        lines = tuple(
            AuditLine(
                number=one.seq,
                at=_instant(one.at),
                actor=one.actor,
                action=one.action,
                about=one.object,
                counts=orjson.loads(one.counts),
                reason=one.reason,
            )
            for one in page
        )
        more = page[-1].seq if len(found) > len(page) else None
        # Every entry is read for that: once for a list, not for each of its pages.
        whole = journal.first_broken_audit_entry() is None if self.before is None else None
        return Audit(entries=lines, whole=whole, next=more)


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)

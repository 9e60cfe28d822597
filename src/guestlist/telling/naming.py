"""Whom a person names as TYPE:VALUE, read as it would be sent: for lists and erasures, which know no values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from guestlist.connected.connections import clock_of
from guestlist.destinations.meta.manifest import Key
from guestlist.destinations.meta.match_keys import MatchKeySettings, cell
from guestlist.errors import WrongUseError
from guestlist.profiles.do_not_send import SENT_AS, token
from guestlist.space import Space
from guestlist.telling.answer import Value

_KEYS: dict[str, Key] = {
    "email": "EMAIL",
    "phone": "PHONE",
    "madid": "MADID",
    "ios.idfa": "MADID",
    "android.idfa": "MADID",
}
_TYPES = (*_KEYS, "user_id", "anonymous_id", "extern_id")
_TYPE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
USE = "For example email:jane@example.org, phone:+491713920007, user_id:u1042, or email: and its SHA-256."


@dataclass(frozen=True, kw_only=True, repr=False)
class Named:
    """What a person typed, read as it would be sent: a value and its hash are the same."""

    kind: str
    key: str
    sent: str

    def token(self, pepper: str) -> bytes:
        """Its entry on the list."""
        return token(pepper, self.key, self.sent)


def read_named(space: Space, typed: str) -> Named:
    """TYPE:VALUE. What was typed is never repeated in an error."""
    kind, colon, value = typed.partition(":")
    kind, value = kind.strip().lower(), value.strip()
    if not colon or not value or not _TYPE.fullmatch(kind):
        raise WrongUseError("no_person_named", "A person is named as TYPE:VALUE.", next_step=USE)
    if kind in _KEYS:
        return Named(kind=kind, key=_KEYS[kind], sent=_sent(space, kind, value))
    near = [] if kind in _own_types(space) else get_close_matches(kind, [*_TYPES, *_own_types(space)], 1, 0.75)
    if near and near[0] != kind:
        raise WrongUseError(
            "unknown_id_type",
            "Nobody is known by an id of that type.",
            nothing_lost="Nothing was changed.",
            next_step=f"Did you mean {near[0]}: ?",
        )
    return Named(kind=kind, key="EXTERN_ID" if kind == "extern_id" else SENT_AS.get(kind, kind), sent=value)


def _own_types(space: Space) -> list[str]:
    """Types of ids that the space's own mappings name."""
    columns = [column for source in space.settings.sources.values() for column in source.get("columns", {}).values()]
    return [str(column).removeprefix("id:") for column in columns if str(column).startswith("id:")]


def _sent(space: Space, kind: str, value: str) -> str:
    usual = space.settings
    settings = MatchKeySettings(
        this_year=clock_of(space).now().year, country=usual.country or "", time_zone=usual.time_zone
    )
    read = cell(_KEYS[kind], value, settings.country, settings)
    if not read.sent:
        raise WrongUseError(
            "bad_person_value",
            f"The value after {kind}: cannot be read as one{f' ({read.reason.value})' if read.reason else ''}.",
            nothing_lost="Nothing was changed.",
            next_step="A phone number needs its country code, such as +49, unless the space has a country."
            if kind == "phone"
            else "Check it for a slip of the pen.",
        )
    return read.sent


@dataclass(frozen=True, kw_only=True, repr=False)
class Given:
    """What of the values given can be read, and what not."""

    named: tuple[Named, ...]
    not_read: tuple["NotRead", ...]


class NotRead(Value):
    """A value that cannot be read: where it stood, not what it was. `number`: its place among those given, from 1."""

    number: int
    where: str
    why: str


def read_given(space: Space, values: Sequence[str]) -> Given:
    """What can be read is done even if something else cannot: nobody waits for another's slip of the pen."""
    if not values:
        raise WrongUseError("no_person_named", "Name at least one person as TYPE:VALUE.", next_step=USE)
    named: list[Named] = []
    bad: list[NotRead] = []
    for number, value in enumerate(values, start=1):
        try:
            named.append(read_named(space, value))
        except WrongUseError as error:
            if len(values) == 1:
                raise
            bad.append(NotRead(number=number, where=f"value {number}", why=error.message))
    return Given(named=tuple(named), not_read=tuple(bad))

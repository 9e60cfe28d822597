"""The rule of every match key: a raw value in, a cell out.

`read_form` is the one definition of each rule. Both the record path and the column path come here, the latter once for
each distinct value that no fast path covers.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from types import MappingProxyType
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from guestlist.destinations.meta.manifest import FULL_NAME, KEYS, STRONG, TRAITS, UNHASHED, Key
from guestlist.errors import GuestlistError
from guestlist.values.country import read_country
from guestlist.values.dates import DateOrder, DateRules, read_month, read_part, read_year
from guestlist.values.email import read_email
from guestlist.values.people import (
    first_name,
    last_name,
    read_extern_id,
    read_gender,
    read_initial,
    read_madid,
    read_name,
)
from guestlist.values.phone import read_phone
from guestlist.values.places import Postcode, read_city, read_state, read_zip
from guestlist.values.reading import NOTHING, Detail, Flag, Reading, Reason, blank, good
from guestlist.values.text import (
    HASHES_OF_NOTHING,
    SHORTEST_DIGEST,
    is_absent,
    is_other_hash,
    is_sha256,
    lower,
    nfc,
    sha256,
    trim,
)

# Raise when a rule changes what is sent: stored forms are then made anew.
RULES_VERSION = 1

_NO_MAP: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class MatchKeySettings:
    """How one destination reads traits. `country` is the space's default, "" for none; `this_year` bounds birth years.

    `remap` replaces the trait keys of a match key, `value_maps` translates values before they are read, `extern_id` is
    the identifier type or trait sent as EXTERN_ID, and with `required_any` a row is sent only with one of these keys.
    """

    this_year: int
    country: str = ""
    time_zone: str = "UTC"
    date_order: DateOrder | None = None
    uk_postcode: Postcode = "full"
    remap: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    off: frozenset[Key] = frozenset()
    value_maps: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)
    split_name: bool = False
    extern_id: str | None = None
    required_any: frozenset[Key] | None = None
    lookalike_value: str | None = None

    def __post_init__(self) -> None:
        """Refuse settings that cannot work, and take the country in any spelling."""
        if self.lookalike_value is not None:
            raise GuestlistError(
                "lookalike_value_not_yet",
                "LOOKALIKE_VALUE is chosen, but value-based audiences cannot be sent yet.",
                next_step="Take the value trait out of the settings.",
            )
        object.__setattr__(self, "country", _country_setting(self.country))
        _check_time_zone(self.time_zone)
        _check_keys({*self.remap, *self.off, *self.value_maps, *(self.required_any or ())})
        maps = {key: {lower(trim(old)): new for old, new in texts.items()} for key, texts in self.value_maps.items()}
        object.__setattr__(self, "value_maps", MappingProxyType(maps))

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The match keys that are sent."""
        return tuple(k for k in KEYS if k not in self.off and (k != "EXTERN_ID" or self.extern_id is not None))

    @cached_property
    def strong(self) -> tuple[Key, ...]:
        """The keys of which a row must have one to be added."""
        wanted = self.required_any if self.required_any is not None else frozenset(STRONG)
        return tuple(key for key in self.keys if key in wanted)

    @cached_property
    def dates(self) -> DateRules:
        """The part of the settings that reading dates needs."""
        return DateRules(order=self.date_order, time_zone=self.time_zone, this_year=self.this_year)

    @property
    def forms_digest(self) -> str:
        """Changes when the same raw value may read otherwise: forms kept under another digest are not to be used."""
        reading = ("this_year", "country", "time_zone", "date_order", "uk_postcode", "value_maps")
        facts = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name in reading}
        facts["rules"] = RULES_VERSION
        return hashlib.md5(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS), usedforsecurity=False).hexdigest()


def _plain(value: object) -> object:
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def _country_setting(text: str) -> str:
    code = read_country(text).normal if text else ""
    if text and not code:
        raise GuestlistError(
            "unknown_country",
            f"'{text}' is not a country.",
            next_step="Give its ISO 3166-1 code, such as US or DE.",
        )
    return code


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise GuestlistError(
            "unknown_time_zone",
            f"'{name}' is not a time zone.",
            next_step="Give a name such as Europe/Berlin.",
        ) from error


def _check_keys(keys: set[Key]) -> None:
    unknown = sorted(keys.difference(KEYS))
    if unknown:
        raise GuestlistError(
            "unknown_match_key",
            f"Not a match key: {', '.join(unknown)}.",
            next_step=f"Match keys are {', '.join(KEYS)}.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a match key's value may come from, and the form by which it is read there.

    The form is the key, but for parts taken from a fuller value: `DOBY:date`, `FN:name`.
    """

    form: str
    trait: str


def sources(key: Key, settings: MatchKeySettings) -> tuple[Source, ...]:
    """The sources of a match key in the order in which they are tried."""
    return tuple(dict.fromkeys(_sources(key, settings)))


def _sources(key: Key, settings: MatchKeySettings) -> Iterator[Source]:
    if key == "EXTERN_ID":
        if settings.extern_id is not None:
            yield Source(form=key, trait=settings.extern_id)
        return
    for trait in settings.remap.get(key, TRAITS[key]):
        yield Source(form=key, trait=trait)
    if key in {"DOBY", "DOBM"}:
        for trait in settings.remap.get("DOBD", TRAITS["DOBD"]):
            yield Source(form=f"{key}:date", trait=trait)
    if key in {"FN", "LN"} and settings.split_name:
        for trait in FULL_NAME:
            yield Source(form=f"{key}:name", trait=trait)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a row: as given, in normal form (None where it came hashed), and as sent ("" when blank)."""

    raw: str = ""
    normal: str | None = ""
    sent: str = ""
    reason: Reason | None = None
    flags: tuple[Flag, ...] = ()
    detail: Detail | None = None


BLANK = Cell()

# The reason where a value is no text at all, such as a truth value or an object.
_UNREADABLE: dict[Key, Reason] = {
    "EMAIL": Reason.BAD_EMAIL,
    "PHONE": Reason.BAD_PHONE,
    "MADID": Reason.BAD_MADID,
    "FN": Reason.BAD_NAME,
    "LN": Reason.BAD_NAME,
    "FI": Reason.BAD_NAME,
    "GEN": Reason.UNKNOWN_GENDER,
    "DOBY": Reason.BAD_BIRTH_YEAR,
    "DOBM": Reason.BAD_BIRTH_MONTH,
    "DOBD": Reason.BAD_BIRTH_DAY,
    "ST": Reason.BAD_STATE,
    "CT": Reason.BAD_CITY,
    "ZIP": Reason.BAD_ZIP,
    "COUNTRY": Reason.BAD_COUNTRY,
    "EXTERN_ID": Reason.BAD_VALUE,
}


@cache
def key_of_form(form: str) -> Key:
    """The match key that a form belongs to."""
    return cast("Key", form.partition(":")[0])


def unreadable(form: str) -> Reading:
    """The reading of a value that is no text."""
    return blank(_UNREADABLE[key_of_form(form)])


_Rule = Callable[[str, str, MatchKeySettings], Reading]

_RULES: dict[str, _Rule] = {
    "EMAIL": lambda text, _country, _settings: read_email(text),
    "PHONE": lambda text, country, settings: read_phone(text, country, settings.country),
    "MADID": lambda text, _country, _settings: read_madid(text),
    "FN": lambda text, _country, _settings: read_name(text),
    "LN": lambda text, _country, _settings: read_name(text),
    "FI": lambda text, _country, _settings: read_initial(text),
    "GEN": lambda text, _country, _settings: read_gender(text),
    "DOBY": lambda text, _country, settings: read_year(text, settings.dates),
    "DOBM": lambda text, _country, settings: read_month(text, settings.dates),
    "DOBD": lambda text, _country, settings: read_part(text, "day", settings.dates),
    "DOBY:date": lambda text, _country, settings: read_part(text, "year", settings.dates),
    "DOBM:date": lambda text, _country, settings: read_part(text, "month", settings.dates),
    "FN:name": lambda text, _country, _settings: _part_of_name(first_name(text)),
    "LN:name": lambda text, _country, _settings: _part_of_name(last_name(text)),
    "ST": lambda text, country, _settings: read_state(text, country),
    "CT": lambda text, _country, _settings: read_city(text),
    "ZIP": lambda text, country, settings: read_zip(text, country, settings.uk_postcode),
    "COUNTRY": lambda text, _country, _settings: read_country(text),
    "EXTERN_ID": lambda text, country, settings: read_extern_id(text, country, settings.country),
}
FORMS = tuple(_RULES)


def _part_of_name(text: str) -> Reading:
    return read_name(text) if text else NOTHING


def read_form(form: str, raw: str, country: str, settings: MatchKeySettings) -> Reading:
    """Read a raw value by the rule of a form, with the settled country of its row ("" when not known)."""
    key = key_of_form(form)
    text = trim(raw)
    if settings.value_maps:
        raw = settings.value_maps.get(key, _NO_MAP).get(lower(text), raw)
        text = trim(raw)
    if is_absent(text):
        return NOTHING
    if key not in UNHASHED:
        hashed = None if len(text) < SHORTEST_DIGEST else _read_hash(text, whole_value=form == key)
        if hashed is not None:
            return hashed
        raw = nfc(raw)
    return _RULES[form](raw, country, settings)


def _read_hash(text: str, *, whole_value: bool) -> Reading | None:
    if is_other_hash(text):
        return blank(Reason.WRONG_HASH) if whole_value else NOTHING
    if not is_sha256(text):
        return None
    digest = text.lower()
    if digest in HASHES_OF_NOTHING:
        return blank(Reason.HASH_OF_NOTHING) if whole_value else NOTHING
    # A hashed birthday or full name has no parts that could be told.
    return good(digest, Flag.ALREADY_HASHED) if whole_value else NOTHING


def cell(form: str, raw: str, country: str, settings: MatchKeySettings) -> Cell:
    """The cell that a raw value gives."""
    return cell_of(form, raw, read_form(form, raw, country, settings))


def cell_of(form: str, raw: str, reading: Reading) -> Cell:
    """The cell of a reading: hashed where Meta wants it, never when blank and never twice."""
    hashed = Flag.ALREADY_HASHED in reading.flags
    as_it_is = hashed or not reading.normal or key_of_form(form) in UNHASHED
    return Cell(
        raw=raw,
        normal=None if hashed else reading.normal,
        sent=reading.normal if as_it_is else sha256(reading.normal),
        reason=reading.reason,
        flags=reading.flags,
        detail=reading.detail,
    )


def read_value(value: float | str | None) -> Reading:
    """The rule of LOOKALIKE_VALUE. Anything but a number rejects its whole row: a wrong 0 would spoil the seed."""
    try:
        number = float(value) if value is not None else -1.0
    except ValueError:
        number = -1.0
    return good(repr(number)) if 0 <= number < float("inf") else blank(Reason.BAD_VALUE)

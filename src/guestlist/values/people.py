"""Names, gender, and the ids of devices and of the advertiser's own system."""

import re
from functools import cache

from guestlist.values.email import read_email
from guestlist.values.phone import read_phone
from guestlist.values.reading import Flag, Reading, Reason, blank, good
from guestlist.values.text import fold, is_letter, letters, trim

MADID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
NO_MADID = "00000000-0000-0000-0000-000000000000"
_MADID = re.compile(MADID)
_PHONE_SHAPE = re.compile(r"\+?[0-9 ().\-/]{7,25}")

_MALE = {
    "en": "m male man boy",
    "de": "männlich maennlich mann junge herr",
    "fr": "masculin homme garçon mâle h",
    "es": "masculino hombre varón chico niño",
    "it": "maschio maschile uomo ragazzo",
    "pt": "masculino homem menino rapaz",
}
_FEMALE = {
    "en": "f female woman girl",
    "de": "weiblich frau mädchen maedchen w",
    "fr": "féminin femme fille femelle",
    "es": "femenino mujer chica niña",
    "it": "femmina femminile donna ragazza",
    "pt": "feminino mulher menina moça rapariga",
}


def read_name(text: str) -> Reading:
    """Letters and combining marks only, lower-cased; accents and scripts stay."""
    name = letters(text)
    return good(name) if any(map(is_letter, name)) else blank(Reason.BAD_NAME)


def read_initial(text: str) -> Reading:
    """The first letter of the name's form."""
    initial = next(filter(is_letter, letters(text)), "")
    return good(initial) if initial else blank(Reason.BAD_NAME)


def first_name(text: str) -> str:
    """The first name in a full one, "" where there is none: `Smith, John` is turned round."""
    last, comma, first = text.partition(",")
    words = (first if comma else last).split()
    return words[0] if words else ""


def last_name(text: str) -> str:
    """The last word of a full name, "" where it has only one; all before the comma of `Smith, John`."""
    last, comma, _ = text.partition(",")
    words = last.split()
    if comma:
        return " ".join(words)
    return words[-1] if len(words) > 1 else ""


def read_gender(text: str) -> Reading:
    """`m` or `f` from the words of six languages; nothing is guessed from anything else."""
    gender = _genders().get(fold(trim(text)).strip("."))
    return good(gender) if gender else blank(Reason.UNKNOWN_GENDER)


@cache
def _genders() -> dict[str, str]:
    return {
        fold(w): g for g, lists in (("m", _MALE), ("f", _FEMALE)) for words in lists.values() for w in words.split()
    }


def read_madid(text: str) -> Reading:
    """A mobile advertising id, lower-cased with its hyphens; all zeros is what a device with tracking off gives."""
    text = trim(text)
    if not _MADID.fullmatch(text):
        return blank(Reason.BAD_MADID)
    return blank(Reason.TRACKING_OFF) if text == NO_MADID else good(text.lower())


def read_extern_id(text: str, country: str, space_country: str) -> Reading:
    """The exact characters, unless they look like an e-mail or a phone: the id leaves unhashed."""
    trimmed = trim(text)
    if read_email(trimmed).normal or _looks_like_phone(trimmed, country, space_country):
        return blank(Reason.EXTERN_ID_IS_PERSONAL)
    return good(text, Flag.SURROUNDING_SPACE) if trimmed != text else good(text)


def _looks_like_phone(text: str, country: str, space_country: str) -> bool:
    if not _PHONE_SHAPE.fullmatch(text):
        return False
    phone = read_phone(text, country, space_country)
    # Bare digits are the commonest kind of id: only a number known to be in use counts as a phone there.
    return bool(phone.normal) and not (text.isdigit() and phone.flags)

"""Countries: ISO 3166-1 alpha-2 from codes and names."""

import unicodedata
from functools import cache

import pycountry
from babel import Locale

from guestlist.values.reading import Reading, Reason, blank, good
from guestlist.values.text import fold, lower, sha256, trim

# The first language that has a name keeps it, where two mean different countries by one word.
_LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "da",
    "nb",
    "fi",
    "cs",
    "hu",
    "ro",
    "el",
    "tr",
    "ru",
)
_LANGUAGES_BEYOND = ("uk", "ar", "he", "hi", "id", "vi", "th", "ja", "ko", "zh", "zh_Hant")

_ALIASES = {
    "us": "us",
    "usa": "us",
    "unitedstatesofamerica": "us",
    "america": "us",
    "uk": "gb",
    "greatbritain": "gb",
    "britain": "gb",
    "england": "gb",
    "scotland": "gb",
    "wales": "gb",
    "northernireland": "gb",
    "uae": "ae",
    "emirates": "ae",
    "turkey": "tr",
    "turkiye": "tr",
    "russia": "ru",
    "holland": "nl",
    "thenetherlands": "nl",
    "ivorycoast": "ci",
    "southkorea": "kr",
    "northkorea": "kp",
    "czechrepublic": "cz",
    "macedonia": "mk",
    "swaziland": "sz",
    "burma": "mm",
    "capeverde": "cv",
    "easttimor": "tl",
    "republicofireland": "ie",
    "vatican": "va",
    "brasil": "br",
    "hongkong": "hk",
    "macau": "mo",
    "macao": "mo",
    "palestine": "ps",
    "democraticrepublicofthecongo": "cd",
}


def read_country(text: str) -> Reading:
    """Read an alpha-2 or alpha-3 code or a name in one of the main languages."""
    text = trim(text)
    code = _codes().get(lower(text)) or _names().get(_name_key(text))
    return good(code) if code else blank(Reason.BAD_COUNTRY)


@cache
def alpha2() -> frozenset[str]:
    """Every officially assigned code, in lower case."""
    return frozenset(country.alpha_2.lower() for country in pycountry.countries)


@cache
def country_of_hash() -> dict[str, str]:
    """The code for each digest: a hashed country still tells how the row's phone and postal code read."""
    return {sha256(code): code for code in alpha2()}


def _name_key(text: str) -> str:
    """Letters and digits only, folded: `U.S.A.` and `Côte d’Ivoire` lose their dots, accents and apostrophes."""
    return "".join(c for c in fold(text) if unicodedata.category(c)[0] in "LN")


@cache
def _codes() -> dict[str, str]:
    three = {country.alpha_3.lower(): country.alpha_2.lower() for country in pycountry.countries}
    return three | {code: code for code in alpha2()}


@cache
def _names() -> dict[str, str]:
    names = dict(_ALIASES)
    for language in (*_LANGUAGES, *_LANGUAGES_BEYOND):
        for code, name in Locale.parse(language).territories.items():
            if code.lower() in alpha2():
                names.setdefault(_name_key(name), code.lower())
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name"):
            name = getattr(country, field, None)
            if name:
                names.setdefault(_name_key(name), country.alpha_2.lower())
    return names

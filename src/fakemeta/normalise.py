"""Meta's side of normalising: from a person's clear values to the digests that an advertiser should have sent.

Written from Meta's public rules (developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences and
facebook.com/business/help/2082575038703844) and not shared with any client: shared code would share its mistakes.
"""

import hashlib
import re
import unicodedata

STATES = dict(
    pair.split("=")
    for pair in [
        "alabama=al",
        "alaska=ak",
        "arizona=az",
        "arkansas=ar",
        "california=ca",
        "colorado=co",
        "connecticut=ct",
        "delaware=de",
        "florida=fl",
        "georgia=ga",
        "hawaii=hi",
        "idaho=id",
        "illinois=il",
        "indiana=in",
        "iowa=ia",
        "kansas=ks",
        "kentucky=ky",
        "louisiana=la",
        "maine=me",
        "maryland=md",
        "massachusetts=ma",
        "michigan=mi",
        "minnesota=mn",
        "mississippi=ms",
        "missouri=mo",
        "montana=mt",
        "nebraska=ne",
        "nevada=nv",
        "newhampshire=nh",
        "newjersey=nj",
        "newmexico=nm",
        "newyork=ny",
        "northcarolina=nc",
        "northdakota=nd",
        "ohio=oh",
        "oklahoma=ok",
        "oregon=or",
        "pennsylvania=pa",
        "rhodeisland=ri",
        "southcarolina=sc",
        "southdakota=sd",
        "tennessee=tn",
        "texas=tx",
        "utah=ut",
        "vermont=vt",
        "virginia=va",
        "washington=wa",
        "westvirginia=wv",
        "wisconsin=wi",
        "wyoming=wy",
        "districtofcolumbia=dc",
    ]
)
_SPECIAL = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i"})


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def email(value: str) -> str:
    return value.strip().lower()


def phone(value: str) -> str:
    return re.sub(r"\D", "", value).lstrip("0")


def madid(value: str) -> str:
    return value.strip().lower()


def name(value: str) -> str:
    lowered = unicodedata.normalize("NFC", value.replace("İ", "i").lower())
    return "".join(c for c in lowered if unicodedata.category(c)[0] in "LM")


def without_accents(value: str) -> str:
    bare = unicodedata.normalize("NFD", value.translate(_SPECIAL))
    return unicodedata.normalize("NFC", "".join(c for c in bare if not unicodedata.combining(c)))


def initial(value: str) -> str:
    return name(value)[:1]


def gender(value: str) -> str:
    first = value.strip().lower()[:1]
    return first if first in ("m", "f") else ""


def place(value: str) -> str:
    """City or region: a-z only, accents folded."""
    return re.sub(r"[^a-z]", "", without_accents(value.lower()))


def state(value: str, country: str) -> str:
    folded = place(value)
    return STATES.get(folded, folded) if country.lower() == "us" else folded


def postal(value: str, country: str) -> str:
    packed = re.sub(r"[\s-]", "", value.lower())
    return packed[:5] if country.lower() == "us" else packed


def birth(value: str) -> tuple[str, str, str]:
    """An ISO date as (YYYY, MM, DD); blanks where there is none."""
    parts = value.split("-")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")

"""Text: what counts as absent, white space, lower case, letters, digests."""

import hashlib
import re
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any

ABSENT = frozenset({"", "null", "none", "nan", "n/a", "#n/a", r"\n", "-", "undefined", "(not set)"})
_LONGEST_ABSENT = max(map(len, ABSENT))

# Str.isspace knows U+00A0 and its like; these are invisible and not space to Unicode.
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u180e\u200e\u200f\u00ad"
_SPACE = re.compile(rf"[\s{_ZERO_WIDTH}]+")
_SPACE_CLASS = frozenset(_ZERO_WIDTH)

_WHOLE = re.compile(r"([+-]?\d+)\.0*")

# Letters that Unicode does not decompose but that have a spelling in a to z.
_SPELLED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i"})

# MD5 in base64.
SHORTEST_DIGEST = 24
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_OTHER_HEX = re.compile(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{22}==|[A-Za-z0-9+/_-]{27}=|[A-Za-z0-9+/_-]{43}=|[A-Za-z0-9+/_-]{86}==")


def sha256(text: str) -> str:
    """Lower-case hexadecimal SHA-256 of the UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


_NOTHING = ("", "null", "none", "n/a", "undefined")
HASHES_OF_NOTHING = frozenset(sha256(form(word)) for word in _NOTHING for form in (str, str.upper, str.capitalize))


def text_of(value: Any) -> str | None:
    """The value as text, None where it cannot be one (a truth value, an object); 1990.0 is the integer 1990."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return _text_of_number(value)
    return value.isoformat() if isinstance(value, date) else None


def _text_of_number(value: float | Decimal) -> str:
    if value != value:  # noqa: PLR0124  a NaN is the one number unlike itself
        return ""
    if value in (float("inf"), float("-inf")):
        return str(value)
    return str(int(value)) if value == int(value) else str(value)


def whole(text: str) -> str:
    """`1990.0` as `1990`, other text as it is."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def nfc(text: str) -> str:
    """The text in Unicode's composed form, in which Meta hashes."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def trim(text: str) -> str:
    """Without surrounding white space, of which U+00A0 and zero-width characters are part."""
    text = text.strip()
    if text.isascii():
        return text
    start, end = 0, len(text)
    while start < end and _is_space(text[start]):
        start += 1
    while end > start and _is_space(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_space(letter: str) -> bool:
    return letter.isspace() or letter in _SPACE_CLASS


def without_space(text: str) -> str:
    """Without any white space, inner too."""
    return _SPACE.sub("", text)


def has_space(text: str) -> bool:
    """Is there white space anywhere in the text."""
    return _SPACE.search(text) is not None


def is_absent(text: str) -> bool:
    """Does the trimmed text stand for no value."""
    return len(text) <= _LONGEST_ABSENT and text.lower() in ABSENT


def lower(text: str) -> str:
    """Lower case by Unicode's simple mapping, with İ as i and a word-final Σ as ς."""
    # The full mapping that str.lower applies differs from the simple one in İ alone.
    return text.replace("İ", "i").lower()


def letters(text: str) -> str:
    """Lower-cased letters and combining marks in composed form; accents and scripts are kept."""
    text = lower(nfc(text))
    if text.isascii():
        return "".join(filter(str.isalpha, text))
    return nfc("".join(c for c in text if unicodedata.category(c)[0] in "LM"))


def fold(text: str) -> str:
    """Lower-cased and, where there is a way, spelled in a to z: decomposed, marks dropped. The rest stays."""
    text = lower(nfc(text)).translate(_SPELLED)
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c)[0] != "M")


def is_letter(letter: str) -> bool:
    """Is it a letter of any script."""
    return unicodedata.category(letter)[0] == "L"


def is_sha256(text: str) -> bool:
    """Has the trimmed text the shape of a SHA-256 digest."""
    return _SHA256.fullmatch(text) is not None


def is_other_hash(text: str) -> bool:
    """Has the trimmed text the shape of an MD5 or SHA-1 digest, or of a digest in base64."""
    return (_OTHER_HEX.fullmatch(text) or _BASE64.fullmatch(text)) is not None

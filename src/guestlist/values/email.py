"""E-mail addresses."""

import re

from guestlist.values.reading import Flag, Reading, Reason, blank, good
from guestlist.values.text import has_space, lower, nfc, trim

SEPARATORS = r"[;,]"
_SPLIT = re.compile(SEPARATORS)
_IN_BRACKETS = re.compile(r".*<([^<>]*)>[^<>]*", re.DOTALL)

# The local part is free (carriers have handed out double dots); a domain is two labels or more, the last no number.
_ADDRESS = re.compile(r"[^@<>\x00-\x1f\x7f]+@(?:[\w-]+\.)+(?!\d+$)[\w-]+")

# Made-up addresses that are typed into forms; they belong to nobody.
BLOCKED = frozenset(
    f"{name}@{domain}.com"
    for name, domain in (
        ("test", "test"),
        ("a", "a"),
        ("abc", "abc"),
        ("asdf", "asdf"),
        ("email", "email"),
        ("na", "na"),
        ("no", "email"),
        ("noemail", "noemail"),
        ("none", "none"),
        ("user", "user"),
        ("123", "123"),
    )
)

# Read by the engine too: nothing here may go beyond RE2.
UNLIKELY = (
    r"^(no[-_.]?reply|do[-_.]?not[-_.]?reply)([-_.+][^@]*)?@"
    r"|@(privaterelay\.appleid\.com|mozmail\.com|duck\.com|users\.noreply\.github\.com)$"
    r"|@marketplace\.amazon\.[a-z.]+$|@(members\.ebay\.[a-z.]+|message\.alibaba\.com|ordermail\.cdiscount\.com)$"
    r"|@([a-z0-9-]+\.)*(etsy|mirakl|noreply)\.(com|net)$|@relay\.[a-z0-9.-]+$"
)
_UNLIKELY = re.compile(UNLIKELY)


def split(text: str) -> list[str]:
    """The addresses of one value, which may be joined by `;` or `,`."""
    return [piece for piece in map(trim, _SPLIT.split(text)) if piece]


def read_email(text: str) -> Reading:
    """Read one address: `Name <a@b.c>` and `mailto:` unwrapped, lower-cased; dots and +tags stay."""
    address = lower(_unwrap(nfc(text)))
    if has_space(address) or not _ADDRESS.fullmatch(address):
        return blank(Reason.BAD_EMAIL)
    if address in BLOCKED:
        return blank(Reason.BLOCKED_VALUE)
    return good(address, Flag.UNLIKELY_TO_MATCH) if _UNLIKELY.search(address) else good(address)


def _unwrap(text: str) -> str:
    text = trim(text)
    bracketed = _IN_BRACKETS.fullmatch(text)
    if bracketed:
        text = trim(bracketed[1])
    if text[:7].lower() == "mailto:":
        text = trim(text[7:].partition("?")[0])
    return trim(text.rstrip("."))

"""How what is stored about people is shown: enough to recognise somebody one knows, too little to learn who it is."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import phonenumbers

STARS = "***"
HASHED = "hashed"
"""All that is told of a value which is a digest."""
_HASH = re.compile(r"[0-9a-fA-F]{32,128}")
_DIGITS = re.compile(r"\+?[0-9]{7,15}")
_SAID_OF_ORDERS = ("total", "revenue", "value", "price", "subtotal", "quantity", "tax", "discount", "shipping")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LONGEST_ID = 6


def email(value: str) -> str:
    """`jane@example.org` as `j***@example.org`."""
    local, at, domain = value.rpartition("@")
    # Of a very short one the first letter would be all there is.
    first = local[:1] if len(local) > 2 else ""
    return f"{first}{STARS}@{domain}" if at else hidden(value)


def phone(value: str) -> str:
    """`491713920007` as `+49 *** 007`."""
    digits = value.removeprefix("+")
    if not digits.isdecimal() or len(digits) < 7:
        return hidden(value)
    code = _calling_code(digits)
    return f"+{code} {STARS} {digits[-3:]}" if code else f"{STARS} {digits[-3:]}"


def _calling_code(digits: str) -> int | None:
    try:
        return phonenumbers.parse(f"+{digits}", None).country_code
    except phonenumbers.NumberParseException:
        return None


def name(value: str) -> str:
    """The initial of each name: `Jane Doe` as `J. D.`."""
    return " ".join(f"{part[0]}." for part in value.split() if part[0].isalpha()) or hidden(value)


def identity(value: str) -> str:
    """An id shortened, at most a third of it; people also use e-mails and phones as ids."""
    if "@" in value:
        return email(value)
    if _HASH.fullmatch(value):
        return HASHED
    if _DIGITS.fullmatch(value):
        return f"{STARS}{value[-3:]}"
    return f"{value[: min(_LONGEST_ID, max(1, len(value) // 3))]}…"


def profile(value: str) -> str:
    """Our own id of a person, a digest: its beginning, which also finds the person again."""
    return value if len(value) <= 8 else value[:8]


def hidden(_value: str) -> str:
    """Nothing of a value."""
    return STARS


_BY_TYPE: dict[str, Callable[[str], str]] = {"email": email, "phone": phone}


def identifier(kind: str, value: str) -> str:
    """An identifier by its type; a hashed one is only said to be that."""
    if _HASH.fullmatch(value):
        return HASHED
    return _BY_TYPE.get(kind, identity)(value)


def trait(key: str, value: str) -> str:
    """A trait by its key: e-mails, phones and names as such, all else hidden."""
    last = re.sub(r"[^a-z]", "", key.rpartition(".")[2].lower())
    if "mail" in last:
        return email(value)
    if "phone" in last or last == "mobile":
        return phone(value)
    return name(value) if last in {"firstname", "lastname", "name", "fullname"} else hidden(value)


def fact(key: str, value: str) -> str:
    """A property of an event: amounts and currencies tell nothing of who it was, all else is hidden."""
    if key == "currency" and _CURRENCY.fullmatch(value):
        return value
    return value if key in _SAID_OF_ORDERS and _is_number(value) else hidden(value)


def _is_number(value: str) -> bool:
    # A long run of digits is no price: it may be a phone number in the wrong column.
    try:
        return abs(Decimal(value)) < 1_000_000
    except InvalidOperation:
        return False

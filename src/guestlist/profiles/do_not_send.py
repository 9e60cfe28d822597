"""Tokens of the do-not-send list: they tell whether a value is listed, and not which value it is.

A value that Meta matches on is listed by the form in which it is sent, so a clear e-mail and its hash are one entry.
"""

import hashlib
import re

import ibis

from guestlist.profiles.relations import Column, Table

SENT_AS = {"email": "EMAIL", "phone": "PHONE", "ios.idfa": "MADID", "android.idfa": "MADID"}
"""The match key by which identifiers of a type are sent; other types are listed under their own name."""
_HASHED = ("email", "phone")
_DIGEST = r"^[0-9a-f]{64}$"


def token(pepper: str, key: str, sent: str) -> bytes:
    """SHA-256(pepper ‖ key ‖ sent value): the entry for one cell as sent, or for (type, value) of any other identifier."""
    return hashlib.sha256(f"{pepper}{key}{sent}".encode()).digest()


def identifier_token(pepper: str, kind: str, value: str) -> bytes:
    """The entry for an identifier, its value in normal form or already hashed."""
    return token(pepper, SENT_AS.get(kind, kind), _sent(kind, value))


def _sent(kind: str, value: str) -> str:
    if kind not in _HASHED or re.fullmatch(_DIGEST, value):
        return value
    return hashlib.sha256(value.encode()).hexdigest()


def token_column(pepper: str, key: Column, sent: Column) -> Column:
    """`token` for a column, in hexadecimal."""
    return (ibis.literal(pepper) + key + sent).hexdigest("sha256")


def identifier_token_column(pepper: str, identifiers: Table) -> Column:
    """`identifier_token` for relation `identifier`, in hexadecimal."""
    kind, value = identifiers.type, identifiers.value
    clear = kind.isin(_HASHED) & ~value.re_search(_DIGEST)
    key = kind.cases(*SENT_AS.items(), else_=kind)
    return token_column(pepper, key, clear.ifelse(value.hexdigest("sha256"), value))


def listed_profiles(identifiers: Table, listed: Table, pepper: str) -> Table:
    """Profiles with a listed identifier; `listed(token)` in hexadecimal."""
    told = identifiers.mutate(token=identifier_token_column(pepper, identifiers))
    return told.semi_join(listed, "token").select("profile_id").distinct()

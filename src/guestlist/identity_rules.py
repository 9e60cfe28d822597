"""The rules of identity of a space: how values are compared, and what its settings say."""

import pyarrow as pa

from guestlist.destinations.meta.plain_phones import plain_phones
from guestlist.profiles.rules import IdentityRules, Normaliser
from guestlist.profiles.settings import IdentitySettings
from guestlist.values.country import read_country
from guestlist.values.email import read_email
from guestlist.values.phone import read_phone

# In lower case its own normal form: ASCII with one @ and a dotted domain whose last label holds a letter.
_PLAIN_EMAIL = r"^[a-z0-9_%+-]+(\.[a-z0-9_%+-]+)*@([a-z0-9-]+\.)+[a-z]{2,}$"
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def identity_rules(
    country: str | None,
    salt: str,
    settings: IdentitySettings | None = None,
    *,
    pepper: str = "",
    alone: frozenset[str] = frozenset(),
    split_from: tuple[tuple[str, str], ...] = (),
) -> IdentityRules:
    """Values are compared as they are sent, phones read with the person's or the space's country."""
    settings = settings or IdentitySettings()
    return IdentityRules(
        salt=salt,
        normalisers={
            "email": Normaliser(rule=_email, plain=_PLAIN_EMAIL),
            "phone": _phones((country or "").lower()),
            "ios.idfa": Normaliser(rule=_mobile_id, plain=_UUID),
            "android.idfa": Normaliser(rule=_mobile_id, plain=_UUID),
        },
        configured=settings.configured,
        blocked=settings.blocked_values,
        hubs=settings.hub_rules,
        limits=settings.limit_rules,
        caps=settings.cap_rules,
        priorities=settings.priority_rules,
        pepper=pepper,
        alone=alone,
        split_from=split_from,
    )


def _email(text: str, _country: str) -> str | None:
    return read_email(text).normal or None


def _mobile_id(text: str, _country: str) -> str:
    return text.strip().lower()


def _phones(space: str) -> Normaliser:
    def rule(text: str, told: str) -> str | None:
        return read_phone(text, _code(told), space).normal or None

    def columns(raws: pa.Array, countries: pa.Array) -> pa.Array:
        given = countries.dictionary_encode()
        settled = pa.array([_code(told) or space for told in given.dictionary.to_pylist()], pa.string())
        return plain_phones(raws, settled.take(given.indices))

    return Normaliser(rule=rule, columns=columns)


def _code(told: str) -> str:
    return read_country(told).normal or "" if told else ""

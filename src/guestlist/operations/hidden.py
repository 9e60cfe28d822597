"""Secrets among the parameters of an operation: they show themselves in the request's own body only."""

import re
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, SecretStr

from guestlist.store.vault import Secret

_WORD = re.compile(r"[!-~]{1,10000}")


def _one_word(given: SecretStr) -> SecretStr:
    if not _WORD.fullmatch(given.get_secret_value()):
        raise ValueError("a secret is one word of plain letters, digits and signs")
    return given


def _shown(given: SecretStr) -> str:
    return given.get_secret_value()


Hidden = Annotated[SecretStr, AfterValidator(_one_word), PlainSerializer(_shown, return_type=str)]
"""Not in a repr, a traceback or what is said of wrong parameters; written out where a command sends it to a service."""


def hide(secret: Secret) -> SecretStr:
    """As a parameter."""
    return SecretStr(secret.reveal())


def secret_of(given: SecretStr) -> Secret:
    """As the modules below take it."""
    return Secret(given.get_secret_value())

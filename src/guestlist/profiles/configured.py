"""Identifiers that a space reads from keys of its own: traits, properties, or the context of messages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import ibis

from guestlist.profiles.relations import IDENTIFIER_USE, Column, Table
from guestlist.store.functions import json_kind, json_text
from guestlist.store.in_memory import no_lines
from guestlist.values.email import SEPARATORS

_PERSONS = "identify"
"""The traits of a group call are the group's."""


def configured_uses(message: Table, configured: Mapping[str, tuple[str, ...]]) -> Table:
    """Uses, as relation `identifier_use`, that the configured paths find in messages; a value is as it was sent.

    E-mails that stand together in one value are each a use.
    """
    parts = [
        _use(message, kind, value) for kind, paths in sorted(configured.items()) for value in _values(message, paths)
    ]
    return ibis.union(*parts, no_lines(IDENTIFIER_USE), distinct=True)


def _values(message: Table, paths: Sequence[str]) -> Iterator[Column]:
    for path in paths:
        root, *keys = path.split(".")
        for spelt in sorted(set(product(*map(spellings, keys)))):
            yield from _found(message, root, spelt)


def _found(message: Table, root: str, keys: Sequence[str]) -> Iterator[Column]:
    found = _plain(message[root].cast("json"), *keys)
    if root == "traits":
        yield (message.type == _PERSONS).ifelse(found, ibis.null("string"))
        yield _plain(message.context.cast("json"), "traits", *keys)
    else:
        yield found


def _plain(document: Column, *keys: str) -> Column:
    """A text or a number; lists and objects name nobody."""
    plain = json_kind(document, *keys).isin(["string", "number"]).fill_null(False)
    return plain.ifelse(json_text(document, *keys), ibis.null("string"))


def spellings(key: str) -> Sequence[str]:
    """A key as it is written, in camelCase and in snake_case."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key).lower().split("_")
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    return tuple(dict.fromkeys((key, camel, "_".join(words))))


def _use(message: Table, kind: str, value: Column) -> Table:
    used = message.select(
        *("source", "message_id", "at", "ordinal"),
        type=ibis.literal(kind),
        value=value.re_split(SEPARATORS).unnest() if kind == "email" else value,
        country=ibis.null("string"),
    )
    # Nothing but blanks is no value; outer blanks are no part of one.
    used = used.mutate(value=used.value.re_replace(r"^\s+|\s+$", "").nullif(""))
    return used.filter(used.value.notnull()).select(*IDENTIFIER_USE)

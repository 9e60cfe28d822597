"""Whose an identifier is, when it stands in a table instead of in a message."""

from collections.abc import Iterator

import ibis

from guestlist.profiles.relations import Materialise, Table
from guestlist.profiles.rules import IdentityRules, Normaliser
from guestlist.store.in_memory import in_memory

PROFILE = "profile_id"
"""Stands where a type of identifier may: our own id of a person, also one from before a merge."""
_FORMS = {"raw": "string", "value": "string"}


def normal_values(rows: Table, column: str, kind: str, rules: IdentityRules, materialise: Materialise) -> Table:
    """(raw, value): the values of a column, each once, beside their normal form; without what is none."""
    raw = rows.select(raw=rows[column].cast("string"))
    raw = raw.mutate(value=raw.raw.re_replace(r"^\s+|\s+$", "").nullif("")).filter(lambda t: t.value.notnull())
    raw = materialise("values_given", raw.distinct())
    normaliser = rules.normalisers.get(kind)
    if normaliser is None:
        return raw
    plain = raw.value.re_search(normaliser.plain) if normaliser.plain else ibis.literal(False)
    ruled = materialise("values_ruled", _ruled(raw.filter(~plain), normaliser))
    return raw.filter(plain).union(ruled.filter(ruled.value.notnull()).select(*_FORMS))


def _ruled(values: Table, normaliser: Normaliser) -> Table:
    pairs = [(raw, normaliser.rule(value, "")) for raw, value in _given(values)]
    return in_memory({"raw": [raw for raw, _ in pairs], "value": [value for _, value in pairs]}, _FORMS)


def _given(values: Table) -> Iterator[tuple[str, str]]:
    for batch in values.to_pyarrow().to_batches(max_chunksize=100_000):
        yield from zip(batch.column("raw").to_pylist(), batch.column("value").to_pylist(), strict=True)


def owners(values: Table, kind: str, identifier: Table, alias: Table) -> Table:
    """(raw, profile_id, known_since): the values that somebody is known by, and since when."""
    known = _ids(identifier, alias) if kind == PROFILE else _known(identifier, kind)
    return values.join(known, "value").select("raw", "profile_id", "known_since").distinct()


def _known(identifier: Table, kind: str) -> Table:
    return identifier.filter(identifier.type == kind).select("value", "profile_id", known_since="first_seen")


def _ids(identifier: Table, alias: Table) -> Table:
    """Known(value, profile_id, known_since) of ids that people have or had; they are known as long as the people."""
    since = identifier.group_by("profile_id").aggregate(known_since=identifier.first_seen.min())
    whose = since.select("profile_id", value="profile_id")
    whose = whose.union(alias.select(profile_id="survivor", value="profile_id"), distinct=True)
    return whose.join(since, "profile_id").select("value", "profile_id", "known_since")


def owned(rows: Table, column: str, whose: Table) -> Table:
    """The rows that name somebody, with `profile_id`; the column itself is there as text."""
    others = [name for name in rows.columns if name not in {column, PROFILE}]
    named = rows.select(*others, asked_for=rows[column].cast("string"))
    both = named.join(whose, named.asked_for == whose.raw)
    return both.select(*others, "profile_id", **({} if column == PROFILE else {column: both.raw}))

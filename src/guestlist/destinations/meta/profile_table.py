"""The wide table of profiles that rows are made from, out of relations `trait` and `identifier`."""

from collections.abc import Sequence

import ibis

from guestlist.destinations.meta.columns import Column, Table, trait_columns
from guestlist.destinations.meta.manifest import IDENTIFIERS, MANY, TRAITS, Key
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.store.engine import Warehouse

_HASHED = r"^[0-9a-fA-F]{64}$"


def used(settings: MatchKeySettings) -> tuple[list[str], list[str]]:
    """The traits, and the types of identifiers, that can reach a row."""
    lists = [trait for key in MANY for trait in _traits(key, settings)]
    kinds = [kind for key in MANY for kind in IDENTIFIERS[key]]
    if settings.extern_id is not None:
        kinds.append(settings.extern_id)
    return sorted({*trait_columns(settings), *lists}), sorted(set(kinds))


def profile_table(warehouse: Warehouse, people: Table, settings: MatchKeySettings) -> Table:
    """One line for each of the people (profile_id), as `columns` describes it."""
    trait = warehouse.table("trait").semi_join(people, "profile_id")
    present = _present(warehouse)
    columns = {column: name for name, column in trait_columns(settings).items() if name in present}
    table = people.select("profile_id")
    if columns:
        some = trait.filter(trait.key.isin(list(columns.values())))
        firsts = {column: some.value.arbitrary(where=some.key == name) for column, name in columns.items()}
        table = _beside(table, some.group_by("profile_id").aggregate(**firsts))
    lines = _lines(warehouse, trait, people, settings, present)
    lists = {key: lines.raw.collect(where=lines.key == key, order_by=_order(lines)) for key in MANY}
    table = _beside(table, lines.group_by("profile_id").aggregate(**lists))
    return _with_extern_id(warehouse, table, settings)


def _traits(key: Key, settings: MatchKeySettings) -> Sequence[str]:
    return settings.remap.get(key, TRAITS[key])


def _present(warehouse: Warehouse) -> frozenset[str]:
    names = warehouse.read(warehouse.table("trait").select("key").distinct())
    return frozenset(names.column("key").to_pylist())


def _beside(table: Table, more: Table) -> Table:
    joined = table.left_join(more, "profile_id")
    return joined.drop("profile_id_right")


def _order(lines: Table) -> list[Column]:
    return [lines.rank, lines.first_seen, lines.place]


def _lines(
    warehouse: Warehouse, trait: Table, people: Table, settings: MatchKeySettings, present: frozenset[str]
) -> Table:
    """Lines (profile_id, key, raw) of all lists: identifiers as first seen, then traits in the order they are named."""
    identifier = warehouse.table("identifier").semi_join(people, "profile_id")
    parts = []
    for key in MANY:
        own = identifier.filter(identifier.type.isin(IDENTIFIERS[key]))
        parts.append(
            own.select(
                "profile_id",
                key=ibis.literal(key),
                raw=_as_given(key, own.value),
                rank=ibis.literal(0, "int32"),
                first_seen=own.first_seen.cast("timestamp('UTC')"),
                place=own.ordinal.cast("int64"),
            )
        )
        for rank, name in enumerate(_traits(key, settings), start=1):
            if name in present:
                parts.append(_trait_lines(trait.filter(trait.key == name), key, rank))
    return ibis.union(*parts)


def _trait_lines(trait: Table, key: Key, rank: int) -> Table:
    """A trait may be one value, or an array of them as JSON text."""
    listed = trait.value.startswith("[")
    several = ibis.ifelse(listed, trait.value, "[]").cast("json").try_cast("array<string>")
    items = ibis.ifelse(listed & several.notnull(), several, ibis.array([trait.value]))
    each = trait.select("profile_id", raw=items).unnest("raw", offset="place")
    return each.select(
        "profile_id",
        key=ibis.literal(key),
        raw=each.raw,
        rank=ibis.literal(rank, "int32"),
        first_seen=ibis.null("timestamp('UTC')"),
        place=each.place.cast("int64"),
    )


def _as_given(key: Key, value: Column) -> Column:
    """An identifier is in normal form: a phone's has its calling code, and nothing that says so."""
    if key != "PHONE":
        return value
    plain = value.re_search("^[0-9]+$") & ~value.re_search(_HASHED)
    return ibis.ifelse(plain, "+" + value, value)


def _with_extern_id(warehouse: Warehouse, table: Table, settings: MatchKeySettings) -> Table:
    """Where the trait is missing the first identifier of that name stands in for it."""
    if settings.extern_id is None:
        return table
    column = trait_columns(settings)[settings.extern_id]
    identifier = warehouse.table("identifier")
    identifier = identifier.filter(identifier.type == settings.extern_id)
    firsts = identifier.group_by("profile_id").aggregate(first_id=identifier.value.argmin(identifier.ordinal))
    joined = table.left_join(firsts, "profile_id").drop("profile_id_right")
    given = joined[column] if column in joined.columns else ibis.null("string")
    return joined.mutate(**{column: ibis.coalesce(given, joined.first_id)}).drop("first_id")

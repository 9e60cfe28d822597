"""The wide table of profiles that rows are made from, out of relations `trait` and `identifier`.

Nearly everybody has a handful of e-mails and phones, one value in each trait: their lists are put together out of
columns. Only the rest, people with many identifiers of a type or with JSON lists in a trait, is gathered line by line.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import ibis

from guestlist.destinations.meta.columns import Column, Table, trait_columns
from guestlist.destinations.meta.fast_paths import FastPath, fast_path
from guestlist.destinations.meta.manifest import HASHED, IDENTIFIERS, MANY, TRAITS, Key
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.store.engine import Warehouse

_PLACES = 2
"""So many identifiers of each type have a column of their own."""
_GATHER = "to_gather"


def used(settings: MatchKeySettings) -> tuple[list[str], list[str]]:
    """The traits, and the types of identifiers, that can reach a row."""
    lists = [trait for key in MANY for trait in _traits(key, settings)]
    kinds = [kind for key in MANY for kind in IDENTIFIERS[key]]
    if settings.extern_id is not None:
        kinds.append(settings.extern_id)
    return sorted({*trait_columns(settings), *lists}), sorted(set(kinds))


def held_traits(warehouse: Warehouse) -> Table:
    """What people sent and what was worked out of them; the latter counts where both have one key."""
    sent = warehouse.table("trait").select("profile_id", "key", "value")
    if not warehouse.has("computed_trait"):
        return sent
    computed = warehouse.table("computed_trait")
    keys = warehouse.read(computed.select("key").distinct()).column("key").to_pylist()
    if not keys:
        return sent
    return sent.filter(sent.key.notin(keys)).union(computed.select("profile_id", "key", "value"))


def present_traits(warehouse: Warehouse) -> frozenset[str]:
    """The traits that anybody has."""
    names = warehouse.read(held_traits(warehouse).select("key").distinct())
    return frozenset(names.column("key").to_pylist())


def profile_table(
    warehouse: Warehouse, people: Table, settings: MatchKeySettings, *, present: frozenset[str] | None = None
) -> Table:
    """One line for each of the people (profile_id), as `columns` describes it."""
    present = present_traits(warehouse) if present is None else present
    trait = held_traits(warehouse).semi_join(people, "profile_id")
    singles = {column: name for name, column in trait_columns(settings).items() if name in present}
    wide = _beside(people.select("profile_id"), _wide_traits(trait, {**singles, **_list_columns(settings, present)}))
    wide = _beside(wide, _wide_identifiers(warehouse, people))
    wide = warehouse.materialise("wide_profiles", wide.mutate(**{_GATHER: _must_gather(wide, settings, present)}))
    gathered = _gathered(warehouse, trait, wide.filter(wide[_GATHER]), settings, present)
    table = _beside(wide, gathered.rename({f"gathered_{key}": key for key in MANY}))
    lists = {
        key: ibis.ifelse(table[_GATHER], table[f"gathered_{key}"], _together(table, key, settings, present))
        for key in MANY
    }
    return _with_extern_id(warehouse, table.select("profile_id", *singles, **lists), settings)


def _traits(key: Key, settings: MatchKeySettings) -> Sequence[str]:
    return settings.remap.get(key, TRAITS[key])


def _beside(table: Table, more: Table) -> Table:
    joined = table.left_join(more, "profile_id")
    return joined.drop("profile_id_right")


def _wide_traits(trait: Table, columns: dict[str, str]) -> Table:
    some = trait.filter(trait.key.isin(sorted(set(columns.values()))))
    firsts = {column: some.value.arbitrary(where=some.key == name) for column, name in columns.items()}
    return some.group_by("profile_id").aggregate(some.count().name("traits"), **firsts)


def _list_columns(settings: MatchKeySettings, present: frozenset[str]) -> dict[str, str]:
    """The columns of traits that belong to a list, in the order in which they are read."""
    columns = {}
    for key in MANY:
        for place, name in enumerate(_traits(key, settings)):
            if name in present:
                columns[f"list_{key}_{place}".lower()] = name
    return columns


def _id_column(kind: str, place: int) -> str:
    return f"id_{kind}_{place}".replace(".", "_")


def _wide_identifiers(warehouse: Warehouse, people: Table) -> Table:
    kinds = [kind for key in MANY for kind in IDENTIFIERS[key]]
    identifier = warehouse.table("identifier").semi_join(people, "profile_id")
    identifier = identifier.filter(identifier.type.isin(kinds))
    places = {
        _id_column(kind, place): identifier.value.arbitrary(
            where=(identifier.type == kind) & (identifier.ordinal == place)
        )
        for kind in kinds
        for place in range(_PLACES)
    }
    return identifier.group_by("profile_id").aggregate(last_place=identifier.ordinal.max(), **places)


def _must_gather(wide: Table, settings: MatchKeySettings, present: frozenset[str]) -> Column:
    many = (wide.last_place >= _PLACES).fill_null(False)
    for column in _list_columns(settings, present):
        many |= wide[column].startswith("[").fill_null(False)
    # Of two types the one first seen comes first.
    for kinds in IDENTIFIERS.values():
        for first, second in pairwise(kinds):
            many |= wide[_id_column(first, 0)].notnull() & wide[_id_column(second, 0)].notnull()
    return many


def _together(table: Table, key: Key, settings: MatchKeySettings, present: frozenset[str]) -> Column:
    """The list of a key out of its columns, without values that are known to read the same as one before them."""
    given = [_as_given(key, table[_id_column(kind, place)]) for kind in IDENTIFIERS[key] for place in range(_PLACES)]
    prefix = f"list_{key}_".lower()
    traits = [table[column] for column in _list_columns(settings, present) if column.startswith(prefix)]
    new = [ibis.ifelse(_known(key, trait, given, settings), ibis.null("string"), trait) for trait in traits]
    empty = ibis.literal([], "array<string>")
    return reduce(
        lambda before, more: before.concat(more),
        (ibis.ifelse(v.isnull(), empty, ibis.array([v])) for v in [*given, *new]),
    )


def _known(key: Key, trait: Column, given: list[Column], settings: MatchKeySettings) -> Column:
    """Whether a trait is what an identifier says already, as it nearly always is: identifiers come from traits."""
    plain = ibis.or_(*((trait == value).fill_null(False) for value in given))
    path = _plainly(key, trait, settings)
    if path is None:
        return plain
    normal = ibis.or_(*((path.normal == value).fill_null(False) for value in given))
    return ibis.cases((plain, True), (normal, path.guard), else_=False)


def _plainly(key: Key, trait: Column, settings: MatchKeySettings) -> FastPath | None:
    """How a plain value of the trait looks as an identifier, where that is cheaper to say than to look up."""
    if key == "EMAIL":
        return fast_path(key, trait, ibis.literal(""), settings)
    if key != "PHONE" or settings.value_maps.get(key):
        return None
    # An international number reads the same without the signs in it. Brackets may hold a zero, `.0` is a decimal.
    digits = reduce(lambda text, sign: text.replace(sign, ""), " -./", trait)
    guard = trait.re_search(r"^\+[0-9 ./-]+$") & ~trait.re_search(r"\.0+$")
    return FastPath(guard=guard.fill_null(False), normal=digits)


def _gathered(
    warehouse: Warehouse, trait: Table, people: Table, settings: MatchKeySettings, present: frozenset[str]
) -> Table:
    """(profile_id, one list for each key), collected line by line."""
    trait = trait.semi_join(people, "profile_id")
    lines = _lines(warehouse, trait, people, settings, present)
    lists = {key: lines.raw.collect(where=lines.key == key, order_by=_order(lines)) for key in MANY}
    return lines.group_by("profile_id").aggregate(**lists)


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
    plain = value.re_search("^[0-9]+$") & ~value.re_search(HASHED)
    return ibis.ifelse(plain, "+" + value, value)


def _with_extern_id(warehouse: Warehouse, table: Table, settings: MatchKeySettings) -> Table:
    """Where the trait is missing the first identifier of that name stands in for it."""
    if settings.extern_id is None:
        return table
    column = trait_columns(settings)[settings.extern_id]
    identifier = warehouse.table("identifier")
    identifier = identifier.filter(identifier.type == settings.extern_id).semi_join(table, "profile_id")
    firsts = identifier.group_by("profile_id").aggregate(first_id=identifier.value.argmin(identifier.ordinal))
    joined = table.left_join(firsts, "profile_id").drop("profile_id_right")
    given = joined[column] if column in joined.columns else ibis.null("string")
    return joined.mutate(**{column: ibis.coalesce(given, joined.first_id)}).drop("first_id")

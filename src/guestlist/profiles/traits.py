"""What is known of people: the last value of each trait, long and typed."""

from collections.abc import Iterable

import ibis

from guestlist.profiles.external import tells_membership
from guestlist.profiles.relations import Column, Materialise, Table
from guestlist.store import Warehouse
from guestlist.store.functions import without_field
from guestlist.store.in_memory import in_memory
from guestlist.values.engage import KEY_PROPERTY

DEEPEST = 8
"""Objects nested deeper are kept as JSON text."""

_CALL = "identify"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def traits(message: Table, message_profile: Table, materialise: Materialise, *, unify_spellings: bool = False) -> Table:
    """Relation `trait`: of the writings of each dotted key the last by (at, message_id, source), unless it is null.

    Writing something other than an object to a key replaces what was below it, and the other way round.
    `unify_spellings`: `firstName` is a writing of `first_name`.
    """
    said = materialise("trait_said", _in_order(message, message_profile))
    written = _leaves(said, materialise)
    if unify_spellings:
        written = materialise("trait_unified", _unified(written))
    latest = written.group_by("person", "key").aggregate(
        version=written.version.max(), raw=written.raw.argmax(written.version)
    )
    latest = materialise("trait_latest", latest)
    standing = _without_replaced(latest).filter(lambda t: t.raw != "null")
    dated = standing.join(said.drop("doc"), ["person", "version"])
    text = _text(dated.raw)
    return dated.select("profile_id", "key", "at", "source", value=text, number=_number(text))


def renew_traits(
    warehouse: Warehouse, message: Table, owner: Table, changed: Table, *, unify_spellings: bool = False
) -> None:
    """Traits of the people whose writings went from one to another, or came."""
    said = message.semi_join(changed, "ordinal").filter(_writes).select("ordinal")
    moved = changed.semi_join(said, "ordinal")
    whose = ibis.union(moved.select(profile_id="before"), moved.select(profile_id="now"), distinct=True)
    whose = warehouse.materialise("trait_whose", whose.filter(whose.profile_id.notnull()))
    renew_traits_of(warehouse, message, owner, whose, unify_spellings=unify_spellings)


def renew_traits_of(
    warehouse: Warehouse, message: Table, owner: Table, whose: Table, *, unify_spellings: bool = False
) -> None:
    """Traits of these people (profile_id), of whose messages `owner` has all."""
    if not warehouse.read(whose.limit(1)).num_rows:
        return
    theirs = warehouse.materialise("trait_theirs", owner.semi_join(whose, "profile_id"))
    writings = message.semi_join(theirs, "ordinal").filter(_writes)
    found = traits(writings, theirs, warehouse.materialise, unify_spellings=unify_spellings)
    warehouse.delete_keys("trait", whose, ["profile_id"])
    warehouse.append("trait", found)


def _writes(message: Table) -> Column:
    """Whether a message tells traits. By a track call of Engage, too, those come that were chosen to enrich it."""
    return (message.type == _CALL) | tells_membership(message)


def _document(message: Table) -> Column:
    enriched = without_field(message.properties, KEY_PROPERTY)
    return (message.type == _CALL).ifelse(message.traits, enriched)


def _in_order(message: Table, message_profile: Table) -> Table:
    """Said(profile_id, person, version, at, source, doc): people and their writings as numbers, the later the greater.

    Numbers are grouped and joined many times faster than texts.
    """
    said = message.filter(_writes).mutate(traits=_document)
    said = said.filter(said.traits.notnull())
    whose = said.select("source", "message_id", "at", "ordinal").join(message_profile, "ordinal")
    order = [whose["at"], whose.message_id, whose.source]
    version = ibis.row_number().over(group_by=whose.profile_id, order_by=order)
    person = whose.ordinal.min().over(group_by=whose.profile_id)
    whose = whose.select("profile_id", "at", "source", "ordinal", person=person, version=version)
    return whose.join(said.select("ordinal", doc="traits"), "ordinal").drop("ordinal")


def _leaves(said: Table, materialise: Materialise) -> Table:
    """Written(person, version, key, raw): objects taken apart level by level; `raw` is JSON."""
    level = _opened(said.select("person", "version", "doc", path=ibis.null("string")))
    level = materialise("trait_level_0", level)
    levels = [level]
    for depth in range(1, DEEPEST):
        inner = level.filter(_is_object(level.raw))
        if not inner.count().to_pyarrow().as_py():
            break
        level = materialise(f"trait_level_{depth}", _opened(inner.select("person", "version", doc="raw", path="key")))
        levels.append(level)
    whole = [part.filter(~_is_object(part.raw)) for part in levels[:-1]]
    return ibis.union(*whole, levels[-1]) if whole else level


def _unified(written: Table) -> Table:
    """Keys in camelCase become those in snake_case; of one writing that has both, what is spelled so counts."""
    plain = written.key.re_search(r"^[A-Za-z0-9_.]+$") & written.key.re_search("[A-Z]")
    apart = written.key.re_replace("([A-Z]+)([A-Z][a-z])", r"\1_\2").re_replace("([a-z0-9])([A-Z])", r"\1_\2")
    spelled = written.mutate(key=plain.ifelse(apart.lower(), written.key), as_spelled=~plain)
    place = ibis.row_number().over(
        group_by=["person", "version", "key"], order_by=[spelled.as_spelled.desc(), spelled.raw]
    )
    return spelled.mutate(place=place).filter(lambda t: t.place == 0).drop("place", "as_spelled")


def _opened(objects: Table) -> Table:
    fields = objects.doc.cast("json").try_cast("map<string, json>")
    each = objects.mutate(fields=fields).filter(lambda t: t.fields.notnull())
    each = each.select(
        "person", "version", "path", name=each.fields.keys().unnest(), item=each.fields.values().unnest()
    )
    key = each.path.isnull().ifelse(each.name, each.path + "." + each.name)
    return each.select("person", "version", key=key, raw=each.item.cast("string").fill_null("null"))


# The kind of a JSON text is told by how it begins.


def _is_object(raw: Column) -> Column:
    return raw.substr(0, 1) == "{"


def _text(raw: Column) -> Column:
    """The text of a string; anything else as it was written."""
    return (raw.substr(0, 1) == '"').ifelse(raw.cast("json").str, raw)


def _number(text: Column) -> Column:
    """Text that reads as a number counts as one, as files have no types."""
    return text.re_search(_NUMBER).ifelse(text.try_cast("float64"), ibis.null("float64"))


def _without_replaced(latest: Table) -> Table:
    """Drop the older of two traits of which one is below the other."""
    pairs = _nested_pairs(latest.select("key").distinct().to_pyarrow().column("key").to_pylist())
    if not pairs:
        return latest
    schema = {"below": "string", "above": "string"}
    nested = in_memory({"below": [below for below, _ in pairs], "above": [above for _, above in pairs]}, schema)
    lower = latest.join(nested, latest.key == nested.below).select("person", "below", "above", low="version")
    upper = latest.select("person", above="key", high="version")
    both = lower.join(upper, ["person", "above"])
    # Of one writing that has both (a key that is itself written with a dot) both stay.
    lost_below = both.filter(both.low < both.high).select("person", key="below")
    lost_above = both.filter(both.low > both.high).select("person", key="above")
    return latest.anti_join(lost_below.union(lost_above).distinct(), ["person", "key"])


def _nested_pairs(keys: Iterable[str]) -> list[tuple[str, str]]:
    """(below, above) for all keys of which the one begins with the other and a dot."""
    known = set(keys)
    return [
        (key, key[:end])
        for key in sorted(known)
        for end in (n for n, letter in enumerate(key) if letter == ".")
        if key[:end] in known
    ]

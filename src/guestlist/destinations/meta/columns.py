"""From a wide table of profiles to their rows, over whole columns: what `read_record` gives, for millions.

A profile table has `profile_id`, the lists `EMAIL`, `PHONE` and `MADID` of raw values (identifiers first, then traits,
as first seen; each may be missing or null), and one text column for every other trait in use, named by its trait key.
Hand in a stored table: it is read once per key. The relation `form(key, raw, country, normal, reason)` holds what
`read_form` says of values that no fast path covers; its `key` is the form (`DOBY:date`), unique with raw and country.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Protocol, TypeAlias

import ibis
import pyarrow as pa

from guestlist.destinations.meta.fast_paths import fast_path
from guestlist.destinations.meta.manifest import BY_COUNTRY, KEYS, MANY, ONE, TRACKING_ENABLED, UNHASHED, WEAK, Key
from guestlist.destinations.meta.match_keys import MatchKeySettings, Source, key_of_form, read_form, sources
from guestlist.destinations.meta.relations import Materialise
from guestlist.destinations.meta.rows import FALSE_WORDS, SEPARATOR
from guestlist.values.country import country_of_hash
from guestlist.values.email import SEPARATORS
from guestlist.values.reading import Flag, Reason

Table: TypeAlias = ibis.Table
Column: TypeAlias = ibis.Column

FORM_SCHEMA = pa.schema([(name, pa.string()) for name in ("key", "raw", "country", "normal", "reason")])
_COUNTRY = "settled_country"
_OFF = "tracking_off"
_SEVERAL = "has_several"


class FormStore(Protocol):
    """Where forms are kept, under one `forms_digest` of the settings."""

    def forms(self) -> Table:
        """The relation `form`, with all that was appended."""

    def append_forms(self, rows: pa.Table) -> None:
        """Append rows that the relation does not have yet."""


def empty_forms() -> Table:
    """A relation `form` without a row."""
    return ibis.memtable(FORM_SCHEMA.empty_table())


def form_of_distinct(form: str, raws: pa.Array, countries: pa.Array, settings: MatchKeySettings) -> pa.Table:
    """The rows of `form` for distinct raw values and the settled countries of their rows ("" when not known)."""
    normals, reasons = [], []
    for raw, country in zip(raws.to_pylist(), countries.to_pylist(), strict=True):
        reading = read_form(form, raw, country, settings)
        normals.append(reading.normal)
        reasons.append(reading.reason or ",".join(reading.flags) or None)
    keys = pa.repeat(pa.scalar(form), len(raws))
    columns = [keys, raws, countries, pa.array(normals, pa.string()), pa.array(reasons, pa.string())]
    return pa.table([column.cast(pa.string()) for column in columns], schema=FORM_SCHEMA)


def grow_forms(profiles: Table, store: FormStore, settings: MatchKeySettings) -> int:
    """Read every value of the profiles that neither a fast path nor the store covers. Gives the number read."""
    read = _grow(_country_uses(profiles, settings), store, settings)
    settled = _settle(profiles, store.forms(), settings)
    return read + _grow(_uses(settled, settings), store, settings)


def _grow(uses: "Iterator[_Use]", store: FormStore, settings: MatchKeySettings) -> int:
    by_form: dict[str, list[Table]] = {}
    for use in uses:
        by_form.setdefault(use.form, []).append(_uncovered(use, settings))
    read = 0
    for form, tables in by_form.items():
        values = tables[0] if len(tables) == 1 else ibis.union(*tables)
        known = store.forms().filter(lambda t, form=form: t.key == form)
        missing = values.distinct().anti_join(known, ["raw", "country"]).to_pyarrow()
        if missing.num_rows:
            raws, countries = (missing[name].combine_chunks() for name in ("raw", "country"))
            store.append_forms(form_of_distinct(form, raws, countries, settings))
            read += missing.num_rows
    return read


@dataclass(frozen=True, kw_only=True)
class _Use:
    """One column of values read by a form: a table (raw, country)."""

    form: str
    values: Table


def _country_uses(profiles: Table, settings: MatchKeySettings) -> Iterator[_Use]:
    for source in _present(profiles, "COUNTRY", settings):
        yield _Use(form=source.form, values=profiles.select(raw=profiles[source.trait], country=ibis.literal("")))


def _uses(profiles: Table, settings: MatchKeySettings) -> Iterator[_Use]:
    """Every column of the profiles, settled countries given, but those of COUNTRY."""
    for key in settings.keys:
        if key in MANY:
            if key in profiles.columns:
                listed = profiles.select(raw=profiles[key].unnest(), country=_country_for(key, profiles))
                yield _Use(form=key, values=listed)
        elif key != "COUNTRY":
            for source in _present(profiles, key, settings):
                values = profiles.select(raw=profiles[source.trait], country=_country_for(source.form, profiles))
                yield _Use(form=source.form, values=values)


def _present(profiles: Table, key: Key, settings: MatchKeySettings) -> list[Source]:
    return [source for source in sources(key, settings) if source.trait in profiles.columns]


def _country_for(form: str, profiles: Table) -> Column:
    return profiles[_COUNTRY] if key_of_form(form) in BY_COUNTRY else ibis.literal("")


def _uncovered(use: _Use, settings: MatchKeySettings) -> Table:
    values = _without_guarded(use.form, use.values, settings)
    if use.form == "EMAIL":
        pieces = values.select(raw=values.raw.re_split(SEPARATORS).unnest(), country=values.country)
        values = _without_guarded(use.form, pieces, settings)
    return values


def _without_guarded(form: str, values: Table, settings: MatchKeySettings) -> Table:
    path = fast_path(form, values.raw, values.country, settings)
    uncovered = values.raw.notnull()
    return values.filter(uncovered if path is None else uncovered & ~path.guard)


@dataclass(frozen=True, kw_only=True)
class _Value:
    """A column of raw values that a form reads, and the name of what it gives."""

    name: str
    form: str
    raw: Column


def _read(table: Table, values: list[_Value], keep: list[str], forms: Table, settings: MatchKeySettings) -> Table:
    """The kept columns, and `NAME_normal` ("" for blank) and `NAME_reason` of each value: one select, one chain of joins.

    (A select and a join for each value in turn compiles fifty times slower.)
    """
    probes: dict[str, Column] = {}
    for value in values:
        country = _country_for(value.form, table)
        path = fast_path(value.form, value.raw, country, settings)
        nothing = ibis.null("string")
        probes[f"{value.name}_fast"] = ibis.ifelse(path.guard, path.normal, nothing) if path else nothing
        probes[f"{value.name}_probe"] = ibis.ifelse(path.guard, nothing, value.raw) if path else value.raw
    joined = table.select(*keep, **({_COUNTRY: table[_COUNTRY]} if _COUNTRY not in keep else {}), **probes)
    for value in values:
        joined = _with_form(joined, value, forms)
    readings: dict[str, Column] = {}
    for value in values:
        normal = ibis.coalesce(joined[f"{value.name}_fast"], joined[f"{value.name}_form"], "")
        readings |= {f"{value.name}_normal": normal, f"{value.name}_reason": joined[f"{value.name}_said"]}
    return joined.select(*keep, **readings)


def _with_form(joined: Table, value: _Value, forms: Table) -> Table:
    name = value.name
    known = forms.filter(forms.key == value.form)
    columns = {f"{name}_raw": known.raw, f"{name}_form": known.normal, f"{name}_said": known.reason}
    on = [(f"{name}_probe", f"{name}_raw")]
    if key_of_form(value.form) in BY_COUNTRY:
        columns[f"{name}_country"] = known.country
        on.append((_COUNTRY, f"{name}_country"))
    return joined.left_join(known.select(**columns), on)


def _values(profiles: Table, key: Key, settings: MatchKeySettings) -> list[_Value]:
    """What may give a key its cell, in the order tried: `KEY_0`, `KEY_1`, …"""
    present = _present(profiles, key, settings)
    return [_Value(name=f"{key}_{n}", form=s.form, raw=profiles[s.trait]) for n, s in enumerate(present)]


def _choose(read: Table, values: list[_Value]) -> tuple[Column, Column]:
    """Normal form and reason of the first usable value, else the first reason."""
    if not values:
        return ibis.literal(""), ibis.null("string")
    normals = [read[f"{value.name}_normal"] for value in values]
    reasons = [read[f"{value.name}_reason"] for value in values]
    if len(values) == 1:
        return normals[0], reasons[0]
    chosen = [(normal != "", reason) for normal, reason in zip(normals, reasons, strict=True)]
    return ibis.coalesce(*(n.nullif("") for n in normals), ""), ibis.cases(*chosen, else_=ibis.coalesce(*reasons))


def _settle(profiles: Table, forms: Table, settings: MatchKeySettings) -> Table:
    """The profiles with COUNTRY's normal form and reason, and the country by which their other cells are read."""
    table = profiles.mutate(**{_COUNTRY: ibis.literal("")})
    values = _values(table, "COUNTRY", settings)
    read = _read(table, values, list(profiles.columns), forms, settings)
    normal, reason = _choose(read, values)
    if settings.country:
        absent = (normal == "") & reason.isnull()
        normal = ibis.ifelse(absent, settings.country, normal)
        reason = ibis.ifelse(absent, Flag.FROM_DEFAULT.value, reason)
    return _recognise(read.select(*profiles.columns, COUNTRY_normal=normal, COUNTRY_reason=reason), profiles.columns)


def _recognise(read: Table, keep: Iterable[str]) -> Table:
    digests = country_of_hash()
    known = ibis.memtable(pa.table({"digest": list(digests), "code": list(digests.values())}))
    joined = read.left_join(known, [("COUNTRY_normal", "digest")])
    settled = ibis.ifelse(_is_hashed(joined.COUNTRY_reason), joined.code.fill_null(""), joined.COUNTRY_normal)
    return joined.select(*keep, "COUNTRY_normal", "COUNTRY_reason", **{_COUNTRY: settled})


def _is_hashed(reason: Column) -> Column:
    # An already hashed value has no other flag.
    return reason.fill_null("") == Flag.ALREADY_HASHED.value


def _sent(key: Key, normal: Column, reason: Column) -> Column:
    if key in UNHASHED:
        return normal
    as_it_is = (normal == "") | _is_hashed(reason)
    return ibis.ifelse(as_it_is, normal, normal.hexdigest("sha256"))


def prepare_rows(
    profiles: Table,
    forms: Table,
    settings: MatchKeySettings,
    *,
    blanks: Table | None = None,
    materialise: Materialise | None = None,
) -> Table:
    """The rows of all profiles: profile_id, n, one column per match key as sent, `KEY_reason`, row_key, cannot.

    `forms` must cover the profiles (`grow_forms`). `blanks` (key, sent, reason) lists values of EMAIL, PHONE, MADID
    and EXTERN_ID that nobody may carry: do-not-send, blocked and hub values. A reason beside a cell that is sent is its
    flags. `cannot` is null where the row may be an addition, else `has_none` or `only_unusable`. With `materialise`
    what is read twice is kept: worth it from some thousand profiles up.
    """
    lists = [key for key in MANY if key in settings.keys and key in profiles.columns]
    settled = _settle(profiles, forms, settings)
    settled = settled.mutate(**{_OFF: _tracking_off(profiles), _SEVERAL: _has_several(profiles, lists)})
    if materialise is not None:
        settled = materialise("rows_settled", settled)
    cells = _cells(settled, lists, forms, settings)
    if materialise is not None:
        cells = materialise("rows_cells", cells)
    for key in ("EXTERN_ID", *lists):
        cells = _blanked(cells, key, blanks)
    heads = [_heads_of_one(cells.filter(~cells[_SEVERAL]))]
    if lists:
        many = settled.filter(settled[_SEVERAL])
        gathered = {key: _gathered(many, key, forms, settings, blanks) for key in lists}
        heads.append(_heads_of_many(cells.filter(cells[_SEVERAL]), gathered))
    return _finished(ibis.union(*heads) if len(heads) > 1 else heads[0], settings)


def _tracking_off(profiles: Table) -> Column:
    known = [profiles[trait] for trait in TRACKING_ENABLED if trait in profiles.columns]
    off = [column.cast("string").lower().isin(FALSE_WORDS).fill_null(False) for column in known]
    return reduce(or_, off) if off else ibis.literal(False)


def _has_several(profiles: Table, lists: list[Key]) -> Column:
    longer = [profiles[key].length().fill_null(0) > 1 for key in lists]
    if "EMAIL" in lists:
        joined = profiles.EMAIL[0].re_search(SEPARATORS)
        longer.append(ibis.ifelse(profiles.EMAIL.length() > 0, joined, False).fill_null(False))
    return reduce(or_, longer) if longer else ibis.literal(False)


def _cells(settled: Table, lists: list[Key], forms: Table, settings: MatchKeySettings) -> Table:
    """One line per profile: of every key what is sent and why; of the lists, those of profiles with no longer ones."""
    values = {key: _values(settled, key, settings) for key in ONE if key in settings.keys and key != "COUNTRY"}
    for key in lists:
        has = ~settled[_SEVERAL] & (settled[key].length() > 0)
        one = ibis.ifelse(has, settled[key][0], ibis.null("string"))
        values[key] = [_Value(name=f"{key}_0", form=key, raw=one)]
    keep = ["profile_id", _OFF, _SEVERAL, "COUNTRY_normal", "COUNTRY_reason"]
    read = _read(settled, [v for group in values.values() for v in group], keep, forms, settings)
    chosen = {key: _choose(read, group) for key, group in values.items()}
    if "COUNTRY" in settings.keys:
        chosen["COUNTRY"] = (read.COUNTRY_normal, read.COUNTRY_reason)
    if "MADID" in chosen:
        chosen["MADID"] = _unless_off(*chosen["MADID"], read[_OFF])
    if {"FN", "FI"} <= chosen.keys():
        # The whole first name says more than its initial.
        named, (normal, reason) = chosen["FN"][0] != "", chosen["FI"]
        chosen["FI"] = (ibis.ifelse(named, "", normal), ibis.ifelse(named, ibis.null("string"), reason))
    columns: dict[str, Column] = {}
    for key in KEYS:
        normal, reason = chosen.get(key, (ibis.literal(""), ibis.null("string")))
        columns |= {key: _sent(key, normal, reason), f"{key}_reason": reason}
    return read.select("profile_id", _SEVERAL, **columns)


def _unless_off(normal: Column, reason: Column, off: Column) -> tuple[Column, Column]:
    hit = off & ((normal != "") | reason.notnull())
    return ibis.ifelse(hit, "", normal), ibis.ifelse(hit, Reason.TRACKING_OFF.value, reason)


def _blanked(table: Table, key: Key, blanks: Table | None) -> Table:
    """The table with the key's cell blank where the value is listed, and the list's reason."""
    if blanks is None:
        return table
    listed = blanks.filter(blanks.key == key).select(blank_sent=blanks.sent, blank_reason=blanks.reason)
    joined = table.left_join(listed, [(key, "blank_sent")])
    hit = joined.blank_sent.notnull() & (joined[key] != "")
    changed = {
        key: ibis.ifelse(hit, "", joined[key]),
        f"{key}_reason": ibis.ifelse(hit, joined.blank_reason, joined[f"{key}_reason"]),
    }
    return joined.select(*(changed.get(name, joined[name]).name(name) for name in table.columns))


def _heads_of_one(cells: Table) -> Table:
    """Rows of profiles with at most one e-mail, phone and mobile id."""
    return _head(cells.mutate(n=ibis.literal(0, "int32")))


def _heads_of_many(rows: Table, gathered: dict[Key, Table]) -> Table:
    """Rows of profiles with a longer list: row n carries the n-th of each, shorter lists repeat their first."""
    for lists in gathered.values():
        rows = rows.left_join(lists, "profile_id").drop("profile_id_right")
    counts = [rows[f"{key}_sents"].length().fill_null(0) for key in gathered]
    rows = rows.mutate(count=ibis.greatest(1, *counts).cast("int32"))
    rows = rows.mutate(n=ibis.range(ibis.literal(0, "int32"), rows["count"]).unnest().cast("int32"))
    nth = [_nth(rows, key) for key in gathered]
    return _head(rows.mutate(**reduce(or_, nth)))


def _gathered(table: Table, key: Key, forms: Table, settings: MatchKeySettings, blanks: Table | None) -> Table:
    """Per profile the usable values of one list in order, each once, and the first reason of the others."""
    listed = table.select("profile_id", _COUNTRY, _OFF, piece=table[key]).unnest("piece", offset="place")
    listed = listed.mutate(part=ibis.literal(0, "int64"))
    if key == "EMAIL":
        listed = listed.drop("part").mutate(piece=listed.piece.re_split(SEPARATORS)).unnest("piece", offset="part")
    value = _Value(name="piece", form=key, raw=listed.piece)
    read = _read(listed, [value], ["profile_id", _OFF, "place", "part"], forms, settings)
    normal, reason = read.piece_normal, read.piece_reason
    if key == "MADID":
        normal, reason = _unless_off(normal, reason, read[_OFF])
    sent = {key: _sent(key, normal, reason), f"{key}_reason": reason}
    cells = _blanked(read.select("profile_id", order=read.place * 1_000_000 + read.part, **sent), key, blanks)
    return _lists(cells, key)


def _lists(cells: Table, key: Key) -> Table:
    usable = cells.filter(cells[key] != "")
    distinct = usable.group_by("profile_id", key).agg(
        first=usable.order.min(), reason=usable[f"{key}_reason"].fill_null("").argmin(usable.order)
    )
    sents = distinct.group_by("profile_id").agg(
        **{
            f"{key}_sents": distinct[key].collect(order_by=distinct["first"]),
            f"{key}_reasons": distinct.reason.collect(order_by=distinct["first"]),
        }
    )
    refused = cells.filter((cells[key] == "") & cells[f"{key}_reason"].notnull())
    refusals = refused.group_by("profile_id").agg(
        **{f"{key}_refusal": refused[f"{key}_reason"].argmin(refused.order)}
    )
    both = sents.outer_join(refusals, "profile_id")
    columns = [f"{key}_sents", f"{key}_reasons", f"{key}_refusal"]
    return both.select(*columns, profile_id=ibis.coalesce(both.profile_id, both.profile_id_right))


def _nth(rows: Table, key: Key) -> dict[str, Column]:
    sents, reasons = rows[f"{key}_sents"], rows[f"{key}_reasons"]
    count = sents.length().fill_null(0)
    place = ibis.ifelse(rows.n < count, rows.n, 0)
    reason = ibis.ifelse(count > 0, reasons[place].nullif(""), rows[f"{key}_refusal"])
    return {key: ibis.ifelse(count > 0, sents[place], ""), f"{key}_reason": reason}


def _head(table: Table) -> Table:
    return table.select("profile_id", "n", *KEYS, *(f"{key}_reason" for key in KEYS))


def _finished(rows: Table, settings: MatchKeySettings) -> Table:
    strong = settings.strong
    usable = reduce(or_, ((rows[key] != "") for key in strong), ibis.literal(False))
    tried = reduce(or_, (rows[f"{key}_reason"].notnull() for key in strong), ibis.literal(False))
    cannot = ibis.cases((usable, ibis.null("string")), (tried, "only_unusable"), else_="has_none")
    return rows.mutate(row_key=_digest([rows[key] for key in KEYS]), cannot=cannot)


def _digest(cells: list[Column]) -> Column:
    return ibis.literal(SEPARATOR).join(cells).hexdigest("md5").cast("uuid")


def key_columns(rows: Table) -> dict[str, Column]:
    """The keys by which Meta can know each row, null where it has not that key: `keys_of` over columns.

    Beside them `name`, the digest of FN and LN where the row has the weak key: what re-asserting after a removed weak
    tuple goes by.
    """
    has = {key: rows[key] != "" for key in KEYS}
    weak = reduce(and_, (has["LN"], has["FN"] | has["FI"], has["ZIP"] | has["CT"] | has["DOBY"]))
    none = ibis.null("uuid")
    return {
        "email": ibis.ifelse(has["EMAIL"], rows.EMAIL.substr(0, 32).cast("uuid"), none),
        "phone": ibis.ifelse(has["PHONE"], rows.PHONE.substr(0, 32).cast("uuid"), none),
        "madid": rows.MADID.nullif("").cast("uuid"),
        "extern_id": ibis.ifelse(has["EXTERN_ID"], rows.EXTERN_ID.hexdigest("md5").cast("uuid"), none),
        "weak": ibis.ifelse(weak, _digest([rows[key] for key in WEAK]), none),
        "name": ibis.ifelse(weak, _digest([rows.FN, rows.LN]), none),
    }

"""From a wide table of profiles to their rows, over whole columns: what `read_record` gives, for millions.

A profile table has `profile_id`, the lists `EMAIL`, `PHONE` and `MADID` of raw values (identifiers first, then traits,
as first seen; each may be missing or null), and a text column for every other trait in use, named by `trait_columns`.
Hand in a stored table: it is read once per key. Values that no fast path covers are looked up in relation `form`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import TypeAlias

import ibis
import pyarrow as pa

from guestlist.destinations.meta.fast_paths import fast_path
from guestlist.destinations.meta.forms import FORM, FormStore, grow
from guestlist.destinations.meta.manifest import BY_COUNTRY, KEYS, MANY, ONE, TRACKING_ENABLED, UNHASHED, Key
from guestlist.destinations.meta.match_keys import MatchKeySettings, Source, key_of_form, sources
from guestlist.destinations.meta.relations import Materialise
from guestlist.destinations.meta.row_keys import digest
from guestlist.destinations.meta.rows import FALSE_WORDS
from guestlist.store.in_memory import lasting, no_lines
from guestlist.values.country import country_of_hash
from guestlist.values.email import SEPARATORS
from guestlist.values.reading import Flag, Reason
from guestlist.values.text import sha256

Table: TypeAlias = ibis.Table
Column: TypeAlias = ibis.Column

_ASKED = ("key", "raw", "country")
_COUNTRY = "settled_country"
_OFF = "tracking_off"
_SEVERAL = "has_several"
_PAIR = 2
# More parts than any one value has.
_LONGEST_VALUE = 1_000_000


@cache
def _hashed_countries() -> Table:
    digests = country_of_hash()
    return lasting({"digest": list(digests), "code": list(digests.values())})


def trait_columns(settings: MatchKeySettings) -> dict[str, str]:
    """The column of a profile table for each trait that is read, but those of lists; a table may leave columns out.

    Numbered, since to an engine `firstName` and `firstname` are one column.
    """
    single = [source.trait for key in KEYS if key not in MANY for source in sources(key, settings)]
    traits = dict.fromkeys((*single, *TRACKING_ENABLED))
    return {trait: f"t{n}_{re.sub('[^a-z0-9]+', '_', trait.lower())}" for n, trait in enumerate(traits)}


def grow_forms(
    profiles: Table, store: FormStore, settings: MatchKeySettings, *, read: Callable[[Table], pa.Table] | None = None
) -> int:
    """Read every value of the profiles that neither a fast path nor the store covers. Gives the number read."""
    return sum(grow(missing, store, settings, read=read) for missing in missing_forms(profiles, store, settings))


def missing_forms(profiles: Table, store: FormStore, settings: MatchKeySettings) -> tuple[Table, Table]:
    """(key, raw, country) that are to be read: of countries, and, once these are read, of all else."""
    settled = _settle(profiles, store.forms(), settings)
    return (
        _missing(_country_uses(profiles, settings), store, settings),
        _missing(_uses(settled, settings), store, settings),
    )


def _missing(uses: "Iterator[_Use]", store: FormStore, settings: MatchKeySettings) -> Table:
    known = store.forms()
    parts = [no_lines(FORM).select(*_ASKED)]
    for use in uses:
        of_form = known.filter(known.key == use.form)
        # What is known is left out first: as a rule that is all.
        new = _uncovered(use, settings).anti_join(of_form, ["raw", "country"])
        parts.append(new.select(key=ibis.literal(use.form), raw=new.raw, country=new.country))
    return ibis.union(*parts).distinct()


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
    """The sources of a key that the profiles have, by column in place of trait."""
    columns = trait_columns(settings)
    named = [Source(form=source.form, trait=columns[source.trait]) for source in sources(key, settings)]
    return [source for source in named if source.trait in profiles.columns]


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
    """The kept columns and, for each value, `NAME_normal`, `NAME_sent` ("" for blank both) and `NAME_reason`.

    One select and one chain of joins: a select and a join for each value in turn compiles fifty times slower.
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
        name, fast = value.name, joined[f"{value.name}_fast"]
        sent = fast if key_of_form(value.form) in UNHASHED else fast.hexdigest("sha256")
        readings[f"{name}_normal"] = ibis.coalesce(fast, joined[f"{name}_form"], "")
        readings[f"{name}_sent"] = ibis.coalesce(sent, joined[f"{name}_form_sent"], "")
        readings[f"{name}_reason"] = joined[f"{name}_said"]
    return joined.select(*keep, **readings)


def _with_form(joined: Table, value: _Value, forms: Table) -> Table:
    name, key = value.name, key_of_form(value.form)
    known = forms.filter(forms.key == value.form)
    columns = {f"{name}_raw": known.raw, f"{name}_form": known.normal, f"{name}_said": known.reason}
    # Hashed on this side of the join: once for each distinct value.
    columns[f"{name}_form_sent"] = _sent(key, known.normal, known.reason)
    on = [(f"{name}_probe", f"{name}_raw")]
    if key in BY_COUNTRY:
        columns[f"{name}_country"] = known.country
        on.append((_COUNTRY, f"{name}_country"))
    return joined.left_join(known.select(**columns), on)


def _values(profiles: Table, key: Key, settings: MatchKeySettings) -> list[_Value]:
    """What may give a key its cell, in the order tried: `KEY_0`, `KEY_1`, …"""
    present = _present(profiles, key, settings)
    return [_Value(name=f"{key}_{n}", form=s.form, raw=profiles[s.trait]) for n, s in enumerate(present)]


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """What a key's first usable value gives, else the first reason."""

    normal: Column
    sent: Column
    reason: Column


def _choose(read: Table, values: list[_Value]) -> _Chosen:
    if not values:
        return _no_cell()
    normals, sents, reasons = ([read[f"{v.name}_{part}"] for v in values] for part in ("normal", "sent", "reason"))
    if len(values) == 1:
        return _Chosen(normal=normals[0], sent=sents[0], reason=reasons[0])
    chosen = [(sent != "", reason) for sent, reason in zip(sents, reasons, strict=True)]
    return _Chosen(
        normal=ibis.coalesce(*(n.nullif("") for n in normals), ""),
        sent=ibis.coalesce(*(s.nullif("") for s in sents), ""),
        reason=ibis.cases(*chosen, else_=ibis.coalesce(*reasons)),
    )


def _no_cell() -> _Chosen:
    return _Chosen(normal=ibis.literal(""), sent=ibis.literal(""), reason=ibis.null("string"))


def _settle(profiles: Table, forms: Table, settings: MatchKeySettings) -> Table:
    """The profiles with COUNTRY's normal form and reason, and the country by which their other cells are read."""
    table = profiles.mutate(**{_COUNTRY: ibis.literal("")})
    values = _values(table, "COUNTRY", settings)
    read = _read(table, values, list(profiles.columns), forms, settings)
    chosen = _choose(read, values)
    normal, sent, reason = chosen.normal, chosen.sent, chosen.reason
    if settings.country:
        absent = (normal == "") & reason.isnull()
        normal = ibis.ifelse(absent, settings.country, normal)
        sent = ibis.ifelse(absent, sha256(settings.country), sent)
        reason = ibis.ifelse(absent, Flag.FROM_DEFAULT.value, reason)
    cells = {"COUNTRY": sent, "COUNTRY_reason": reason, "COUNTRY_normal": normal}
    return _recognise(read.select(*profiles.columns, **cells), profiles.columns)


def _recognise(read: Table, keep: Iterable[str]) -> Table:
    joined = read.left_join(_hashed_countries(), [("COUNTRY_normal", "digest")])
    settled = ibis.ifelse(_is_hashed(joined.COUNTRY_reason), joined.code.fill_null(""), joined.COUNTRY_normal)
    return joined.select(*keep, "COUNTRY", "COUNTRY_reason", **{_COUNTRY: settled})


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

    `forms` must cover the profiles (`grow_forms`). `blanks` (profile_id, key, sent, reason) lists the values of EMAIL,
    PHONE, MADID and EXTERN_ID that somebody may not carry, once each. A reason beside a cell that is sent is its
    flags. `cannot` is null where the row may be an addition, else `has_none` or `only_unusable`. With `materialise`
    what is read twice is kept: worth it from some thousand profiles up.
    """
    lists = [key for key in MANY if key in settings.keys and key in profiles.columns]
    settled = _settle(profiles, forms, settings)
    flags = {_OFF: _tracking_off(profiles, settings), _SEVERAL: _has_several(profiles, lists, blanks)}
    settled = settled.mutate(**flags)
    if materialise is not None:
        settled = materialise("rows_settled", settled)
    rows = _cells(_heads(settled, lists, forms, settings, blanks), lists, forms, settings)
    for key in ("EXTERN_ID", *lists):
        rows = _blanked(rows, key, blanks)
    return _finished(rows, settings)


def _tracking_off(profiles: Table, settings: MatchKeySettings) -> Column:
    columns = [trait_columns(settings)[trait] for trait in TRACKING_ENABLED]
    known = [profiles[column] for column in columns if column in profiles.columns]
    off = [column.cast("string").lower().isin(FALSE_WORDS).fill_null(False) for column in known]
    return reduce(or_, off) if off else ibis.literal(False)


def _has_several(profiles: Table, lists: list[Key], blanks: Table | None) -> Column:
    """Whether a profile's lists must be gathered: a pair of values is read side by side, which costs far less."""
    if blanks is not None:
        return ibis.literal(True)
    longer = [profiles[key].length().fill_null(0) > _PAIR for key in lists]
    if "EMAIL" in lists:
        longer += [_at(profiles.EMAIL, place).re_search(SEPARATORS).fill_null(False) for place in range(_PAIR)]
    return reduce(or_, longer) if longer else ibis.literal(False)


def _at(values: Column, place: int) -> Column:
    return ibis.ifelse(values.length() > place, values[place], ibis.null("string"))


def _heads(settled: Table, lists: list[Key], forms: Table, settings: MatchKeySettings, blanks: Table | None) -> Table:
    """One line for each row to be: of every list the one cell that the row carries, and all else of its profile."""
    others = [name for name in settled.columns if name not in MANY]
    if not lists:
        return settled.select(*others, n=ibis.literal(0, "int32"))
    pairs = _of_pairs(settled.filter(~settled[_SEVERAL]), others, lists, forms, settings)
    many = _of_lists(settled.filter(settled[_SEVERAL]), others, lists, forms, settings, blanks)
    return ibis.union(pairs, many)


def _of_pairs(few: Table, others: list[str], lists: list[Key], forms: Table, settings: MatchKeySettings) -> Table:
    """Heads of profiles with at most two values in each list."""
    values = {key: [_Value(name=f"{key}_{n}", form=key, raw=_at(few[key], n)) for n in range(_PAIR)] for key in lists}
    read = _read(few, [v for pair in values.values() for v in pair], others, forms, settings)
    columns: dict[str, Column] = {}
    second: dict[Key, Column] = {}
    for key in lists:
        first = _choose(read, values[key])
        one, two = (read[f"{value.name}_sent"] for value in values[key])
        second[key] = (one != "") & (two != "") & (one != two)
        columns |= {key: first.sent, f"{key}_reason": first.reason}
    if "MADID" in lists:
        second["MADID"] &= ~read[_OFF]
        columns |= _unless_off(read, columns["MADID"], columns["MADID_reason"])
    # Only a profile with two different values in a list has a second row; its shorter lists repeat their first.
    rows = ibis.ifelse(reduce(or_, second.values()), ibis.array([0, 1]), ibis.array([0]))
    carried = {f"{key}_1_{part}": read[f"{key}_1_{part}"] for key in lists for part in ("sent", "reason")}
    spread = read.select(
        *others, **columns, **carried, **{f"{key}_second": second[key] for key in lists}, n=rows.unnest().cast("int32")
    )
    heads: dict[str, Column] = {}
    for key in lists:
        turn = (spread.n == 1) & spread[f"{key}_second"]
        heads[key] = ibis.ifelse(turn, spread[f"{key}_1_sent"], spread[key])
        heads[f"{key}_reason"] = ibis.ifelse(turn, spread[f"{key}_1_reason"], spread[f"{key}_reason"])
    return spread.select(*others, "n", **heads)


def _of_lists(
    many: Table, others: list[str], lists: list[Key], forms: Table, settings: MatchKeySettings, blanks: Table | None
) -> Table:
    """Heads of profiles with lists of any length."""
    rows = many.select(*others)
    for key in lists:
        # Gathered from the profiles as they are, not once more through what was joined before.
        rows = rows.left_join(_gathered(many, key, forms, settings, blanks), "profile_id").drop("profile_id_right")
    counts = [rows[f"{key}_usable"].length().fill_null(0) for key in lists]
    rows = rows.mutate(count=ibis.greatest(1, *counts).cast("int32"))
    rows = rows.mutate(n=ibis.range(ibis.literal(0, "int32"), rows["count"]).unnest().cast("int32"))
    values = [_Value(name=f"{key}_0", form=key, raw=_nth(rows, key)) for key in lists]
    read = _read(rows, values, [*others, "n"], forms, settings)
    cells: dict[str, Column] = {}
    for key in lists:
        cells |= {key: read[f"{key}_0_sent"], f"{key}_reason": read[f"{key}_0_reason"]}
    if "MADID" in lists:
        cells |= _unless_off(read, cells["MADID"], cells["MADID_reason"])
    return read.select(*others, "n", **cells)


def _nth(rows: Table, key: Key) -> Column:
    """The n-th usable value; shorter lists repeat their first; without any, the first that is refused."""
    usable = rows[f"{key}_usable"]
    count = usable.length().fill_null(0)
    return ibis.ifelse(count > 0, usable[ibis.ifelse(rows.n < count, rows.n, 0)], rows[f"{key}_refused"])


def _cells(heads: Table, lists: list[Key], forms: Table, settings: MatchKeySettings) -> Table:
    """Of every row and key what is sent and why."""
    single = [key for key in ONE if key in settings.keys and key != "COUNTRY"]
    values: dict[Key, list[_Value]] = {key: _values(heads, key, settings) for key in single}
    known = [name for key in (*lists, "COUNTRY") for name in (key, f"{key}_reason")]
    read = _read(heads, [v for group in values.values() for v in group], ["profile_id", "n", *known], forms, settings)
    columns: dict[str, Column] = {}
    for key in KEYS:
        if key in lists or (key == "COUNTRY" and key in settings.keys):
            columns |= {name: read[name] for name in (key, f"{key}_reason")}
        else:
            cell = _choose(read, values.get(key, []))
            columns |= {key: cell.sent, f"{key}_reason": cell.reason}
    # The whole first name says more than its initial.
    named = columns["FN"] != ""
    columns["FI"] = ibis.ifelse(named, "", columns["FI"])
    columns["FI_reason"] = ibis.ifelse(named, ibis.null("string"), columns["FI_reason"])
    return read.select("profile_id", "n", **columns)


def _unless_off(read: Table, sent: Column, reason: Column) -> dict[str, Column]:
    hit = read[_OFF] & ((sent != "") | reason.notnull())
    return {
        "MADID": ibis.ifelse(hit, "", sent),
        "MADID_reason": ibis.ifelse(hit, Reason.TRACKING_OFF.value, reason),
    }


def _blanked(table: Table, key: Key, blanks: Table | None) -> Table:
    """The table with the key's cell blank where the value is listed for the profile, and the list's reason."""
    if blanks is None:
        return table
    listed = blanks.filter(blanks.key == key)
    listed = listed.select(blank_of=listed.profile_id, blank_sent=listed.sent, blank_reason=listed.reason)
    joined = table.left_join(listed, [("profile_id", "blank_of"), (key, "blank_sent")])
    hit = joined.blank_sent.notnull() & (joined[key] != "")
    changed = {
        key: ibis.ifelse(hit, "", joined[key]),
        f"{key}_reason": ibis.ifelse(hit, joined.blank_reason, joined[f"{key}_reason"]),
    }
    return joined.select(*(changed.get(name, joined[name]).name(name) for name in table.columns))


def _gathered(table: Table, key: Key, forms: Table, settings: MatchKeySettings, blanks: Table | None) -> Table:
    """Per profile the raw values of one list that are sent, each sent value once, and the first that is refused."""
    listed = _numbered(table.select("profile_id", _COUNTRY, _OFF, raw=table[key]), "place")
    if key == "EMAIL":
        listed = _numbered(listed.mutate(raw=listed.raw.re_split(SEPARATORS)), "part")
    else:
        listed = listed.mutate(part=ibis.literal(0, "int64"))
    value = _Value(name="piece", form=key, raw=listed.raw)
    read = _read(listed, [value], ["profile_id", _OFF, "place", "part", "raw"], forms, settings)
    sent = {key: read.piece_sent, f"{key}_reason": read.piece_reason}
    if key == "MADID":
        sent = _unless_off(read, read.piece_sent, read.piece_reason)
    order = read.place * _LONGEST_VALUE + read.part
    cells = _blanked(read.select("profile_id", "raw", order=order, **sent), key, blanks)
    refused = cells.filter((cells[key] == "") & cells[f"{key}_reason"].notnull())
    refusals = refused.group_by("profile_id").agg(**{f"{key}_refused": refused.raw.argmin(refused.order)})
    both = _usable(cells.filter(cells[key] != ""), key).outer_join(refusals, "profile_id")
    columns = [f"{key}_usable", f"{key}_refused"]
    return both.select(*columns, profile_id=ibis.coalesce(both.profile_id, both.profile_id_right))


def _numbered(table: Table, place: str) -> Table:
    """One line for each element of the list column `raw`, with its place from 0."""
    # Unnesting with an offset would become a join on all columns.
    lines = table.mutate(**{place: ibis.range(0, table.raw.length()).unnest()})
    return lines.mutate(raw=lines.raw[lines[place]])


def _usable(cells: Table, key: Key) -> Table:
    by_value = cells.group_by("profile_id", key)
    distinct = by_value.agg(first=cells.order.min(), raw=cells.raw.argmin(cells.order))
    return distinct.group_by("profile_id").agg(**{f"{key}_usable": distinct.raw.collect(order_by=distinct["first"])})


def _finished(rows: Table, settings: MatchKeySettings) -> Table:
    strong = settings.strong
    usable = reduce(or_, ((rows[key] != "") for key in strong), ibis.literal(False))
    tried = reduce(or_, (rows[f"{key}_reason"].notnull() for key in strong), ibis.literal(False))
    cannot = ibis.cases((usable, ibis.null("string")), (tried, "only_unusable"), else_="has_none")
    return rows.select(
        "profile_id",
        "n",
        *KEYS,
        *(f"{key}_reason" for key in KEYS),
        row_key=digest(rows, KEYS),
        cannot=cannot,
    )

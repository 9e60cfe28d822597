"""From a wide table of profiles to their rows, over whole columns: what `read_record` gives, for millions.

A profile table has `profile_id`, the lists `EMAIL`, `PHONE` and `MADID` of raw values (identifiers first, then traits,
as first seen; each may be missing or null), and one text column for every other trait in use, named by its trait key.
Hand in a stored table: it is read once per key. The relation `form(key, raw, country, normal, reason)` holds what
`read_form` says of values that no fast path covers; its `key` is the form (`DOBY:date`), unique with raw and country.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Protocol, TypeAlias

import ibis
import pyarrow as pa

from guestlist.destinations.meta.fast_paths import fast_path
from guestlist.destinations.meta.manifest import BY_COUNTRY, KEYS, MANY, ONE, TRACKING_ENABLED, UNHASHED, WEAK, Key
from guestlist.destinations.meta.match_keys import MatchKeySettings, Source, key_of_form, read_form, sources
from guestlist.destinations.meta.rows import FALSE_WORDS, SEPARATOR
from guestlist.values.country import country_of_hash
from guestlist.values.email import SEPARATORS
from guestlist.values.reading import Flag, Reason

Table: TypeAlias = ibis.Table
Column: TypeAlias = ibis.Column

FORM_SCHEMA = pa.schema([(name, pa.string()) for name in ("key", "raw", "country", "normal", "reason")])
_COUNTRY = "settled_country"
_OFF = "tracking_off"


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


def _settle(profiles: Table, forms: Table, settings: MatchKeySettings) -> Table:
    """The profiles with COUNTRY's normal form and reason, and the country by which their other cells are read."""
    read = _first_usable(profiles.mutate(**{_COUNTRY: ibis.literal("")}), "COUNTRY", forms, settings)
    normal, reason = read.COUNTRY_normal, read.COUNTRY_reason
    if settings.country:
        absent = (normal == "") & reason.isnull()
        normal = ibis.ifelse(absent, settings.country, normal)
        reason = ibis.ifelse(absent, Flag.FROM_DEFAULT.value, reason)
    read = read.mutate(COUNTRY_normal=normal, COUNTRY_reason=reason)
    return _recognise(read)


def _recognise(read: Table) -> Table:
    digests = country_of_hash()
    known = ibis.memtable(pa.table({"digest": list(digests), "code": list(digests.values())}))
    hashed = ibis.ifelse(_is_hashed(read.COUNTRY_reason), read.COUNTRY_normal, ibis.null("string"))
    joined = read.mutate(country_digest=hashed).left_join(known, [("country_digest", "digest")])
    settled = ibis.ifelse(joined.country_digest.isnull(), joined.COUNTRY_normal, joined.code.fill_null(""))
    return joined.mutate(**{_COUNTRY: settled}).drop("country_digest", "digest", "code")


def _is_hashed(reason: Column) -> Column:
    # An already hashed value has no other flag.
    return reason.fill_null("") == Flag.ALREADY_HASHED.value


def _read(table: Table, form: str, raw: str, forms: Table, settings: MatchKeySettings) -> Table:
    """The table with columns `read_normal` ("" for blank) and `read_reason` for one column of raw values."""
    country = _country_for(form, table)
    path = fast_path(form, table[raw], country, settings)
    plain = path.guard if path else ibis.literal(False)
    normal = path.normal if path else ibis.null("string")
    probed = table.mutate(
        fast=ibis.ifelse(plain, normal, ibis.null("string")),
        probe=ibis.ifelse(plain, ibis.null("string"), table[raw]),
        probe_country=country,
    )
    known = forms.filter(forms.key == form).select(
        form_raw=forms.raw, form_country=forms.country, form_normal=forms.normal, form_reason=forms.reason
    )
    on = [("probe", "form_raw")]
    if key_of_form(form) in BY_COUNTRY:
        on.append(("probe_country", "form_country"))
    joined = probed.left_join(known, on)
    return joined.select(
        *(joined[name] for name in table.columns),
        read_normal=ibis.coalesce(joined.fast, joined.form_normal, ""),
        read_reason=joined.form_reason,
    )


def _first_usable(table: Table, key: Key, forms: Table, settings: MatchKeySettings) -> Table:
    """The table with `KEY_normal` and `KEY_reason`: those of the first usable source, else the first reason."""
    kept = table.columns
    normals, reasons = [], []
    for n, source in enumerate(_present(table, key, settings)):
        table = _read(table, source.form, source.trait, forms, settings)
        table = table.rename({f"normal_{n}": "read_normal", f"reason_{n}": "read_reason"})
        normals.append(table[f"normal_{n}"])
        reasons.append(table[f"reason_{n}"])
    normal, reason = _choose(normals, reasons)
    return table.select(*(table[name] for name in kept), **{f"{key}_normal": normal, f"{key}_reason": reason})


def _choose(normals: list[Column], reasons: list[Column]) -> tuple[Column, Column]:
    if not normals:
        return ibis.literal(""), ibis.null("string")
    if len(normals) == 1:
        return normals[0], reasons[0]
    normal = ibis.coalesce(*(n.nullif("") for n in normals), "")
    chosen = [(n != "", r) for n, r in zip(normals, reasons, strict=True)]
    return normal, ibis.cases(*chosen, else_=ibis.coalesce(*reasons))


def _sent(key: Key, normal: Column, reason: Column) -> Column:
    if key in UNHASHED:
        return normal
    as_it_is = (normal == "") | _is_hashed(reason)
    return ibis.ifelse(as_it_is, normal, normal.hexdigest("sha256"))


def prepare_rows(profiles: Table, forms: Table, settings: MatchKeySettings, *, blanks: Table | None = None) -> Table:
    """The rows of all profiles: profile_id, n, one column per match key as sent, `KEY_reason`, row_key, cannot.

    `forms` must cover the profiles (`grow_forms`). `blanks` (key, sent, reason) lists values of EMAIL, PHONE, MADID
    and EXTERN_ID that nobody may carry: do-not-send, blocked and hub values. A reason beside a cell that is sent is its
    flags. `cannot` is null where the row may be an addition, else `has_none` or `only_unusable`.
    """
    table = _settle(profiles, forms, settings).mutate(**{_OFF: _tracking_off(profiles)})
    for key in ONE:
        if key in settings.keys and key != "COUNTRY":
            table = _first_usable(table, key, forms, settings)
    table = _with_sent(table, settings)
    if "EXTERN_ID" in settings.keys:
        table = _blanked(table, "EXTERN_ID", blanks)
    lists = [key for key in MANY if key in settings.keys and key in profiles.columns]
    several = _has_several(table, lists)
    parts = [_heads_of_one(table.filter(~several), lists, forms, settings, blanks)]
    if lists:
        parts.append(_heads_of_many(table.filter(several), lists, forms, settings, blanks))
    return _finished(ibis.union(*parts) if len(parts) > 1 else parts[0], settings)


def _tracking_off(profiles: Table) -> Column:
    known = [profiles[trait] for trait in TRACKING_ENABLED if trait in profiles.columns]
    off = [column.cast("string").lower().isin(FALSE_WORDS).fill_null(False) for column in known]
    return reduce(or_, off) if off else ibis.literal(False)


def _with_sent(table: Table, settings: MatchKeySettings) -> Table:
    """Only profile, lists, and of every key but the lists what is sent and why."""
    sent: dict[str, Column] = {}
    for key in ONE:
        here = key in settings.keys
        sent[key] = _sent(key, table[f"{key}_normal"], table[f"{key}_reason"]) if here else ibis.literal("")
        sent[f"{key}_reason"] = table[f"{key}_reason"] if here else ibis.null("string")
    if {"FN", "FI"} <= set(settings.keys):
        # The whole first name says more than its initial.
        named = table.FN_normal != ""
        sent["FI"] = ibis.ifelse(named, "", sent["FI"])
        sent["FI_reason"] = ibis.ifelse(named, ibis.null("string"), sent["FI_reason"])
    lists = [f"{key}_list" for key in MANY]
    renamed = {f"{key}_list": table[key] for key in MANY if key in table.columns}
    return table.select("profile_id", _COUNTRY, _OFF, **{k: v for k, v in renamed.items() if k in lists}, **sent)


def _has_several(table: Table, lists: list[Key]) -> Column:
    longer = [table[f"{key}_list"].length().fill_null(0) > 1 for key in lists]
    if "EMAIL" in lists:
        joined = table.EMAIL_list[0].re_search(SEPARATORS)
        longer.append(ibis.ifelse(table.EMAIL_list.length() > 0, joined, False).fill_null(False))
    return reduce(or_, longer) if longer else ibis.literal(False)


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


def _heads_of_one(
    table: Table, lists: list[Key], forms: Table, settings: MatchKeySettings, blanks: Table | None
) -> Table:
    """Rows of profiles with at most one e-mail, phone and mobile id."""
    for key in MANY:
        if key not in lists:
            table = table.mutate(**{key: ibis.literal(""), f"{key}_reason": ibis.null("string")})
            continue
        listed = table[f"{key}_list"]
        table = table.mutate(one=ibis.ifelse(listed.length() > 0, listed[0], ibis.null("string")))
        table = _cell(_read(table, key, "one", forms, settings), key).drop("one")
        table = _blanked(table, key, blanks)
    return _head(table.mutate(n=ibis.literal(0, "int32")))


def _cell(read: Table, key: Key) -> Table:
    """`KEY` and `KEY_reason` in place of the reading."""
    normal, reason = read.read_normal, read.read_reason
    if key == "MADID":
        off = read[_OFF] & ((normal != "") | reason.notnull())
        normal, reason = ibis.ifelse(off, "", normal), ibis.ifelse(off, Reason.TRACKING_OFF.value, reason)
    cells = {key: _sent(key, normal, reason), f"{key}_reason": reason}
    return read.mutate(**cells).drop("read_normal", "read_reason")


def _heads_of_many(
    table: Table, lists: list[Key], forms: Table, settings: MatchKeySettings, blanks: Table | None
) -> Table:
    """Rows of profiles with a longer list: row n carries the n-th of each, shorter lists repeat their first."""
    rows = table
    for key in lists:
        gathered = _gathered(table, key, forms, settings, blanks)
        rows = rows.left_join(gathered, "profile_id").drop("profile_id_right")
    counts = [rows[f"{key}_sents"].length().fill_null(0) for key in lists]
    rows = rows.mutate(count=ibis.greatest(1, *counts).cast("int32"))
    rows = rows.mutate(n=ibis.range(ibis.literal(0, "int32"), rows["count"]).unnest().cast("int32"))
    for key in MANY:
        if key in lists:
            rows = rows.mutate(**_nth(rows, key))
        else:
            rows = rows.mutate(**{key: ibis.literal(""), f"{key}_reason": ibis.null("string")})
    return _head(rows)


def _gathered(table: Table, key: Key, forms: Table, settings: MatchKeySettings, blanks: Table | None) -> Table:
    """Per profile the usable values of one list in order, each once, and the first reason of the others."""
    listed = table.select("profile_id", _COUNTRY, _OFF, piece=table[f"{key}_list"]).unnest("piece", offset="place")
    listed = listed.mutate(part=ibis.literal(0, "int64"))
    if key == "EMAIL":
        listed = listed.drop("part").mutate(piece=listed.piece.re_split(SEPARATORS)).unnest("piece", offset="part")
    cells = _blanked(_cell(_read(listed, key, "piece", forms, settings), key), key, blanks)
    cells = cells.mutate(order=cells.place * 1_000_000 + cells.part)
    usable = cells.filter(cells[key] != "")
    distinct = usable.group_by("profile_id", key).agg(
        order=usable.order.min(), reason=usable[f"{key}_reason"].argmin(usable.order)
    )
    sents = distinct.group_by("profile_id").agg(
        **{
            f"{key}_sents": distinct[key].collect(order_by=distinct.order),
            f"{key}_reasons": distinct.reason.fill_null("").collect(order_by=distinct.order),
        }
    )
    refused = cells.filter((cells[key] == "") & cells[f"{key}_reason"].notnull())
    refusals = refused.group_by("profile_id").agg(**{f"{key}_refusal": refused[f"{key}_reason"].argmin(refused.order)})
    both = sents.outer_join(refusals, "profile_id")
    return both.select(
        f"{key}_sents", f"{key}_reasons", f"{key}_refusal",
        profile_id=ibis.coalesce(both.profile_id, both.profile_id_right),
    )  # fmt: skip


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

    Beside them `name`, the digest of FN and LN, null unless the row has both: what re-asserting after a removed weak
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
        "name": ibis.ifelse(has["FN"] & has["LN"], _digest([rows.FN, rows.LN]), none),
    }

"""Readings kept: relation `form(key, raw, country, normal, reason)`, what `read_form` says of distinct values.

Only values that no fast path covers come here. `key` is the form (`DOBY:date`), unique with raw and country.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from guestlist.destinations.meta.match_keys import MatchKeySettings, read_form
from guestlist.destinations.meta.plain_phones import plain_phones

Table: TypeAlias = ibis.Table

FORM = dict.fromkeys(("key", "raw", "country", "normal", "reason"), "string")
FORM_SCHEMA = pa.schema([(name, pa.string()) for name in FORM])


class FormStore(Protocol):
    """Where forms are kept, under one `forms_digest` of the settings."""

    def forms(self) -> Table:
        """The relation `form`, with all that was appended."""

    def append_forms(self, rows: pa.Table) -> None:
        """Append rows that the relation does not have yet."""


def grow(
    missing: Table, store: FormStore, settings: MatchKeySettings, *, read: Callable[[Table], pa.Table] | None = None
) -> int:
    """Read these values into the store."""
    lines = read(missing) if read else missing.to_pyarrow()
    forms = lines.column("key").unique().to_pylist()
    for form in forms:
        values = lines.filter(pc.equal(lines.column("key"), form))
        raws, countries = (values.column(name).combine_chunks() for name in ("raw", "country"))
        store.append_forms(form_of_distinct(form, raws, countries, settings))
    return int(lines.num_rows)


def form_of_distinct(form: str, raws: pa.Array, countries: pa.Array, settings: MatchKeySettings) -> pa.Table:
    """The rows of `form` for distinct raw values and the settled countries of their rows ("" when not known)."""
    if form == "PHONE" and not settings.value_maps.get("PHONE"):
        plain = plain_phones(raws, countries)
        rest = pc.is_null(plain)
        one_by_one = _one_by_one(form, raws.filter(rest), countries.filter(rest), settings)
        sure = pc.invert(rest)
        at_once = _forms(form, raws.filter(sure), countries.filter(sure), plain.filter(sure), None)
        return pa.concat_tables([at_once, one_by_one])
    return _one_by_one(form, raws, countries, settings)


def _one_by_one(form: str, raws: pa.Array, countries: pa.Array, settings: MatchKeySettings) -> pa.Table:
    normals, reasons = [], []
    for raw, country in zip(raws.to_pylist(), countries.to_pylist(), strict=True):
        reading = read_form(form, raw, country, settings)
        normals.append(reading.normal)
        reasons.append(reading.reason or ",".join(reading.flags) or None)
    return _forms(form, raws, countries, pa.array(normals, pa.string()), pa.array(reasons, pa.string()))


def _forms(form: str, raws: pa.Array, countries: pa.Array, normals: pa.Array, reasons: pa.Array | None) -> pa.Table:
    keys = pa.repeat(pa.scalar(form), len(raws))
    reasons = pa.nulls(len(raws), pa.string()) if reasons is None else reasons
    columns = [keys, raws, countries, normals, reasons]
    return pa.table([column.cast(pa.string()) for column in columns], schema=FORM_SCHEMA)

"""Identifiers as numbered nodes, and which node each value, as sent, stands for."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from guestlist.profiles.do_not_send import identifier_token_column
from guestlist.profiles.relations import Column, Materialise, Table
from guestlist.profiles.rules import Blocked, IdentityRules, Normaliser
from guestlist.store.in_memory import in_memory

KIND_BITS = 40
"""A node's number has the place of its type in the order of strength above these bits: the least is the strongest."""

_VALUE = ("type", "raw", "country")
_FORM = {"type": "string", "raw": "string", "country": "string", "normal": "string", "ruled": "boolean"}


def spell(values: Table, rules: IdentityRules, materialise: Materialise) -> Table:
    """Values as sent (type, raw, country) with normal form `value` and the `reason` why one points at nobody."""
    return _judged(_normal(values, rules.normalisers, materialise), rules.blocked)


def _normal(values: Table, normalisers: Mapping[str, Normaliser], materialise: Materialise) -> Table:
    """Add `value`, null where the value as sent is not valid."""
    if not normalisers:
        return values.mutate(value=values.raw)
    lower = values.raw.lower()
    plain = ibis.or_(
        ibis.literal(False),
        *((values.type == kind) & lower.re_search(rule.plain) for kind, rule in normalisers.items() if rule.plain),
    )
    wanted = values.filter(values.type.isin(list(normalisers)) & ~plain).select(*_VALUE)
    form = materialise("identity_form", _apply_rules(wanted, normalisers))
    beside = values.left_join(form, list(_VALUE))
    # A value that went through its rule and came out as nothing is told from one that did not go by `ruled`.
    value = beside.ruled.fill_null(False).ifelse(beside.normal, plain.ifelse(lower, values.raw))
    return beside.select(*(values[name] for name in _VALUE), value=value)


def _apply_rules(wanted: Table, normalisers: Mapping[str, Normaliser]) -> Table:
    schema = ibis.schema(_FORM).to_pyarrow()
    parts = [
        _formed(batch.filter(pc.equal(batch.column("type"), kind)), normaliser).cast(schema)
        for batch in wanted.to_pyarrow().to_batches(max_chunksize=100_000)
        for kind, normaliser in normalisers.items()
    ]
    return ibis.memtable(pa.concat_tables(parts) if parts else schema.empty_table())


def _formed(batch: pa.RecordBatch, normaliser: Normaliser) -> pa.Table:
    raws, countries = batch.column("raw"), batch.column("country")
    if normaliser.columns is None:
        normal = [normaliser.rule(*given) for given in zip(raws.to_pylist(), countries.to_pylist(), strict=True)]
    else:
        fast = normaliser.columns(raws, countries).to_pylist()
        given = zip(fast, raws.to_pylist(), countries.to_pylist(), strict=True)
        normal = [normaliser.rule(raw, country) if quick is None else quick for quick, raw, country in given]
    columns = {name: batch.column(name) for name in _VALUE}
    return pa.table({**columns, "normal": pa.array(normal, pa.string()), "ruled": pa.array([True] * len(normal))})


def _judged(values: Table, blocked: Blocked) -> Table:
    reason = ibis.cases(
        (_is_blocked(values, blocked), "blocked_value"),
        (values.value.isnull(), "not_valid"),
        else_=ibis.null("string"),
    )
    return values.mutate(reason=reason)


def _is_blocked(values: Table, blocked: Blocked) -> Column:
    text = ibis.coalesce(values.value, values.raw).lower()
    tests = [_matches(text, blocked.values, blocked.patterns)]
    tests += [(values.type == kind) & _matches(text, listed, ()) for kind, listed in blocked.values_by_type.items()]
    tests += [(values.type == kind) & _matches(text, (), some) for kind, some in blocked.patterns_by_type.items()]
    return ibis.or_(*tests)


def _matches(text: Column, listed: Iterable[str], patterns: Iterable[str]) -> Column:
    exact = text.isin(sorted(value.lower() for value in listed)) if listed else ibis.literal(False)
    return ibis.or_(exact, *(text.re_search(pattern) for pattern in patterns))


def number(values: Table, kinds: Sequence[str], known: int, rules: IdentityRules, materialise: Materialise) -> Table:
    """Nodes (node, type, value, own_id, alone) for identifiers (type, value); numbers from `known` on are free."""
    # The place in a relation, not a row number: that is counted by one core alone.
    values = materialise("identity_counted", values)
    first = values.aggregate(first=values.rowid().min()).as_scalar()
    values = values.select("type", "value", nth=values.rowid() - first)
    strength = ibis.cases(*((values.type == kind, place) for place, kind in enumerate(kinds)), else_=len(kinds))
    place = strength.cast("int64") * 2**KIND_BITS + known + values.nth
    alone = ibis.literal(False)
    if rules.alone:
        alone = identifier_token_column(rules.pepper, values).isin(sorted(rules.alone))
    return values.select("type", "value", node=place, own_id=own_id(values, rules.salt), alone=alone)


def own_id(identifiers: Table, salt: str) -> Column:
    """The id of a profile whose oldest identifier this is."""
    text = ibis.literal(salt) + "\x1f" + identifiers.type + "\x1f" + identifiers.value
    return text.hexdigest("sha256").substr(0, 32)


def own_id_of(salt: str, kind: str, value: str) -> str:
    """`own_id` of one identifier, its value in normal form."""
    return hashlib.sha256(f"{salt}\x1f{kind}\x1f{value}".encode()).hexdigest()[:32]


def next_number(node: Table) -> Column:
    """From which number on there is no node yet."""
    return (node.node & (2**KIND_BITS - 1)).max().fill_null(-1) + 1


def kind_of(node: Column) -> Column:
    """The place of a node's type in the order of strength."""
    return node >> KIND_BITS


def numbers(name: str, values: list[int]) -> Table:
    """Whole numbers as a table of one column."""
    return in_memory({name: values}, {name: "int64"})

"""Identifiers as numbered nodes, and which node each value, as sent, stands for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import ibis

from guestlist.profiles.relations import Column, Materialise, Table, in_memory
from guestlist.profiles.rules import Blocked, IdentityRules, Normaliser


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """`raw(type, raw, country, value, reason)` every value as sent; `node(node, type, value, …)` those that count.

    Nodes are numbered strongest type first, so the least number of a message is the identifier that decides.
    """

    raw: Table
    node: Table

    def by_raw(self) -> Table:
        """Which node a value as sent stands for."""
        known = self.raw.filter(self.raw.reason.isnull())
        return known.join(self.node, ["type", "value"]).select("type", "raw", "country", "node")


def number_nodes(uses: Table, rules: IdentityRules, materialise: Materialise) -> Nodes:
    """Normalise, block, and number the identifiers."""
    seen = uses.group_by("type", "country", raw=uses.value).aggregate(
        first_seen=uses["at"].min(), last_seen=uses["at"].max()
    )
    seen = materialise("identity_seen", seen)
    raw = materialise("identity_raw", _judged(_normal(seen, rules.normalisers, materialise), rules))
    counting = raw.filter(raw.reason.isnull())
    node = counting.group_by("type", "value").aggregate(
        first_seen=counting.first_seen.min(),
        last_seen=counting.last_seen.max(),
    )
    order = [_priority(node.type, rules), node.first_seen, node.type, node.value]
    return Nodes(raw=raw, node=materialise("identity_node", node.mutate(node=ibis.row_number().over(order_by=order))))


def _priority(kind: Column, rules: IdentityRules) -> Column:
    middle = len(rules.strongest)
    ranks = {name: rank for rank, name in enumerate(rules.strongest)}
    ranks |= {name: middle + 1 + rank for rank, name in enumerate(rules.weakest)}
    return ibis.cases(*((kind == name, rank) for name, rank in ranks.items()), else_=middle)


def _normal(seen: Table, normalisers: Mapping[str, Normaliser], materialise: Materialise) -> Table:
    """Add `value`, null where the value as sent is not valid."""
    if not normalisers:
        return seen.mutate(value=seen.raw)
    through_rule = ibis.or_(*(_needs_rule(seen, kind, rule) for kind, rule in normalisers.items()))
    wanted = seen.filter(through_rule).select("type", "raw", "country")
    form = materialise("identity_form", _apply_rules(wanted, normalisers))
    beside = seen.left_join(form, ["type", "raw", "country"]).drop("type_right", "raw_right", "country_right")
    # A value that went through its rule and came out as nothing is told from one that did not go by `ruled`.
    return beside.mutate(value=beside.ruled.fill_null(False).ifelse(beside.normal, beside.raw)).drop("ruled", "normal")


def _needs_rule(seen: Table, kind: str, normaliser: Normaliser) -> Column:
    ours = seen.type == kind
    return ours if normaliser.plain is None else ours & ~seen.raw.re_search(normaliser.plain)


def _apply_rules(wanted: Table, normalisers: Mapping[str, Normaliser]) -> Table:
    kinds: list[str] = []
    raws: list[str] = []
    countries: list[str] = []
    normals: list[str | None] = []
    for kind, raw, country in _given(wanted):
        kinds.append(kind)
        raws.append(raw)
        countries.append(country)
        normals.append(normalisers[kind].rule(raw, country))
    return in_memory(
        {"type": kinds, "raw": raws, "country": countries, "normal": normals, "ruled": [True] * len(raws)},
        {"type": "string", "raw": "string", "country": "string", "normal": "string", "ruled": "boolean"},
    )


def _given(wanted: Table) -> Iterator[tuple[str, str, str]]:
    for batch in wanted.to_pyarrow().to_batches(max_chunksize=100_000):
        yield from zip(*(batch.column(name).to_pylist() for name in ("type", "raw", "country")), strict=True)


def _judged(values: Table, rules: IdentityRules) -> Table:
    reason = ibis.cases(
        (_is_blocked(values, rules.blocked), "blocked_value"),
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

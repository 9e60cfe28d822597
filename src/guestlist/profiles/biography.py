"""All that is known of one profile, and where it came from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis

from guestlist.profiles.relations import Table
from guestlist.profiles.views import known_identifiers
from guestlist.store import Warehouse

_MOST_DECISIONS = 200
_SPLIT = {"decision": "set_aside", "reason": "split"}


@dataclass(frozen=True, kw_only=True)
class IdentifierKnown:
    type: str
    value: str
    first_seen: datetime
    last_seen: datetime
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TraitKnown:
    key: str
    value: str
    at: datetime
    source: str


@dataclass(frozen=True, kw_only=True)
class DecisionKnown:
    """Why an identifier was joined or not, and the message that caused it. `rule`: of a limit or cap, what it allows."""

    type: str
    value: str
    decision: str
    reason: str
    rule: str | None
    at: datetime | None
    source: str | None
    message_id: str | None


@dataclass(frozen=True, kw_only=True)
class StayKnown:
    audience: str
    entered_at: datetime
    exited_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Biography:
    """`merges`: by which message each identifier came to the profile. `set_aside`: what was kept out, or kept out of it."""

    profile_id: str
    earlier_ids: tuple[str, ...]
    messages: int
    identifiers: tuple[IdentifierKnown, ...]
    traits: tuple[TraitKnown, ...]
    merges: tuple[DecisionKnown, ...]
    set_aside: tuple[DecisionKnown, ...]
    stays: tuple[StayKnown, ...]


def biography(warehouse: Warehouse, profile_id: str) -> Biography:
    """Read it."""
    of = _Of(warehouse, profile_id)
    identifiers = of.identifiers()
    merges, set_aside = of.decisions()
    return Biography(
        profile_id=profile_id,
        earlier_ids=tuple(
            row["profile_id"] for row in of.lines("alias", "survivor") if row["profile_id"] != profile_id
        ),
        messages=of.messages,
        identifiers=identifiers,
        traits=tuple(
            TraitKnown(**{name: row[name] for name in TraitKnown.__dataclass_fields__}) for row in of.traits()
        ),
        merges=merges,
        set_aside=set_aside,
        stays=tuple(
            StayKnown(**{name: row[name] for name in StayKnown.__dataclass_fields__})
            for row in sorted(of.lines("membership"), key=lambda row: (row["audience"], row["entered_at"]))
        ),
    )


class _Of:
    def __init__(self, warehouse: Warehouse, profile_id: str) -> None:
        self._warehouse = warehouse
        self._profile_id = profile_id
        self.messages = 0

    def lines(self, name: str, by: str = "profile_id") -> list[dict[str, Any]]:
        """Lines of a relation about the profile."""
        if not self._warehouse.has(name):
            return []
        return self._theirs(self._warehouse.table(name), by)

    def _theirs(self, table: Table, by: str = "profile_id") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._warehouse.read(table.filter(table[by] == self._profile_id)).to_pylist()
        return found

    def traits(self) -> list[dict[str, Any]]:
        """By key; what is worked out goes before what was sent, as it does wherever traits are asked."""
        by_key = {row["key"]: row for name in ("trait", "computed_trait") for row in self.lines(name)}
        return [by_key[key] for key in sorted(by_key)]

    def identifiers(self) -> tuple[IdentifierKnown, ...]:
        """In the order first seen, each with the sources whose messages carried it."""
        sources = self._sources()
        lines = self._theirs(known_identifiers(self._warehouse))
        known = sorted(lines, key=lambda row: (row["first_seen"], row["type"], row["ordinal"]))
        return tuple(
            IdentifierKnown(
                type=row["type"],
                value=row["value"],
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
                sources=tuple(sorted(sources.get((row["type"], row["value"]), ()))),
            )
            for row in known
        )

    def _sources(self) -> dict[tuple[str, str], set[str]]:
        if not self._warehouse.has("message_profile"):
            return {}
        whose = self._warehouse.table("message_profile")
        theirs = self._warehouse.materialise(
            "biography_message", whose.filter(whose.profile_id == self._profile_id).select("ordinal")
        )
        self.messages = self._warehouse.count("biography_message")
        if not self._warehouse.has("message_node"):  # until people are found anew, after an erasure
            return {}
        carried = self._warehouse.table("message_node").semi_join(theirs, "ordinal").select("ordinal", "node")
        message = self._warehouse.table("message").semi_join(theirs, "ordinal").select("ordinal", "source")
        node = self._warehouse.table("node").select("node", "type", "value")
        found = carried.join(message, "ordinal").select("node", "source").distinct().join(node, "node")
        sources: dict[tuple[str, str], set[str]] = {}
        for row in self._warehouse.read(found.select("type", "value", "source")).to_pylist():
            sources.setdefault((row["type"], row["value"]), set()).add(row["source"])
        return sources

    def _causes(self, ordinals: set[int]) -> dict[int, dict[str, Any]]:
        if not ordinals:
            return {}
        message = self._warehouse.table("message")
        # Values rather than a join: the engine then reads only where they are.
        those = message.filter(message.ordinal.isin(sorted(ordinals))).select("ordinal", "at", "source", "message_id")
        return {row["ordinal"]: row for row in self._warehouse.read(those).to_pylist()}

    def decisions(self) -> tuple[tuple[DecisionKnown, ...], tuple[DecisionKnown, ...]]:
        """Merged, and set aside: from this profile's messages, or an identifier of its own elsewhere."""
        if not self._warehouse.has("identity_decision"):
            return (), ()
        every = self._warehouse.table("identity_decision")
        known = known_identifiers(self._warehouse)
        own = known.filter(known.profile_id == self._profile_id).select("type", "value")
        about = every.semi_join(own, ["type", "value"]).union(every.filter(every.profile_id == self._profile_id))
        about = about.union(self._pointing_at_nobody(every)).distinct().order_by("ordinal", "type", "value")
        lines = self._warehouse.read(about.limit(_MOST_DECISIONS)).to_pylist()
        causes = self._causes({line["ordinal"] for line in lines if line["ordinal"] is not None})
        found = [_decision(line, causes.get(line["ordinal"], {})) for line in lines]
        found += [_decision({**line, **_SPLIT}, {}) for line in self.lines("split_off")]
        found.sort(key=lambda one: (one.at.timestamp() if one.at else 0.0, one.type, one.value))
        merged = tuple(one for one in found if one.decision == "merged")
        return merged, tuple(one for one in found if one.decision != "merged")

    def _pointing_at_nobody(self, every: Table) -> Table:
        """Hubs and blocked values that their messages carried: these are of no profile."""
        nobody = every.filter((every.reason == "hub") | (every.decision == "blocked"))
        theirs = self._warehouse.temporary("biography_message")  # `identifiers` made it
        # As they were sent, or as a hub is compared: in normal form.
        carried = [
            self._warehouse.table(name).semi_join(theirs, "ordinal").select("type", "value")
            for name in ("identifier_use", "configured_use")
            if self._warehouse.has(name)
        ]
        if self._warehouse.has("message_node"):
            nodes = self._warehouse.table("message_node").semi_join(theirs, "ordinal").select("node")
            carried.append(self._warehouse.table("node").semi_join(nodes, "node").select("type", "value"))
        if not carried:
            return every.limit(0)
        return nobody.semi_join(ibis.union(*carried) if len(carried) > 1 else carried[0], ["type", "value"])


def _decision(line: dict[str, Any], cause: dict[str, Any]) -> DecisionKnown:
    return DecisionKnown(
        type=line["type"],
        value=line["value"],
        decision=line["decision"],
        reason=line["reason"],
        rule=line.get("rule"),  # earlier versions did not keep it
        at=cause.get("at"),
        source=cause.get("source"),
        message_id=cause.get("message_id"),
    )


def find_by_text(warehouse: Warehouse, text: str, *, limit: int) -> list[str]:
    """Profiles with an identifier or a trait value that holds the text, in a fixed order."""
    wanted = text.lower()
    parts: list[Table] = [known_identifiers(warehouse)] if warehouse.has("identifier") else []
    parts += [warehouse.table("trait")] if warehouse.has("trait") else []
    found = [part.filter(part.value.lower().contains(wanted)).select("profile_id") for part in parts]
    ids = ibis.union(*found, distinct=True).order_by("profile_id").limit(limit)
    return [row["profile_id"] for row in warehouse.read(ids).to_pylist()]

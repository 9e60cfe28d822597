"""What a definition is asked of: which data, as of when, on which calendar; and what these relations held then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """What conditions are asked of. `identifier` names everybody; without it, everybody has an event or a trait.

    `external` is what another system said of its own audiences; without it, nothing was.
    """

    event: ir.Table
    trait: ir.Table
    membership: ir.Table
    identifier: ir.Table | None = None
    external: ir.Table | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Asked of which data, as of when, on which calendar.

    `inline` are audiences worked out rather than looked up. `lists` has the people of each list (profile_id, known_since):
    since when they are known by one of its identifiers.
    `begun` says when an audience was first evaluated, where it was. Events before `floor` do not count.
    `scans` has, for some events by name, a relation in place of `event` (see `scanning`).
    """

    relations: Relations
    as_of: datetime
    zone: ZoneInfo
    inline: Mapping[str, d.Definition] = field(default_factory=dict)
    lists: Mapping[d.IdentifierList, ir.Table] = field(default_factory=dict)
    begun: Mapping[str, datetime] = field(default_factory=dict)
    floor: datetime | None = None
    scans: Mapping[str, ir.Table] = field(default_factory=dict)

    def events(self, name: str) -> ir.Table:
        """The events of a name, at any time."""
        event = self.scans.get(name)
        if event is not None:
            return event
        every = self.relations.event
        return every.filter(every.event == name)


def everybody(question: Question) -> ir.Table:
    """Everyone known by `as_of`."""
    relations = question.relations
    if relations.identifier is not None:
        known = relations.identifier
        return known.filter(known.first_seen <= stamp(known.first_seen, question.as_of)).select("profile_id").distinct()
    tables = [table.filter(table.at <= stamp(table.at, question.as_of)) for table in (relations.event, relations.trait)]
    return ibis.union(*(table.select("profile_id") for table in tables), distinct=True)


def recorded(audience: str, question: Question) -> ir.Table:
    """Who was in an audience at `as_of`, by its recorded history."""
    history = question.relations.membership
    entered = history.entered_at <= stamp(history.entered_at, question.as_of)
    stayed = history.exited_at.isnull() | (history.exited_at > stamp(history.exited_at, question.as_of))
    return history.filter(history.audience == audience, entered, stayed).select("profile_id").distinct()


def listed(one: d.IdentifierList, question: Question) -> ir.Table:
    """Who is in a list, of those who were known by one of its identifiers at `as_of`."""
    people = question.lists[one]
    return people.filter(people.known_since <= stamp(people.known_since, question.as_of)).select("profile_id")


def told_of(audience: str, question: Question) -> ir.Table | None:
    """What was said by `as_of` of an audience of another system; `place` 0 is the last of each person."""
    external = question.relations.external
    if external is None:
        return None
    told = external.filter(external.audience == audience, external.at <= stamp(external.at, question.as_of))
    newest = [told.at.desc(), told.message_id.desc(), told.source.desc()]
    return told.mutate(place=ibis.row_number().over(group_by=told.profile_id, order_by=newest))


def trait_rows(name: str, question: Question) -> ir.Table:
    """The value that each person has: relation `trait` holds one of a name."""
    trait = question.relations.trait
    return trait.filter(trait.key == name, trait.at <= stamp(trait.at, question.as_of))


def stamp(column: ir.TimestampColumn, instant: datetime) -> ir.TimestampScalar:
    """An instant as the column keeps instants: UTC, with the zone said or not."""
    utc = instant.astimezone(UTC)
    kind = column.type()
    return ibis.literal(utc if kind.timezone else utc.replace(tzinfo=None), type=kind)


def only(relations: Relations, profile_id: str) -> Relations:
    """What is known of one person."""

    def cut(table: ir.Table) -> ir.Table:
        return table.filter(table.profile_id == profile_id)

    return Relations(
        event=cut(relations.event),
        trait=cut(relations.trait),
        membership=cut(relations.membership),
        identifier=None if relations.identifier is None else cut(relations.identifier),
        external=None if relations.external is None else cut(relations.external),
    )

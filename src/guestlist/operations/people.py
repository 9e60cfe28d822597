"""People: all that is known of one, who is found by what, one identifier taken off a profile, other rules tried."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from guestlist.audiences.definition import HOLDOUT
from guestlist.audiences.document import read_folder
from guestlist.audiences.evaluate import in_order, relations
from guestlist.audiences.question import Question
from guestlist.destinations.meta.sent import BlankCell, Sent
from guestlist.errors import GuestlistError
from guestlist.operations.audiences import Reveal, group_of, what_meta_has
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, ask, post
from guestlist.profiles.biography import (
    Biography,
    DecisionKnown,
    IdentifierKnown,
    StayKnown,
    TraitKnown,
    biography,
    find_by_text,
)
from guestlist.profiles.settings import left_out, read_identity
from guestlist.profiles.views import known_identifiers
from guestlist.records import rules_of
from guestlist.space import Space
from guestlist.splitting import Splitting, split_off, undo_split
from guestlist.store import Warehouse
from guestlist.syncing import Syncing
from guestlist.telling import masking, people, wording
from guestlist.telling.answer import Answer, Value
from guestlist.telling.people import Known
from guestlist.trying import AudienceChange, difference

FOUND, MOST_FOUND = 20, 1000
Named = Annotated[str, Field(description="TYPE:VALUE, such as email:jane@example.org or profile_id:…")]


class HeldOut(Value):
    """An audience that the person is in and whose hold-out was drawn for them, so that no sync sends them."""

    audience: str
    words: str


class Profile(Answer):
    """All that is known of one person. `merges`: by which message each identifier came; `set_aside`: what was kept out.

    `held_out`: audiences of which no sync sends them.
    `at_meta`: what Meta has of them, by sync; `blank_cells`: what is not sent of them; null where that cannot be known now.
    """

    profile_id: str
    earlier_ids: tuple[str, ...]
    messages: int
    identifiers: tuple[IdentifierKnown, ...]
    traits: tuple[TraitKnown, ...]
    merges: tuple[DecisionKnown, ...]
    set_aside: tuple[DecisionKnown, ...]
    stays: tuple[StayKnown, ...]
    held_out: tuple[HeldOut, ...]
    at_meta: tuple[Sent, ...] | None
    blank_cells: tuple[BlankCell, ...] | None
    time_zone: str


class ShowProfile(Operation[Profile]):
    """Show all that is known of a person: identifiers and where they came from, traits, what was joined, audiences."""

    route = ask("/profiles/show")
    person: Named
    reveal: Reveal = False

    def run(self, desk: Desk) -> Profile:
        with desk.people() as warehouse:
            profile_id = people.find(warehouse, desk.space, self.person)
            known = biography(warehouse, profile_id)
            shown = known if self.reveal else _masked(known)
            told = {name: getattr(shown, name) for name in Biography.__dataclass_fields__}
            found = what_meta_has(desk, profile_id)
            return Profile(
                **told,
                held_out=tuple(_held_out(desk, warehouse, known)),
                at_meta=None if found is None else found.sent,
                blank_cells=None if found is None else found.blank,
                time_zone=desk.space.settings.time_zone,
            )


def _held_out(desk: Desk, warehouse: Warehouse, known: Biography) -> Iterator[HeldOut]:
    """By the audiences that the person is in, as last evaluated; of files that cannot be read nothing is told."""
    inside = {stay.audience for stay in known.stays if stay.exited_at is None}
    try:
        definitions = read_folder(desk.space.audiences)
    except GuestlistError:
        return
    for one in sorted(definitions, key=lambda each: each.key):
        if one.key in inside and group_of(warehouse, known.profile_id, one) == HOLDOUT:
            yield HeldOut(audience=one.key, words=wording.held_out(one))


def _masked(one: Biography) -> Biography:
    return replace(
        one,
        profile_id=masking.profile(one.profile_id),
        earlier_ids=tuple(map(masking.profile, one.earlier_ids)),
        identifiers=tuple(replace(each, value=masking.identifier(each.type, each.value)) for each in one.identifiers),
        traits=tuple(replace(each, value=masking.trait(each.key, each.value)) for each in one.traits),
        merges=tuple(map(_masked_decision, one.merges)),
        set_aside=tuple(map(_masked_decision, one.set_aside)),
    )


def _masked_decision(one: DecisionKnown) -> DecisionKnown:
    message = one.message_id and masking.identity(one.message_id)
    return replace(one, value=masking.identifier(one.type, one.value), message_id=message)


class Found(Answer):
    """People, in a fixed order. `more`: whether there are others than these."""

    people: tuple[Known, ...]
    more: bool


class FindPeople(Operation[Found]):
    """Find people by an identifier, or by part of an identifier or of a trait's value; capitals make no difference."""

    route = ask("/profiles/find")
    text: Annotated[str, Field(description="Part of an identifier or of a trait's value; or TYPE:VALUE.")]
    limit: Annotated[int, Field(ge=1, le=MOST_FOUND)] = FOUND
    reveal: Reveal = False

    def run(self, desk: Desk) -> Found:
        with desk.people() as warehouse:
            found = _named(warehouse, desk.space, self.text) or find_by_text(warehouse, self.text, limit=self.limit + 1)
            question = Question(relations=relations(warehouse), as_of=desk.clock.now(), zone=desk.space.settings.zone)
            known = known_identifiers(warehouse)
            ids = known.filter(known.profile_id.isin(found[: self.limit])).select("profile_id").distinct()
            listed = tuple(
                Known(**one.model_dump(exclude={"since", "group"}))
                for one in people.read_people(warehouse, ids, "", question, reveal=self.reveal)
            )
        return Found(people=listed, more=len(found) > self.limit)


def _named(warehouse: Warehouse, space: Space, text: str) -> list[str]:
    """Whom TYPE:VALUE names; nobody where it is not that."""
    if ":" not in text:
        return []
    try:
        return [people.find(warehouse, space, text)]
    except GuestlistError as error:
        if error.code in {"nobody_known", "unknown_id_type", "bad_person_value", "no_person_named"}:
            return []
        raise


# --- taken apart ------------------------------------------------------------------------------------------------------


class SplitIdentifier(Value):
    """The identifier that stands alone or joins again, masked."""

    type: str
    value: str


class SplitDone(Answer):
    """What became of it. `changed`: false where it stood alone already. `split_off`: how many stand alone now."""

    identifier: SplitIdentifier
    changed: bool
    undone: bool
    split_off: int


class SplitProfile(Operation[SplitDone]):
    """Take an identifier off the profile that it joined by mistake, and never let it join one again; or undo that."""

    route = post("/profiles/split", Scope.DATA)
    identifier: Annotated[str, Field(description="TYPE:VALUE: the identifier to take off its profile.")]
    undo: Annotated[bool, Field(description="Let it join again.")] = False

    def run(self, desk: Desk) -> SplitDone:
        if not people.has_data(desk.space):
            raise people.no_data()
        kind, value = people.read_identifier(desk.space, self.identifier)
        with desk.stores() as syncing:
            people.ready(syncing.warehouse)
            done = self._do(desk, syncing, kind, value)
        shown = SplitIdentifier(type=kind, value=masking.identifier(kind, value))
        return SplitDone(identifier=shown, changed=done.changed, undone=self.undo, split_off=done.split_off)

    def _do(self, desk: Desk, syncing: Syncing, kind: str, value: str) -> Splitting:
        stores = (syncing.space, syncing.warehouse, syncing.records)
        if self.undo:
            return undo_split(*stores, kind=kind, value=value, now=desk.clock.now(), actor=desk.actor)
        profile_id = people.find(syncing.warehouse, syncing.space, self.identifier)
        now = desk.clock.now()
        return split_off(*stores, kind=kind, value=value, profile_id=profile_id, now=now, actor=desk.actor)


# --- other rules ------------------------------------------------------------------------------------------------------


class NumberOfPeople(Value):
    """How many there are now, and how many there would be."""

    before: int
    after: int


class RulesTried(Answer):
    """What other rules would do. `merged`: people of today who would be one with others, as `merged_into` people.

    `split`: people who would be several; `split_off`: who comes of them beside themselves. `vanishing`: of whom nothing
    would count; `appearing`: of whom nothing counts today. `left_out`: rules of guestlist.yaml that these are without.
    """

    people: NumberOfPeople
    merged: int
    merged_into: int
    split: int
    split_off: int
    vanishing: int
    appearing: int
    audiences: tuple[AudienceChange, ...]
    left_out: tuple[str, ...]


class TryRules(Operation[RulesTried]):
    """Show what other rules would do: how many people would merge or split, who would enter and leave which audience.

    Works on a copy, which needs as much room on the disk as the data has. Nothing is changed.
    """

    route = ask("/identity/try", Scope.DATA)
    rules: Annotated[
        dict[str, Any],
        Field(description="All that would stand under identity: in guestlist.yaml; the usual rules hold for the rest."),
    ]

    def run(self, desk: Desk) -> RulesTried:
        rules = rules_of(desk.space, desk.records, read_identity(self.rules, "What is to be tried"))
        definitions = in_order(read_folder(desk.space.audiences))
        told = difference(desk.space, desk.people, rules, definitions, at=desk.clock.now())
        return RulesTried(
            people=NumberOfPeople(before=told.before, after=told.after),
            merged=told.merged,
            merged_into=told.merged_into,
            split=told.split,
            split_off=told.split_off,
            vanishing=told.vanishing,
            appearing=told.appearing,
            audiences=told.audiences,
            left_out=tuple(left_out(desk.space.settings.identity, self.rules)),
        )

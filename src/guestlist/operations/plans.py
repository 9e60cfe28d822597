"""Plans: what each sync would send now and who cannot be sent, why; saying yes to one that waits."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from guestlist.asking import together
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.clock import microseconds
from guestlist.connected import parking
from guestlist.destinations.meta.pace import seconds_for
from guestlist.destinations.meta.reasons import Counts
from guestlist.errors import GuestlistError
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, ask, post
from guestlist.operations.standing import Stopped
from guestlist.operations.syncs import calls_again_at, stopped_by
from guestlist.runs.freshness import note_moves
from guestlist.syncing import Bound, Outlook, Syncing
from guestlist.telling import slips
from guestlist.telling.answer import Answer, Value
from guestlist.values.reading import Reason


class Cells(Value):
    """How many people have a cell of this key with this reason, or this flag."""

    key: str
    reason: str
    people: int


class PlannedSync(Value):
    """What a sync would do now. `members`, `can_be_sent` and `cannot_be_sent` are people; the rest is rows.

    `not_chosen`: people who are in the audience beside these, by the group that was drawn for them: `holdout`, or one that
    this sync does not send.
    `unusable_cells`: why `only_unusable` people cannot be sent; one of them may stand there with several keys. Of those
    who are sent: `blank_cells`, left blank in their rows; `flagged_cells`, sent, but worth knowing of.

    `plan_waiting`: the plan to say yes to, where it `needs_a_yes` and a sync has asked for it already.

    `seconds`: about how long its calls take, once they may begin; they go slower where much of `quota` (percent of its
    calls that the ad account has used up, as Meta said last in a run by this process) is gone. They begin at
    `calls_again_at` where Meta takes none before that, and not before a person did something where the destination is
    `parked`.

    `phones_without_country`: people whose phone could be read if the space had a country; 0 where it has one.
    """

    sync: str
    audience: str
    name: str
    members: int
    not_chosen: dict[str, int]
    can_be_sent: int
    cannot_be_sent: dict[str, int]
    add_rows: int
    remove_rows: int
    unchanged_rows: int
    people_at_meta: int
    people_leaving: int
    needs_a_yes: bool
    plan_waiting: str | None
    calls: int
    seconds: float
    quota: float | None
    calls_again_at: str | None
    parked: Stopped | None
    unusable_cells: tuple[Cells, ...]
    blank_cells: tuple[Cells, ...]
    flagged_cells: tuple[Cells, ...]
    phones_without_country: int


class NotPlanned(Value):
    """A sync whose audience could not be evaluated: nothing of it is sent, and who was in it stays."""

    sync: str
    name: str
    error: Stopped


class Plans(Answer):
    """What each sync would do, or what stopped it. `notes`: what their audiences name and nobody has."""

    plans: tuple[PlannedSync, ...]
    stopped: tuple[NotPlanned, ...]
    notes: tuple[str, ...]


class PlanSyncs(Operation[Plans]):
    """Evaluate, and show what a sync would send now. Nothing is sent; who is in which audience is brought up to date."""

    route = ask("/plan", Scope.SYNCS)
    key: Annotated[str | None, Field(description="One sync; all when left out.")] = None

    def run(self, desk: Desk) -> Plans:
        with desk.stores() as syncing:
            syncing.refresh()
            if desk.keeper is not None:
                _note_moves(syncing)
            chosen = some_of(syncing, self.key)
            failed = syncing.refreshed.failed
            if self.key is not None and chosen[0].definition.key in failed:
                raise failed[chosen[0].definition.key]
            good = [bound for bound in chosen if bound.definition.key not in failed]
            syncing.make_rows(good)
            plans = tuple(_planned(desk, syncing.look_ahead(bound)) for bound in good)
            stopped = tuple(_not_planned(bound, failed) for bound in chosen if bound not in good)
            return Plans(plans=plans, stopped=stopped, notes=notes_of(syncing, chosen))


def notes_of(syncing: Syncing, some: Iterable[Bound]) -> tuple[str, ...]:
    """What the audiences of these syncs name, and those that they ask about, and nobody has."""
    about = {each.key: each for bound in some for each in together(syncing.definitions, bound.definition)}
    return slips.unheard_of(syncing.warehouse, about.values(), read_traits(syncing.space.traits))


def _not_planned(bound: Bound, failed: Mapping[str, GuestlistError]) -> NotPlanned:
    error = failed[bound.definition.key]
    told = Stopped(code=error.code, message=error.message, next=error.next_step)
    return NotPlanned(sync=bound.key, name=bound.definition.name, error=told)


def _note_moves(syncing: Syncing) -> None:
    """Who moved by this evaluation waits for Meta from here on, as if the keeper had evaluated."""
    at = syncing.refreshed_at
    if at is not None:
        syncs = [(key, definition.key) for key, (definition, _) in syncing.wished().items()]
        note_moves(syncing.warehouse, syncing.ledger, syncs, at=microseconds(at))


def some_of(syncing: Syncing, key: str | None) -> list[Bound]:
    """The sync that was named, or all."""
    found = syncing.bound(key)
    if not found:
        raise GuestlistError(
            "nothing_to_sync",
            "No audience of this space is to be sent anywhere.",
            next_step=_to_sync(syncing),
        )
    return found


def _to_sync(syncing: Syncing) -> str:
    names = list(syncing.space.settings.destinations)
    if not names:
        return "Connect Meta (guestlist destinations connect --help), then give an audience: sync: { to: main }"
    return f"Give an audience: sync: {{ to: {names[0]} }}"


def _planned(desk: Desk, one: Outlook) -> PlannedSync:
    preview, destination = one.preview, one.bound.wish.to
    calls = preview.calls(one.bound.destination.batch_rows)
    parked = desk.records.journal.parked(destination)
    quota = desk.keeper.quota(destination) if desk.keeper is not None else None
    # Nobody is in both: who has a row that goes, and who has none.
    without = (
        0 if desk.space.settings.country else one.why.blank.get(_NO_COUNTRY, 0) + one.why.unusable.get(_NO_COUNTRY, 0)
    )
    return PlannedSync(
        sync=one.bound.key,
        audience=one.bound.definition.key,
        name=one.bound.definition.name,
        members=one.wanted.members,
        not_chosen=dict(one.not_chosen),
        can_be_sent=one.wanted.people,
        cannot_be_sent=dict(one.wanted.cannot),
        add_rows=preview.additions,
        remove_rows=preview.removals,
        unchanged_rows=preview.unchanged,
        people_at_meta=preview.people_there,
        people_leaving=preview.people_leaving,
        needs_a_yes=preview.held,
        plan_waiting=preview.waits,
        calls=sum(calls.values()),
        seconds=round(seconds_for(calls, quota or 0.0), 1),
        quota=quota,
        calls_again_at=calls_again_at(desk, destination, desk.now),
        parked=None if parked is None else stopped_by(parking.error_of(parked)),
        unusable_cells=_cells(one.why.unusable),
        blank_cells=_cells(one.why.blank),
        flagged_cells=_cells(one.why.flagged),
        phones_without_country=without,
    )


_NO_COUNTRY = ("PHONE", Reason.PHONE_WITHOUT_COUNTRY.value)


def _cells(counts: Counts) -> tuple[Cells, ...]:
    """Most people first."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Cells(key=key, reason=reason, people=people) for (key, reason), people in ordered)


class Confirmed(Answer):
    """The plan may go."""

    plan: str
    sync: str
    people_leaving: int


class ConfirmPlan(Operation[Confirmed]):
    """Say yes to a plan that waits for one, because many people would leave at once."""

    route = post("/plans/{plan}/confirm", Scope.SYNCS)
    plan: Annotated[str, Field(description="The plan, as `plan_waiting` of its sync names it.")]

    def run(self, desk: Desk) -> Confirmed:
        plan = desk.records.journal.confirm(self.plan, now=desk.now)
        desk.audit("plan confirmed", self.plan, people_leaving=plan.people_leaving)
        return Confirmed(plan=plan.id, sync=plan.sync, people_leaving=plan.people_leaving)

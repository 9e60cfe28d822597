"""A plan drawn up and recorded: from what is wanted to batches that wait in the journal, or to a plan that is held."""

import secrets
from dataclasses import dataclass, field, replace

import ibis

from guestlist.destinations.meta.guard import Cause, Held, exodus, judge
from guestlist.destinations.meta.guard import Exodus as People
from guestlist.destinations.meta.keymask import Table
from guestlist.destinations.meta.manifest import KEYS, Key
from guestlist.destinations.meta.pace import Direction
from guestlist.destinations.meta.pack import Packer, Parcel
from guestlist.destinations.meta.plan import TRIES, Plan, Scope, plan
from guestlist.destinations.meta.prepare import Wanted
from guestlist.destinations.meta.relations import SYNCS, Relations
from guestlist.destinations.meta.settle import Settings
from guestlist.instruments import measured
from guestlist.store.in_memory import in_memory
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Batch, PlanState
from guestlist.store.journal_tables import Plan as PlanRecord
from guestlist.store.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How one sync is to be delivered; `causes` is what differs from the last plan that passed the guard."""

    sync: str
    destination: str
    scope: Scope = Scope.MIRROR
    keys: tuple[Key, ...] = KEYS
    settle: Settings = field(default_factory=Settings)
    causes: frozenset[Cause] = frozenset()
    passed_cause: str | None = None  # digest of the settings, kept once a plan under them passes the guard
    reassert_before: int | None = None  # rows last added before this instant are sent again


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a plan would do, and to how many people; `held` where it would wait for a yes.

    `waits` is the plan that waits already, if the yes to it would let this one go.
    """

    removals: int
    additions: int
    unchanged: int
    people_there: int
    people_leaving: int
    held: bool
    waits: str | None

    def calls(self, rows_per_request: int) -> dict[Direction, int]:
        """Requests to Meta, if each is answered."""
        return {"remove": -(-self.removals // rows_per_request), "add": -(-self.additions // rows_per_request)}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A recorded plan and its batches, removals first; `waits` is the plan that waits for a yes, if one does."""

    plan: PlanRecord
    parcels: list[Parcel]
    waits: PlanRecord | None
    beside: str | None = None  # the plan that goes on waiting meanwhile


def relations(ledger: Ledger, wanted: Wanted, terms: Terms, *, now: int, removes: str | None = None) -> Relations:
    """What a plan of this sync is a function of."""
    planned_removes, adds = terms.scope.value
    line = {
        "sync": terms.sync,
        "now": now,
        "removes": removes or planned_removes,
        "adds": adds,
        "reassert_before": terms.reassert_before,
    }

    def mine(name: str) -> Table:
        kept = ledger.table(name)
        # As a constant it is neither read nor compared line by line.
        return kept.filter(kept.sync == terms.sync).mutate(sync=ibis.literal(terms.sync)).select(*kept.columns)

    # By names that are the same for every sync, so that a plan is compiled once for all of them.
    return Relations(
        syncs=ledger.materialise("syncs", in_memory([line], schema=SYNCS)),
        wanted=ledger.view("given_wanted", wanted.rows),
        wanted_person=ledger.view("given_wanted_person", wanted.persons),
        ledger=ledger.view("given_ledger", mine("ledger")),
        ledger_person=ledger.view("given_ledger_person", mine("ledger_person")),
        listed_key=ledger.view("given_listed_key", wanted.listed_key),
        listed_person=ledger.view("given_listed_person", wanted.listed_person),
    )


@dataclass(frozen=True, kw_only=True)
class Drawer:
    """Draws up plans of one sync."""

    ledger: Ledger
    journal: Journal
    terms: Terms

    def preview(self, wanted: Wanted, *, now: int) -> Preview:
        """What would be planned now. Nothing is recorded and nothing sent."""
        with self.ledger.transaction():
            given = relations(self.ledger, wanted, self.terms, now=now)
            people = self._people(given)
            earlier = _earlier(self.journal, self.terms.sync)
            held = judge(people, self.terms.causes, "", earlier).held
            planned = self._planned(given)
            removals, additions = self._count(planned.removals), self._count(planned.additions)
            every = self._count(given.wanted)
        return Preview(
            removals=removals,
            additions=additions,
            unchanged=every - additions,
            people_there=people.at_meta,
            people_leaving=people.left,
            held=held is not None,
            waits=earlier.plan if held and earlier and _covers(earlier, held) else None,
        )

    def given_up(self, wanted: Wanted) -> int:
        """How many rows should be out that Meta would not take out in three tries."""
        rows = self.ledger.table("ledger").filter(lambda t: t.sync == self.terms.sync)
        return self._count(rows.filter((rows.tries >= TRIES) & (rows.live != 0)).anti_join(wanted.rows, "row_key"))

    @measured("plan")
    def draw_up(
        self, wanted: Wanted, packer: Packer, *, now: int, removes: str | None = None, yes: Held | None = None
    ) -> Drawn:
        """Plan, judge and pack. A held plan lets pass only what do-not-send and erasure ask for.

        `removes` narrows the plan's removals; `yes` stands in for a person's yes, in the rest of a run that had it.
        """
        with self.ledger.transaction():
            given = relations(self.ledger, wanted, self.terms, now=now, removes=removes)
            people = self._people(given)
            earlier = _earlier(self.journal, self.terms.sync)
            plan_id = secrets.token_hex(6)
            if self.terms.scope.is_asked_for:
                part = self._planned(given)
                parcels = packer.pack(plan_id, part, wanted.persons)
                record = _with(self._record(plan_id, part, people), plan_id, parcels)
                return Drawn(plan=record, parcels=parcels, waits=None, beside=earlier.plan if earlier else None)
            held = judge(people, self.terms.causes, plan_id, yes or earlier).held
            whole = self._planned(given)
            record = self._record(plan_id, whole, people)
            if held is None:
                record = self._with_the_yes(record)
                parcels = packer.pack(record.id, whole, wanted.persons)
                return Drawn(plan=_with(record, record.id, parcels), parcels=parcels, waits=None)
            narrow = relations(self.ledger, wanted, replace(self.terms, scope=Scope.HELD), now=now)
            part = self._planned(narrow)
            # What goes now is a plan of its own: the one that waits keeps its id, and so the yes that may come.
            passing = secrets.token_hex(6)
            parcels = packer.pack(passing, part, wanted.persons)
            waits = _with(record, held.plan, None)
            return Drawn(plan=_with(record, passing, parcels), parcels=parcels, waits=waits, beside=waits.id)

    def record(self, drawn: Drawn, *, now: int) -> PlanRecord:
        """Into the journal, once the operations are durable."""
        batches = [
            Batch(
                id=parcel.batch,
                plan=drawn.plan.id,
                sync=drawn.plan.sync,
                ordinal=parcel.ordinal,
                direction=parcel.direction,
                rows=parcel.rows,
            )
            for parcel in drawn.parcels
        ]
        saved = self.journal.save_plan(drawn.plan, batches, now=now, beside=drawn.beside)
        self.journal.move_plan(saved.id, PlanState.RUNNING, now=now)
        return saved

    def hold(self, waits: PlanRecord, *, now: int) -> PlanRecord:
        """Record the plan that waits for a person's yes."""
        return self.journal.save_plan(waits, [], now=now)

    def _with_the_yes(self, record: PlanRecord) -> PlanRecord:
        """A yes was given to a plan by its id, so that is the plan that runs; what is left of it has another id."""
        held = self.journal.held_plan(self.terms.sync)
        if held is None or held.confirmed_at is None:
            return record
        begun = bool(self.journal.batches(held.id))
        return replace(
            record,
            id=record.id if begun else held.id,
            confirmed_at=held.confirmed_at,
            confirmed_people=held.confirmed_people,
        )

    def _planned(self, given: Relations) -> Plan:
        additions = self.ledger.replayed(
            ("plan", self.terms.settle),
            lambda step: plan(given, self.terms.settle, materialise=step).additions,
            "planned_additions",
        )
        return Plan(removals=self.ledger.temporary("removals"), additions=additions)

    def _people(self, given: Relations) -> People:
        lines = self.ledger.read(exodus(given)).to_pylist()
        return People(at_meta=lines[0]["at_meta"], left=lines[0]["left"]) if lines else People(at_meta=0, left=0)

    def _count(self, rows: Table) -> int:
        return int(self.ledger.read(rows.aggregate(n=rows.count())).to_pylist()[0]["n"])

    def _record(self, plan_id: str, planned: Plan, people: People) -> PlanRecord:
        return PlanRecord(
            id=plan_id,
            sync=self.terms.sync,
            cause=_causes(self.terms.causes),
            removals=self._count(planned.removals),
            additions=self._count(planned.additions),
            people_leaving=people.left,
            people_there=people.at_meta,
        )


def _with(record: PlanRecord, plan_id: str, parcels: list[Parcel] | None) -> PlanRecord:
    """The record under this id: of the batches that go, or (None) of a plan that waits."""
    if parcels is None:
        return replace(record, id=plan_id, state=PlanState.HELD)
    rows = {way: sum(p.rows for p in parcels if p.direction == way) for way in ("remove", "add")}
    return replace(record, id=plan_id, removals=rows["remove"], additions=rows["add"])


def _covers(earlier: Held, held: Held) -> bool:
    """Whether a yes to the plan that waits is a yes to what is planned now: it counts for as many as that one shows."""
    return held.plan == earlier.plan and not earlier.confirmed and held.shown <= earlier.shown


def _earlier(journal: Journal, sync: str) -> Held | None:
    held = journal.held_plan(sync)
    if held is None:
        return None
    causes = frozenset(Cause(word) for word in held.cause.split(",") if word)
    shown = held.people_leaving if held.confirmed_people is None else held.confirmed_people
    return Held(plan=held.id, causes=causes, shown=shown, confirmed=held.confirmed_at is not None)


def _causes(causes: frozenset[Cause]) -> str:
    return ",".join(sorted(cause.value for cause in causes))

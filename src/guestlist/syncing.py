"""A space opened to be kept right at Meta: its stores, its clock, its syncs.

Opening takes the space: the stores are locked by this process, and the journal's epoch rises, so that an earlier
process that still hangs can record nothing more and therefore send nothing more.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import ibis
import orjson

from guestlist import asking, pipeline
from guestlist.audiences.definition import AnyOf, Definition
from guestlist.audiences.definition import Sync as SyncWish
from guestlist.audiences.document import read_folder
from guestlist.audiences.evaluate import members, not_chosen, sent_to
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.clock import Clock, microseconds
from guestlist.connected.connections import Asking, Connections, clock_of, open_connections
from guestlist.destinations.meta.account import Upkeep, Wish
from guestlist.destinations.meta.client import MetaError
from guestlist.destinations.meta.deliver import Delivery, Progress, Report, State
from guestlist.destinations.meta.doubt import doubt
from guestlist.destinations.meta.drawing import Drawer, Preview, Terms
from guestlist.destinations.meta.folding import recover
from guestlist.destinations.meta.guard import Cause
from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.prepare import Wanted, prepare, want
from guestlist.destinations.meta.reasons import Why, why
from guestlist.destinations.meta.refusals import DoNotSend, refused_values
from guestlist.destinations.meta.relations import Relations
from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.destinations.meta.sweep import forget_sync, full_due, sweep
from guestlist.destinations.settings import DestinationSettings, delays_of, read_destination, readable_destinations
from guestlist.edits import note_edits
from guestlist.erasures.erasing import carry_out
from guestlist.erasures.forgetting import close, settle
from guestlist.errors import GuestlistError
from guestlist.hooks.moves import attend
from guestlist.instruments import measured
from guestlist.known_syncs import one_of
from guestlist.loads.depending import depends_on, digests, held_back, narrowed, source_settings
from guestlist.owning.holding import hold
from guestlist.profiles.do_not_send import listed_profiles, token_column
from guestlist.profiles.views import known_identifiers
from guestlist.records import Records, find_people, open_records
from guestlist.runs.counting import note_counts
from guestlist.runs.interlude import HaltedError, Interlude
from guestlist.runs.resting import put_off, still_rests
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.store.in_memory import in_memory
from guestlist.store.journal_tables import Sync
from guestlist.store.ledger import Ledger

LEDGER_FILE = "ledger.duckdb"
INTERLUDE_PATIENCE = 30.0
"""Seconds that a delivery waits by itself where others wait for it; longer waits end it."""
_SCOPES = {"mirror": Scope.MIRROR, "add_only": Scope.ADD_ONLY, "remove_only": Scope.REMOVE_ONLY}


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One sync: an audience bound to a destination, as the files say it should be."""

    key: str
    definition: Definition
    wish: SyncWish
    destination: DestinationSettings

    @property
    def mode(self) -> str:
        """The sync's own mode, unless the destination sets one for all that say nothing."""
        return self.destination.mode or "mirror" if self.wish.mode == "mirror" else self.wish.mode


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a sync would do now."""

    bound: Bound
    wanted: Wanted
    preview: Preview
    why: Why
    not_chosen: dict[str, int]


@dataclass(kw_only=True)
class Syncing:
    """The open space. Use `open_to_sync`."""

    space: Space
    records: Records
    warehouse: Warehouse
    ledger: Ledger
    clock: Clock
    connections: Connections
    refreshed: asking.Refreshed = field(default_factory=asking.Refreshed)
    refreshed_at: datetime | None = None
    interlude: Interlude | None = None

    @property
    def now(self) -> int:
        """Microseconds since 1970."""
        return microseconds(self.clock.now())

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """The audiences of the space, read once."""
        return self._read_definitions()

    def _read_definitions(self) -> tuple[Definition, ...]:
        return read_folder(self.space.audiences, destinations=self.space.settings.destinations)

    def read_again(self) -> None:
        """Go by the files as they are now; where there is a mistake in them it is told, and what was read stands."""
        self.__dict__["definitions"] = self._read_definitions()

    def keep_definitions(self) -> None:
        """Go on by what was read before, or by none: audiences at Meta are then left alone but for who must leave."""
        self.__dict__.setdefault("definitions", ())

    def bound(self, key: str | None = None) -> list[Bound]:
        """The syncs of the definitions, or the one named (`audience@destination`, or `audience` while it has one)."""
        wished = self.wished()
        chosen = wished if key is None else [one_of(key, wished)]
        return [self.bind(*wished[one]) for one in chosen]

    def wished(self) -> dict[str, tuple[Definition, SyncWish]]:
        """What the files ask for, by the key of the sync."""
        return {f"{one.key}@{wish.to}": (one, wish) for one in self.definitions for wish in one.syncs}

    def bind(self, definition: Definition, wish: SyncWish) -> Bound:
        """One sync of a definition, by the settings of its destination."""
        settings = read_destination(self.space.settings, wish.to)
        return Bound(key=f"{definition.key}@{wish.to}", definition=definition, wish=wish, destination=settings)

    @measured("evaluate")
    def refresh(self) -> None:
        """People, their traits and events, and who is in which audience, as of now."""
        note_edits(self.space, self.records.journal, now=self.now)
        find_people(self.space, self.warehouse, self.records)
        self._follow_survivors()
        attend(self.warehouse, self.records.journal, now=self.now)
        if not self.warehouse.has("identifier"):
            raise GuestlistError(
                "no_data",
                "There is no customer data in this space yet.",
                next_step="Import some: guestlist import FILE",
            )
        for definition in self.definitions:
            document = orjson.dumps(definition).decode()
            digest = hashlib.sha256(document.encode()).hexdigest()
            self.records.journal.record_definition(definition.key, digest, document, now=self.now)
        traits = read_traits(self.space.traits)
        self.refreshed_at = self.clock.now()
        self.refreshed = asking.refresh(self.space, self.warehouse, self.definitions, traits, at=self.refreshed_at)

    def _refuse_failed(self, bound: Bound) -> None:
        """Of an audience that could not be evaluated nothing is sent but what the do-not-send list asks for."""
        if bound.definition.key in self.refreshed.failed:
            raise self.refreshed.failed[bound.definition.key]

    def _follow_survivors(self) -> None:
        """Rows at Meta stay with the person when two profiles became one, whichever process found that out."""
        mark = pipeline.resolved_mark(self.warehouse)
        if mark is None or self.ledger.read(self.ledger.table("followed")).to_pylist() == [{"resolved": mark}]:
            return
        merged = self.ledger.materialise("survivors", self.warehouse.read(self._merged()))
        with self.ledger.transaction():
            for name in ("ledger_person", "op_person"):
                self.ledger.follow_survivors(name, merged)
            self.ledger.replace("followed", in_memory({"resolved": [mark]}))

    def _merged(self) -> Any:
        alias = self.warehouse.table("alias")
        return alias.filter(alias.profile_id != alias.survivor).select("profile_id", "survivor")

    # --- what is wanted, and what would be done -----------------------------------------------------------------------

    def wanted(self, bound: Bound) -> Wanted:
        """What Meta should have of this audience; rows are made for members who have none of today."""
        listed = self._do_not_send()
        self._make_rows([bound], listed)
        self._doubt(bound, listed)
        return self._want(bound, self._members([bound]), listed)

    def reach(self, bound: Bound, definitions: Sequence[Definition]) -> tuple[Wanted, dict[str, int]]:
        """What Meta should have if the definition as it is now were evaluated, and `not_chosen`; nothing is recorded.

        `definitions`: of all audiences.
        """
        listed, about = self._do_not_send(), asking.together(definitions, bound.definition)
        asked = (self.space, self.warehouse, about, read_traits(self.space.traits))
        found = members(bound.definition, asking.question(*asked, at=self.clock.now()), definitions)
        found = self.warehouse.materialise("reached", found)
        by_lot = (self.warehouse, found, bound.definition, bound.wish.groups)
        self._make_rows([bound], listed, sent := sent_to(*by_lot))
        return self._want(bound, sent, listed), not_chosen(*by_lot)

    def _want(self, bound: Bound, members: Any, listed: DoNotSend) -> Wanted:
        to = {"sync": bound.key, "destination": bound.wish.to}
        return want(self.warehouse, self.ledger, **to, members=members, do_not_send=listed)

    def _doubt(self, bound: Bound, listed: DoNotSend) -> None:
        """After a restore: what may have been sent since the backup, by a ledger that is gone."""
        left = self.records.journal.doubted(bound.key)
        if left is None:
            return
        recover(self.ledger, self.records.journal, now=self.now)
        if left.everybody:
            self._make_rows([bound], listed, self.warehouse.table("identifier").select("profile_id").distinct())
        at = max(self.now - 1, self.records.journal.last_sent_at(bound.key))
        doubt(self.ledger, bound.key, bound.wish.to, everybody=left.everybody, at=at)
        self.records.journal.doubt_told(bound.key, now=max(self.now, left.restored_at))

    def make_rows(self, some: Iterable[Bound]) -> None:
        """Make the rows of several syncs' members at once, which is cheaper than one sync after the other."""
        listed, by_destination = self._do_not_send(), defaultdict(list)
        for bound in some:
            by_destination[bound.wish.to].append(bound)
        for bounds in by_destination.values():
            self._make_rows(bounds, listed)

    @measured("prepare")
    def _make_rows(self, bounds: Sequence[Bound], listed: DoNotSend, found: Any = None) -> None:
        """Of members of syncs to one destination, where rows are missing or out of date."""
        prepare(
            self.warehouse,
            self.ledger,
            destination=bounds[0].wish.to,
            settings=self._match_keys(bounds[0]),
            members=self._members(bounds) if found is None else found,
            do_not_send=listed,
            refused=refused_values(self.warehouse.table("identity_decision")),
        )

    def _members(self, bounds: Sequence[Bound]) -> Any:
        parts = [sent_to(self.warehouse, self._inside(bound), bound.definition, bound.wish.groups) for bound in bounds]
        return ibis.union(*parts).distinct() if len(parts) > 1 else parts[0].distinct()

    def _inside(self, bound: Bound) -> Any:
        """Who was in the audience at the last evaluation."""
        stay = self.warehouse.table("membership")
        return stay.filter(stay.audience == bound.definition.key, stay.exited_at.isnull()).select("profile_id")

    def look_ahead(self, bound: Bound) -> Outlook:
        """What a sync would do now. Nothing is sent."""
        self._refuse_failed(bound)
        wanted = self.wanted(bound)
        drawer = Drawer(ledger=self.ledger, journal=self.records.journal, terms=self._terms(bound))
        return Outlook(
            bound=bound,
            wanted=wanted,
            preview=drawer.preview(wanted, now=self.now),
            why=why(self.ledger, wanted, self._match_keys(bound).strong),
            not_chosen=not_chosen(self.warehouse, self._inside(bound), bound.definition, bound.wish.groups),
        )

    # --- doing it -----------------------------------------------------------------------------------------------------

    def hand_over(self, some: Iterable[Bound] | None = None) -> list[tuple[Bound, Report]]:
        """Take out of audiences, of all there are, whom the do-not-send list or an erasure asks for; nobody else moves."""
        there = [*self.bound(), *self.left_alone()] if some is None else some
        return [(bound, self.sync(bound, scope=Scope.LISTED)) for bound in there if self._saved(bound).remote_id]

    def left_alone(self) -> list[Bound]:
        """Audiences at Meta whose definition or sync is no longer in the files. They stay as they are there."""
        wanted, known = self.wished(), readable_destinations(self.space.settings)
        return [
            self.bind_kept(kept)
            for kept in self.records.journal.syncs()
            if kept.remote_id and kept.key not in wanted and kept.destination in known
        ]

    def bind_kept(self, kept: Sync) -> Bound:
        """One that is no longer in the files, as an audience that nobody is to be added to."""
        name = kept.remote_name or kept.audience
        nobody = Definition(key=kept.audience, name=name, who=AnyOf(conditions=()))
        return self.bind(nobody, SyncWish(to=kept.destination, rename="keep"))

    @measured("sync", lambda _, bound, **__: {"sync": bound.key})
    def sync(
        self,
        bound: Bound,
        *,
        full: bool = False,
        scope: Scope | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """Bring one audience at Meta to what is wanted, as far as Meta lets us now; `scope` narrows what may move.

        While a source that it depends on is not loaded, nobody new is taken in, and the report says so.
        """
        if scope is None and bound.definition.key in self.refreshed.failed:
            self.hand_over([bound])
            self._refuse_failed(bound)
        held = held_back(self._depends(bound), self.records.journal.pulls()) if scope is None else None
        report = self._sync(bound, full=full, scope=narrowed(bound.mode) if held else scope, progress=progress)
        short = held is not None and report.state is State.DONE
        return replace(report, state=State.STOPPED, error=held) if short else report

    def _depends(self, bound: Bound) -> frozenset[str]:
        return depends_on(self.space, bound.definition, self.definitions, read_traits(self.space.traits))

    def _sync(
        self, bound: Bound, *, full: bool, scope: Scope | None, progress: Callable[[Progress], None] | None
    ) -> Report:
        rests = still_rests(self.records.journal, bound.destination.account, now=self.now)
        if rests is not None:
            return rests
        client = self.connections.client(bound.wish.to)
        waiting = {} if self.interlude is None else {"sleep": self._sleep_whole}
        keeper = Upkeep(journal=self.records.journal, client=client, clock=self.clock, **waiting)
        kept = self._saved(bound)
        if full and keeper.is_gone(kept):
            # The ledger first: rows that it believed at Meta would never be sent to the audience made next.
            forget_sync(self.ledger, bound.key)
            kept = keeper.forget(kept)
        try:
            kept = keeper.ensure(kept, _wish(bound))
        except HaltedError:
            return Report(state=State.CANCELLED)
        except MetaError as error:
            return put_off(self.records.journal, bound.destination.account, error, client.usage, now=self.now)
        assert kept.remote_id is not None
        source = _Newest(self, bound)
        delivery = Delivery(
            ledger=self.ledger,
            journal=self.records.journal,
            client=client,
            clock=self.clock,
            source=source,
            terms=self._terms(bound, full=full, scope=scope),
            audience=kept.remote_id,
            account=bound.destination.account,
            rows_per_request=bound.destination.batch_rows,
            progress=progress or (lambda _: None),
        )
        if self.interlude is not None:
            delivery.halted, delivery.sleep = self.interlude.halted, self.interlude.sleep
            delivery.patience = INTERLUDE_PATIENCE
        report = delivery.run()
        note_counts(self.ledger, self.records.journal, self._saved(bound), source.last, now=self.now)
        if report.state is State.DONE and delivery.terms.reassert_before is not None:
            self._sweep(bound)
        self.ledger.tidy()
        return report

    def _sleep_whole(self, seconds: float) -> None:
        """Before an audience is made again the wait must be whole: a shorter one could make two."""
        assert self.interlude is not None
        self.interlude.sleep(seconds)
        if self.interlude.halted():
            raise HaltedError

    def _sweep(self, bound: Bound) -> None:
        """Once everything was sent again, what left long ago is forgotten."""
        destination = bound.wish.to
        syncs = [kept.key for kept in self.records.journal.syncs() if kept.destination == destination]
        sweep(self.ledger, destination, syncs, bound.destination.settle, now=self.now)

    def _saved(self, bound: Bound) -> Sync:
        known = self.records.journal.sync(bound.key)
        if known is None:
            known = Sync(key=bound.key, audience=bound.definition.key, destination=bound.wish.to)
            self.records.journal.save_sync(known)
        return known

    # --- terms --------------------------------------------------------------------------------------------------------

    def _match_keys(self, bound: Bound) -> Any:
        return bound.destination.match_keys(self.space.settings, this_year=self.clock.now().year)

    def _terms(self, bound: Bound, *, full: bool = False, scope: Scope | None = None) -> Terms:
        kept = self.records.journal.sync(bound.key)
        digests = self._digests(bound)
        passed = orjson.loads(kept.passed_cause) if kept and kept.passed_cause else None
        causes = {cause for cause in digests if passed is not None and passed.get(cause) != digests[cause]}
        return Terms(
            sync=bound.key,
            destination=bound.wish.to,
            scope=scope or _SCOPES[bound.mode],
            keys=self._match_keys(bound).keys,
            settle=bound.destination.settle,
            causes=frozenset(Cause(cause) for cause in causes),
            passed_cause=None if scope else orjson.dumps(digests, option=orjson.OPT_SORT_KEYS).decode(),
            reassert_before=self.records.journal.last_sent_at(bound.key) + 1 if full else full_due(kept, now=self.now),
        )

    def _digests(self, bound: Bound) -> dict[str, str]:
        """What a person can change that moves many people at once."""
        said = {
            Cause.DEFINITION: bound.definition.who,
            Cause.MODE: bound.mode,
            Cause.MAPPING: bound.destination.mapping.model_dump(mode="json"),
            Cause.IDENTITY: [self.space.settings.country, self.space.settings.identity],
        }
        sources = source_settings(self.space, self._depends(bound))
        said |= {Cause.SOURCE: sources} if sources else {}
        return digests({cause.value: fact for cause, fact in said.items()})

    def _do_not_send(self) -> DoNotSend:
        listed = sorted(entry.token.hex() for entry in self.records.journal.do_not_send())
        tokens = in_memory({"token": listed}, schema={"token": "string"})
        # Their identifiers are gone from this machine; their rows are found by the ids they had.
        erased = in_memory({"profile_id": self.records.journal.erased_people()}, schema={"profile_id": "string"})
        pepper = self.records.pepper
        return DoNotSend(
            tokens=tokens,
            people=ibis.union(listed_profiles(known_identifiers(self.warehouse), tokens, pepper), erased),
            token_of=lambda key, sent: token_column(pepper, key, sent),
            digest=hashlib.sha256("".join(listed).encode()).hexdigest(),
            nobody=not listed,
        )


@dataclass
class _Newest:
    """What the delivery loop asks between two batches: is there something newer than what it plans by?"""

    syncing: Syncing
    bound: Bound
    last: Wanted | None = None
    _seen: tuple[int, int] = (0, 0)

    def wanted(self) -> Wanted:
        self._seen = self.syncing.records.journal.do_not_send_mark()
        if self.syncing.interlude is not None:
            self.syncing.interlude.renew()
        self.last = self.syncing.wanted(self.bound)
        return self.last

    def newer(self) -> bool:
        interlude = self.syncing.interlude
        listed = self.syncing.records.journal.do_not_send_mark() != self._seen
        return listed or (interlude is not None and interlude.stale())

    def gate(self) -> Relations | None:
        # Members change only by this process, and not while it delivers; the list is asked about by `newer`.
        return None


def open_ledger(space: Space) -> Ledger:
    """What Meta has from this space. Only one process at a time can have it open."""
    return Ledger(space.private / LEDGER_FILE, RELATIONS)


@contextmanager
def open_to_sync(space: Space, owned: Records | None = None) -> Iterator[Syncing]:
    """Take the space: become the owner, erase what was asked to be erased, open its stores.

    `owned`: the records of a process that holds the space already.
    """
    clock = clock_of(space)
    with ExitStack() as holding:
        records = owned or holding.enter_context(open_records(space))
        if owned is None:
            holding.enter_context(hold(space, records.journal))
            records.journal.take_over("command line", now=microseconds(clock.now()))
        carry_out(space, records, now=clock.now())
        with ExitStack() as stack:
            warehouse = stack.enter_context(space.open_warehouse())
            ledger = stack.enter_context(open_ledger(space))
            asking: Asking = "now" if owned is None else "in time"
            connections = stack.enter_context(open_connections(space, records, asking=asking))
            syncing = Syncing(
                space=space,
                records=records,
                warehouse=warehouse,
                ledger=ledger,
                clock=clock,
                connections=connections,
            )
            yield syncing
            settled = settle(records.journal, ledger, longest_delay(space), now=syncing.now)
        close(records.journal, space.private / LEDGER_FILE, settled, now=microseconds(clock.now()))


def longest_delay(space: Space) -> int:
    """Microseconds after which what was sent to any destination of the space has taken effect."""
    return max(delays_of(space.settings), default=0)


def _wish(bound: Bound) -> Wish:
    return Wish(
        name=bound.definition.name,
        description=bound.definition.description,
        customer_file_source=bound.destination.customer_file_source,
        adopt=bound.wish.adopt,
        rename=bound.wish.rename,
    )

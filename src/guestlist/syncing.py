"""A space opened to be kept right at Meta: its stores, its clock, its syncs.

Opening takes the space: the stores are locked by this process, and the journal's epoch rises, so that an earlier
process that still hangs can record nothing more and therefore send nothing more.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import ibis
import orjson
import pyarrow as pa

from guestlist import pipeline
from guestlist.audiences.definition import Definition
from guestlist.audiences.definition import Sync as SyncWish
from guestlist.audiences.document import read_folder
from guestlist.clock import Clock, microseconds
from guestlist.connections import Connections, clock_of, open_connections
from guestlist.destinations.meta.account import Keeper, Standing, Wish
from guestlist.destinations.meta.deliver import Delivery, Progress, Report
from guestlist.destinations.meta.drawing import Drawer, Preview, Terms
from guestlist.destinations.meta.guard import Cause
from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.prepare import DoNotSend, Wanted, blank_reasons, prepare, refused_values, want
from guestlist.destinations.meta.relations import Relations
from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.destinations.meta.sweep import forget_sync
from guestlist.destinations.settings import DestinationSettings, read_destination
from guestlist.errors import GuestlistError
from guestlist.profiles.do_not_send import listed_profiles, token_column
from guestlist.records import Records, find_people, open_records
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.store.journal_tables import Sync
from guestlist.store.ledger import Ledger

LEDGER_FILE = "ledger.duckdb"
FULL_EVERY = timedelta(days=7)
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
    blanks: dict[tuple[str, str], int]

    @property
    def calls(self) -> int:
        size = self.bound.destination.batch_rows
        return -(-self.preview.additions // size) + -(-self.preview.removals // size)


@dataclass(kw_only=True)
class Syncing:
    """The open space. Use `open_to_sync`."""

    space: Space
    records: Records
    warehouse: Warehouse
    ledger: Ledger
    clock: Clock
    connections: Connections

    @property
    def now(self) -> int:
        """Microseconds since 1970."""
        return microseconds(self.clock.now())

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """The audiences of the space, read once."""
        return read_folder(self.space.audiences, destinations=self.space.settings.destinations)

    def bound(self, key: str | None = None) -> list[Bound]:
        """The syncs of the definitions, or the one named (`audience@destination`, or `audience` while it has one)."""
        every = [self._bind(definition, wish) for definition in self.definitions for wish in definition.syncs]
        if key is None:
            return every
        found = [one for one in every if key in {one.key, one.definition.key}]
        if len(found) == 1:
            return found
        raise _no_sync(key, [one.key for one in found or every], several=bool(found))

    def _bind(self, definition: Definition, wish: SyncWish) -> Bound:
        settings = read_destination(self.space.settings, wish.to)
        return Bound(key=f"{definition.key}@{wish.to}", definition=definition, wish=wish, destination=settings)

    def refresh(self) -> None:
        """People, their traits and events, and who is in which audience, as of now."""
        if find_people(self.space, self.warehouse, self.records):
            self._follow_survivors()
        if not self.warehouse.has("identifier"):
            raise GuestlistError(
                "SPACE-EMPTY-01",
                "There is no customer data in this space yet.",
                next_step="Import some: guestlist import FILE",
            )
        for definition in self.definitions:
            document = orjson.dumps(definition).decode()
            digest = hashlib.sha256(document.encode()).hexdigest()
            self.records.journal.record_definition(definition.key, digest, document, now=self.now)
        pipeline.find_members(self.warehouse, self.definitions, at=self.clock.now(), zone=self.space.settings.zone)

    def _follow_survivors(self) -> None:
        """Rows at Meta stay with the person when two profiles became one."""
        alias = self.warehouse.read(self._merged())
        if alias.num_rows:
            for name in ("ledger_person", "op_person"):
                self.ledger.follow_survivors(name, alias)

    def _merged(self) -> Any:
        alias = self.warehouse.table("alias")
        return alias.filter(alias.profile_id != alias.survivor).select("profile_id", "survivor")

    # --- what is wanted, and what would be done -----------------------------------------------------------------------

    def wanted(self, bound: Bound) -> Wanted:
        """What Meta should have of this audience; rows are made for members who have none of today."""
        destination, settings = bound.wish.to, self._match_keys(bound)
        membership = self.warehouse.table("membership")
        members = membership.filter(membership.audience == bound.definition.key, membership.exited_at.isnull())
        members, listed = members.select("profile_id"), self._do_not_send()
        prepare(
            self.warehouse,
            self.ledger,
            destination=destination,
            settings=settings,
            members=members,
            do_not_send=listed,
            refused=refused_values(self.warehouse.table("identity_decision")),
        )
        return want(
            self.warehouse,
            self.ledger,
            sync=bound.key,
            destination=destination,
            members=members,
            do_not_send=listed,
        )

    def look_ahead(self, bound: Bound) -> Outlook:
        """What a sync would do now. Nothing is sent."""
        wanted = self.wanted(bound)
        drawer = Drawer(ledger=self.ledger, journal=self.records.journal, terms=self._terms(bound))
        return Outlook(
            bound=bound,
            wanted=wanted,
            preview=drawer.preview(wanted, now=self.now),
            blanks=blank_reasons(self.ledger, wanted),
        )

    # --- doing it -----------------------------------------------------------------------------------------------------

    def hand_over(self) -> list[tuple[Bound, Report]]:
        """Take out of every audience whom the do-not-send list or an erasure asks for; nobody else moves."""
        there = [bound for bound in self.bound() if self._saved(bound).remote_id]
        reports = [(bound, self.sync(bound, scope=Scope.HELD)) for bound in there]
        self.settle_erasures()
        return reports

    def sync(
        self,
        bound: Bound,
        *,
        full: bool = False,
        scope: Scope | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """Bring one audience at Meta to what is wanted, as far as Meta lets us now; `scope` narrows what may move."""
        client = self.connections.client(bound.wish.to)
        keeper = Keeper(journal=self.records.journal, client=client, clock=self.clock)
        kept = self._saved(bound)
        if full and keeper.is_gone(kept):
            # The ledger first: rows that it believed at Meta would never be sent to the audience made next.
            forget_sync(self.ledger, bound.key)
            kept = keeper.forget(kept)
        kept = keeper.ensure(kept, _wish(bound))
        assert kept.remote_id is not None
        delivery = Delivery(
            ledger=self.ledger,
            journal=self.records.journal,
            client=client,
            clock=self.clock,
            source=_Newest(self, bound),
            terms=self._terms(bound, full=full, scope=scope),
            audience=kept.remote_id,
            account=bound.destination.account,
            rows_per_request=bound.destination.batch_rows,
            progress=progress or (lambda _: None),
        )
        return delivery.run()

    def standing(self, bound: Bound) -> Standing | None:
        """How the audience stands at Meta now."""
        kept = self.records.journal.sync(bound.key)
        if kept is None or kept.remote_id is None:
            return None
        client = self.connections.client(bound.wish.to)
        keeper = Keeper(journal=self.records.journal, client=client, clock=self.clock)
        return keeper.standing(kept, bound.destination.account, since=_instant(kept.right_at))

    def people_sent(self) -> dict[str, int]:
        """How many people Meta has from us, per sync."""
        there = self.ledger.table("ledger").filter(lambda t: t.live != 0)
        whose = self.ledger.table("ledger_person").semi_join(there, ["sync", "row_key"])
        counted = self.ledger.read(whose.group_by("sync").aggregate(people=whose.profile_id.nunique()))
        return {line["sync"]: int(line["people"]) for line in counted.to_pylist()}

    def settle_erasures(self) -> None:
        """Note on the receipts what Meta has acknowledged; where all is settled, delete the cells as sent and close."""
        for receipt in self.records.journal.erasures():
            if receipt.open and receipt.erased_at is not None:
                self._settle_erasure(receipt.id)

    def _settle_erasure(self, receipt: str) -> None:
        people = self.records.journal.erased_people(receipt)
        told = ibis.memtable(pa.table({"profile_id": pa.array(people, pa.string())}))
        whose = self.ledger.table("ledger_person").semi_join(told, "profile_id")
        lines = self.ledger.table("ledger").semi_join(whose, ["sync", "row_key"])
        found = self.ledger.read(lines.select("live", "remove_sent_at")).to_pylist()
        if any(line["live"] for line in found):
            return
        self.records.journal.removals_handed_over(receipt, now=self.now)
        longest = max((b.destination.settle.pipeline_delay for b in self.bound()), default=0)
        if any((line["remove_sent_at"] or 0) + longest > self.now for line in found):
            return
        self._forget_rows(told)
        self.records.journal.close_erasure(receipt, now=self.now)

    def _forget_rows(self, people: Any) -> None:
        with self.ledger.transaction():
            tables = [
                self.ledger.table(name).select("profile_id", "row_key") for name in ("ledger_person", "profile_row")
            ]
            whose = ibis.union(*tables)
            # A row that somebody else has too is not theirs alone.
            others = whose.anti_join(people, "profile_id")
            keys = whose.semi_join(people, "profile_id").anti_join(others, "row_key").select("row_key").distinct()
            keys = self.ledger.materialise("forgotten_rows", keys)
            for name in ("row", "ledger", "op", "named"):
                self.ledger.delete_keys(name, keys, ["row_key"])
            for name in ("ledger_person", "op_person", "profile_row", "blank_cell"):
                self.ledger.delete_keys(name, people, ["profile_id"])
        self.ledger.compact()

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
            reassert_before=self.records.journal.last_sent_at(bound.key) + 1 if full else self._full_due(kept),
        )

    def _full_due(self, kept: Sync | None) -> int | None:
        """Once a week all rows are sent again: it heals what nobody can know. Rows added since count as done."""
        last = (kept.full_at or kept.created_at) if kept else None
        if last is None:
            return None
        due = last + FULL_EVERY // timedelta(microseconds=1)
        return due if due <= self.now else None

    def _digests(self, bound: Bound) -> dict[str, str]:
        """What a person can change that moves many people at once."""
        identity = [self.space.settings.country, self.space.settings.identity]
        said = {
            Cause.DEFINITION: bound.definition.who,
            Cause.MODE: bound.mode,
            Cause.MAPPING: bound.destination.mapping.model_dump(mode="json"),
            Cause.IDENTITY: identity,
        }
        return {cause.value: hashlib.sha256(orjson.dumps(fact)).hexdigest()[:16] for cause, fact in said.items()}

    def _do_not_send(self) -> DoNotSend:
        listed = sorted(entry.token.hex() for entry in self.records.journal.do_not_send())
        tokens = ibis.memtable(pa.table({"token": pa.array(listed, pa.string())}))
        pepper = self.records.pepper
        return DoNotSend(
            tokens=tokens,
            people=listed_profiles(self.warehouse.table("identifier"), tokens, pepper),
            token_of=lambda key, sent: token_column(pepper, key, sent),
            digest=hashlib.sha256("".join(listed).encode()).hexdigest(),
        )


@dataclass
class _Newest:
    """What the delivery loop asks between two batches: is there something newer than what it plans by?"""

    syncing: Syncing
    bound: Bound
    _seen: tuple[int, int] = (0, 0)

    def wanted(self) -> Wanted:
        self._seen = self.syncing.records.journal.do_not_send_mark()
        return self.syncing.wanted(self.bound)

    def newer(self) -> bool:
        return self.syncing.records.journal.do_not_send_mark() != self._seen

    def gate(self) -> Relations | None:
        # Members change only by this process, and not while it delivers; the list is asked about by `newer`.
        return None


@contextmanager
def open_to_sync(space: Space) -> Iterator[Syncing]:
    """Take the space: open its stores and become the owner."""
    with ExitStack() as stack:
        records = stack.enter_context(open_records(space))
        warehouse = stack.enter_context(space.open_warehouse())
        ledger = stack.enter_context(Ledger(space.private / LEDGER_FILE, RELATIONS))
        connections = stack.enter_context(open_connections(space, records))
        syncing = Syncing(
            space=space,
            records=records,
            warehouse=warehouse,
            ledger=ledger,
            clock=clock_of(space),
            connections=connections,
        )
        records.journal.take_over("command line", now=syncing.now)
        yield syncing


def _wish(bound: Bound) -> Wish:
    return Wish(
        name=bound.definition.name,
        description=bound.definition.description,
        customer_file_source=bound.destination.customer_file_source,
        adopt=bound.wish.adopt,
        rename=bound.wish.rename,
    )


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def _no_sync(key: str, known: list[str], *, several: bool) -> GuestlistError:
    happened = f"'{key}' goes to several destinations." if several else f"There is no sync '{key}'."
    return GuestlistError(
        "SYNC-UNKNOWN-01",
        happened,
        nothing_lost="Nothing was sent.",
        next_step=f"Name one of: {', '.join(known)}" if known else "Give an audience a sync: line first.",
    )

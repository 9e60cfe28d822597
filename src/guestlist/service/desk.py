"""The desk of a request: the space that this process serves, and its stores as far as its keeper has them open."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from guestlist.backups.backing_up import note_since
from guestlist.errors import GuestlistError
from guestlist.operations.desk import Desk, at_meta
from guestlist.operations.operation import Scope
from guestlist.records import Records
from guestlist.service.keeper import Keeper
from guestlist.space import Space, open_space
from guestlist.store import Warehouse
from guestlist.store.ledger import Ledger
from guestlist.syncing import Syncing
from guestlist.telling.people import has_data, no_data, ready


class Kept(Desk):
    """One request's view of a space."""

    def __init__(self, keeper: Keeper, records: Records, actor: str, scopes: frozenset[Scope]) -> None:
        self.actor = actor
        self.scopes = scopes
        self._keeper = keeper
        self._records = records
        self._space: Space | None = None

    @property
    def keeper(self) -> Keeper:
        return self._keeper

    @property
    def space(self) -> Space:
        if self._space is None:
            self._space = open_space(self._keeper.space.folder)
        return self._space

    @property
    def records(self) -> Records:
        return self._records

    @contextmanager
    def people(self) -> Iterator[Warehouse]:
        if not has_data(self.space):
            raise no_data()
        with self._keeper.lending.beside(lambda syncing: syncing.warehouse) as warehouse:
            ready(warehouse)
            yield warehouse

    @contextmanager
    def ledger(self) -> Iterator[Ledger | None]:
        with self._keeper.lending.beside(lambda syncing: syncing.ledger) as ledger:
            yield ledger

    def stores(self) -> AbstractContextManager[Syncing]:
        return self._keeper.lending.borrow()

    def obey(self) -> tuple[GuestlistError, ...] | None:
        note_since(self.records)
        self.keeper.look_now()
        return None if at_meta(self.records) else ()

    def came_in(self, messages: int) -> None:
        self.keeper.came_in(messages)

"""A space as the API serves it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from guestlist.connections import clock_of
from guestlist.reaching import Address, announce, withdraw
from guestlist.records import Records
from guestlist.service.api.access import Access
from guestlist.service.api.repeats import Repeats
from guestlist.service.keeper import Keeper
from guestlist.store.vault import Secret


@dataclass(frozen=True, kw_only=True)
class Served:
    """A space, who may ask, and what was asked before."""

    keeper: Keeper
    records: Records
    access: Access
    repeats: Repeats


def serve_space(keeper: Keeper, records: Records, local: Secret) -> Served:
    """`local`: the key of commands on this machine."""
    clock = clock_of(keeper.space)
    return Served(
        keeper=keeper,
        records=records,
        access=Access(records.journal, clock, local),
        repeats=Repeats(journal=records.journal, clock=clock),
    )


@contextmanager
def announcing(one: Served, url: str, local: Secret) -> Iterator[None]:
    """Commands on this machine find the service while this lasts."""
    space = one.keeper.space
    announce(space, Address(url=f"{url}/api/v1/spaces/{quote(space.folder.name)}", key=local))
    try:
        yield
    finally:
        withdraw(space)

"""A space as the API serves it."""

from dataclasses import dataclass
from urllib.parse import quote

from guestlist.connected.connections import clock_of
from guestlist.owning.reaching import Address
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
        repeats=Repeats(records=records, clock=clock),
    )


def address_of(one: Served, url: str, local: Secret) -> Address:
    """Where commands on this machine reach it; who listens everywhere listens here too."""
    near = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    return Address(url=f"{near}/api/v1/spaces/{quote(one.keeper.space.folder.name)}", key=local)

"""Removals that cannot wait for the next sync: of people who were put on the do-not-send list, or erased."""

from guestlist.backing_up import note_since
from guestlist.cli.frame import tell
from guestlist.errors import GuestlistError
from guestlist.records import Records
from guestlist.space import Space
from guestlist.syncing import open_to_sync

OWNED = "space_in_use"


def hand_over(space: Space, records: Records) -> bool:
    """To Meta, at once; says whether all went. What stands in the way is told, and stays owed: a sync begins with it.

    Where another process owns the space, it learns of the list before its next batch.
    """
    note_since(records)
    if not any(sync.remote_id for sync in records.journal.syncs()):
        return True
    try:
        with open_to_sync(space) as syncing:
            stops = [report.error for _, report in syncing.hand_over() if report.error is not None]
    except GuestlistError as error:
        stops = [error]
    for stop in stops:
        if stop.code != OWNED:
            tell(stop, as_json=False)
    return not stops

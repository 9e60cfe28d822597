"""Files of customer data into the space: what their columns mean is found out, they land, people are found anew."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from guestlist.clock import microseconds
from guestlist.edits import own_change, setting
from guestlist.records import Records, find_people, salt_of
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Clocks, Landed, Progress, land
from guestlist.sources.mapping import Chosen, Wish, choose
from guestlist.sources.repeats import Repeats
from guestlist.space import Space
from guestlist.store import Warehouse

UPLOADS = "uploads"
"""The folder beside the stores in which files lie that are sent to a service, while they are read."""
Choice = tuple[DataFile, Chosen]


def choose_all(files: Sequence[DataFile], wish: Wish, space: Space) -> list[Choice]:
    """What the columns of each file mean: as guestlist.yaml has it, else as it is proposed."""
    known: dict[str, dict[str, Any]] = dict(space.settings.sources)
    chosen = []
    for file in files:
        choice = choose(file, wish, known)
        chosen.append((file, choice))
        if choice.proposed:
            known[choice.source] = choice.mapping.entry()
    return chosen


def import_chosen(
    space: Space,
    warehouse: Warehouse,
    records: Records,
    chosen: Sequence[Choice],
    *,
    now: datetime,
    progress: Progress = lambda _: None,
    repeats: bool = False,
) -> list[Landed]:
    """Land them, all or none, find people anew, and write mappings that were proposed into guestlist.yaml.

    Events that came in before, as other messages, are refused without `repeats`.
    """
    clocks = Clocks(now=now, zone=space.settings.time_zone, date_order=space.settings.date_order)
    landed = land(warehouse, chosen, clocks, space.reports, progress, Repeats(salt=salt_of(records), allowed=repeats))
    find_people(space, warehouse, records)
    landed = [replace(one, nobody=_of_nobody(warehouse, one.places)) if one.landed else one for one in landed]
    warehouse.checkpoint()
    for _, choice in chosen:
        if choice.proposed:
            with own_change(space, records.journal, setting("sources", choice.source), now=microseconds(now)):
                space = space.write_entry("sources", choice.source, choice.mapping.entry())
    return landed


def _of_nobody(warehouse: Warehouse, places: tuple[int, int]) -> int:
    """How many of these messages are no person's, as none of their identifiers can be read and may be used."""
    message, whose = warehouse.table("message"), warehouse.table("message_profile")
    these = message.filter(message.ordinal > places[0], message.ordinal <= places[1])
    return int(warehouse.read(these.anti_join(whose.filter(whose.profile_id.notnull()), "ordinal").count()).as_py())

"""What is worth knowing about cells that are sent all the same, of each person as one number: relation `flagged`.

A line for each cell would be a line for each cell of everybody where a shop hands in hashed values; so it is a bit.
"""

from functools import reduce
from operator import add

import ibis

from guestlist.destinations.meta.manifest import KEYS, UNHASHED, Key
from guestlist.values.reading import Flag

FLAGGED = {"destination": "string", "profile_id": "string", "flags": "int32"}
"""Key (destination, profile_id); of people with any flag."""
# The place in here is the bit in the file, so entries are added at the end only. The space's own country
# (`from_default`) is not kept: it would be a line for everybody, to tell what the settings say.
BITS: tuple[tuple[Key, Flag], ...] = (
    *((key, Flag.ALREADY_HASHED) for key in KEYS if key not in UNHASHED),
    ("EMAIL", Flag.UNLIKELY_TO_MATCH),
    ("PHONE", Flag.PHONE_UNVERIFIED),
    ("DOBY", Flag.DATE_HAS_TIME),
    ("DOBM", Flag.DATE_HAS_TIME),
    ("DOBD", Flag.DATE_HAS_TIME),
    ("EXTERN_ID", Flag.SURROUNDING_SPACE),
)


def flagged(rows: ibis.Table) -> ibis.Table:
    """(profile_id, flags) of those among prepared rows that can be sent, one line a person."""
    rows = rows.filter(rows.cannot.isnull())
    noted = reduce(add, (_bit(rows, key, flag, 1 << place) for place, (key, flag) in enumerate(BITS)))
    noted = rows.select("profile_id", flags=noted.cast("int32"))
    noted = noted.filter(noted.flags != 0)
    return noted.group_by("profile_id").aggregate(flags=noted.flags.bit_or().cast("int32"))


def _bit(rows: ibis.Table, key: Key, flag: Flag, bit: int) -> ibis.Column:
    said = rows[f"{key}_reason"].contains(flag.value).fill_null(False)
    return ibis.ifelse((rows[key] != "") & said, bit, 0)

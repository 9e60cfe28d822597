"""What names a row and by what Meta can know it, over whole columns: as `rows` says it for one row."""

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import TypeAlias

import ibis

from guestlist.destinations.meta.manifest import KEYS, UNHASHED, WEAK, Key
from guestlist.destinations.meta.rows import DIGEST_PART, SEPARATOR

Table: TypeAlias = ibis.Table
Column: TypeAlias = ibis.Column


def digest(rows: Table, keys: Iterable[Key]) -> Column:
    """128 bits over the cells as sent, as `rows` makes them for one row."""
    cells = [rows[key] if key in UNHASHED else rows[key].substr(0, DIGEST_PART) for key in keys]
    return ibis.literal(SEPARATOR).join(cells).hexdigest("md5").cast("uuid")


def key_columns(rows: Table) -> dict[str, Column]:
    """The keys by which Meta can know each row, null where it has not that key: `keys_of` over columns.

    Beside them `name`, the digest of FN and LN where the row has the weak key: what re-asserting after a removed weak
    tuple goes by.
    """
    has = {key: rows[key] != "" for key in KEYS}
    weak = reduce(and_, (has["LN"], has["FN"] | has["FI"], has["ZIP"] | has["CT"] | has["DOBY"]))
    none = ibis.null("uuid")
    return {
        "email": ibis.ifelse(has["EMAIL"], rows.EMAIL.substr(0, 32).cast("uuid"), none),
        "phone": ibis.ifelse(has["PHONE"], rows.PHONE.substr(0, 32).cast("uuid"), none),
        "madid": rows.MADID.nullif("").cast("uuid"),
        "extern_id": ibis.ifelse(has["EXTERN_ID"], rows.EXTERN_ID.hexdigest("md5").cast("uuid"), none),
        "weak": ibis.ifelse(weak, digest(rows, WEAK), none),
        "name": ibis.ifelse(weak, digest(rows, ("FN", "LN")), none),
    }

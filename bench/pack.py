"""From a plan to the bodies of its requests."""

import orjson

from bench.figures import Figure, Target, clocked
from bench.space import SYNC, Connections, Stopped, space, syncing
from guestlist.destinations.meta.drawing import Drawer, Terms
from guestlist.destinations.meta.manifest import KEYS
from guestlist.destinations.meta.pack import Packer


def measure(profiles: int, events: int) -> list[Figure]:
    """Operations written durably, then each batch read and put into JSON."""
    with space(profiles, events) as at, syncing(at, Connections(Stopped())) as opened:
        opened.refresh()
        (bound,) = opened.bound()
        wanted = opened.wanted(bound)
        packer = Packer(ledger=opened.ledger, sync=SYNC, destination="main", keys=KEYS)
        drawer = Drawer(
            ledger=opened.ledger, journal=opened.records.journal, terms=Terms(sync=SYNC, destination="main")
        )
        with clocked() as drawing:
            drawn = drawer.draw_up(wanted, packer, now=opened.now)
        rows = sum(parcel.rows for parcel in drawn.parcels)
        written = size = 0
        with clocked() as packing:
            for parcel in drawn.parcels:
                rows_as_text = orjson.Fragment(f"[{','.join(packer.load(parcel).rows)}]")
                body = orjson.dumps({"schema": parcel.schema, "data": rows_as_text})
                written, size = written + 1, size + len(body)
    target = Target(of="rate", value=200_000)
    note = f"{written:,} bodies, {size / written / 1e6:.1f} MB each"
    return [
        drawing.figure("pack", "plan a first sync and write its operations", rows),
        packing.figure("pack", "rows into request bodies", rows, target=target, note=note),
    ]

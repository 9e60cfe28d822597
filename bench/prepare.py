"""From profiles to the cells of their rows: normalised, validated, hashed."""

import pyarrow as pa

from bench.figures import Clocked, Figure, Target, clocked
from bench.space import NOW, Connections, Stopped, space, syncing
from guestlist.destinations.meta.columns import Table, grow_forms, prepare_rows
from guestlist.destinations.meta.forms import FORM_SCHEMA
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.destinations.meta.prepare import SLICE
from guestlist.destinations.meta.profile_table import profile_table
from guestlist.store import Warehouse

SETTINGS = MatchKeySettings(this_year=NOW.year, country="de", time_zone="Europe/Berlin", extern_id="customer_number")


class Forms:
    """The forms read so far."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        warehouse.replace("form", FORM_SCHEMA.empty_table())

    def forms(self) -> Table:
        return self._warehouse.table("form")

    def append_forms(self, rows: pa.Table) -> None:
        self._warehouse.append("form", rows)


def measure(profiles: int, events: int) -> list[Figure]:
    """The heart of the stage on one slice, first reading every value, then with all forms known; then all of the stage."""
    figures = []
    with space(profiles, events) as at, at.open_warehouse() as warehouse:
        people, many = one_slice(warehouse, profiles)
        with clocked() as clock:
            wide = warehouse.materialise("wide", profile_table(warehouse, people, SETTINGS))
        figures.append(clock.figure("prepare", "gather profiles from traits", many))
        forms = Forms(warehouse)
        for what, rate in (("normalise + hash, nothing known", 60_000), ("normalise + hash, forms known", 250_000)):
            clock, read = make_rows(warehouse, wide, forms)
            target = Target(of="rate", value=rate)
            figures.append(clock.figure("prepare", what, many, target=target, note=f"{read:,} values read"))
    with space(profiles, events) as at, syncing(at, Connections(Stopped())) as opened:
        opened.refresh()
        (bound,) = opened.bound()
        for what in ("whole stage, nothing known", "whole stage, nothing changed"):
            with clocked() as clock:
                wanted = opened.wanted(bound)
            figures.append(clock.figure("prepare", what, profiles, note=f"{wanted.people:,} people to send"))
    return figures


def one_slice(warehouse: Warehouse, profiles: int) -> tuple[Table, int]:
    """So many people as have their rows made at once."""
    many = min(profiles, SLICE)
    people = warehouse.table("trait").select("profile_id").distinct().order_by("profile_id").limit(many)
    return warehouse.materialise("bench_people", people), many


def make_rows(warehouse: Warehouse, wide: Table, forms: Forms) -> tuple[Clocked, int]:
    """Read what is new, then normalise and hash; gives how many values were read."""
    with clocked() as clock:
        read = grow_forms(wide, forms, SETTINGS)
        rows = prepare_rows(wide, forms.forms(), SETTINGS, materialise=warehouse.materialise)
        warehouse.materialise("bench_rows", rows)
    return clock, read

"""People found from all messages, and from ten thousand new ones."""

import shutil
import tempfile
from pathlib import Path

from bench import data, messages
from bench.figures import Figure, Target, clocked
from bench.growth import at_two_sizes
from guestlist.identity_rules import identity_rules
from guestlist.pipeline import resolve
from guestlist.store import Warehouse

_NEW = 10_000


def measure(profiles: int, events: int) -> list[Figure]:
    """From nothing, then new messages: the first time in a process, compiling included, and once more."""
    return at_two_sizes(_measured, profiles, events)


def _measured(people: int, known: int, held_to_targets: bool) -> list[Figure]:
    source = messages.warehouse(people, known)
    rules = identity_rules("DE", "bench")
    figures = []
    with tempfile.TemporaryDirectory(dir=data.FOLDER) as folder:
        path = Path(shutil.copyfile(source, Path(folder) / "warehouse.duckdb"))
        for what, rows, seconds in (("from nothing", known, 60.0), ("new messages", _NEW, 2.0), ("again", _NEW, 2.0)):
            if rows is not known:
                messages.add(path, people, known, rows)
                known += rows
            with Warehouse(path) as warehouse:
                with clocked() as clock:
                    resolve(warehouse, rules, fingerprint="bench")
                target = Target(of="seconds", value=seconds) if held_to_targets else None
                note = f"{known:,} messages known"
                figures.append(clock.figure("identity", what, rows, target=target, note=note))
    return figures

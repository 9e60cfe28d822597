"""A whole sync, against a Meta that answers at once: what is left is all that we do ourselves."""

from pathlib import Path

from bench import data
from bench.figures import Figure, Target, clocked
from bench.space import Connections, Stopped, space, syncing
from guestlist.space import Space

PEAK = Target(of="peak", value=1.5 * 2**30)


def measure(profiles: int, events: int) -> list[Figure]:
    """The first sync, one after 1 % of the people changed, and one with nothing to do; each opens the space anew."""
    with space(profiles, events) as at:
        first = _synced(at, profiles, "first", 30.0)
        data.change(Path(at.private / "warehouse.duckdb"))
        return [first, _synced(at, profiles, "second, 1 % changed", 8.0), _synced(at, profiles, "third, no change")]


def memory(profiles: int, events: int) -> list[Figure]:
    """The first sync, looked at for its memory."""
    with space(profiles, events) as at:
        return [_synced(at, profiles, "first sync, peak memory", stage="memory")]


def _synced(at: Space, profiles: int, what: str, seconds: float | None = None, stage: str = "sync") -> Figure:
    connections = Connections(Stopped())
    with clocked() as clock, syncing(at, connections) as opened:
        opened.refresh()
        (bound,) = opened.bound()
        report = opened.sync(bound)
    target = PEAK if stage == "memory" else Target(of="seconds", value=seconds) if seconds else None
    note = f"{report.state.value}: +{report.added:,} -{report.removed:,} rows in {connections.requests:,} requests"
    return clock.figure(stage, what, profiles, target=target, note=note)

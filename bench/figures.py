"""What is measured, how, and on what machine."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Literal

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a figure should come to: at most so many seconds or bytes, or at least so many rows a second or times."""

    of: Literal["seconds", "rate", "peak", "times"]
    value: float

    def ratio(self, measured: float) -> float:
        """How many times better than the target: 1 or more meets it."""
        better_low = self.of in {"seconds", "peak"}
        return (self.value / measured if better_low else measured / self.value) if measured else 0.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured piece of work; `times` compares it with another."""

    stage: str
    what: str
    rows: int
    seconds: float
    processor: float
    peak: int
    target: Target | None = None
    times: float | None = None
    note: str = ""

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def ratio(self) -> float | None:
        """How many times better than its target."""
        if self.target is None:
            return None
        return self.target.ratio(float(getattr(self, self.target.of) or 0))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "rate": self.rate, "ratio": self.ratio}


def from_json(told: dict[str, Any]) -> Figure:
    """A figure that another process measured."""
    fields = {name: told[name] for name in Figure.__dataclass_fields__}
    target = told["target"]
    return Figure(**{**fields, "target": Target(**target) if target else None})


class Clocked:
    """Seconds, processor seconds and peak memory of a `with clocked()` block, known when it has ended."""

    seconds = processor = 0.0
    peak = 0

    def figure(self, stage: str, what: str, rows: int, **more: Any) -> Figure:
        """What was measured, named."""
        return Figure(
            stage=stage,
            what=what,
            rows=rows,
            seconds=self.seconds,
            processor=self.processor,
            peak=self.peak,
            **more,
        )


@contextmanager
def clocked() -> Iterator[Clocked]:
    """Measure what happens inside."""
    clock = Clocked()
    _forget_peak()
    start, processor = time.perf_counter(), time.process_time()
    yield clock
    clock.seconds = time.perf_counter() - start
    clock.processor = time.process_time() - processor
    clock.peak = _peak()


def _forget_peak() -> None:
    if _CLEAR.exists():
        _CLEAR.write_text("5")


def _peak() -> int:
    """The largest resident memory since it was forgotten; where the system cannot forget, of the whole process."""
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource  # noqa: PLC0415 there is none on Windows

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if platform.system() == "Darwin" else kilobytes * 1024


def middle(runs: list[list[Figure]]) -> list[Figure]:
    """Of several runs the figure whose seconds are the median, piece by piece."""
    return [_median(list(same)) for same in zip(*runs, strict=True)]


def _median(same: list[Figure]) -> Figure:
    half = median(figure.seconds for figure in same)
    return min(same, key=lambda figure: abs(figure.seconds - half))


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    packages = ("duckdb", "ibis-framework", "sqlglot", "pyarrow", "orjson")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

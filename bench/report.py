"""The figures as one table."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Target


def report(machine: dict[str, str], figures: Sequence[Figure], *, profiles: int, events: int, runs: int) -> None:
    """Print the machine and every figure beside its target."""
    console = Console(width=160, highlight=False)
    console.print(f"\n[bold]{profiles:,} profiles, {events:,} events[/]; the median of {runs} runs")
    for name, said in machine.items():
        console.print(f"  {name:<10} {said}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("stage", "what"):
        table.add_column(name)
    for name in ("rows", "seconds", "processor", "rows/s", "peak MiB", "target", "x target"):
        table.add_column(name, justify="right")
    table.add_column("")
    before = ""
    for figure in figures:
        table.add_row(figure.stage if figure.stage != before else "", *_cells(figure))
        before = figure.stage
    console.print(table)
    console.print(
        "x target: how many times better than the target; 1 or more meets it. processor: seconds of all cores."
    )


def _cells(figure: Figure) -> list[str]:
    compared = f"{figure.times:.1f} times the SDK" if figure.times else ""
    ratio = figure.ratio
    return [
        figure.what,
        f"{figure.rows:,}",
        f"{figure.seconds:.2f}",
        f"{figure.processor:.2f}",
        f"{figure.rate:,.0f}",
        f"{figure.peak / 2**20:,.0f}",
        _target(figure.target),
        "" if ratio is None else f"{ratio:.2f}",
        figure.note or compared,
    ]


def _target(target: Target | None) -> str:
    if target is None:
        return ""
    return {
        "seconds": f"<= {target.value:g} s",
        "rate": f">= {target.value:,.0f} rows/s",
        "peak": f"<= {target.value / 2**20:,.0f} MiB",
        "times": f">= {target.value:g} times",
    }[target.of]

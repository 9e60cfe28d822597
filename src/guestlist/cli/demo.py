"""`guestlist demo`: the whole product in a minute, against a simulated Meta."""

from pathlib import Path
from typing import Annotated

import typer

from guestlist.demo.run import run_demo


def demo(
    *,
    space: Annotated[
        Path, typer.Option("--space", metavar="DIR", help="A folder for the demo alone; it is emptied first.")
    ] = Path("demo"),
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Stop after so many steps.")] = None,
) -> None:
    """See it work: an imaginary shop, a simulated Meta that misbehaves, the real commands, and a proof.

    Nothing leaves this machine. Exit code 0 only if, in the end, nobody is wrongly in and nobody is missing.

    guestlist demo
    """
    raise typer.Exit(run_demo(space, stop_after=steps))

"""`guestlist demo`: the whole product in a minute, against a simulated Meta."""

from pathlib import Path
from typing import Annotated

import typer

from guestlist.cli.frame import AsJson, answer
from guestlist.demo.run import play_demo
from guestlist.demo.screen import Screen


def demo(
    *,
    space: Annotated[
        Path, typer.Option("--space", metavar="DIR", help="A folder for the demo alone; it is emptied first.")
    ] = Path("demo"),
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Stop after so many steps.")] = None,
    as_json: AsJson = False,
) -> None:
    """See it work: an imaginary shop, a simulated Meta that misbehaves, the real commands, and a proof.

    Nothing leaves this machine. Exit code 0 only if, in the end, nobody is wrongly in and nobody is missing.

    With --json the story goes to stderr, and stdout has one object at the end: the steps, their seconds, and the proof.

    guestlist demo
    """
    played = play_demo(space, stop_after=steps, screen=Screen(space / "output", on_stderr=as_json))
    if as_json:
        answer(played.facts())
    raise typer.Exit(played.exit_code)

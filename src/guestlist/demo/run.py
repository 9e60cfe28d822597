"""The demo: plays its steps and ends with a proof. 0 only if the proof holds."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from guestlist.clock import Clock, WallClock
from guestlist.demo.screen import Screen
from guestlist.demo.shop import make_shop
from guestlist.demo.simulator import SimulatorError, running
from guestlist.demo.stage import DemoStoppedError, Proof, Stage, program
from guestlist.demo.steps import STEPS, Step
from guestlist.errors import GuestlistError

_MARK = ".demo"


def run_demo(
    space: Path, *, stop_after: int | None = None, steps: Sequence[Step] = STEPS, clock: Clock | None = None
) -> int:
    """Play the demo in a folder of its own; give the exit code."""
    clean(space)
    screen = Screen(space / "output")
    screen.title(
        "Guestlist demo: an imaginary shop, a simulated Meta, the real commands.",
        f"space {space}",
    )
    screen.note("Nothing leaves this machine.")
    now = (clock or WallClock()).now()
    shop = make_shop(space, now)
    try:
        with running(space / "people.jsonl", space / "simulator.log") as meta:
            stage = Stage(space=space, now=now, shop=shop, meta=meta, screen=screen)
            _play(stage, steps[:stop_after])
    except (DemoStoppedError, SimulatorError, GuestlistError, OSError) as error:
        screen.proof(f"none: {error}.")
        return 1
    return _end(screen, stage.proof)


def clean(space: Path) -> None:
    """An empty folder for the demo. One that an earlier demo made is emptied, any other one is left alone."""
    if space.exists() and not (space / _MARK).is_file() and any(space.iterdir()):
        raise GuestlistError(
            "folder_not_of_a_demo",
            f"{space} holds something that no demo made.",
            nothing_lost="It was left as it is.",
            next_step="Name another folder: guestlist demo --space DIR",
        )
    if space.exists():
        shutil.rmtree(space)
    space.mkdir(parents=True)
    (space / _MARK).touch()


def _play(stage: Stage, steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        stage.screen.step(number, step.says)
        step.play(stage)


def _end(screen: Screen, proof: Proof | None) -> int:
    if proof is None:
        screen.proof("none: stopped before the last step.")
        return 1
    screen.proof(f"the simulator's own people against ours:   {proof}")
    if not proof.holds:
        return 1
    name = program()
    screen.note(
        "",
        f"Your own data:  {name} init shop --country DE",
        f"                {name} import FILE --space shop",
        f"Real Meta:      {name} destinations connect --help",
    )
    return 0

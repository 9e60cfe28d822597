"""The demo: plays its steps and ends with a proof."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from guestlist.clock import Clock, WallClock, stopwatch
from guestlist.demo.screen import Screen
from guestlist.demo.shop import make_shop
from guestlist.demo.simulator import SimulatorError, running
from guestlist.demo.stage import DemoStoppedError, Proof, Stage, program
from guestlist.demo.steps import STEPS, Step
from guestlist.errors import GuestlistError

_MARK = ".demo"


@dataclass(frozen=True, kw_only=True)
class StepPlayed:
    """A step that was played to its end, and the seconds that it took."""

    step: int
    says: str
    seconds: float


@dataclass(kw_only=True)
class Played:
    """What the demo came to; `stopped` says why it has no proof."""

    space: Path
    steps: list[StepPlayed] = field(default_factory=list)
    proof: Proof | None = None
    stopped: str | None = None

    @property
    def exit_code(self) -> int:
        return 0 if self.proof is not None and self.proof.holds else 1

    def facts(self) -> dict[str, Any]:
        """For machines."""
        proof = None if self.proof is None else {**asdict(self.proof), "holds": self.proof.holds}
        steps = [asdict(step) for step in self.steps]
        return {"space": str(self.space), "steps": steps, "proof": proof, "stopped": self.stopped}


def play_demo(
    space: Path,
    *,
    screen: Screen,
    stop_after: int | None = None,
    steps: Sequence[Step] = STEPS,
    clock: Clock | None = None,
) -> Played:
    """Play the demo in a folder of its own."""
    clean(space)
    played = Played(space=space)
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
            _play(stage, steps[:stop_after], played)
    except (DemoStoppedError, SimulatorError, GuestlistError, OSError) as error:
        played.stopped = f"{error}"
    else:
        played.proof = stage.proof
    _end(screen, played)
    return played


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


def _play(stage: Stage, steps: Sequence[Step], played: Played) -> None:
    for number, step in enumerate(steps, 1):
        took = stopwatch()
        stage.screen.step(number, step.says)
        step.play(stage)
        played.steps.append(StepPlayed(step=number, says=step.says, seconds=round(took(), 1)))


def _end(screen: Screen, played: Played) -> None:
    if played.proof is None:
        played.stopped = played.stopped or "stopped before the last step"
        screen.proof(f"none: {played.stopped}.")
        return
    screen.proof(f"the simulator's own people against ours:   {played.proof}")
    if not played.proof.holds:
        return
    name = program()
    screen.note(
        "",
        f"Your own data:  {name} init shop --country DE",
        f"                {name} import FILE --space shop",
        f"Real Meta:      {name} destinations connect --help",
    )

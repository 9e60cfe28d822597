"""Where the demo plays: its folder, the shop, the simulator, and the product's commands as processes."""

import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shlex import join

from guestlist.demo.prompt import HangsError, Prompt
from guestlist.demo.screen import Screen
from guestlist.demo.shop import Shop
from guestlist.demo.simulator import Simulator, beside

_LONGEST = 300  # seconds: a command that takes longer hangs


class DemoStoppedError(RuntimeError):
    """Something did not go as it must; the text says what."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How far Meta is from right, in people."""

    wrongly_in: int
    missing: int
    erased_still_there: int

    @property
    def holds(self) -> bool:
        return (self.wrongly_in, self.missing, self.erased_still_there) == (0, 0, 0)

    def __str__(self) -> str:
        return (
            f"wrongly in {self.wrongly_in:,}   missing {self.missing:,}   "
            f"erased still there {self.erased_still_there:,}"
        )


@dataclass(kw_only=True)
class Stage:
    """All that a step can use."""

    space: Path
    now: datetime
    shop: Shop
    meta: Simulator
    screen: Screen
    prompt: Prompt = field(default_factory=Prompt)
    day: int = 1
    proof: Proof | None = None

    def moment(self) -> int:
        """The simulator's time as milliseconds after the shop's now."""
        return round((self.meta.now() - self.now.timestamp()) * 1000)

    def run(self, *words: str, last: int = 14) -> str:
        """One of the product's commands, to its end; what it printed. It must succeed."""
        began = time.monotonic()
        try:
            ended = self.prompt.run(words, longest=_LONGEST)
        except HangsError as error:
            raise DemoStoppedError(f"guestlist {words[0]} hangs") from error
        self.screen.command(shown(words), time.monotonic() - began)
        self.screen.output(ended.said, words[0], last if ended.code == 0 else 40)
        if ended.code:
            raise DemoStoppedError(f"guestlist {words[0]} ended with {ended.code}")
        return ended.said

    def run_and_kill(self, *words: str, rule: int) -> None:
        """One of the product's commands, killed (-9) as soon as the simulator holds back an answer."""
        began = time.monotonic()
        place = self.screen.keep("", f"{words[0]}-killed")
        with place.open("wb") as log, subprocess.Popen(_command(words), stdout=log, stderr=log) as process:  # noqa: S603
            try:
                while process.poll() is None and not self.meta.fired(rule):
                    if time.monotonic() - began > _LONGEST:
                        raise DemoStoppedError(f"guestlist {words[0]} hangs")
                    time.sleep(0.01)
            finally:
                ended_alone = process.poll() is not None
                process.kill()
        if ended_alone:
            self.screen.command(shown(words), time.monotonic() - began)
            self.screen.output(place.read_text("utf-8", "replace"), words[0], 40)
            raise DemoStoppedError(f"guestlist {words[0]} ended before it could be killed")
        self.screen.command(shown(words), time.monotonic() - began, "killed (kill -9)")


def shown(words: tuple[str, ...]) -> str:
    """A command as it can be pasted where the demo was started."""
    return f"{program()} {join(words)}"


def program() -> str:
    """How to call guestlist from here."""
    found = beside("guestlist")
    if found is None:
        return f"{sys.executable} -m guestlist.cli"
    place = Path(found)
    return str(place.relative_to(Path.cwd())) if place.is_relative_to(Path.cwd()) else found


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "guestlist.cli", *words]

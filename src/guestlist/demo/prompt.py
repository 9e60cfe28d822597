"""The product's commands, each in a process of its own that has the program loaded already: that spares a second each."""

import multiprocessing
import runpy
import sys
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path
from tempfile import TemporaryDirectory

_PROGRAM = "guestlist.cli"
_LOADED = ["guestlist.cli", "guestlist.syncing", "guestlist.cli.syncs", "guestlist.cli.imports"]


class HangsError(RuntimeError):
    """A command took longer than any may."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a command printed, both streams as they came, and its exit code."""

    said: str
    code: int


class Prompt:
    """Where commands are typed. Processes are forked where the system can, from one that runs nothing else."""

    def __init__(self) -> None:
        self._context = _context()

    def run(self, words: tuple[str, ...], *, longest: float) -> Ended:
        """One command, to its end; `longest` in seconds."""
        with TemporaryDirectory() as folder:
            place = Path(folder) / "said"
            process = self._context.Process(target=_typed, args=(list(words), str(place)))  # type: ignore[attr-defined]
            process.start()
            process.join(longest)
            if process.exitcode is None:
                process.kill()
                raise HangsError
            return Ended(said=place.read_text("utf-8", "replace"), code=process.exitcode)


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


def _typed(words: list[str], place: str) -> None:
    with Path(place).open("w", encoding="utf-8") as said:
        sys.stdout = sys.stderr = said
        sys.argv = ["guestlist", *words]
        runpy.run_module(_PROGRAM, run_name="__main__")

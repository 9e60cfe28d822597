"""The simulated Meta as a process of its own, and the handles that only a simulator has: its clock, its faults, its truth.

The product never sees these; it talks to the simulator as it would to Meta.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import orjson

_FAST, _REAL = 600, 1
_PATIENCE = 60.0  # real seconds; Meta's delays take three at the fast speed


class SimulatorError(RuntimeError):
    """The simulator is not there, or does not get where it should."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What the simulator knows of one audience, compared with who belongs there."""

    members: int
    wrongly_in: frozenset[int]
    missing: frozenset[int]


class Simulator:
    """A running fakemeta."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.graph_url = str(facts["graph_url"])
        self.access_token = str(facts["access_token"])
        self.app_secret = str(facts["app_secret"])
        self.ad_account = str(facts["ad_account"])
        if not self.graph_url.startswith("http://127.0.0.1:"):
            raise SimulatorError("the simulator must be on this machine")
        # A proxy of the environment has no business between two processes of one machine.
        self._opener = build_opener(ProxyHandler({}))

    def now(self) -> float:
        """Its clock, in seconds since 1970."""
        return float(self._call("GET", "clock")["now"])

    def pass_until(self, moment: float) -> None:
        """Let time pass at once."""
        self._call("POST", "clock", {"advance": max(0.0, moment - self.now())})

    def lose_answers(self, every: int) -> None:
        """From now on, of so many uploads one is applied and its answer lost."""
        self._call("POST", "faults", {"match": {"path": "/users$", "every": every}, "do": "drop_after"})

    def hold_answer(self, nth: int) -> int:
        """The nth upload from now is applied and its answer held back for long; the id of this rule."""
        fault = {"match": {"path": "/users$", "nth": nth}, "do": {"do": "late", "seconds": 20}}
        return int(self._call("POST", "faults", fault)["rules"][0]["id"])

    def fired(self, rule: int) -> bool:
        """Whether a fault has struck."""
        return any(one["id"] == rule and one["fired"] for one in self._call("GET", "faults")["rules"])

    def times_fired(self) -> int:
        """How often any fault has struck."""
        return sum(one["fired"] for one in self._call("GET", "faults")["rules"])

    def behave(self) -> None:
        """No more faults."""
        self._call("DELETE", "faults")

    def audiences(self) -> dict[str, str]:
        """The ids of all audiences by their names."""
        return {one["name"]: one["id"] for one in self._call("GET", "audiences")["audiences"]}

    def settle(self) -> None:
        """Run the clock fast until all that was taken is in force."""
        self._call("POST", "clock", {"speed": _FAST})
        try:
            self._until_nothing_pends()
        finally:
            self._call("POST", "clock", {"speed": _REAL})

    def truth(self, audience: str, wanted: Iterable[int]) -> Truth:
        """An audience against the ids that belong there."""
        told = self._call("POST", "truth", {"audience": audience, "people": sorted(wanted)})
        return Truth(
            members=int(told["members"]),
            wrongly_in=frozenset(told["wrongly_in"]),
            missing=frozenset(told["missing"]),
        )

    def members(self, audience: str) -> frozenset[int]:
        """The ids of the people in an audience, when all is in force."""
        return frozenset(self._call("GET", f"audiences/{audience}/members")["settled"])

    def _until_nothing_pends(self) -> None:
        end = time.monotonic() + _PATIENCE
        while any(one["pending"] for one in self._call("GET", "audiences")["audiences"]):
            if time.monotonic() > end:
                raise SimulatorError("uploads still wait to be in force")
            time.sleep(0.05)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else orjson.dumps(body)
        request = Request(f"{self.graph_url}/_control/{path}", content, method=method)  # noqa: S310 - loopback, checked
        with self._opener.open(request, timeout=30) as answer:
            return orjson.loads(answer.read())


@contextmanager
def running(people: Path, log: Path) -> Iterator[Simulator]:
    """A simulator with these people until the block ends."""
    program = beside("fakemeta")
    if program is None:
        raise SimulatorError("the command fakemeta is not installed beside guestlist")
    command = [program, "serve", "--json", "--people", str(people), "--speed", str(_REAL)]
    with log.open("wb") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line.startswith(b"{"):
                raise SimulatorError(f"the simulator did not start; see {log}")
            yield Simulator(orjson.loads(line))
        finally:
            process.terminate()


def beside(program: str) -> str | None:
    """A command that was installed together with this Python, if it is there."""
    return shutil.which(program, path=str(Path(sys.executable).parent))

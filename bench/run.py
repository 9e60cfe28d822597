"""Run stages, each several times and each time in a process of its own, and report."""

import argparse
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from bench import data
from bench.figures import Figure, from_json, machine, middle
from bench.report import report

ROOT = Path(__file__).parent.parent
STAGES = {
    "identity": "identity:measure",
    "evaluate": "evaluate:measure",
    "traits": "traits:measure",
    "prepare": "prepare:measure",
    "plan": "plan:measure",
    "pack": "pack:measure",
    "sync": "sync:measure",
    "sdk": "against_sdk:measure",
    "memory": "sync:memory",
    "ingest": "ingest:measure",
    "live": "live:measure",
}
_OWN_DATA = ("plan", "identity", "ingest", "live")
_GROWS = 5  # times the size, to see whether memory grows with it


def main() -> None:
    """The command."""
    asked = _arguments()
    if asked.inside:
        print(json.dumps([figure.as_json() for figure in _measured(asked.inside, asked.profiles, asked.events)]))
        return
    told = machine()
    figures: list[Figure] = []
    failed = []
    for stage in asked.only:
        try:
            figures += _stage(stage, asked.profiles, asked.events, asked.runs)
        except subprocess.CalledProcessError:
            # What broke has told why; the other stages may still be told of.
            failed.append(stage)
    if asked.json:
        print(json.dumps({"machine": told, "figures": [figure.as_json() for figure in figures]}, indent=1))
    else:
        report(told, figures, profiles=asked.profiles, events=asked.events, runs=asked.runs)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Print how fast each stage is.")
    parser.add_argument("--profiles", type=int, default=1_000_000, help="how many people (1,000,000)")
    parser.add_argument("--events", type=int, help="how many events (ten for each person)")
    parser.add_argument(
        "--only", nargs="+", choices=STAGES, default=list(STAGES), metavar="STAGE", help=", ".join(STAGES)
    )
    parser.add_argument("--runs", type=int, default=3, help="take the median of so many (3); memory is run once")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.events = asked.events or 10 * asked.profiles
    return asked


def _measured(stage: str, profiles: int, events: int) -> list[Figure]:
    module, _, function = STAGES[stage].partition(":")
    figures: list[Figure] = getattr(import_module(f"bench.{module}"), function)(profiles, events)
    return figures


def _stage(stage: str, profiles: int, events: int, runs: int) -> list[Figure]:
    if stage == "memory":
        return [_run(stage, size, events)[0] for size in (profiles, _GROWS * profiles)]
    return middle([_run(stage, profiles, events) for _ in range(runs)])


def _run(stage: str, profiles: int, events: int) -> list[Figure]:
    if stage not in _OWN_DATA:
        _say(f"{stage}: generating {profiles:,} people" if data.missing(profiles, events) else "")
        data.warehouse(profiles, events)
    _say(f"{stage}: {profiles:,} people")
    words = ["--inside", stage, "--profiles", str(profiles), "--events", str(events)]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words], stdout=subprocess.PIPE, check=True, cwd=ROOT, text=True
    )
    return [from_json(told) for told in json.loads(done.stdout.splitlines()[-1])]


def _say(what: str) -> None:
    if what:
        print(what, file=sys.stderr, flush=True)

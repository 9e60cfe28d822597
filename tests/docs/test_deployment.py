"""The container file and the systemd unit: what they name is there, and Guestlist does what they say."""

import configparser
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from guestlist.service.serving import STOP_WITHIN
from guestlist.space import make_space

ROOT = Path(__file__).parents[2]
SERVICE = (ROOT / "docs" / "service.md").read_text("utf-8")
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
UID = 10001


def shown(language: str, first: str) -> str:
    """The block of the page that begins so."""
    (found,) = re.findall(rf"```{language}\n({re.escape(first)}.*?)```", SERVICE, re.DOTALL)
    return str(found)


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", CONTAINERFILE, re.MULTILINE)


def listed(name: str) -> list[str]:
    """The JSON list of an instruction that is there once."""
    (found,) = instructions(name)
    words: list[str] = json.loads(found.removeprefix("CMD "))
    return words


@pytest.fixture
def unit() -> configparser.RawConfigParser:
    read = configparser.RawConfigParser()
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(shown("ini", "[Unit]"))
    return read


def ended_well(words: list[str], health: list[str] | None = None) -> None:
    """Guestlist, told so, serves; it is healthy by that check; at SIGTERM it ends with 0."""
    command = [sys.executable, "-m", "guestlist.cli", *words, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert line, process.stderr.read() if process.stderr else ""
            told = json.loads(line)
            assert [one["state"] for one in told["spaces"]] == ["keeping"]
            if health:
                port = told["url"].rpartition(":")[2]
                check = [word.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for word in health]
                assert check != health
                assert subprocess.run(check, check=False).returncode == 0
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


# --- systemd ----------------------------------------------------------------------------------------------------------


def test_the_unit_starts_a_service_that_may_write_where_it_must(
    unit: configparser.RawConfigParser, tmp_path: Path
) -> None:
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name in PROJECT["scripts"]
    place = Path(words[words.index("--space") + 1])
    assert place.is_relative_to(unit["Service"]["ReadWritePaths"])
    make_space(tmp_path / place.name)
    words[words.index(str(place))] = str(tmp_path / place.name)
    ended_well([*words, "--port", "0"])


def test_the_unit_waits_longer_than_a_request_in_flight_may_take(unit: configparser.RawConfigParser) -> None:
    assert int(unit["Service"]["TimeoutStopSec"]) > STOP_WITHIN
    (given,) = re.findall(r"--stop-timeout (\d+)", shown("sh", "podman build"))
    assert int(given) > STOP_WITHIN


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_knows_every_line_of_the_unit(unit: configparser.RawConfigParser, tmp_path: Path) -> None:
    program = shlex.split(unit["Service"]["ExecStart"])[0]
    place = tmp_path / "guestlist.service"
    place.write_text(shown("ini", "[Unit]").replace(program, "/bin/true"))
    said = subprocess.run(["systemd-analyze", "verify", place], capture_output=True, check=False, text=True)
    assert (said.returncode, said.stderr) == (0, "")


# --- the container ----------------------------------------------------------------------------------------------------


def test_what_is_copied_into_the_image_is_all_that_the_package_is_built_of() -> None:
    copied = {word for line in instructions("COPY") if not line.startswith("--from") for word in line.split()[:-1]}
    needed = {"pyproject.toml", "uv.lock", "src", PROJECT["readme"], *PROJECT["license-files"]}
    assert copied == needed
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_every_locked_package_has_a_wheel_for_the_image() -> None:
    """The slim image has no compiler."""
    (python,) = set(re.findall(r"^FROM \S+/python:3\.(\d+)-slim", CONTAINERFILE, re.MULTILINE))
    fits = re.compile(
        rf"-(py3|py2\.py3)-none-any\.whl|-cp3{python}-(cp3{python}|abi3)-manylinux\S*x86_64|-(cp3\d+-abi3|py3-none)-manylinux\S*x86_64"
    )
    locked = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    known = {one["name"]: one for one in locked}
    wanted, waiting = set(), ["guestlist"]
    while waiting:
        one = known[waiting.pop()]
        wanted.add(one["name"])
        needs = [*one.get("dependencies", []), *(each for some in one.get("extra", []) for each in some)]
        waiting += [each["name"] for each in needs if each["name"] not in wanted and "marker" not in each]
    without = [
        name
        for name in sorted(wanted - {"guestlist"})
        if not [wheel for wheel in known[name].get("wheels", []) if fits.search(wheel["url"])]
    ]
    assert without == []


def test_the_image_serves_its_volume_as_somebody_who_is_not_root(tmp_path: Path) -> None:
    assert listed("ENTRYPOINT")[0] in PROJECT["scripts"]
    assert instructions("USER") == ["guestlist"]
    assert f"useradd --uid {UID} " in CONTAINERFILE
    assert f"belongs to user {UID}" in SERVICE
    (volume,) = instructions("VOLUME")
    make_space(tmp_path / "space")
    words = [*listed("ENTRYPOINT")[1:], *listed("CMD")]
    assert words[words.index("--port") + 1] == instructions("EXPOSE")[0]
    words[words.index(volume)] = str(tmp_path / "space")
    words[words.index("--port") + 1] = "0"
    check = listed("HEALTHCHECK")
    ended_well(words, health=[sys.executable, *check[1:]])
    assert words[words.index("--host") + 1] == "0.0.0.0"  # else nothing outside of the container reaches it


def test_what_is_run_is_what_is_built() -> None:
    build, run = (shlex.split(line) for line in shown("sh", "podman build").splitlines())
    assert run[-1] == build[build.index("-t") + 1]
    (volume,) = instructions("VOLUME")
    assert run[run.index("-v") + 1].split(":")[1] == volume
    assert run[run.index("-p") + 1].rpartition(":")[2] == instructions("EXPOSE")[0]
    (home,) = re.findall(r"HOME=(\S+)", CONTAINERFILE)
    assert {"--read-only", "--cap-drop=all"} < set(run)
    assert run[run.index("--tmpfs") + 1] == home

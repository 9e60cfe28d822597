"""The demo's own machinery, with the simulator as a process: what it proves, what stops it, what it prints."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import orjson
import pytest
from rich.console import Console

from guestlist.cli import run
from guestlist.demo import steps
from guestlist.demo.run import clean, play_demo
from guestlist.demo.screen import WIDTH, Screen
from guestlist.demo.shop import Shop
from guestlist.demo.simulator import Simulator, SimulatorError, running
from guestlist.demo.stage import DemoStoppedError, Stage
from guestlist.demo.steps import STEPS, Step
from guestlist.errors import GuestlistError


@pytest.fixture
def meta(shop: Shop, tmp_path: Path) -> Iterator[Simulator]:
    with running(shop.folder / "people.jsonl", tmp_path / "log") as simulator:
        yield simulator


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def stage(shop: Shop, meta: Simulator, tmp_path: Path, printed: io.StringIO) -> Stage:
    console = Console(file=printed, width=WIDTH, highlight=False, markup=False)
    now = datetime.fromtimestamp(meta.now(), UTC)
    return Stage(space=tmp_path / "space", now=now, shop=shop, meta=meta, screen=Screen(tmp_path / "out", console))


def _post(url: str, body: bytes) -> dict[str, str]:
    with urlopen(Request(url, body)) as answer:
        found: dict[str, str] = orjson.loads(answer.read())
    return found


def _fill(stage: Stage, *, day: int, beside: Callable[[set[int]], set[int]] = lambda people: people) -> None:
    """Make the audiences at Meta and put in the people who belong there."""
    for key, name in steps._NAMES.items():
        wanted = stage.shop.wanted(key, day=day, moment=stage.moment())
        fields = {"name": name, "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
        query = urlencode({"access_token": stage.meta.access_token, **fields}).encode()
        made = _post(f"{stage.meta.graph_url}/v25.0/{stage.meta.ad_account}/customaudiences", query)
        people = orjson.dumps({"people": sorted(beside(wanted))})
        _post(f"{stage.meta.graph_url}/_control/audiences/{made['id']}/members", people)


def test_right_is_proven(stage: Stage) -> None:
    _fill(stage, day=1)
    STEPS[-1].play(stage)
    assert stage.proof is not None
    assert stage.proof.holds


def test_the_erased_must_be_gone(stage: Stage) -> None:
    stage.meta.pass_until(stage.now.timestamp() + 24 * 3600 + 600)
    stage.day = 2
    _fill(stage, day=2, beside=lambda people: people | stage.shop.at_meta([stage.shop.erased]))
    STEPS[-1].play(stage)
    assert stage.proof is not None
    assert (stage.proof.wrongly_in, stage.proof.missing, stage.proof.erased_still_there) == (3, 0, 3)


def test_somebody_missing_and_somebody_wrongly_in(stage: Stage) -> None:
    stage.meta.pass_until(stage.now.timestamp() + 24 * 3600 + 600)
    stage.day = 2
    _fill(stage, day=2, beside=lambda people: people - {min(people)} | {20_001})
    STEPS[-1].play(stage)
    assert stage.proof is not None
    assert (stage.proof.wrongly_in, stage.proof.missing) == (3, 3)


def test_yesterdays_people_are_not_todays(stage: Stage) -> None:
    _fill(stage, day=1)
    stage.meta.pass_until(stage.now.timestamp() + 24 * 3600 + 600)
    stage.day = 2
    STEPS[-1].play(stage)
    assert stage.proof is not None
    assert stage.proof.wrongly_in > 200
    assert stage.proof.missing > 200


def test_nothing_at_meta_proves_nothing(stage: Stage) -> None:
    with pytest.raises(DemoStoppedError, match="Meta has no audience"):
        STEPS[-1].play(stage)


def test_a_command_that_fails_stops_the_demo(stage: Stage, printed: io.StringIO) -> None:
    with pytest.raises(DemoStoppedError, match="ended with 2"):
        stage.run("no-such-command", "--space", "x")
    assert "no-such-command --space x" in printed.getvalue()


def test_a_command_that_ends_before_the_kill_stops_the_demo(stage: Stage) -> None:
    with pytest.raises(DemoStoppedError, match="before it could be killed"):
        stage.run_and_kill("--help", rule=stage.meta.hold_answer(1))


def test_faults_are_told_apart(meta: Simulator) -> None:
    rule = meta.hold_answer(1)
    assert not meta.fired(rule)
    meta.lose_answers(2)
    meta.behave()
    assert meta.times_fired() == 0


def _right(stage: Stage) -> None:
    _fill(stage, day=1)


def _one_missing(stage: Stage) -> None:
    _fill(stage, day=1, beside=lambda people: people - {min(people)})


@pytest.mark.parametrize(("fill", "code"), [(_right, 0), (_one_missing, 1), (None, 1)])
def test_exit_code_says_whether_the_proof_holds(
    fill: Callable[[Stage], None] | None, code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    story = (Step(says="Filled", play=fill), STEPS[-1]) if fill else ()
    space = tmp_path / "demo"
    played = play_demo(space, screen=Screen(space / "output"), steps=story)
    assert played.exit_code == code
    facts = played.facts()
    # A step that finds the audiences wrong is not played to its end.
    assert [step["says"] for step in facts["steps"]] == [step.says for step in (story if code == 0 else story[:1])]
    assert (facts["proof"] or {"holds": False})["holds"] == (code == 0)
    assert (facts["stopped"] is None) == (code == 0)
    said = capfd.readouterr().out
    assert ("wrongly in 0   missing 0   erased still there 0" in said) == (code == 0)
    assert "PROOF" in said


def test_for_machines_stdout_has_one_object_and_the_story_goes_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["demo", "--steps", "1", "--json"]) == 1
    told = capfd.readouterr()
    facts = orjson.loads(told.out)
    assert [step["step"] for step in facts["steps"]] == [1]
    assert (facts["proof"], facts["stopped"]) == (None, "stopped before the last step")
    assert "guestlist init" in told.err.replace("cli init", "guestlist init")


def test_a_second_run_starts_clean(tmp_path: Path) -> None:
    space = tmp_path / "demo"
    clean(space)
    (space / "left.txt").touch()
    clean(space)
    assert [place.name for place in space.iterdir()] == [".demo"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(GuestlistError, match="folder_not_of_a_demo"):
        clean(tmp_path)
    assert (tmp_path / "mine.txt").exists()


def test_only_a_simulator_on_this_machine() -> None:
    facts = {"graph_url": "https://graph.example.org", "access_token": "", "app_secret": "", "ad_account": ""}
    with pytest.raises(SimulatorError, match="on this machine"):
        Simulator(facts)


def test_long_commands_fit_and_still_paste(tmp_path: Path, printed: io.StringIO) -> None:
    words = "guestlist destinations connect main " + " ".join(f"--option-{n} value-{n}" for n in range(12))
    Screen(tmp_path, Console(file=printed, width=WIDTH)).command(words, 1.25)
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    pasted = " ".join(line.strip().removesuffix("\\") for line in lines).split()
    assert pasted == ["$", *words.split(), "1.2", "s"]

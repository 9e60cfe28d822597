"""The demo's story, step by step. Each step says what happens, runs commands, and checks what only a simulator knows."""

from collections.abc import Callable
from dataclasses import dataclass

from guestlist.demo.behaviour import JUDGES
from guestlist.demo.shop import write_audiences
from guestlist.demo.stage import DemoStoppedError, Proof, Stage
from guestlist.space import open_space

LOST_EVERY, KILLED_AT = 7, 15
_BATCH = {"batch_rows": 250}
"""Small batches, the product's own setting: thousands of people then take many calls, so that there is a half-way."""
_NEXT_DAY = 24 * 3600 + 600
_NAMES = {
    "recent_buyers": "Exclude: bought in 30 days",
    "loyal": "Seed: loyal customers",
    "win_back": "Win back: left a cart",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One numbered step."""

    says: str
    play: Callable[[Stage], None]


def _set_up(stage: Stage) -> None:
    space = str(stage.space)
    stage.run("init", space, "--country", "DE", "--time-zone", "Europe/Berlin")
    token, secret = stage.space / "meta-token", stage.space / "meta-app-secret"
    for place, value in ((token, stage.meta.access_token), (secret, stage.meta.app_secret)):
        place.touch(mode=0o600)
        place.write_text(value, "utf-8")
    account = ("--ad-account", stage.meta.ad_account, "--token-file", str(token), "--app-secret-file", str(secret))
    stage.run("destinations", "connect", "main", *account, "--graph-url", stage.meta.graph_url, "--space", space)
    _set_small_batches(stage)
    write_audiences(stage.space / "audiences")
    stage.run("audiences", "check", "--space", space)


def _set_small_batches(stage: Stage) -> None:
    space = open_space(stage.space)
    entry = {**space.settings.destinations.get("main", {}), **_BATCH}
    space.write_entry("destinations", "main", entry)
    stage.screen.note(*(f"{space.settings_file}: {key} {value}" for key, value in _BATCH.items()))


def _import(stage: Stage) -> None:
    data = stage.space / "data"
    files = [str(data / name) for name in ("customers.csv", "events.jsonl")]
    stage.run("import", *files, "--yes", "--space", str(stage.space), last=8)


def _match_keys(stage: Stage) -> None:
    stage.run("match-keys", str(stage.space / "sample.csv"), "--country", "DE", last=24)


def _plan(stage: Stage) -> None:
    stage.run("plan", "--space", str(stage.space))


def _sync_under_fire(stage: Stage) -> None:
    rule = stage.meta.hold_answer(KILLED_AT)
    stage.meta.lose_answers(LOST_EVERY)
    stage.run_and_kill("sync", "--space", str(stage.space), rule=rule)
    stage.screen.note("started again: plans from what is known, repeats only what is in doubt")
    stage.run("sync", "--space", str(stage.space))
    # The held answer is one of them, but it was not lost.
    stage.screen.note(f"the simulator lost {stage.meta.times_fired() - 1} answers")
    stage.meta.behave()


def _wait(stage: Stage) -> None:
    stage.meta.settle()
    stage.run("status", "--space", str(stage.space))
    _compare(stage)


def _next_day(stage: Stage) -> None:
    space = str(stage.space)
    stage.meta.pass_until(stage.now.timestamp() + _NEXT_DAY)
    stage.day = 2
    stage.run("import", str(stage.space / "day2.jsonl"), "--yes", "--space", space, last=5)
    stage.run("erase", f"user_id:{stage.shop.erased_id}", "--space", space)
    stage.run("sync", "--space", space)
    stage.meta.settle()
    stage.run("audiences", "explain", "win_back", f"user_id:{stage.shop.explained_id}", "--space", space)


def _prove(stage: Stage) -> None:
    stage.proof = _compare(stage)


def _compare(stage: Stage) -> Proof:
    """The simulator's own people against the shop's own answer; counts are of accounts at Meta."""
    there = stage.meta.audiences()
    absent = [name for name in _NAMES.values() if name not in there]
    if absent:
        raise DemoStoppedError(f"Meta has no audience {', '.join(absent)}")
    moment, gone = stage.moment(), stage.shop.at_meta([stage.shop.erased]) if stage.day == 2 else set()
    rows, proof = [], Proof(wrongly_in=0, missing=0, erased_still_there=0)
    for key, name in _NAMES.items():
        wanted = stage.shop.wanted(key, day=stage.day, moment=moment)
        truth = stage.meta.truth(there[name], wanted)
        proof = Proof(
            wrongly_in=proof.wrongly_in + len(truth.wrongly_in),
            missing=proof.missing + len(truth.missing),
            erased_still_there=proof.erased_still_there + len(gone & stage.meta.members(there[name])),
        )
        rows.append((name, *(f"{n:,}" for n in (truth.members, len(truth.wrongly_in), len(truth.missing)))))
    stage.screen.table(("the simulator knows", "people in", "wrongly in", "missing"), rows)
    if not proof.holds and stage.proof is None and stage.day == 1:
        raise DemoStoppedError(f"the audiences are not right: {proof}")
    return proof


STEPS = (
    Step(says="A space for the shop, connected to the simulated Meta, and three audiences", play=_set_up),
    Step(says="The shop's export comes in", play=_import),
    Step(says="What leaves, field by field", play=_match_keys),
    Step(says="The plan: nothing is sent yet", play=_plan),
    Step(
        says=f"Now Meta misbehaves: 1 answer in {LOST_EVERY} is lost, and we are killed half-way", play=_sync_under_fire
    ),
    Step(says="Meta needs up to 24 h; the simulator's clock runs fast", play=_wait),
    Step(says="A day passes: 6,120 new events, 1 person erased", play=_next_day),
    Step(says="The simulator's own people against ours, after faults, kill and a day", play=_prove),
)
assert set(_NAMES) == set(JUDGES)

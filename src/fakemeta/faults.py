"""The fault plan: which requests go wrong, and how.

A plan is an ordered list of rules; the first rule that fires decides. Rules count only the requests that their
method and path match, so `nth: 3` is the third such request since the rule was added.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Kind = Literal[
    "error",
    "drop_before",
    "drop_after",
    "late",
    "apply_late",
    "reorder",
    "truncate",
    "html",
    "count_invalid",
    "expire",
    "revoke",
    "throttle",
    "flag",
    "refuse_removals",
]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What goes wrong. Each kind reads only the fields that docs/fakemeta.md names for it."""

    do: str
    code: int = 1
    subcode: int | None = None
    http: int | None = None
    message: str | None = None
    applied: bool = False
    answered: bool = True
    seconds: float = 1.0
    minutes: float = 5.0
    fraction: float = 0.5
    clean: bool = False
    count: int = 1
    named: bool = True


@dataclass(kw_only=True, slots=True)
class Rule:
    """When a fault strikes. Without nth, every or probability it strikes each matching request."""

    fault: Fault
    id: int = 0
    method: str | None = None
    path: re.Pattern[str] | None = None
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    seed: int = 0
    times: int | None = None
    seen: int = 0
    fired: int = 0
    rng: random.Random | None = None

    def strikes(self, method: str, path: str) -> bool:
        if self.times is not None and self.fired >= self.times:
            return False
        if (self.method and self.method != method) or (self.path and not self.path.search(path)):
            return False
        self.seen += 1
        if not self._chosen():
            return False
        self.fired += 1
        return True

    def _chosen(self) -> bool:
        if self.nth is not None:
            return self.seen == self.nth
        if self.every is not None:
            return self.seen % self.every == 0
        if self.probability is not None:
            self.rng = self.rng or random.Random(self.seed)  # noqa: S311 - a fault must strike again for the same seed
            return self.rng.random() < self.probability
        return True

    def as_dict(self) -> dict[str, Any]:
        match = {
            "method": self.method,
            "path": self.path.pattern if self.path else None,
            "nth": self.nth,
            "every": self.every,
            "probability": self.probability,
            "seed": self.seed,
        }
        return {
            "id": self.id,
            "match": {key: value for key, value in match.items() if value is not None},
            "fault": asdict(self.fault),
            "times": self.times,
            "seen": self.seen,
            "fired": self.fired,
        }


class FaultPlan:
    """The rules in force, in order."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._last_id = 0

    def add(self, rule: Rule) -> Rule:
        self._last_id += 1
        rule.id = self._last_id
        self.rules.append(rule)
        return rule

    def remove(self, rule_id: int) -> bool:
        before = len(self.rules)
        self.rules = [rule for rule in self.rules if rule.id != rule_id]
        return len(self.rules) < before

    def clear(self) -> None:
        self.rules = []

    def strike(self, method: str, path: str) -> Fault | None:
        return next((rule.fault for rule in self.rules if rule.strikes(method, path)), None)


_MATCH = {"method", "path", "nth", "every", "probability", "seed"}


def parse_rule(raw: Mapping[str, Any]) -> Rule:
    """A rule from the control API's JSON: {"match": {…}, "do": KIND or {KIND: {fields}}, "times": N}."""
    _only(raw, {"match", "do", "times"}, "rule")
    match = raw.get("match") or {}
    _only(match, _MATCH, "match")
    method = match.get("method")
    path = match.get("path")
    return Rule(
        fault=parse_fault(raw.get("do")),
        method=method.upper() if method else None,
        path=re.compile(path) if path else None,
        nth=match.get("nth"),
        every=match.get("every"),
        probability=match.get("probability"),
        seed=match.get("seed", 0),
        times=raw.get("times"),
    )


def parse_fault(raw: Any) -> Fault:
    """`"drop_after"`, `{"error": {"code": 190, "subcode": 460}}`, or flat `{"do": "late", "seconds": 2}`."""
    if isinstance(raw, str):
        raw = {raw: {}}
    if not isinstance(raw, Mapping) or not raw:
        raise ValueError(f"do must name one of {', '.join(KINDS)}")
    if "do" in raw:
        kind, values = raw["do"], {key: value for key, value in raw.items() if key != "do"}
    else:
        ((kind, values),) = raw.items() if len(raw) == 1 else [(None, {})]
    if kind not in KINDS:
        raise ValueError(f"do must name one of {', '.join(KINDS)}")
    _only(values, {field.name for field in fields(Fault)} - {"do"}, kind)
    return Fault(do=kind, **values)


def _only(raw: Mapping[str, Any], allowed: set[str], where: str) -> None:
    unknown = set(raw) - allowed
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}; allowed are {', '.join(sorted(allowed))}")

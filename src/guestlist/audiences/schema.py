"""The JSON Schema of a definition, for editors; made from the same tables that the reader reads with.

It helps while typing. The reader decides: it also knows what a schema cannot say, and says it better.
"""

import json
from collections.abc import Iterable
from importlib import resources

from guestlist.audiences.conditions import (
    AGGREGATE_COMPARATORS,
    COMPARATORS,
    COUNTS,
    DATES,
    NUMBERS,
    ONE_VALUE,
    PRESENCE,
    REDUCERS,
    RELATIVE,
    SOME_VALUES,
    STEP_KEYS,
)
from guestlist.audiences.document import KEY, MODES, OWNERS, RENAMES
from guestlist.audiences.reading import UNITS

Schema = dict[str, object]

TEXT: Schema = {"type": "string", "minLength": 1}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
LIST: Schema = {"type": "array", "items": SCALAR, "minItems": 1}
DURATION: Schema = {
    "type": "string",
    "pattern": r"^\s*[0-9]{1,6}\s*(" + "|".join(sorted(UNITS)) + r")\s*$",
    "description": "An amount of time: 7 days, 12h, 15m. Days and longer follow the calendar of the space's zone.",
}
MOMENT: Schema = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "description": "A date, or a date and time. Without an offset it is the space's zone.",
}
NUMBER: Schema = {"type": "number"}


def schema() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Guestlist audience",
        **_closed(_envelope(), required=("key", "who")),
        "$defs": {
            "condition": {
                "type": "object",
                "oneOf": [ref(kind) for kind in ("group", "not", "event", "trait", "member")],
            },
            "group": {"oneOf": [_closed({word: _some("condition")}, required=(word,)) for word in ("all", "any")]},
            "not": _closed({"not": ref("condition")}, required=("not",)),
            "event": _event(),
            "step": _closed(_step(), required=("event",)),
            "trait": {
                **_closed({"trait": TEXT, **_tests()}, required=("trait",)),
                "minProperties": 2,
                "maxProperties": 2,
            },
            "member": {"oneOf": [_closed({w: TEXT}, required=(w,)) for w in ("member_of", "not_member_of")]},
            "tests": {**_closed(_tests()), "minProperties": 1},
            "sync": _closed(_sync(), required=("to",)),
        },
    }


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _closed(properties: Schema, *, required: Iterable[str] = ()) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _some(name: str) -> Schema:
    return {"type": "array", "items": ref(name), "minItems": 1}


def _envelope() -> Schema:
    return {
        "key": {"type": "string", "pattern": f"^{KEY.pattern}$", "description": "Names the audience; never changes."},
        "name": {**TEXT, "description": "The name at Meta."},
        "description": TEXT,
        "who": {**ref("condition"), "description": "Who belongs to the audience."},
        "sync": {"oneOf": [TEXT, ref("sync"), {"type": "array", "items": {"oneOf": [TEXT, ref("sync")]}}]},
        "owner": {"enum": list(OWNERS)},
    }


def _sync() -> Schema:
    return {
        "to": {**TEXT, "description": "The destination's name."},
        "every": {"anyOf": [{"const": "on_change"}, DURATION]},
        "mode": {"enum": list(MODES)},
        "adopt": {
            "anyOf": [{"const": False}, {"type": "string", "pattern": "^[0-9]+$"}, {"type": "integer", "minimum": 0}],
            "description": "The id of an audience at Meta to take over, or false to make a new one.",
        },
        "rename": {"enum": list(RENAMES)},
    }


def _tests() -> Schema:
    kinds = (
        (ONE_VALUE, SCALAR),
        (NUMBERS, NUMBER),
        (DATES, MOMENT),
        (RELATIVE, DURATION),
        (PRESENCE, {"type": "boolean"}),
    )
    found: Schema = {name: kind for names, kind in kinds for name in names}
    found |= {name: {"anyOf": [SCALAR, LIST]} for name in SOME_VALUES}
    return {name: found[name] for name in COMPARATORS}


def _step() -> Schema:
    where = {"type": "object", "additionalProperties": {"anyOf": [SCALAR, LIST, ref("tests")]}}
    source = {
        "anyOf": [SCALAR, LIST, {**_closed({n: _tests()[n] for n in (*ONE_VALUE, *SOME_VALUES)}), "minProperties": 1}]
    }
    return dict(zip(STEP_KEYS, (TEXT, where, source), strict=True))


def _event() -> Schema:
    between = {"type": "array", "items": DURATION, "minItems": 2, "maxItems": 2}
    properties: Schema = {
        **_step(),
        "within": DURATION,
        "between": between,
        "from": MOMENT,
        "to": MOMENT,
        "then": ref("step"),
        "then_not": ref("step"),
        **dict.fromkeys(REDUCERS, TEXT),
        **dict.fromkeys((*COUNTS, *AGGREGATE_COMPARATORS), NUMBER),
    }
    aggregated = {"anyOf": [{"required": [name]} for name in REDUCERS]}
    counts: Schema = {name: {"type": "integer", "minimum": 0} for name in COUNTS}
    only_counts = {**counts, **{name: False for name in AGGREGATE_COMPARATORS if name not in COUNTS}}
    return {
        **_closed(properties, required=("event",)),
        "allOf": [
            *(_not_both(*pair) for pair in _pairs(("within", "between", "from"))),
            *(_not_both(*pair) for pair in (("within", "to"), ("between", "to"), ("then", "then_not"))),
            *(_not_both(*pair) for pair in _pairs(REDUCERS)),
            *(_not_both(*pair) for pair in _pairs(tuple(dict.fromkeys((*COUNTS, *AGGREGATE_COMPARATORS))))),
            {
                "if": aggregated,
                "then": {"anyOf": [{"required": [name]} for name in AGGREGATE_COMPARATORS]},
                "else": {"properties": only_counts},
            },
        ],
    }


def _pairs(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(left, right) for n, left in enumerate(names) for right in names[n + 1 :]]


def _not_both(left: str, right: str) -> Schema:
    return {"not": {"required": [left, right]}}


def as_json() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def published() -> str:
    """The checked-in copy that editors read."""
    return resources.files("guestlist.schemas").joinpath("audience.schema.json").read_text(encoding="utf-8")

"""The JSON Schema of a definition, for editors; made from the same tables that the reader reads with.

It helps while typing. The reader decides: it also knows what a schema cannot say, and says it better.
"""

import json
from collections.abc import Iterable
from importlib import resources

from guestlist.audiences.comparators import (
    COMPARATORS,
    DATES,
    NUMBERS,
    ONE_VALUE,
    PRESENCE,
    RELATIVE,
    SOME_VALUES,
)
from guestlist.audiences.document import KEY, MODES, OWNERS, RENAMES
from guestlist.audiences.events import NUMBER_COMPARATORS, OF_NUMBERS, OF_VALUES, REDUCERS
from guestlist.audiences.query_syntax import LONGEST
from guestlist.audiences.reading import UNITS
from guestlist.audiences.schedule import WORDS
from guestlist.audiences.steps import COUNTS, LIKE, STEP_KEYS

Schema = dict[str, object]

NAME: Schema = {"type": "string", "pattern": f"^{KEY.pattern}$"}
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
PERCENT: Schema = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
        {"type": "string", "pattern": r"^\s*[0-9]{1,3}(\.[0-9]+)?\s*%?\s*$"},
    ]
}


_CONDITIONS = ("query", "group", "not", "event", "trait", "member", "list", "external")


def schema() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Guestlist audience",
        **closed(_envelope(), required=("key", "who")),
        "$defs": {
            "condition": {
                "oneOf": [ref(kind) for kind in _CONDITIONS],
            },
            "query": {**TEXT, "maxLength": LONGEST, "description": "A query, such as event('Visit').count() >= 2"},
            "group": {"oneOf": [closed({word: _some("condition")}, required=(word,)) for word in ("all", "any")]},
            "not": closed({"not": ref("condition")}, required=("not",)),
            "event": _event(),
            "next": _next(COUNTS),
            "never": _next(()),
            "trait": {
                **closed({"trait": TEXT, **_tests()}, required=("trait",)),
                "minProperties": 2,
                "maxProperties": 2,
            },
            "member": {"oneOf": [closed({w: TEXT}, required=(w,)) for w in ("member_of", "not_member_of")]},
            "list": {"oneOf": [closed({word: _list()}, required=(word,)) for word in ("in_list", "not_in_list")]},
            "external": closed(
                {"external": {**TEXT, "description": "The key of an audience of Segment Engage."}},
                required=("external",),
            ),
            "where": _where(),
            "tests": {**closed(_filter_tests()), "minProperties": 1},
            "sync": closed(_sync(), required=("to",)),
        },
    }


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def closed(properties: Schema, *, required: Iterable[str] = ()) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _some(name: str) -> Schema:
    return {"type": "array", "items": ref(name), "minItems": 1}


def _one_or_some(name: str) -> Schema:
    return {"oneOf": [ref(name), _some(name)]}


def _envelope() -> Schema:
    return {
        "key": {**NAME, "description": "Names the audience; never changes."},
        "name": {**TEXT, "description": "The name at Meta."},
        "description": TEXT,
        "who": {**ref("condition"), "description": "Who belongs to the audience."},
        "sync": {"oneOf": [TEXT, ref("sync"), {"type": "array", "items": {"oneOf": [TEXT, ref("sync")]}}]},
        "owner": {"enum": list(OWNERS)},
        "anonymous": {"type": "boolean", "description": "false: only people with more than an anonymous_id."},
        "history": {"type": "string", "description": "all, from_now, or the date from which on events count."},
        "sample": {**PERCENT, "description": "Only this share of them, drawn by lot."},
        "holdout": {**PERCENT, "description": "The share of members that no sync sends."},
        "split": {"type": "array", "items": {"type": "object", "additionalProperties": PERCENT}, "minItems": 1},
    }


def _sync() -> Schema:
    return {
        "to": {**TEXT, "description": "The destination's name."},
        "every": {
            "anyOf": [{"enum": list(WORDS)}, DURATION],
            "description": "How often it runs: 1m to 1d (15m when left out), on_change, or manual.",
        },
        "cron": {
            "type": "string",
            "pattern": r"^\s*(\S+\s+){4}\S+\s*$",
            "description": "Instead of every: minute, hour, day, month, weekday in the space's zone, as in a crontab.",
        },
        "mode": {"enum": list(MODES)},
        "adopt": {
            "anyOf": [{"const": False}, {"type": "string", "pattern": "^[0-9]+$"}, {"type": "integer", "minimum": 0}],
            "description": "The id of an audience at Meta to take over, or false to make a new one.",
        },
        "rename": {"enum": list(RENAMES)},
        "groups": {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]},
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


def _filter_tests() -> Schema:
    """Tests of a property; some compare with another property or a trait as well."""
    reference = {"oneOf": [closed({word: TEXT}, required=(word,)) for word in ("parent", "trait")]}
    return {name: {"anyOf": [test, reference]} if name in LIKE else test for name, test in _tests().items()}


def _where() -> Schema:
    """Properties by name; some words stand for groups, unless what is below them says otherwise."""
    values: tuple[Schema, ...] = (SCALAR, LIST, ref("tests"))
    groups: dict[str, Schema] = {
        "all": _some("where"),
        "any": _some("where"),
        "not": _one_or_some("where"),
        "then": _one_or_some("next"),
        "then_not": _one_or_some("never"),
    }
    named: Schema = {word: {"anyOf": [*values, group]} for word, group in groups.items()}
    return {"type": "object", "properties": named, "additionalProperties": {"anyOf": list(values)}}


def _list() -> Schema:
    names: Schema = {"file": TEXT, "query": TEXT, "column": TEXT, "type": TEXT}
    whole = {**closed(names), "oneOf": [{"required": ["file"]}, {"required": ["query"]}]}
    return {"anyOf": [TEXT, whole]}


def step() -> Schema:
    source = {
        "anyOf": [SCALAR, LIST, {**closed({n: _tests()[n] for n in (*ONE_VALUE, *SOME_VALUES)}), "minProperties": 1}]
    }
    return {
        **dict(zip(STEP_KEYS, (TEXT, _one_or_some("where"), source), strict=True)),
        "then": _one_or_some("next"),
        "then_not": _one_or_some("never"),
    }


def _next(counts: tuple[str, ...]) -> Schema:
    elapsing = sorted(word for word, unit in UNITS.items() if unit not in {"months", "years"})
    within = {"type": "string", "pattern": r"^\s*[0-9]{1,6}\s*(" + "|".join(elapsing) + r")\s*$"}
    numbers: Schema = {name: {"type": "integer", "minimum": 0} for name in counts}
    whole = closed({**step(), "within": within, **numbers}, required=("event",))
    return {**whole, "allOf": [not_both(*pair) for pair in pairs(counts)]} if counts else whole


def _event() -> Schema:
    between = {"type": "array", "items": DURATION, "minItems": 2, "maxItems": 2}
    properties: Schema = {
        **step(),
        "within": DURATION,
        "between": between,
        "from": MOMENT,
        "to": MOMENT,
        **dict.fromkeys(REDUCERS, TEXT),
        "minimum": {"type": "integer", "minimum": 1, "description": "So often the most frequent value must be there."},
        **_tests(),
        **{name: {"type": "integer", "minimum": 0} for name in COUNTS if name not in COMPARATORS},
    }
    measures = tuple(dict.fromkeys((*COUNTS, *COMPARATORS)))
    counted: Schema = {
        **{name: {"type": "integer", "minimum": 0} for name in COUNTS},
        **{name: False for name in measures if name not in COUNTS},
        "minimum": False,
    }
    of_numbers: Schema = {
        **dict.fromkeys(NUMBER_COMPARATORS, NUMBER),
        **{name: False for name in measures if name not in NUMBER_COMPARATORS},
        "minimum": False,
    }
    return {
        **closed(properties, required=("event",)),
        "allOf": [
            *(not_both(*pair) for pair in pairs(("within", "between", "from"))),
            *(not_both(*pair) for pair in (("within", "to"), ("between", "to"))),
            *(not_both(*pair) for pair in pairs(REDUCERS)),
            *(not_both(*pair) for pair in pairs(measures)),
            {
                "if": one_of_them(OF_NUMBERS),
                "then": {"properties": of_numbers, **one_of_them(NUMBER_COMPARATORS)},
                "else": {
                    "if": one_of_them(OF_VALUES),
                    "then": {"properties": {"exactly": False}, **one_of_them(COMPARATORS)},
                    "else": {"properties": counted},
                },
            },
        ],
    }


def one_of_them(names: Iterable[str]) -> Schema:
    return {"anyOf": [{"required": [name]} for name in names]}


def pairs(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(left, right) for n, left in enumerate(names) for right in names[n + 1 :]]


def not_both(left: str, right: str) -> Schema:
    return {"not": {"required": [left, right]}}


def as_json() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def published() -> str:
    """The checked-in copy that editors read."""
    return resources.files("guestlist.schemas").joinpath("audience.schema.json").read_text(encoding="utf-8")

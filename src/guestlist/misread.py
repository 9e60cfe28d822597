"""What is wrong with a value that was typed, in our words: pydantic's own are for those who know Python.

No value is repeated but the choices there are, for it may be personal or a secret.
"""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import AfterValidator

_NUMBER, _WHOLE, _TEXT, _LIST, _NAMED = "a number", "a whole number", "text", "a list", "a mapping of names to values"
_KINDS: Mapping[str, str] = {
    "int": _WHOLE,
    "float": _NUMBER,
    "decimal": _NUMBER,
    "bool": "true or false",
    "string": _TEXT,
    "list": _LIST,
    "tuple": _LIST,
    "set": _LIST,
    "frozen_set": _LIST,
    "iterable": _LIST,
    "dict": _NAMED,
    "mapping": _NAMED,
    "model": _NAMED,
    "dataclass": _NAMED,
    "date": "a date such as 2026-12-01",
    "datetime": "a time such as 2026-12-01T09:00",
    "time": "a time such as 09:00",
    "time_delta": "an amount of time",
    "path": "the path of a file or folder",
    "none": "left out",
}
"""By what the type of a mistake begins with, as in `int_parsing` or `date_from_datetime_inexact`."""
_WRITTEN_AS: Mapping[str, str] = {"SecretReference": "write {file: PATH} or {env: NAME}"}
"""Settings whose own shape says more than that they hold several values."""
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("ge", "has to be {} or more"),
    "less_than_equal": ("le", "has to be {} or less"),
    "greater_than": ("gt", "has to be more than {}"),
    "less_than": ("lt", "has to be less than {}"),
    "string_too_long": ("max_length", "may have {} characters"),
    "too_long": ("max_length", "may have {} entries"),
}


def in_words(mistake: Mapping[str, Any], *, noun: str = "parameter", known: Iterable[str] = ()) -> str:
    """One mistake of a `ValidationError`, to stand behind the name of what is wrong.

    `noun`: what is read, `known`: the names that it may have there, of which the nearest is offered for a wrong one.
    """
    kind, context = str(mistake["type"]), mistake.get("ctx") or {}
    if kind == "extra_forbidden":
        near = get_close_matches(str(mistake["loc"][-1]), list(known), n=1)
        return f"not a {noun}; did you mean {near[0]}?" if near else f"not a {noun}"
    if kind == "missing":
        return "has to be given"
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error") or mistake["msg"])
    if kind in {"literal_error", "enum"}:
        return f"has to be {context['expected']}"
    if kind in {"string_too_short", "too_short"}:
        return "may not be empty" if context["min_length"] == 1 else f"has to have {context['min_length']} or more"
    if kind in _BOUNDS:
        name, said = _BOUNDS[kind]
        return said.format(context[name])
    return _WRITTEN_AS.get(str(context.get("class_name")), _by_kind(kind))


def _by_kind(kind: str) -> str:
    parts = kind.split("_")
    for end in range(len(parts), 0, -1):
        wanted = _KINDS.get("_".join(parts[:end]))
        if wanted and kind != "string_pattern_mismatch":
            return f"has to be {wanted}"
    return "is not written as it has to be"


def written_as(fits: Callable[[str], object], said: str) -> AfterValidator:
    """Text of one form; `said` stands behind the name of what is wrong."""

    def check(text: str) -> str:
        if not fits(text):
            raise ValueError(said)
        return text

    return AfterValidator(check)

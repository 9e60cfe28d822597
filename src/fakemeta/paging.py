"""Cursor paging: opaque cursors, `next` only while there is more, no `paging` at all on an empty page."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fakemeta.errors import bad_parameter
from fakemeta.graph import Call

_DEFAULT, _MOST = 25, 500


def cursor(object_id: str) -> str:
    return base64.urlsafe_b64encode(f"ASx:{object_id}".encode()).decode().rstrip("=") + "ZD"


def _opened(name: str, raw: str) -> str:
    body = raw.removesuffix("ZD")
    try:
        text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    except ValueError as error:
        raise bad_parameter(f"Invalid {name} cursor.") from error
    if not text.startswith("ASx:"):
        raise bad_parameter(f"Invalid {name} cursor.")
    return text[4:]


def page(call: Call, ids: Sequence[str], rows: Mapping[str, dict[str, Any]], url: str) -> dict[str, Any]:
    """One page of `ids` in their order. `rows` are the rendered nodes; `url` is the edge's own, without query."""
    window = _window(call, ids)
    answer: dict[str, Any] = {"data": [rows[object_id] for object_id in window]}
    if call.flag("summary"):
        answer["summary"] = {"total_count": len(ids)}
    if not window:
        return answer
    paging: dict[str, Any] = {"cursors": {"before": cursor(window[0]), "after": cursor(window[-1])}}
    if window[-1] != ids[-1]:
        paging["next"] = _link(call, url, "after", window[-1])
    if window[0] != ids[0]:
        paging["previous"] = _link(call, url, "before", window[0])
    return answer | {"paging": paging}


def _window(call: Call, ids: Sequence[str]) -> list[str]:
    limit = _limit(call)
    after, before = call.text("after"), call.text("before")
    if after:
        start = _place(ids, _opened("after", after), "after") + 1
        return list(ids[start : start + limit])
    if before:
        end = _place(ids, _opened("before", before), "before")
        return list(ids[max(0, end - limit) : end])
    return list(ids[:limit])


def _place(ids: Sequence[str], object_id: str, name: str) -> int:
    if object_id not in ids:
        raise bad_parameter(f"Invalid {name} cursor.")
    return ids.index(object_id)


def _limit(call: Call) -> int:
    raw = call.text("limit")
    if raw is None:
        return _DEFAULT
    if not raw.isdigit() or int(raw) < 1:
        raise bad_parameter("param limit must be a positive integer.")
    return min(int(raw), _MOST)


def _link(call: Call, url: str, name: str, object_id: str) -> str:
    kept = {key: call.params[key] for key in ("fields", "limit", "filtering") if key in call.params}
    texts = {key: value for key, value in kept.items() if isinstance(value, str)}
    return f"{url}?{urlencode(texts | {name: cursor(object_id)})}"

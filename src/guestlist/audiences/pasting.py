"""Queries that stand in YAML as they were pasted, without quotes and without `|`."""

import json
import re
from collections.abc import Iterator

_BEGINS = re.compile(
    r"""(?P<head>\s*(?:(?:-\s+)*(?:who|not):\s+|(?:-\s+)+))  # where a condition may stand
    (?P<query>(?:\(\s*|not\b\s*)*(?:event|trait|list|external)\s*\(.*)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def with_queries_quoted(text: str) -> str:
    """The same document with each such query as one text in quotes; every line keeps its number."""
    return "\n".join(_lines(text.split("\n")))


def _lines(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        found = _BEGINS.fullmatch(lines[at])
        if found is None:
            yield lines[at]
            at += 1
            continue
        indent = len(found["head"]) - len(found["head"].lstrip())
        end = at + 1
        while end < len(lines) and _belongs(lines[end], indent):
            end += 1
        query = "\n".join([found["query"], *lines[at + 1 : end]]).rstrip()
        yield found["head"] + json.dumps(query, ensure_ascii=False)
        yield from [""] * (end - at - 1)
        at = end


def _belongs(line: str, indent: int) -> bool:
    """Whether a line goes on with the text of one that is indented so far."""
    return not line or line.isspace() or len(line) - len(line.lstrip()) > indent

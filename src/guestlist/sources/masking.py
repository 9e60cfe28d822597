"""Values shown without being told: their shape stays, their letters and digits do not."""

import re

_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_LONGEST = 40


def masked(value: str) -> str:
    """Letters as x or X, digits as 9, all else as it is: `Ada@x.org 7` becomes `Xxx@x.xxx 9`."""
    short = value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    return _DIGIT.sub("9", _LETTER.sub(lambda letter: "X" if letter[0].isupper() else "x", short))

"""What an audience says beside `who`: since when events count, a sample, groups drawn by lot."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal

from guestlist.audiences.definition import HOLDOUT, Group
from guestlist.audiences.mistakes import Mistakes, did_you_mean
from guestlist.audiences.reading import join, read_mapping, read_moment, read_text, shown

PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*")
GROUP = re.compile(r"[a-z][a-z0-9_]{0,31}")
WHOLE = 100


def read_percent(value: object, path: str, mistakes: Mistakes) -> float | None:
    """`10%`, `10` and `"10"` are ten percent."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    found = PERCENT.fullmatch(text) if isinstance(text, str) else None
    if found and 0 < float(found[1]) <= WHOLE:
        return float(found[1])
    mistakes.add(path, f"must be a share such as `10%`, not {shown(value)}.")
    return None


def read_history(value: object, path: str, mistakes: Mistakes) -> date | Literal["now"] | None:
    """`all`, `from_now` or a date."""
    if value == "all":
        return None
    if value == "from_now":
        return "now"
    if isinstance(value, str) and value[:1].isdigit():
        return read_moment(value, path, mistakes)
    told = f"must be all, from_now or a date such as 2026-01-31, not {shown(value)}."
    mistakes.add(path, told, did_you_mean(value, ("all", "from_now")))
    return None


def read_split(body: Mapping[str, object], mistakes: Mistakes) -> tuple[Group, ...]:
    """`split: [a: 50, b: 50]` and `holdout: 10%`; with both, the hold-out is drawn first and the rest is split."""
    held = read_percent(body["holdout"], "holdout", mistakes) if "holdout" in body else None
    groups = _read_groups(body["split"], mistakes) if "split" in body else ()
    if groups and round(sum(group.percent for group in groups), 6) > WHOLE:
        mistakes.add("split", "comes to more than 100 %.", "Lower one of the shares.")
    if held is None:
        return groups
    rest = (WHOLE - held) / WHOLE
    shares = tuple(Group(name=group.name, percent=group.percent * rest) for group in groups)
    return (Group(name=HOLDOUT, percent=held), *shares)


def _read_groups(value: object, mistakes: Mistakes) -> tuple[Group, ...]:
    listed = value if isinstance(value, list) else [value]
    found: dict[str, Group] = {}
    for n, part in enumerate(listed):
        here = f"split[{n}]" if isinstance(value, list) else "split"
        for name, share in (read_mapping(part, here, mistakes) or {}).items():
            percent = read_percent(share, join(here, name), mistakes)
            if not GROUP.fullmatch(name) or name == HOLDOUT:
                mistakes.add(join(here, name), "is no name of a group: small letters, digits and _, and not `holdout`.")
            elif name in found:
                mistakes.add(join(here, name), "is there twice.")
            elif percent is not None:
                found[name] = Group(name=name, percent=percent)
    return tuple(found.values())


def read_groups(value: object, known: set[str], path: str, mistakes: Mistakes) -> tuple[str, ...]:
    """The groups that a sync sends."""
    listed = value if isinstance(value, list) else [value]
    found = [read_text(part, path, mistakes) for part in listed]
    names = tuple(name for name in found if name is not None)
    for name in names:
        if name not in known - {HOLDOUT}:
            hint = did_you_mean(name, known) or "Name the groups under `split`."
            mistakes.add(path, f"`{name}` is no group of this audience that can be sent.", hint)
    return names

"""Which line of a query's answer counts where several are about one person."""

from typing import Any

import pytest

from guestlist.audiences.traits.definition import SqlTrait
from guestlist.audiences.traits.querying import values
from guestlist.store.in_memory import in_memory

TRAIT = SqlTrait(key="points", name="Points", query="", columns=(("points", "points"),), identifier="email")
PEOPLE = {"ann@example.org": "ann", "ann@example.com": "ann", "ben@example.org": "ben"}


def known(rows: Any, column: str, kind: str) -> Any:
    assert (column, kind) == ("email", "email")
    return rows.mutate(profile_id=rows.email.cases(*PEOPLE.items()))


@pytest.mark.parametrize("turned", [False, True], ids=["as told", "the other way round"])
@pytest.mark.parametrize(
    ("lines", "points"),
    [
        ([("ann@example.org", "7"), ("ben@example.org", "3")], {"ann": "7", "ben": "3"}),
        ([("ann@example.org", "7"), ("ann@example.com", "9")], {"ann": "9"}),  # by the identifier that comes first
        ([("ann@example.org", "7"), ("ann@example.org", "5")], {"ann": "5"}),  # of one identifier by value
        ([("ann@example.com", None), ("ann@example.org", "7")], {"ann": "7"}),  # nothing is no value
    ],
)
def test_of_several_lines_the_same_one_counts_in_whatever_order(
    lines: list[tuple[str, str | None]], points: dict[str, str], turned: bool
) -> None:
    told = [{"email": email, "points": value} for email, value in (reversed(lines) if turned else lines)]
    rows = in_memory(told, schema={"email": "string", "points": "string"})
    ((key, found),) = values(TRAIT, rows, known)
    assert key == "points"
    assert {row["profile_id"]: row["value"] for row in found.to_pyarrow().to_pylist()} == points

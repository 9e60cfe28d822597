"""One of something is not several of it."""

import pytest

from guestlist.counts import counted


@pytest.mark.parametrize(
    ("number", "one", "said"),
    [
        (0, "row", "0 rows"),
        (1, "row", "1 row"),
        (1234, "row", "1,234 rows"),
        (1, "person", "1 person"),
        (2, "person", "2 people"),
        (1, "entry", "1 entry"),
        (2, "entry", "2 entries"),
    ],
)
def test_a_number_with_its_noun(number: int, one: str, said: str) -> None:
    assert counted(number, one) == said

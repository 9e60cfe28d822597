"""Text: lower case, letters, folding, digests, numbers, what is absent."""

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from guestlist.values import text


@pytest.mark.parametrize(
    ("raw", "lowered"),
    [
        pytest.param("İSTANBUL", "istanbul", id="dotted capital I"),
        pytest.param("ΟΔΟΣ", "οδος", id="word-final sigma"),
        pytest.param("ΣΑΣ ΟΔΟΣ", "σας οδος", id="sigma within and at the end of words"),
        pytest.param("ẞ", "ß", id="capital sharp s"),
        pytest.param("ÀÉÎ", "àéî", id="accents"),
        pytest.param("ВЛАДИМИР", "владимир", id="Cyrillic"),
        pytest.param("ǅ", "ǆ", id="title case letter"),
    ],
)
def test_lower(raw: str, lowered: str) -> None:
    assert text.lower(raw) == lowered


@pytest.mark.parametrize(
    ("raw", "folded"),
    [
        ("Straße", "strasse"), ("Æther", "aether"), ("cœur", "coeur"), ("København", "kobenhavn"), ("Đà Nẵng", "da nang"),
        ("Ísafjörður", "isafjordur"), ("Þórshöfn", "thorshofn"), ("Łódź", "lodz"), ("Iğdır", "igdir"),
        ("São Paulo", "sao paulo"), ("Zürich", "zurich"), ("İzmir", "izmir"), ("STRASSE ẞ", "strasse ss"),
    ],
)  # fmt: skip
def test_fold(raw: str, folded: str) -> None:
    assert text.fold(raw) == folded


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        ("O'Brien", "obrien"), ("O’Brien", "obrien"), ("Mary-Jane", "maryjane"), ("Mary–Jane", "maryjane"),
        ("Anne Marie", "annemarie"), ("St. John", "stjohn"), ("John2", "john"), ("A$AP", "aap"), ("Zoë™", "zoë"),
        ("정", "정"), ("\u110c\u1165\u11bc", "정"), ("محمد", "محمد"), ("李 明", "李明"), ("émile", "émile"),
        ("e\u0301mile", "émile"),
        ("नेहा", "नेहा"), ("Mary👋", "mary"), ("İpek", "ipek"), ("ΝΙΚΟΣ", "νικος"),
    ],
)  # fmt: skip
def test_letters(raw: str, left: str) -> None:
    assert text.letters(raw) == left


@pytest.mark.parametrize(
    "word", ["", "null", "NULL", "None", "nan", "NaN", "n/a", "N/A", "#N/A", "\\N", "-", "undefined", "(not set)"]
)
def test_absent(word: str) -> None:
    assert text.is_absent(word)


@pytest.mark.parametrize("word", ["0", "na", "nil", "--", "unknown"])
def test_not_absent(word: str) -> None:
    assert not text.is_absent(word)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1990, "1990"), (1990.0, "1990"), (3.5, "3.5"), (Decimal("1990.0"), "1990"), (float("nan"), ""), (None, ""),
        (True, None), ({"a": 1}, None), (date(1990, 2, 16), "1990-02-16"), (16505551212.0, "16505551212"), ("x", "x"),
    ],
)  # fmt: skip
def test_text_of(value: Any, read: str | None) -> None:
    assert text.text_of(value) == read


@pytest.mark.parametrize(
    ("raw", "whole"), [("1990.0", "1990"), ("3.00", "3"), ("3.", "3"), ("3.5", "3.5"), ("a.0", "a.0")]
)
def test_whole(raw: str, whole: str) -> None:
    assert text.whole(raw) == whole


def test_trim_takes_no_break_and_zero_width_space() -> None:
    assert text.trim("\ufeff\u00a0\u3000 x y \u200b\t") == "x y"


def test_digests_are_told_apart() -> None:
    data = b"x"
    assert text.is_sha256(hashlib.sha256(data).hexdigest().upper())
    for other in (hashlib.md5, hashlib.sha1, hashlib.sha512):
        assert text.is_other_hash(other(data).hexdigest())
    assert text.is_other_hash("LXEWQrcmsEQBYnyp9zx5CCoJcpgUXFhzuZ4YBK0cJLc=")
    assert not text.is_other_hash("LXEWQrcmsEQBYnypLXEWQrcmsEQ")

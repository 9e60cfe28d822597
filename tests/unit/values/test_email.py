"""E-mail addresses: every rule of the page, by example."""

import pytest

from guestlist.values.email import read_email, split
from guestlist.values.reading import Flag, Reason


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        pytest.param("  John_Smith@Example.COM ", "john_smith@example.com", id="trimmed and lower-cased"),
        pytest.param("Mary.Jane+fb@example.com", "mary.jane+fb@example.com", id="dots and +tag kept"),
        pytest.param("foo@example.com.", "foo@example.com", id="trailing dot"),
        pytest.param("foo@example.com...", "foo@example.com", id="trailing dots"),
        pytest.param("Ann Lee <Ann@example.org>", "ann@example.org", id="unwrapped from brackets"),
        pytest.param('"Lee" <Ann@example.org>', "ann@example.org", id="unwrapped after a quoted name"),
        pytest.param("mailto:Ann@example.org", "ann@example.org", id="mailto"),
        pytest.param("MAILTO:ann@example.org?subject=Hi", "ann@example.org", id="mailto with a subject"),
        pytest.param("\u00a0ann@example.org\u200b", "ann@example.org", id="no-break space and zero width"),
        pytest.param("İrem@example.org", "irem@example.org", id="dotted capital I"),
        pytest.param("josé@exämple.com", "josé@exämple.com", id="letters beyond ASCII"),
        pytest.param("jose\u0301@example.com", "josé@example.com", id="composed"),
        pytest.param("x..y@example.com", "x..y@example.com", id="double dots, as carriers gave them out"),
        pytest.param("fo'o@example.com", "fo'o@example.com", id="apostrophe"),
        pytest.param("a@b.c", "a@b.c", id="shortest"),
    ],
)
def test_normal_form(raw: str, normal: str) -> None:
    assert read_email(raw).normal == normal


@pytest.mark.parametrize(
    "raw",
    [
        "not-an-email", "test@example", "@example.com", "test@", "a@@example.com", "test @example.com",
        "test@exam ple.com", "test\u00a0x@example.com", "te\u200bst@example.com", "test@.example.com",
        "test@example..com", "a@1.2.3.4", "a@[10.0.0.1]", "john(at)example.com",
    ],
)  # fmt: skip
def test_bad(raw: str) -> None:
    assert read_email(raw).reason is Reason.BAD_EMAIL


@pytest.mark.parametrize(
    "raw",
    [
        "noreply@example.com", "no-reply@example.com", "No_Reply@example.com", "donotreply@example.com",
        "abc123@privaterelay.appleid.com", "abc@marketplace.amazon.de", "abc@members.ebay.com", "x@mozmail.com",
    ],
)  # fmt: skip
def test_unlikely_to_match_is_sent(raw: str) -> None:
    assert (read_email(raw).normal, read_email(raw).flags) == (raw.lower(), (Flag.UNLIKELY_TO_MATCH,))


@pytest.mark.parametrize("raw", ["noreplying@example.com", "ann@relayed.example.com", "ann.noreply@example.com"])
def test_likely_all_the_same(raw: str) -> None:
    assert read_email(raw).flags == ()


def test_made_up_address_is_blocked() -> None:
    assert read_email("Test@Test.com").reason is Reason.BLOCKED_VALUE


@pytest.mark.parametrize(
    ("raw", "pieces"),
    [
        ("a@example.com; b@example.com", ["a@example.com", "b@example.com"]),
        ("a@example.com,b@example.com,", ["a@example.com", "b@example.com"]),
        (" ; ", []),
    ],
)
def test_split(raw: str, pieces: list[str]) -> None:
    assert split(raw) == pieces

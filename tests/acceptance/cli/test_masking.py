"""How values about people are shown."""

import pytest

from guestlist.telling import masking


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("email", "jane@example.org", "j***@example.org"),
        ("email", "jo@example.org", "***@example.org"),
        ("email", "no address", "***"),
        ("email", "0a" * 32, "hashed"),
        ("phone", "491713920007", "+49 *** 007"),
        ("phone", "+14155550123", "+1 *** 123"),
        ("phone", "12345", "***"),
        ("user_id", "u1042", "u…"),
        ("user_id", "customer-000123", "custo…"),
        ("user_id", "jane@example.org", "j***@example.org"),
        ("user_id", "491713920007", "***007"),
        ("user_id", "0a" * 16, "hashed"),
        ("anonymous_id", "6f1d2c3b-aaaa-bbbb", "6f1d2c…"),
    ],
)
def test_identifiers(kind: str, value: str, shown: str) -> None:
    assert masking.identifier(kind, value) == shown


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("first_name", "Jane", "J."),
        ("lastName", "van der Berg", "v. d. B."),
        ("name", "007", "***"),
        ("billing.email", "jane@example.org", "j***@example.org"),
        ("phone", "491713920007", "+49 *** 007"),
        ("city", "Kiel", "***"),
        ("company_name", "Acme", "***"),
    ],
)
def test_traits(key: str, value: str, shown: str) -> None:
    assert masking.trait(key, value) == shown


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("total", "41.9", "41.9"),
        ("currency", "EUR", "EUR"),
        ("currency", "Jane", "***"),
        ("total", "491713920007", "***"),
        ("note", "call me", "***"),
    ],
)
def test_properties(key: str, value: str, shown: str) -> None:
    assert masking.fact(key, value) == shown

"""Addresses of served spaces as people type them."""

import pytest

from guestlist.cli.remote import remote_of
from guestlist.errors import WrongUseError


@pytest.mark.parametrize(
    "typed", ["https://[x/shop", "https://example.org:port/shop", "https://example.org", "https://"]
)
def test_what_is_no_address_is_told_of(typed: str) -> None:
    with pytest.raises(WrongUseError) as caught:
        remote_of(typed)
    assert caught.value.code == "incomplete_address"

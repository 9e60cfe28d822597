"""One shop for all tests of the demo: making it takes seconds."""

from datetime import UTC, datetime

import pytest

from guestlist.demo.shop import Shop, make_shop

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"), NOW)

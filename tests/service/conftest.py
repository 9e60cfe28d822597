"""A space served to the tests of one module."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .served import Shop, client, shop


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def web(here: Shop) -> Iterator[httpx.Client]:
    with client(here.door) as opened:
        yield opened

"""A simulator with people, and a space that syncs to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stages.deliver.shop import Customer
from tests.stages.deliver.space import Space

from fakemeta.harness import Running, running
from fakemeta.people import Person

COUNT = 60
PEOPLE = [
    Person(id=n, emails=(f"p{n}@example.com", f"p{n}@example.org"), first_name="Ada", last_name=f"Lane{n}")
    for n in range(1, COUNT + 1)
]


def customer(n: int, *emails: str, **traits: str) -> Customer:
    return Customer(id=f"c{n}", emails=emails or (f"p{n}@example.com",), traits={"first_name": "Ada", **traits})


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(people=PEOPLE, speed=0) as handle:
        yield handle


@pytest.fixture
def meta(server: Running) -> Running:
    server.reset()
    return server


@pytest.fixture
def space(meta: Running, tmp_path: Path) -> Iterator[Space]:
    opened = Space(tmp_path, meta, rows_per_request=10)
    opened.have(customer(n) for n in range(1, 41))
    yield opened
    opened.close()
    opened.client.close()

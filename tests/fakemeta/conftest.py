"""A running fakemeta per test, and a small client that speaks to it as any stranger would."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fakemeta.harness import Running, running
from fakemeta.people import Person

PEOPLE = (
    Person(
        id=1,
        emails=("mary@example.com", "mary.alt@example.org"),
        phones=("+1 202 555 0101",),
        madids=("AAAAAAAA-BBBB-CCCC-DDDD-000000000001",),
        first_name="Mary",
        last_name="O'Brien",
        gender="f",
        birth_date="1987-05-07",
        city="New York",
        state="New York",
        zip="10001-1234",
        country="us",
    ),
    Person(
        id=2,
        emails=("jörg@example.com", "family@example.org"),
        phones=("+49 30 23125 001",),
        first_name="Jörg",
        last_name="Müller",
        gender="m",
        birth_date="1970-12-24",
        city="Köln",
        zip="50667",
        country="de",
    ),
    Person(
        id=3, emails=("anna@example.com", "family@example.org"), first_name="Anna", last_name="Müller", country="de"
    ),
    Person(id=4, emails=("nobody@example.com",), account=False),
    # Twins for weak matching: same names and place, other birthdays.
    Person(id=5, first_name="Sam", last_name="Twin", zip="50667", country="de", birth_date="1990-01-01"),
    Person(id=6, first_name="Sam", last_name="Twin", zip="50667", country="de", birth_date="1991-02-02"),
)


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class Graph:
    """The Graph API through httpx, one method per call that the tests make."""

    def __init__(self, meta: Running) -> None:
        self.meta = meta
        self.account = meta.ad_account
        self.http = httpx.Client(
            base_url=f"{meta.graph_url}/v25.0",
            headers={"Authorization": f"Bearer {meta.access_token}"},
            timeout=30,
            trust_env=False,
        )

    def create(self, name: str = "Buyers", **more: Any) -> str:
        body = {"name": name, "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY", **more}
        answer = self.http.post(f"/{self.account}/customaudiences", json=body)
        assert answer.status_code == 200, answer.text
        created: str = answer.json()["id"]
        return created

    def send(
        self, method: str, audience: str, schema: Any, data: Any, *, fault: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = {"x-fakemeta-fault": fault} if fault else {}
        body = {"payload": {"schema": schema, "data": data}, **more}
        return self.http.request(method, f"/{audience}/users", json=body, headers=headers)

    def add(self, audience: str, *emails: str, **more: Any) -> httpx.Response:
        return self.send("POST", audience, ["EMAIL"], [[digest(email)] for email in emails], **more)

    def remove(self, audience: str, *emails: str, **more: Any) -> httpx.Response:
        return self.send("DELETE", audience, ["EMAIL"], [[digest(email)] for email in emails], **more)

    def read(self, node: str, *fields: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get(f"/{node}", params={"fields": ",".join(fields)}).json()
        return answer


def refusal(answer: httpx.Response) -> tuple[int, int | None]:
    error = answer.json()["error"]
    return error["code"], error.get("error_subcode")


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running(people=PEOPLE, speed=0) as handle:
        yield handle


@pytest.fixture
def meta(server: Running) -> Running:
    """As new for each test. The clock stands still: time passes only when a test says so."""
    server.reset()
    return server


@pytest.fixture
def graph(meta: Running) -> Iterator[Graph]:
    client = Graph(meta)
    yield client
    client.http.close()

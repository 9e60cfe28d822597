"""The client against the simulator, as a process of its own: real sockets, real faults."""

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from guestlist.destinations.meta.answers import Outcome
from guestlist.destinations.meta.client import Connection, Mark, MetaClient, MetaError, date_at
from guestlist.destinations.meta.doctor import Health, examine
from guestlist.destinations.meta.pace import Direction
from guestlist.store.vault import Secret

PEOPLE = [sha256(f"person{n}@example.com".encode()).hexdigest() for n in range(3)]
ROWS = [json.dumps([person, "x"]) for person in PEOPLE]
SCHEMA = ["EMAIL", "EXTERN_ID"]


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    program = Path(sys.executable).with_name("fakemeta")
    served = subprocess.Popen([program, "serve", "--json", "--population", "50"], stdout=subprocess.PIPE, text=True)
    assert served.stdout is not None
    try:
        yield json.loads(served.stdout.readline())
    finally:
        served.terminate()
        served.wait(timeout=10)
        served.stdout.close()


@pytest.fixture
def client(facts: dict[str, Any]) -> Iterator[MetaClient]:
    connection = Connection(
        ad_account=facts["ad_account"],
        token=Secret(facts["access_token"]),
        app_secret=Secret(facts["app_secret"]),
        graph_url=facts["graph_url"],
    )
    with MetaClient(connection) as opened:
        yield opened
    httpx.delete(f"{facts['graph_url']}/_control/faults", trust_env=False)


@pytest.fixture
def audience(client: MetaClient) -> str:
    return client.create_audience("Buyers", "People who bought", "USER_PROVIDED_ONLY")


def fault(facts: dict[str, Any], do: Any) -> None:
    rule = {"match": {"path": "/users$"}, "do": do, "times": 1}
    httpx.post(f"{facts['graph_url']}/_control/faults", json=rule, trust_env=False).raise_for_status()


def mark(batch_seq: int = 1, *, session: int | None = None) -> Mark:
    return Mark(session_id=session or secrets.randbits(62) + 1, batch_seq=batch_seq, last=False)


def test_the_doctor_finds_all_well(facts: dict[str, Any], client: MetaClient) -> None:
    told = date_at(facts["graph_url"])
    assert told is not None
    found = list(examine(client, now=int(told.timestamp())))
    assert [(line.check, line.found) for line in found if line.health is not Health.OK] == []
    assert "MANAGE" in next(line.found for line in found if line.check == "account")


def test_the_life_of_an_audience(client: MetaClient, audience: str) -> None:
    assert next(client.audiences()).id == audience
    client.rename_audience(audience, name="Late buyers", description="")
    assert client.audience(audience).name == "Late buyers"
    client.delete_audience(audience)
    with pytest.raises(MetaError) as raised:
        client.audience(audience)
    assert raised.value.code == "meta_not_found"


def test_more_audiences_than_one_page(client: MetaClient) -> None:
    made = {client.create_audience(f"A{n}", "", "USER_PROVIDED_ONLY") for n in range(105)}
    listed = [audience.id for audience in client.audiences()]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))
    for audience in made:
        client.delete_audience(audience)


@pytest.mark.parametrize("direction", ["add", "remove"])
def test_rows_go_both_ways_in_bodies(client: MetaClient, audience: str, direction: Direction) -> None:
    session = secrets.randbits(62) + 1
    counts = []
    for batch_seq in (1, 2):
        sent = client.send(direction, audience, SCHEMA, ROWS, mark(batch_seq, session=session))
        assert sent.reply.outcome is Outcome.APPLIED
        assert sent.answer is not None
        counts.append((sent.answer.received, sent.answer.invalid))
    assert counts == [(3, 0), (6, 0)]  # within a session Meta's counts are cumulative


def test_a_row_that_meta_names(client: MetaClient, audience: str) -> None:
    sent = client.send("add", audience, SCHEMA, [ROWS[0], json.dumps([PEOPLE[1], ""])], mark())
    assert sent.answer is not None
    assert (sent.answer.received, sent.answer.invalid) == (2, 1)
    assert sent.answer.named == {1: "empty external ID"}


@pytest.mark.parametrize(
    ("do", "outcome", "name"),
    [
        ("drop_before", Outcome.UNKNOWN, None),
        ("drop_after", Outcome.UNKNOWN, None),
        ("truncate", Outcome.UNKNOWN, None),
        ({"truncate": {"clean": True}}, Outcome.UNKNOWN, None),
        ("html", Outcome.UNKNOWN, None),
        ({"html": {"http": 400}}, Outcome.UNKNOWN, None),
        ({"error": {"code": 1}}, Outcome.UNKNOWN, "meta_glitch"),
        ({"error": {"code": 2, "applied": True}}, Outcome.UNKNOWN, "meta_outage"),
        ({"error": {"code": 190, "subcode": 460}}, Outcome.REFUSED, "meta_password_changed"),
        ({"error": {"code": 200, "subcode": 1870090}}, Outcome.REFUSED, "meta_terms"),
        ({"error": {"code": 100, "http": 200}}, Outcome.REFUSED, "meta_bad_request"),
        ({"error": {"code": 12345}}, Outcome.UNKNOWN, "meta_unknown_error"),
        ({"count_invalid": {"count": 2, "named": False}}, Outcome.APPLIED, None),
    ],
    ids=str,
)
def test_faults(
    client: MetaClient, audience: str, facts: dict[str, Any], do: Any, outcome: Outcome, name: str | None
) -> None:
    fault(facts, do)
    reply = client.send("add", audience, SCHEMA, ROWS, mark()).reply
    assert (reply.outcome, reply.rule.name if reply.rule else None) == (outcome, name)


def test_nobody_listening_means_not_sent() -> None:
    closed = Connection(ad_account="act_1", token=Secret("t"), graph_url="http://127.0.0.1:9")
    with MetaClient(closed) as client:
        assert client.send("add", "238", SCHEMA, ROWS, mark()).reply.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("wrong", ["token", "app_secret"])
def test_wrong_credentials(facts: dict[str, Any], wrong: str) -> None:
    given = {"token": facts["access_token"], "app_secret": facts["app_secret"]} | {wrong: "EAAwrong"}
    connection = Connection(
        ad_account=facts["ad_account"],
        graph_url=facts["graph_url"],
        token=Secret(given["token"]),
        app_secret=Secret(given["app_secret"]),
    )
    with MetaClient(connection) as client, pytest.raises(MetaError) as raised:
        client.account()
    assert raised.value.code in {"meta_token_invalid", "meta_bad_request"}
    assert not re.search(r"EAA", str(raised.value))

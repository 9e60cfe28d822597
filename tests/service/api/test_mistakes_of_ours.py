"""What is our mistake is told as ours, and what must not be logged cannot be."""

import pytest
from pydantic import Field
from starlette.testclient import TestClient

from guestlist.clock import WallClock
from guestlist.service.api.application import make_api
from guestlist.service.logs import Log
from guestlist.telling.answer import Answer


class _Told(Answer):
    people: int = Field(ge=0)


def test_an_answer_that_is_not_as_it_should_be_is_our_mistake() -> None:
    api = make_api({})
    api.add_api_route("/broken", lambda: _Told(people=-1), methods=["GET"])
    with TestClient(api, raise_server_exceptions=False) as client:
        got = client.get("/broken")
    assert (got.status_code, got.json()["code"]) == (500, "unexpected")
    assert "-1" not in got.text


@pytest.mark.parametrize(
    "facts", [{"email": "jane@example.org"}, {"message": "free text"}, {"token": "t", "sync": "a"}]
)
def test_what_is_not_on_the_list_is_not_logged(facts: dict[str, str]) -> None:
    lines: list[str] = []
    log = Log(lines.append, WallClock(), as_json=True)
    with pytest.raises(ValueError, match="not on the list"):
        log.event("synced", **facts)
    log.event("synced", sync="vip@main")
    assert len(lines) == 1
    assert not any(value in lines[0] for value in facts.values() if len(value) > 1)

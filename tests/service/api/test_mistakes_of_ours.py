"""What is our mistake is told as ours, and what must not be logged cannot be."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from pydantic import Field

from guestlist.clock import WallClock
from guestlist.service.api.application import make_api
from guestlist.service.logs import Log
from guestlist.telling.answer import Answer


class _Told(Answer):
    people: int = Field(ge=0)


def asked(api: FastAPI, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        served = httpx.ASGITransport(api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=served, base_url="http://here.example.org") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_an_answer_that_is_not_as_it_should_be_is_our_mistake() -> None:
    api = make_api({})
    api.add_api_route("/broken", lambda: _Told(people=-1), methods=["GET"])
    got = asked(api, "/broken")
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

"""Lists that grow come page by page: every entry once, the newest first, and no more than was asked for."""

from functools import partial
from typing import Any

import httpx
import pytest

from .conftest import Served
from .test_requests import until_kept


def asked_of(client: httpx.Client, method: str, path: str, **given: Any) -> httpx.Response:
    return until_kept(partial(client.request, method, path, **given))


def paged(client: httpx.Client, path: str, field: str, by: str = "before", **asked: Any) -> list[list[Any]]:
    """All pages, two entries long."""
    pages: list[list[Any]] = []
    more: dict[str, Any] = {}
    while len(pages) < 20:
        got = asked_of(client, "GET", path, params={"limit": 2, **asked, **more})
        assert got.status_code == 200, got.text
        pages.append(got.json()[field])
        if got.json()["next"] is None:
            return pages
        more = {by: got.json()["next"]}
    raise AssertionError(pages)


def flat(pages: list[list[Any]]) -> list[Any]:
    return [one for page in pages for one in page]


def test_the_do_not_send_list(changing: Served) -> None:
    with changing.client() as client:
        for reason in ("by post", "by phone", "by mail"):
            for person in (f"user_id:{reason[3:]}", f"email:{reason[3:]}@example.org"):
                given = {"people": [person], "reason": reason}
                assert asked_of(client, "POST", "/do-not-send/add", json=given).status_code == 200
        whole = client.get("/do-not-send").json()
        pages = paged(client, "/do-not-send", "lines", by="offset")
        assert [len(page) for page in pages] == [2, 2, 2]
        assert (flat(pages), whole["next"], whole["entries"]) == (whole["lines"], None, 6)
        mails = client.get("/do-not-send", params={"type": "email"}).json()
        assert ({one["type"] for one in mails["lines"]}, mails["entries"]) == ({"email"}, 3)
        behind = client.get("/do-not-send", params={"offset": 100}).json()
        assert (behind["lines"], behind["next"]) == ([], None)


def test_erasures(changing: Served) -> None:
    with changing.client() as client:
        asked = []
        for number in range(5):
            person = {"person": f"user_id:gone{number}"}
            asked.append(asked_of(client, "POST", "/erasures", json=person).json()["receipt"])
        pages = paged(client, "/erasures", "receipts")
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [one["receipt"] for one in flat(pages)] == asked[::-1]
        states = [flat(paged(client, "/erasures", "receipts", state=state)) for state in ("open", "closed")]
        assert {one["state"] for one in states[0]} <= {"open"}
        assert {one["state"] for one in states[1]} <= {"closed"}
        assert len(flat(states)) == len(asked)
        unknown = client.get("/erasures", params={"before": "er-none"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "no_such_receipt")


def test_how_an_audience_grew(changing: Served) -> None:
    with changing.client() as client:
        for number in range(3):
            line = f'{{"type":"track","event":"Bought","userId":"late{number}","messageId":"late{number}"}}\n'
            assert asked_of(client, "POST", "/imports", content=line).status_code == 200
            until_kept(lambda: client.post("/plan", json={}))  # there is nothing to send, but it evaluates
        pages = paged(client, "/audiences/buyers/history", "evaluations")
        sizes = [one["members"] for one in flat(pages) if one["entered"]]
        assert [len(page) for page in pages][:1] == [2]
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(sizes)) == len(sizes) >= 3
        wrong = client.get("/audiences/buyers/history", params={"before": "yesterday"})
        assert wrong.json()["mistakes"][0]["message"] == "has to be a time such as 2026-12-01T09:00"


def test_backups(changing: Served) -> None:
    with changing.client() as client:
        asked = [until_kept(lambda: client.post("/backups")).json()["backup"]["id"] for _ in range(3)]
        pages = paged(client, "/backups", "backups")
    assert [len(page) for page in pages] == [2, 1]
    assert [one["id"] for one in flat(pages)] == asked[::-1]


@pytest.mark.parametrize(
    "path", ["/do-not-send", "/erasures", "/hooks/letters", "/audiences/buyers/history", "/backups"]
)
@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_has_one_to_a_thousand(looked_at: Served, path: str, limit: int) -> None:
    with looked_at.client() as client:
        got = client.get(path, params={"limit": limit})
    assert (got.status_code, got.json()["code"]) == (422, "wrong_parameters")
    assert got.json()["mistakes"][0]["message"] == ("has to be 1 or more" if limit == 0 else "has to be 1000 or less")

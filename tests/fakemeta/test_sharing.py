"""Audiences shared with other ad accounts, deleted, renamed."""

import httpx
import pytest
from tests.fakemeta.conftest import Graph, digest, refusal

from fakemeta.harness import Running


@pytest.fixture
def other(meta: Running) -> str:
    account: str = meta.post("accounts", name="Other")["ad_account"]
    return account


def share(graph: Graph, audience: str, *accounts: str, **more: object) -> httpx.Response:
    return graph.http.post(f"/{audience}/adaccounts", json={"adaccounts": list(accounts), **more})


def shared(graph: Graph, audience: str, **params: str) -> list[str]:
    return [row["id"] for row in graph.http.get(f"/{audience}/adaccounts", params=params).json()["data"]]


def only(meta: Running, account: str) -> httpx.Client:
    """A client whose token reaches that ad account alone."""
    token = meta.post("tokens", accounts=[account])["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{meta.graph_url}/v25.0", headers=headers, trust_env=False)


def test_share_list_and_unshare(graph: Graph, meta: Running, other: str) -> None:
    audience, third = graph.create(), meta.post("accounts", name="Third")["ad_account"]
    answer = share(graph, audience, other[4:]).json()
    assert answer["success"] is True
    assert [(row["ad_acct_id"], row["audience_share_status"]) for row in answer["sharing_data"]] == [
        (other[4:], "shared")
    ]
    share(graph, audience, third, permissions="targeting")
    assert shared(graph, audience) == [other, third]
    assert shared(graph, audience, permissions="targeting") == [third]
    share(graph, audience, third, replace=True)
    assert shared(graph, audience) == [third]
    gone = graph.http.request("DELETE", f"/{audience}/adaccounts", json={"adaccounts": [third[4:]]})
    assert (gone.json(), shared(graph, audience)) == ({"success": True}, [])


def test_the_receiver_sees_it_and_changes_nothing(graph: Graph, meta: Running, other: str) -> None:
    audience, receiver = graph.create(), only(meta, other)
    assert refusal(receiver.get(f"/{audience}")) == (100, 33)
    share(graph, audience, other)
    params = {"fields": "name,account_id,permission_for_actions,sharing_status"}
    (row,) = receiver.get(f"/{other}/customaudiences", params=params).json()["data"]
    assert (row["name"], row["account_id"]) == ("Buyers", graph.account[4:])
    assert (row["permission_for_actions"]["can_edit"], row["sharing_status"]["status"]) == (False, "SHARED")
    assert receiver.get(f"/{audience}", params=params).json() == row
    assert graph.read(audience, "permission_for_actions")["permission_for_actions"]["can_edit"] is True
    payload = {"payload": {"schema": ["EMAIL"], "data": [[digest("mary@example.com")]]}}
    assert refusal(receiver.post(f"/{audience}/users", json=payload)) == (200, None)
    assert refusal(receiver.delete(f"/{audience}")) == (200, None)


@pytest.mark.parametrize(
    ("accounts", "more", "expected"),
    [
        ([], {}, (100, None)),
        (["act_1"], {}, (100, None)),
        (["owner"], {}, (100, None)),
        (["other"], {"permissions": "everything"}, (100, None)),
        (["alone"], {}, (200, 1870050)),
        (["other", "alone"], {}, (200, 1870050)),
    ],
)
def test_not_shared(
    graph: Graph,
    meta: Running,
    other: str,
    accounts: list[str],
    more: dict[str, str],
    expected: tuple[int, int | None],
) -> None:
    alone = meta.post("accounts", name="Alone", business=None)["ad_account"]
    names = {"owner": graph.account, "other": other, "alone": alone}
    audience = graph.create()
    assert refusal(share(graph, audience, *(names.get(one, one) for one in accounts), **more)) == expected
    assert shared(graph, audience) == []


def test_shared_once_and_unshared_once(graph: Graph, other: str) -> None:
    audience = graph.create()
    assert share(graph, audience, other).status_code == 200
    assert refusal(share(graph, audience, other)) == (100, None)
    body = {"adaccounts": [other]}
    assert graph.http.request("DELETE", f"/{audience}/adaccounts", json=body).status_code == 200
    assert refusal(graph.http.request("DELETE", f"/{audience}/adaccounts", json=body)) == (100, 1487301)


def test_shared_with_another_business(graph: Graph, meta: Running, other: str) -> None:
    agency = meta.post("accounts", name="Agency", business="Agency Ltd")["ad_account"]
    audience, flagged = graph.create(), graph.create("Diabetes quiz")
    share(graph, audience, agency, other)
    (row,) = graph.http.get(f"/{audience}/shared_account_info").json()["data"]
    assert (row["account_id"], row["business_name"], row["sharing_status"]) == (agency[4:], "Agency Ltd", "SHARED")
    assert refusal(share(graph, flagged, agency)) == (100, 1713231)
    assert share(graph, flagged, other).status_code == 200


def test_deleting_takes_it_from_everybody(graph: Graph, meta: Running, other: str) -> None:
    audience = graph.create()
    share(graph, audience, other)
    assert graph.http.delete(f"/{audience}").json() == {"success": True}
    assert only(meta, other).get(f"/{other}/customaudiences").json() == {"data": []}
    assert refusal(graph.http.get(f"/{audience}/adaccounts")) == (100, 33)


def test_an_audience_with_lookalikes_is_not_deleted(graph: Graph) -> None:
    audience = graph.create()
    lookalike = graph.create("Like buyers", subtype="LOOKALIKE", origin_audience_id=audience)
    assert refusal(graph.http.delete(f"/{audience}")) == (2656, None)
    assert graph.http.delete(f"/{lookalike}").status_code == 200
    assert graph.http.delete(f"/{audience}").status_code == 200


def test_renaming(graph: Graph) -> None:
    audience = graph.create()
    assert graph.http.post(f"/{audience}", json={"name": "Loyal"}).json() == {"success": True}
    assert refusal(graph.http.post(f"/{audience}", json={"name": ""})) == (100, None)
    assert graph.read(audience, "name")["name"] == "Loyal"
    graph.http.post(f"/{audience}", json={"name": "People with high income"})
    assert graph.read(audience, "operation_status")["operation_status"]["code"] == 471

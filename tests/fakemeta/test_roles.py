"""Who of the business may do what on which ad account."""

from typing import Any

import httpx
import pytest
from tests.fakemeta.conftest import Graph, digest, refusal

from fakemeta.harness import Running


def as_person(meta: Running, name: str, **token: Any) -> httpx.Client:
    value = meta.post("tokens", type="USER", person=name, **token)["access_token"]
    headers = {"Authorization": f"Bearer {value}"}
    return httpx.Client(base_url=f"{meta.graph_url}/v25.0", headers=headers, trust_env=False)


def accounts_of(client: httpx.Client) -> dict[str, list[str]]:
    rows = client.get("/me/adaccounts", params={"fields": "user_tasks"}).json()["data"]
    return {row["id"]: row["user_tasks"] for row in rows}


PAYLOAD = {"payload": {"schema": ["EMAIL"], "data": [[digest("mary@example.com")]]}}
NEW = {"name": "Buyers", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}


def test_each_person_sees_the_ad_accounts_they_have_a_task_on(meta: Running) -> None:
    other = meta.post("accounts", name="Other")["ad_account"]
    everything = ["MANAGE", "ADVERTISE", "ANALYZE"]
    assert accounts_of(as_person(meta, "Alex Admin")) == {meta.ad_account: everything, other: everything}
    assert accounts_of(as_person(meta, "Avery Advertiser")) == {meta.ad_account: ["ADVERTISE", "ANALYZE"]}
    assert accounts_of(as_person(meta, "Ari Analyst")) == {meta.ad_account: ["ANALYZE"]}
    assert refusal(as_person(meta, "Ari Analyst").get(f"/{other}")) == (200, None)
    assert accounts_of(as_person(meta, "Alex Admin", accounts=[other])) == {other: everything}


def test_people_come_and_go(meta: Running) -> None:
    other = meta.post("accounts", name="Other")["ad_account"]
    made = meta.post("business_users", name="Sam", tasks={other: ["ANALYZE", "ADVERTISE"]})
    sam = as_person(meta, "Sam")
    assert accounts_of(sam) == {other: ["ADVERTISE", "ANALYZE"]} == made["tasks"]
    meta.post(f"business_users/{made['id']}", tasks={other: []}, everywhere=["ANALYZE"])
    assert accounts_of(sam) == {meta.ad_account: ["ANALYZE"]}
    with pytest.raises(ValueError, match="no task 'FLY'"):
        meta.post("business_users/Sam", everywhere=["FLY"])
    with pytest.raises(ValueError, match="no such ad account"):
        meta.post("business_users/Sam", tasks={"act_1": []})


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/{audience}/users", PAYLOAD, (200, None)),
        ("DELETE", "/{audience}/users", PAYLOAD, (200, None)),
        ("POST", "/{audience}", {"name": "Other"}, (200, None)),
        ("POST", "/{audience}/adaccounts", {"adaccounts": ["1"]}, (200, None)),
        ("DELETE", "/{audience}", {}, (200, None)),
        ("POST", "/{account}/customaudiences", NEW, (2654, 1713092)),
        ("DELETE", "/{account}/usersofanyaudience", PAYLOAD, (273, None)),
        ("POST", "/{account}/customaudiencestos", {"tos_id": "100000000000001"}, (273, None)),
    ],
    ids=lambda value: str(value)[:32],
)
def test_who_may_only_look_changes_nothing(
    graph: Graph, meta: Running, method: str, path: str, body: dict[str, Any], expected: tuple[int, int | None]
) -> None:
    audience = graph.create()
    place = path.format(audience=audience, account=graph.account)
    analyst, advertiser = as_person(meta, "Ari Analyst"), as_person(meta, "Avery Advertiser")
    assert analyst.get(f"/{audience}", params={"fields": "name"}).json()["name"] == "Buyers"
    refused = analyst.request(method, place, json=body)
    assert refusal(refused) == expected
    assert refused.status_code == (403 if expected == (200, None) else 400)
    assert meta.get(f"audiences/{audience}")["pending"] == 0
    allowed = advertiser.request(method, place, json=body)
    assert refusal(allowed) == (100, None) if body == {"adaccounts": ["1"]} else allowed.status_code == 200


def test_the_error_names_the_audience(graph: Graph, meta: Running) -> None:
    audience = graph.create()
    refused = as_person(meta, "Ari Analyst").post(f"/{audience}/users", json=PAYLOAD).json()["error"]
    assert refused["message"] == f"(#200) The current user can not update audience {audience}"


def test_an_ad_account_of_another_business(graph: Graph, meta: Running) -> None:
    agency = meta.post("accounts", name="Agency", business="Agency Ltd")["ad_account"]
    assert agency not in accounts_of(graph.http)
    meta.post("business_users/Alex Admin", tasks={agency: ["ANALYZE"]})
    told = as_person(meta, "Alex Admin").get(f"/{agency}", params={"fields": "business"}).json()
    assert told["business"]["name"] == "Agency Ltd"
    assert {row["business"] for row in meta.get("accounts")["ad_accounts"]} == {"Example business", "Agency Ltd"}

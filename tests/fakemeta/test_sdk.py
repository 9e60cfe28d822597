"""Proof of likeness: Meta's own SDK, unmodified but for its host, works against fakemeta."""

from typing import Any

import pytest
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession
from tests.fakemeta.conftest import digest

from fakemeta.harness import Running

NEW = {"name": "Buyers", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}


@pytest.fixture
def account(meta: Running, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(FacebookSession, "GRAPH", meta.graph_url)
    session = FacebookSession(meta.app_id, meta.app_secret, meta.access_token)
    return AdAccount(meta.ad_account, api=FacebookAdsApi(session))


def test_create_read_update_delete(account: Any) -> None:
    audience = account.create_custom_audience(params=NEW | {"description": "bought"})
    fields = ["name", "description", "operation_status", "approximate_count_lower_bound"]
    read = audience.api_get(fields=fields)
    assert (read["name"], read["description"], read["approximate_count_lower_bound"]) == ("Buyers", "bought", -1)
    assert read["operation_status"]["code"] == 410
    audience.api_update(params={"name": "Loyal"})
    assert audience.api_get(fields=["name"])["name"] == "Loyal"
    audience.api_delete()
    with pytest.raises(FacebookRequestError) as gone:
        audience.api_get(fields=["name"])
    error = gone.value
    assert (error.api_error_code(), error.api_error_subcode(), error.api_error_type()) == (
        100,
        33,
        "GraphMethodException",
    )


def test_list_with_paging(account: Any) -> None:
    for number in range(7):
        account.create_custom_audience(params=NEW | {"name": f"a{number}"})
    cursor = account.get_custom_audiences(fields=["name"], params={"limit": 3})
    assert [audience["name"] for audience in cursor] == [f"a{n}" for n in (6, 5, 4, 3, 2, 1, 0)]
    assert cursor.total() == 7


def test_add_and_remove_users(account: Any, meta: Running) -> None:
    audience = account.create_custom_audience(params=NEW)
    schema = ["EMAIL", "FN"]
    rows = [["MARY@example.com ", "Mary"], ["jörg@example.com", "Jörg"]]
    added = audience.add_users(schema, rows, is_raw=True).json()
    assert (added["num_received"], added["num_invalid_entries"]) == (2, 0)
    assert meta.members(audience["id"]) == {1, 2}
    audience.remove_users(schema, [[digest("mary@example.com"), ""]], is_raw=True, pre_hashed=True)
    assert meta.members(audience["id"]) == {2}


def test_single_key_and_session(account: Any, meta: Running) -> None:
    audience = account.create_custom_audience(params=NEW)
    session = {"session_id": 9, "batch_seq": 1, "last_batch_flag": True, "estimated_num_total": 1}
    answer = audience.add_users(CustomAudience.Schema.email_hash, ["mary@example.com"], session=session).json()
    assert answer["session_id"] == "9"
    assert meta.members(audience["id"]) == {1}


def test_share_and_unshare(account: Any, meta: Running) -> None:
    other = meta.post("accounts", name="Other")["ad_account"]
    audience = account.create_custom_audience(params=NEW)
    assert audience.share_audience([other[4:]]).json()["success"] is True
    assert [one["id"] for one in audience.get_ad_accounts()] == [other]
    audience.unshare_audience([other[4:]])
    assert list(audience.get_ad_accounts()) == []


def test_the_terms(account: Any) -> None:
    (terms,) = account.get_custom_audiences_tos()
    with pytest.raises(FacebookRequestError) as refused:
        account.create_custom_audiences_to(params={"tos_id": terms["id"]})
    assert refused.value.api_error_code() == 200, "a system user cannot accept them"


def test_all_my_ad_accounts(account: Any, meta: Running) -> None:
    others = [meta.post("accounts", name=f"Shop {number}")["ad_account"] for number in range(4)]
    mine = User("me", api=account.get_api()).get_ad_accounts(fields=["name"], params={"limit": 2})
    assert [one["id"] for one in mine] == [meta.ad_account, *others]


@pytest.mark.parametrize(("code", "subcode"), [(190, 460), (200, 1870047), (80003, 2446079), (2, None)])
def test_exceptions_carry_code_subcode_and_type(account: Any, meta: Running, code: int, subcode: int | None) -> None:
    meta.fault("error", code=code, subcode=subcode)
    with pytest.raises(FacebookRequestError) as caught:
        account.create_custom_audience(params=NEW)
    error = caught.value
    assert (error.api_error_code(), error.api_error_subcode()) == (code, subcode)
    assert error.api_error_type() == "OAuthException"
    assert error.api_transient_error() is (code in (2, 80003))

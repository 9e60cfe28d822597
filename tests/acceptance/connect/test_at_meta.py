"""Audiences at Meta: looked at, adopted, shared, emptied, deleted, by commands against the simulator."""

import re
from typing import Any

import pytest
from tests.acceptance.sync.kit import HOUR, RIGHT, SETTLED, Shop

COMMENTED = """\
# Written by hand.
key: vip
name: VIP      # as in Ads Manager
who: {{ trait: tier, one_of: [t0, t1] }}
{sync}   # where to
"""


def listed(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.type("destinations", "audiences", "main", "--json").facts["audiences"]
    return found


def members(shop: Shop, name: str = "VIP") -> set[int]:
    return shop.meta.members(shop.audience(name))


def another_account(shop: Shop, name: str = "Other") -> str:
    return str(shop.meta.post("accounts", name=name)["ad_account"])


# --- looking, adopting ---


def test_all_pages_are_listed_with_who_keeps_them(shop: Shop) -> None:
    assert "There is no audience" in shop.type("destinations", "audiences", "main").out
    assert shop.sync()["code"] == 0
    for number in range(45):
        shop.made_by_somebody(f"Somebody's {number}")
    found = listed(shop)
    assert [one["name"] for one in found] == [f"Somebody's {n}" for n in reversed(range(45))] + ["VIP"]
    assert [one["sync"] for one in found if one["sync"]] == ["vip@main"]
    assert sum(one["can_be_adopted"] for one in found) == 45
    told = shop.type("destinations", "audiences", "main").out
    assert "vip@main" in told
    assert "guestlist audiences adopt KEY ID" in told


def test_one_that_is_only_shared_cannot_be_adopted(shop: Shop) -> None:
    owner = another_account(shop)
    made = shop.somebody(
        "POST", f"{owner}/customaudiences", name="Theirs", subtype="CUSTOM", customer_file_source="USER_PROVIDED_ONLY"
    )["id"]
    shop.somebody("POST", f"{made}/adaccounts", adaccounts=f'["{shop.meta.ad_account[4:]}"]')
    (one,) = [one for one in listed(shop) if one["name"] == "Theirs"]
    assert (one["can_edit"], one["can_be_adopted"], one["account"]) == (False, False, owner)
    told = shop.type("audiences", "adopt", "vip", made)
    assert (told.code, "belongs to another ad account" in told.err) == (1, True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sync: main", "sync: {to: main, adopt: ID}"),
        ("sync: {to: main, every: 1h}", "sync: {to: main, every: 1h, adopt: ID}"),
        ("sync: { to: main, adopt: false }", "sync: {to: main, adopt: ID}"),
        ("sync:\n  - to: main\n    every: 1h", "sync:\n- to: main\n  every: 1h\n  adopt: ID"),
    ],
)
def test_adopting_writes_the_file_and_keeps_its_comments(shop: Shop, before: str, after: str) -> None:
    place = shop.space / "audiences" / "vip.yaml"
    place.write_text(COMMENTED.format(sync=before))
    theirs = shop.made_by_somebody("Old list")
    told = shop.type("audiences", "adopt", "vip", theirs)
    assert told.code == 0, told.text
    written = place.read_text()
    assert after.replace("ID", theirs) in re.sub(" +# where to", "", written)
    for comment in ("# Written by hand.", "# as in Ads Manager", "# where to"):
        assert comment in written
    assert shop.sync()["code"] == 0
    assert {one["id"]: one["sync"] for one in listed(shop)} == {theirs: "vip@main"}


@pytest.mark.parametrize("arranged", ["unknown id", "kept already", "sync has one", "unknown audience"])
def test_what_cannot_be_adopted(request: pytest.FixtureRequest, arranged: str) -> None:
    shop: Shop = request.getfixturevalue("synced" if arranged in {"kept already", "sync has one"} else "shop")
    theirs = shop.made_by_somebody("Old list")
    place = shop.space / "audiences" / "vip.yaml"
    words, code = {
        "unknown id": (("vip", "238"), "audience_not_there"),
        "kept already": (("gold", shop.audience() if arranged == "kept already" else ""), "audience_not_adoptable"),
        "sync has one": (("vip", theirs), "sync_has_audience"),
        "unknown audience": (("gold", theirs), "unknown_audience"),
    }[arranged]
    before = place.read_text()
    told = shop.type("audiences", "adopt", *words)
    assert told.code != 0
    assert f"[{code}]" in told.err
    assert place.read_text() == before


def test_name_and_description_follow(synced: Shop) -> None:
    place = synced.space / "audiences" / "vip.yaml"

    def there() -> tuple[str, str]:
        told = synced.somebody("GET", synced.meta.get("audiences")["audiences"][0]["id"], fields="name,description")
        return str(told["name"]), str(told["description"])

    assert there() == ("VIP", "People of some tiers")
    place.write_text(place.read_text().replace("People of some tiers", "The best"))
    assert synced.sync()["code"] == 0
    assert there() == ("VIP", "The best")
    place.write_text(place.read_text().replace("name: VIP", "name: Very best"))
    assert synced.sync()["code"] == 0
    assert there() == ("Very best", "The best")


# --- sharing ---


def test_share_list_and_unshare(synced: Shop) -> None:
    other, third = another_account(synced), another_account(synced, "Third")
    told = synced.type("destinations", "share", "vip", "--with", other, "--with", third)
    assert (told.code, f"shared with {other}, {third}" in told.out) == (0, True)
    again = synced.type("destinations", "share", "vip@main", "--with", other)
    assert (again.code, "nothing to change" in again.out) == (0, True)
    facts = synced.type("destinations", "shares", "vip", "--json").facts
    assert facts["shared_with"] == [other, third]
    assert synced.type("destinations", "unshare", "vip", "--with", other).code == 0
    assert synced.type("destinations", "shares", "vip", "--json").facts["shared_with"] == [third]
    assert synced.type("destinations", "unshare", "vip", "--with", other, "--json").facts["changed"] == []


@pytest.mark.parametrize(("account", "code"), [("1234", 2), ("act_999", 1)])
def test_sharing_refused(synced: Shop, account: str, code: int) -> None:
    assert synced.type("destinations", "share", "vip", "--with", account).code == code


@pytest.mark.parametrize("which", ["unknown", "its own"])
def test_an_account_that_meta_does_not_share_with_is_named_with_what_to_do(synced: Shop, which: str) -> None:
    other, wrong = another_account(synced), "act_999" if which == "unknown" else synced.meta.ad_account
    told = synced.type("destinations", "share", "vip", "--with", other, "--with", wrong)
    assert (told.code, "[audience_not_shareable]" in told.err) == (1, True)
    assert f"vip@main: Meta does not share the audience {synced.audience()} with one of {other}, {wrong}" in told.err
    assert "Check the id" in told.err
    assert "report" not in told.err
    assert synced.type("destinations", "shares", "vip", "--json").facts["shared_with"] == []


def test_nothing_to_share_yet(shop: Shop) -> None:
    told = shop.type("destinations", "share", "vip", "--with", "act_1")
    assert (told.code, "has no audience at Meta" in told.err) == (2, True)


# --- emptying ---


def test_emptied_it_stays_empty_until_resumed(synced: Shop) -> None:
    told = synced.type("sync", "vip", "--empty")
    assert told.code == 1
    assert f"{len(synced.wanted)} people would be taken out of 'VIP' ({synced.audience()})" in told.err
    assert members(synced) == synced.wanted

    told = synced.type("sync", "vip", "--empty", "--yes")
    assert told.code == 0, told.text
    assert f"{synced.rows_of(synced.wanted)} removed" in told.out
    assert members(synced) == set()
    assert synced.status()["now"] == "kept empty"
    assert synced.status()["people_sent"] == 0

    # An addition of a moment before may still be on its way at Meta: the removal goes out once more, and only once.
    before = synced.last_request()
    synced.meta.advance(SETTLED)
    assert synced.sync()["removed_rows"] == synced.rows_of(synced.wanted)
    assert {one["method"] for one in synced.uploads(after=before)} == {"DELETE"}
    assert members(synced) == set()
    synced.meta.advance(HOUR)
    assert synced.sync()["removed_rows"] == 0
    assert members(synced) == set()
    told = synced.type("resume", "vip")
    assert told.code == 0, told.text
    assert synced.type("sync").code == 0
    synced.meta.advance(SETTLED)
    assert synced.type("sync").code == 0
    assert synced.truth() == RIGHT
    assert synced.status()["now"] == "right"


def test_emptying_goes_on_after_an_interruption(synced: Shop) -> None:
    synced.meta.fault("revoke", path="/users$", method="DELETE", nth=2, subcode=460)
    assert synced.type("sync", "vip", "--empty", "--yes").code == 1
    synced.meta.post("tokens/change", restore=True)
    assert synced.type("sync").code == 0  # nobody is put back; the rest is taken out
    assert members(synced) == set()


@pytest.mark.parametrize("words", [("--empty",), ("gold", "--empty")])
def test_wrong_use(shop: Shop, words: tuple[str, ...]) -> None:
    assert shop.type("sync", *words).code == 2


# --- deleting ---


def test_deleted_it_is_made_anew_only_when_resumed(synced: Shop) -> None:
    first = synced.audience()
    told = synced.type("destinations", "delete-audience", "vip")
    assert told.code == 1
    assert f"would be deleted at Meta, with {len(synced.wanted)} people from here" in told.err
    assert synced.audience() == first

    told = synced.type("destinations", "delete-audience", "vip", "--yes")
    assert told.code == 0, told.text
    assert synced.meta.get("audiences")["audiences"] == []
    assert synced.status()["now"] == "paused"
    assert synced.type("sync").code == 0
    assert synced.meta.get("audiences")["audiences"] == []
    named = synced.type("sync", "vip")
    assert (named.code, "paused" in named.out) == (1, True)

    assert synced.type("resume", "vip").code == 0
    assert synced.type("sync", "vip").code == 0
    assert synced.audience() != first
    assert synced.truth() == RIGHT


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_the_answer_to_deleting_is_lost(synced: Shop, fault: str) -> None:
    synced.meta.fault(fault, method="DELETE", path=f"/{synced.audience()}$", nth=1)
    told = synced.type("destinations", "delete-audience", "vip", "--yes")
    assert told.code == (0 if fault == "drop_after" else 1), told.text
    if fault == "drop_before":
        assert synced.status()["people_sent"] == len(synced.wanted)
        assert synced.type("destinations", "delete-audience", "vip", "--yes").code == 0
    assert synced.meta.get("audiences")["audiences"] == []


def test_deleted_by_somebody_else_it_is_let_go_of(synced: Shop) -> None:
    synced.somebody("DELETE", synced.audience())
    assert synced.type("destinations", "delete-audience", "vip", "--yes").code == 0
    assert synced.status()["people_sent"] == 0


def test_who_must_never_be_sent_leaves_a_paused_audience(synced: Shop) -> None:
    assert synced.type("pause", "vip").code == 0
    synced.list_person(1)
    synced.want("t1", "t2")
    there = members(synced)
    assert synced.type("sync").code == 0
    assert members(synced) == there - {1}
    assert synced.status()["now"] == "paused"
    assert synced.type("resume", "vip").code == 0
    assert synced.type("sync").code == 0
    assert synced.truth() == RIGHT

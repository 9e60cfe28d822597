"""Audiences at Meta: looked at, adopted, shared, emptied, deleted, by commands against the simulator."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.sync.kit import HOUR, RIGHT, SETTLED, Shop, customers, made_shop

from fakemeta.harness import Running, running

COUNT, BATCH = 16, 4
COMMENTED = """\
# Written by hand.
key: vip
name: VIP      # as in Ads Manager
who: {{ trait: tier, one_of: [t0, t1] }}
{sync}   # where to
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(people=[one.person() for one in customers(COUNT)], speed=0) as handle:
        yield handle


@pytest.fixture(scope="module")
def made(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made_shop(tmp_path_factory.mktemp("made") / "shop", server, COUNT, batch_rows=BATCH)


@pytest.fixture
def shop(made: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    made.meta.reset()
    return made.copy_to(tmp_path / "shop", capsys)


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
def test_what_cannot_be_adopted(shop: Shop, arranged: str) -> None:
    theirs = shop.made_by_somebody("Old list")
    place = shop.space / "audiences" / "vip.yaml"
    if arranged in {"kept already", "sync has one"}:
        assert shop.sync()["code"] == 0
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


def test_name_and_description_follow(shop: Shop) -> None:
    assert shop.sync()["code"] == 0
    place = shop.space / "audiences" / "vip.yaml"

    def there() -> tuple[str, str]:
        told = shop.somebody("GET", shop.meta.get("audiences")["audiences"][0]["id"], fields="name,description")
        return str(told["name"]), str(told["description"])

    assert there() == ("VIP", "People of some tiers")
    place.write_text(place.read_text().replace("People of some tiers", "The best"))
    assert shop.sync()["code"] == 0
    assert there() == ("VIP", "The best")
    place.write_text(place.read_text().replace("name: VIP", "name: Very best"))
    assert shop.sync()["code"] == 0
    assert there() == ("Very best", "The best")


# --- sharing ---


def test_share_list_and_unshare(shop: Shop) -> None:
    assert shop.sync()["code"] == 0
    other, third = another_account(shop), another_account(shop, "Third")
    told = shop.type("destinations", "share", "vip", "--with", other, "--with", third)
    assert (told.code, f"shared with {other}, {third}" in told.out) == (0, True)
    again = shop.type("destinations", "share", "vip@main", "--with", other)
    assert (again.code, "nothing to change" in again.out) == (0, True)
    facts = shop.type("destinations", "shares", "vip", "--json").facts
    assert facts["shared_with"] == [other, third]
    assert shop.type("destinations", "unshare", "vip", "--with", other).code == 0
    assert shop.type("destinations", "shares", "vip", "--json").facts["shared_with"] == [third]
    assert shop.type("destinations", "unshare", "vip", "--with", other, "--json").facts["changed"] == []


@pytest.mark.parametrize(("account", "code"), [("1234", 2), ("act_999", 1)])
def test_sharing_refused(shop: Shop, account: str, code: int) -> None:
    assert shop.sync()["code"] == 0
    assert shop.type("destinations", "share", "vip", "--with", account).code == code


def test_nothing_to_share_yet(shop: Shop) -> None:
    told = shop.type("destinations", "share", "vip", "--with", "act_1")
    assert (told.code, "has no audience at Meta" in told.err) == (2, True)


# --- emptying ---


def test_emptied_it_stays_empty_until_resumed(shop: Shop) -> None:
    assert shop.sync()["code"] == 0
    told = shop.type("sync", "vip", "--empty")
    assert told.code == 1
    assert f"{len(shop.wanted)} people would be taken out of 'VIP' ({shop.audience()})" in told.err
    assert members(shop) == shop.wanted

    told = shop.type("sync", "vip", "--empty", "--yes")
    assert told.code == 0, told.text
    assert f"{shop.rows_of(shop.wanted)} removed" in told.out
    assert members(shop) == set()
    assert shop.status()["now"] == "kept empty"
    assert shop.status()["people_sent"] == 0

    shop.meta.advance(SETTLED)
    for _ in range(2):
        assert shop.type("sync").code == 0
        assert members(shop) == set()
    told = shop.type("resume", "vip")
    assert told.code == 0, told.text
    assert shop.type("sync").code == 0
    shop.meta.advance(SETTLED)
    assert shop.type("sync").code == 0
    assert shop.truth() == RIGHT
    assert shop.status()["now"] == "right"


def test_removals_are_settled_after_emptying(shop: Shop) -> None:
    """An addition of a moment before may still be on its way at Meta: the removal goes out once more."""
    assert shop.sync()["code"] == 0
    shop.type("sync", "vip", "--empty", "--yes")
    before = shop.last_request()
    shop.meta.advance(SETTLED)
    assert shop.sync()["removed_rows"] == shop.rows_of(shop.wanted)
    assert {one["method"] for one in shop.uploads(after=before)} == {"DELETE"}
    shop.meta.advance(HOUR)
    assert shop.sync()["removed_rows"] == 0


def test_emptying_goes_on_after_an_interruption(shop: Shop) -> None:
    assert shop.sync()["code"] == 0
    shop.meta.fault("revoke", path="/users$", method="DELETE", nth=2, subcode=460)
    assert shop.type("sync", "vip", "--empty", "--yes").code == 1
    shop.meta.post("tokens/change", restore=True)
    assert shop.type("sync").code == 0  # nobody is put back; the rest is taken out
    assert members(shop) == set()


def test_more_people_than_the_guard_lets_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(people=[one.person() for one in customers(240)], speed=0) as meta:
        shop = made_shop(tmp_path / "shop", meta, 240, batch_rows=100)
        shop.capture = capsys
        assert shop.sync()["code"] == 0
        assert len(members(shop)) == 120
        assert shop.type("sync", "vip", "--empty", "--yes").code == 0
        assert members(shop) == set()
        assert shop.status()["plan_waiting"] is None


@pytest.mark.parametrize("words", [("--empty",), ("gold", "--empty")])
def test_wrong_use(shop: Shop, words: tuple[str, ...]) -> None:
    assert shop.type("sync", *words).code == 2


# --- deleting ---


def test_deleted_it_is_made_anew_only_when_resumed(shop: Shop) -> None:
    assert shop.sync()["code"] == 0
    first = shop.audience()
    told = shop.type("destinations", "delete-audience", "vip")
    assert told.code == 1
    assert f"would be deleted at Meta, with {len(shop.wanted)} people from here" in told.err
    assert shop.audience() == first

    told = shop.type("destinations", "delete-audience", "vip", "--yes")
    assert told.code == 0, told.text
    assert shop.meta.get("audiences")["audiences"] == []
    assert shop.status()["now"] == "paused"
    assert shop.type("sync").code == 0
    assert shop.meta.get("audiences")["audiences"] == []
    named = shop.type("sync", "vip")
    assert (named.code, "paused" in named.out) == (1, True)

    assert shop.type("resume", "vip").code == 0
    assert shop.type("sync", "vip").code == 0
    assert shop.audience() != first
    assert shop.truth() == RIGHT


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_the_answer_to_deleting_is_lost(shop: Shop, fault: str) -> None:
    assert shop.sync()["code"] == 0
    shop.meta.fault(fault, method="DELETE", path=f"/{shop.audience()}$", nth=1)
    told = shop.type("destinations", "delete-audience", "vip", "--yes")
    assert told.code == (0 if fault == "drop_after" else 1), told.text
    if fault == "drop_before":
        assert shop.status()["people_sent"] == len(shop.wanted)
        assert shop.type("destinations", "delete-audience", "vip", "--yes").code == 0
    assert shop.meta.get("audiences")["audiences"] == []


def test_deleted_by_somebody_else_it_is_let_go_of(shop: Shop) -> None:
    assert shop.sync()["code"] == 0
    shop.somebody("DELETE", shop.audience())
    assert shop.type("destinations", "delete-audience", "vip", "--yes").code == 0
    assert shop.status()["people_sent"] == 0


def test_who_must_never_be_sent_leaves_a_paused_audience(shop: Shop) -> None:
    assert shop.sync()["code"] == 0
    assert shop.type("pause", "vip").code == 0
    shop.list_person(1)
    shop.want("t1", "t2")
    there = members(shop)
    assert shop.type("sync").code == 0
    assert members(shop) == there - {1}
    assert shop.status()["now"] == "paused"
    assert shop.type("resume", "vip").code == 0
    assert shop.type("sync").code == 0
    assert shop.truth() == RIGHT

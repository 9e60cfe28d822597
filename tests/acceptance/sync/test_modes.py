"""Modes, adopting, two destinations, a new name, everything again."""

import json

import pytest

from .kit import RIGHT, SETTLED, Shop


def of_tiers(shop: Shop, *tiers: str) -> set[int]:
    return {one.number for one in shop.people if one.tier in tiers}


@pytest.mark.parametrize(
    ("mode", "stay_in", "enter"),
    [
        ("mirror", ("t1",), ("t2",)),
        ("add_only", ("t0", "t1"), ("t2",)),
        ("remove_only", ("t1",), ()),
    ],
)
def test_who_leaves_and_who_enters(synced: Shop, mode: str, stay_in: tuple[str, ...], enter: tuple[str, ...]) -> None:
    synced.meta.advance(SETTLED)
    synced.want("t1", "t2", sync=f"{{ to: main, mode: {mode} }}")
    assert synced.sync()["code"] == 0
    assert synced.meta.members(synced.audience()) == of_tiers(synced, *stay_in, *enter)
    # In every mode the do-not-send list takes people out: one who left, one who stays.
    synced.list_person(4)
    synced.list_person(5)
    assert synced.sync()["code"] == 0
    assert synced.meta.members(synced.audience()) == of_tiers(synced, *stay_in, *enter) - {4, 5}


def test_an_adopted_audience_keeps_whom_others_put_there(shop: Shop) -> None:
    theirs = shop.made_by_somebody("Their list")
    shop.meta.post(f"audiences/{theirs}/members", people=[3, 4])
    shop.want("t0", "t1", sync=f"{{ to: main, adopt: '{theirs}' }}")
    assert shop.sync()["code"] == 0
    # 3 is theirs alone; 4 is ours too, and leaves with us.
    assert shop.meta.members(theirs) == of_tiers(shop, "t0", "t1") | {3}
    shop.meta.advance(SETTLED)
    shop.want("t1", "t2", sync=f"{{ to: main, adopt: '{theirs}' }}")
    assert shop.sync()["code"] == 0
    assert shop.meta.members(theirs) == of_tiers(shop, "t1", "t2") | {3}
    assert [one["name"] for one in shop.meta.get("audiences")["audiences"]] == ["Their list"]


def test_two_syncs_never_own_one_audience(synced: Shop) -> None:
    ours = synced.audience()
    synced.want("t2", key="second", name="Second", sync=f"{{ to: main, adopt: '{ours}' }}")
    told = synced.type("sync", "second")
    assert told.code == 1
    assert "vip@main" in told.out
    assert synced.meta.members(ours) == of_tiers(synced, "t0", "t1")


def test_one_audience_to_two_destinations(shop: Shop) -> None:
    account = shop.meta.post("accounts", name="Second")["ad_account"]
    token = shop.meta.post("tokens", accounts=[account])["access_token"]
    assert shop.connect("brand", account=account, token=token).code == 0
    shop.want("t0", "t1", sync="[{ to: main }, { to: brand }]")
    told = shop.type("sync", "--json").facts["syncs"]
    assert [(one["sync"], one["state"]) for one in told] == [("vip@main", "done"), ("vip@brand", "done")]
    ids = [one["id"] for one in shop.meta.get("audiences")["audiences"]]
    assert len(ids) == 2
    assert [shop.meta.members(each) for each in ids] == [shop.wanted, shop.wanted]
    assert shop.type("plan", "vip").code == 2
    assert shop.type("plan", "vip@brand").code == 0


def test_each_group_goes_to_its_account_and_the_hold_out_to_none(shop: Shop) -> None:
    account = shop.meta.post("accounts", name="Second")["ad_account"]
    token = shop.meta.post("tokens", accounts=[account])["access_token"]
    assert shop.connect("brand", account=account, token=token).code == 0
    groups = "holdout: 30%\nsplit: [{ first: 50 }, { second: 50 }]"
    shop.want(*shop.tiers, sync=f"[{{ to: main, groups: first }}, {{ to: brand, groups: second }}]\n{groups}")
    assert {one["state"] for one in shop.type("sync", "--json").facts["syncs"]} == {"done"}

    first, second = (shop.meta.members(each["id"]) for each in shop.meta.get("audiences")["audiences"])
    members = shop.type("audiences", "members", "vip", "--json").out.splitlines()
    assert len(members) == len(shop.wanted)  # the hold-out is in the audience, and at nobody's
    assert not first & second
    drawn = {"first": first, "second": second, "holdout": shop.wanted - first - second}
    told = [json.loads(line)["group"] for line in members]
    assert {name: told.count(name) for name in drawn} == {name: len(those) for name, those in drawn.items()}
    # What was drawn stays, though the shares are others now.
    shop.want(*shop.tiers, sync="[{ to: main, groups: first }]\nholdout: 90%\nsplit: [{ first: 100 }]")
    assert shop.sync()["code"] == 0
    assert first in [shop.meta.members(each["id"]) for each in shop.meta.get("audiences")["audiences"]]


def test_a_new_name_follows_and_everything_again(synced: Shop) -> None:
    first = synced.audience()
    synced.want("t0", "t1", name="VIP of the year")
    told = synced.sync()
    assert (told["code"], told["calls"]) == (0, 0)
    assert synced.audience("VIP of the year") == first
    told = synced.sync("--full")
    assert (told["code"], told["added_rows"]) == (0, synced.rows_of(synced.wanted))
    assert synced.truth("VIP of the year") == RIGHT


def test_preview_says_who_can_be_sent_and_what_to_expect_of_meta(new: Shop) -> None:
    (first,) = new.type("audiences", "preview", "vip", "--json").facts["syncs"]
    assert (first["people"], first["cannot"]) == (len(new.wanted), {})  # though nothing was ever planned here
    assert new.sync()["code"] == 0
    new.list_person(4)
    new.want("t0", "t1", "t2")
    before = new.uploads()
    (told,) = new.type("audiences", "preview", "vip", "--json").facts["syncs"]

    assert (told["sync"], told["people"]) == ("vip@main", len(new.wanted))
    assert told["cannot"] == {"do_not_send": 1}
    assert told["expected_at_meta"] is None
    assert new.uploads() == before
    assert "can be sent (1 on the do-not-send list)." in new.type("audiences", "preview", "vip").out
    assert new.sync()["added_rows"] == new.rows_of(of_tiers(new, "t2") - {4})


def test_explain_says_what_meta_has(synced: Shop) -> None:
    synced.meta.advance(SETTLED)
    synced.want("t1", "t2")
    assert synced.sync()["code"] == 0
    left = synced.type("audiences", "explain", "vip", "user_id:user-000004").out
    assert "Removal taken by Meta at 20" in left
    assert "Left because this no longer holds: tier is one of t1 or t2." in left
    assert "Sent to Meta at 20" in synced.type("audiences", "explain", "vip", "user_id:user-000002").out
    assert "Meta" not in synced.type("audiences", "explain", "vip", "user_id:user-000003").out


def test_who_is_held_out_is_told_wherever_somebody_may_ask(synced: Shop) -> None:
    synced.want(*synced.tiers, sync="main\nholdout: 50%")
    assert synced.sync()["code"] == 0
    members = [json.loads(line) for line in synced.type("audiences", "members", "vip", "--json").out.splitlines()]
    held = [one["profile_id"] for one in members if one["group"] == "holdout"]
    (reached,) = synced.type("audiences", "preview", "vip", "--json").facts["syncs"]
    (planned,) = synced.type("plan", "--json").facts["plans"]

    # Half of twelve by lot: nobody held out but once in four thousand times.
    assert held
    assert reached["people"] == planned["can_be_sent"] == len(members) - len(held)
    assert reached["not_chosen"] == planned["not_chosen"] == {"holdout": len(held)}
    assert f"{len(held)} held out" in synced.type("plan").out
    assert f"{len(held)} held out" in synced.type("audiences", "preview", "vip").out
    for command in ("show", "preview"):
        assert "oldout: 50 % of them" in synced.type("audiences", command, "vip").out
    assert "vip: holdout: 50 % of them" in synced.type("audiences", "list").out
    why = synced.type("audiences", "explain", "vip", f"profile_id:{held[0]}")
    assert "Held out (holdout: 50 %), so not sent." in why.out
    shown = synced.type("profile", "show", f"profile_id:{held[0]}").out
    assert "vip: held out (holdout: 50 %), so not sent." in shown
    sent = next(one["profile_id"] for one in members if one["group"] is None)
    assert "held out" not in synced.type("profile", "show", f"profile_id:{sent}").out
    rows = synced.type("audiences", "export", "vip").out.splitlines()
    assert sum(row.endswith(",holdout") for row in rows) == len(held)

"""An audience that is a list: a list that cannot be read sends nothing of it, and stops nobody else."""

from .kit import DAY, SETTLED, Shop

LISTED = """\
key: listed
name: Listed
who: { in_list: { file: lists/vip.csv, column: mail, type: email } }
sync: { to: main }
"""


def write_list(shop: Shop, *numbers: int) -> None:
    lines = ["mail", *(f"GUEST{number}@example.com" for number in numbers)]
    (shop.space / "lists").mkdir(exist_ok=True)
    (shop.space / "lists" / "vip.csv").write_text("\n".join(lines) + "\n")


def states(shop: Shop) -> dict[str, tuple[str, str | None]]:
    told = shop.type("sync", "--json").facts["syncs"]
    return {one["sync"]: (one["state"], (one["error"] or {}).get("code")) for one in told}


def test_a_list_goes_to_meta_and_an_unreadable_one_leaves_all_there(shop: Shop) -> None:
    (shop.space / "audiences" / "listed.yaml").write_text(LISTED)
    write_list(shop, 1, 2, 3)
    assert states(shop) == {"vip@main": ("done", None), "listed@main": ("done", None)}
    listed = shop.audience("Listed")
    assert shop.meta.members(listed) == {1, 2, 3}

    shop.meta.advance(SETTLED)
    write_list(shop)
    shop.want("t1", "t2")
    assert states(shop) == {"vip@main": ("done", None), "listed@main": ("stopped", "file_empty")}
    (shop.space / "lists" / "vip.csv").unlink()
    assert states(shop)["listed@main"] == ("stopped", "file_missing")
    shop.meta.advance(DAY)
    assert shop.meta.members(listed) == {1, 2, 3}
    assert shop.meta.members(shop.audience()) == shop.wanted

    write_list(shop, 2, 3, 4)
    assert states(shop) == {"vip@main": ("done", None), "listed@main": ("done", None)}
    shop.meta.advance(SETTLED)
    assert shop.meta.members(listed) == {2, 3, 4}


def test_a_plan_goes_on_without_an_audience_whose_list_is_gone_and_says_where_it_stands(shop: Shop) -> None:
    (shop.space / "audiences" / "listed.yaml").write_text(LISTED)
    place = "listed.yaml: who.in_list.file: The list lists/vip.csv is not there"
    told = shop.type("plan", "--json")
    assert told.code == 1
    assert [one["sync"] for one in told.facts["plans"]] == ["vip@main"]
    assert [(one["sync"], one["error"]["code"]) for one in told.facts["stopped"]] == [("listed@main", "file_missing")]
    assert place in told.facts["stopped"][0]["error"]["message"]
    assert place in shop.type("plan").out
    assert shop.type("plan", "vip").code == 0
    named = shop.type("plan", "listed")
    assert (named.code, place in named.err) == (1, True)


def test_a_slip_in_an_exclusion_is_told_before_and_while_it_is_sent(shop: Shop) -> None:
    (shop.space / "audiences" / "slip.yaml").write_text(
        "key: slip\nwho: { not: { event: Order Complet } }\nsync: main\n"
    )
    note = "slip: nobody has done `Order Complet` yet."
    for command in ("plan", "sync"):
        told = shop.type(command, "--json").facts["notes"]
        assert [one.startswith(note) for one in told] == [True]
        assert f"Note: {note}" in shop.type(command).out
        assert f"Note: {note}" not in shop.type(command, "vip").out


def test_whoever_must_not_be_sent_leaves_also_while_the_list_is_gone(shop: Shop) -> None:
    (shop.space / "audiences" / "listed.yaml").write_text(LISTED)
    write_list(shop, 1, 2, 3)
    assert states(shop)["listed@main"] == ("done", None)
    shop.meta.advance(SETTLED)
    (shop.space / "lists" / "vip.csv").unlink()
    shop.list_person(2)
    shop.type("sync")
    shop.meta.advance(SETTLED)
    assert shop.meta.members(shop.audience("Listed")) == {1, 3}


def test_a_trait_whose_query_fails_is_told_and_who_does_not_ask_for_it_is_synced(shop: Shop) -> None:
    (shop.space / "traits").mkdir()
    trait = shop.space / "traits" / "letters.yaml"
    trait.write_text(
        "key: letters\nquery: SELECT profile_id, len(value) AS letters FROM trait WHERE key = 'last_name'\n"
    )
    long = "key: long\nname: Long\nwho: { trait: letters, at_least: 1 }\nsync: { to: main }\n"
    (shop.space / "audiences" / "long.yaml").write_text(long)
    assert states(shop) == {"vip@main": ("done", None), "long@main": ("done", None)}
    everybody = {one.number for one in shop.people}
    assert shop.meta.members(shop.audience("Long")) == everybody

    trait.write_text("key: letters\nquery: SELECT profile_id, len(nothing) AS letters FROM trait\n")
    told = shop.type("sync")
    assert "The trait letters stays as it was." in told.out
    assert "[query_wrong]" in told.out
    assert states(shop) == {"vip@main": ("done", None), "long@main": ("stopped", "query_wrong")}
    assert shop.meta.members(shop.audience("Long")) == everybody

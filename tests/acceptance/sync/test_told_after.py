"""What is told after something went wrong: of people who should be out, of Meta that cannot be asked, of rows once each."""

from .kit import RIGHT, SETTLED, Shop

THROTTLED = {"code": 80003}


def test_who_is_listed_leaves_an_audience_that_no_file_names_any_more(shop: Shop) -> None:
    shop.want("t0")
    assert shop.sync()["state"] == "done"
    (shop.space / "audiences" / "vip.yaml").unlink()
    gone = min(shop.meta.members(shop.audience()))
    shop.meta.fault("error", method="DELETE", path="/users$", code=2)
    shop.list_person(gone)
    assert gone in shop.meta.members(shop.audience())
    told = shop.type("status", "--json")
    (one,) = told.facts["syncs"]
    assert (told.code, one["now"], one["rows_still_to_remove"] > 0) == (1, "removals wait", True)
    assert "still to be removed" in shop.type("status").out
    shop.meta.clear_faults()
    shop.meta.advance(3600)
    assert shop.type("sync").code == 0
    shop.meta.advance(SETTLED)
    assert gone not in shop.meta.members(shop.audience())
    told = shop.type("status", "--json")
    (one,) = told.facts["syncs"]
    assert (told.code, one["now"], one["rows_still_to_remove"], one["listed_still_in"]) == (0, "right", 0, False)


def test_a_listed_person_who_could_not_be_handed_over_is_told_of(shop: Shop) -> None:
    shop.want("t0")
    assert shop.sync()["state"] == "done"
    shop.meta.fault("error", path="customaudience|/[0-9]+", code=2)
    shop.list_person(min(shop.meta.members(shop.audience())))
    shop.meta.clear_faults()
    assert shop.status()["now"] == "removals wait"
    shop.meta.advance(3600)
    assert shop.sync()["state"] == "done"
    assert shop.status()["now"] == "right"


def test_where_meta_asks_for_time_before_an_audience_is_made_nobody_asks_again_until_then(shop: Shop) -> None:
    shop.want("t0")
    shop.meta.fault("error", path="/customaudiences$", **THROTTLED)
    told = shop.type("sync", "--json")
    (one,) = told.facts["syncs"]
    assert (told.code, one["state"], bool(one["again_at"])) == (4, "waiting", True)
    asked = _asked(shop)
    assert shop.sync()["state"] == "waiting"
    assert _asked(shop) == asked
    shop.meta.clear_faults()
    shop.meta.advance(3700)
    assert shop.sync()["state"] == "done"
    assert shop.truth() == RIGHT


def _asked(shop: Shop) -> int:
    return len([one for one in shop.meta.requests() if one["path"].endswith("/customaudiences")])


def test_an_audience_is_right_though_meta_cannot_be_asked_about_it(shop: Shop) -> None:
    shop.want("t0")
    assert shop.sync()["state"] == "done"
    shop.meta.fault("error", method="GET", path="/[0-9]+$", code=2)
    one = shop.status()
    assert (one["now"], one["at_meta"], one["error"] is not None) == ("right", "not known now", True)


def test_rows_are_counted_once_however_often_they_are_sent(shop: Shop) -> None:
    shop.want("t0")
    shop.meta.fault("error", method="POST", path="/users$", code=2, times=3)
    one = shop.sync()
    assert one["state"] == "done"
    assert (one["added_rows"], one["refused_rows"]) == (shop.rows_of(shop.wanted), 0)
    shop.meta.fault("drop_before", method="POST", path="/users$")
    shop.want("t0", "t1")
    entering = shop.rows_of(shop.wanted) - one["added_rows"]
    assert 0 < shop.sync()["in_doubt_rows"] <= entering


def test_an_audience_of_two_destinations_has_a_line_for_each(shop: Shop) -> None:
    assert shop.connect("other", account=str(shop.meta.post("accounts", name="Other")["ad_account"])).code == 0
    shop.want("t0", sync="[main, other]")
    assert shop.type("sync").code == 0
    told = shop.type("status").out
    assert [line.split("  ")[0] for line in told.splitlines() if line.startswith("VIP")] == [
        "VIP @ main",
        "VIP @ other",
    ]


def test_each_line_about_an_error_names_its_sync(shop: Shop) -> None:
    shop.want("t0")
    shop.want("t1", key="gold", name="Gold")
    assert shop.type("sync").code == 0
    shop.meta.fault("error", method="GET", path="/[0-9]+$", code=2)
    told = shop.type("status")
    assert told.code == 1
    for sync in ("vip@main", "gold@main"):
        (line,) = [line for line in told.out.splitlines() if line.startswith(f"{sync}:")]
        assert "Meta's service is unavailable" in line
        assert line.count(sync) == 1

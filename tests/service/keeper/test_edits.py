"""What people change in files is in the audit, once, whoever sees it first; what commands write is not there twice."""

from tests.acceptance.sync.kit import Shop

from .conftest import keeping, until

Noted = list[tuple[str, str]]


def noted(shop: Shop) -> Noted:
    """Changes in files, oldest first."""
    entries = shop.type("audit", "--last", "1000", "--actor", "unknown", "--json").facts["entries"]
    return [(one["action"].split()[0], one["about"]) for one in reversed(entries)]


def test_commands_note_each_change_in_the_files_once(shop: Shop) -> None:
    assert shop.type("sync").code == 0
    before = noted(shop)
    assert before == [("changed", "guestlist.yaml: destinations.main"), ("added", "audiences/vip.yaml: vip")]
    shop.want("t0", "t2")
    shop.want("t3", key="gold", name="Gold", sync="[]")
    shop.edit("country: DE", "country: AT")
    assert shop.type("plan").code == 0
    assert shop.type("sync").code in {0, 1}
    changes = [
        ("added", "audiences/gold.yaml: gold"),
        ("changed", "audiences/vip.yaml: vip"),
        ("changed", "guestlist.yaml: country"),
    ]
    assert noted(shop) == before + changes
    (shop.space / "audiences" / "gold.yaml").unlink()
    assert shop.type("plan").code == 0
    assert noted(shop) == [*before, *changes, ("removed", "audiences/gold.yaml: gold")]
    (shop.space / "audiences" / "gold.yaml").write_text("key: jane@example.org\nwho: { event: Bought }\n")
    assert shop.type("plan").code == 1
    assert noted(shop)[-1] == ("added", "audiences/gold.yaml")  # what can be no key may be anybody's name
    assert "jane" not in shop.type("audit", "--json").out


def test_what_a_command_writes_has_its_own_entry_only(shop: Shop) -> None:
    assert shop.type("sync").code == 0
    before = noted(shop)
    shop.edit("country: DE", "country: AT")
    assert shop.connect("other").code == 0
    shop.edit("batch_rows: 4", "batch_rows: 5")
    assert shop.type("plan").code == 0
    changes = [("changed", "guestlist.yaml: country"), ("changed", "guestlist.yaml: destinations.main")]
    assert noted(shop) == before + changes


def test_a_service_notes_them_as_it_sees_them_and_a_standby_not_again(shop: Shop) -> None:
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)
        before = noted(shop)
        with keeping(shop.space) as standby:
            until(lambda: standby.of("keeper", state="standby"))
            shop.want("t0", "t2")
            until(lambda: noted(shop) != before)
            shop.edit("country: DE", "country: AT")
            until(lambda: len(noted(shop)) > len(before) + 1)
            kept.looks_on()
            kept.keeper.stop()
            until(lambda: standby.of("keeper", state="keeping"))
            until(lambda: standby.looks > 3)
            changes = [("changed", "audiences/vip.yaml: vip"), ("changed", "guestlist.yaml: country")]
            assert noted(shop) == before + changes
            (shop.space / "audiences" / "vip.yaml").unlink()
            until(lambda: len(noted(shop)) > len(before) + 2)
    assert noted(shop) == [*before, *changes, ("removed", "audiences/vip.yaml: vip")]

"""A destination's entry in guestlist.yaml: what the page shows works, and every mistake names its place."""

import re
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guestlist.destinations.settings import parse_destination, read_destination
from guestlist.errors import GuestlistError
from guestlist.space import make_space, open_space

PAGE = Path(__file__).parents[3] / "docs" / "connect-meta.md"


def test_the_settings_that_the_page_shows_are_read(tmp_path: Path) -> None:
    shown = re.search(r"\n(    destinations:\n(?:    .*\n)+)", PAGE.read_text("utf-8"))
    assert shown is not None
    make_space(tmp_path / "shop", country="DE")
    (tmp_path / "shop" / "guestlist.yaml").write_text(f"country: DE\n{textwrap.dedent(shown[1])}", "utf-8")
    space = open_space(tmp_path / "shop").settings

    read = read_destination(space, "main")
    keys = read.match_keys(space, this_year=2026)

    assert read.batch_rows == 10_000
    assert read.delays.pipeline == timedelta(hours=26)
    assert read.settle.network_delay == 15 * 60 * 1_000_000
    assert keys.remap["CT"] == ("town",)
    assert keys.value_maps["GEN"]["frau"] == "f"
    assert "GEN" not in keys.keys
    assert keys.strong == ("EMAIL", "MADID")
    assert keys.country == "de"


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({}, "main.account"),
        ({"account": "1"}, "main.account"),
        ({"account": "act_1", "batch_rows": 10_001}, "main.batch_rows"),
        ({"account": "act_1", "version": "25"}, "main.version"),
        ({"account": "act_1", "mode": "mirrored"}, "main.mode"),
        ({"account": "act_1", "colour": "red"}, "main.colour"),
        ({"account": "act_1", "mapping": {"remap": {"EMALE": "x"}}}, "main.mapping.remap.EMALE"),
        ({"account": "act_1", "mapping": {"required_any": []}}, "main.mapping.required_any"),
        ({"account": "act_1", "delays": {"network": "soon"}}, "main.delays.network"),
    ],
)
def test_a_mistake_names_its_place(entry: dict[str, Any], place: str) -> None:
    with pytest.raises(GuestlistError) as raised:
        parse_destination("main", entry)
    assert f"destinations.{place}" in raised.value.message
    assert raised.value.code == "destination_settings"


def test_the_order_in_which_keys_are_switched_off_is_no_change() -> None:
    one, other = (
        parse_destination("main", {"account": "act_1", "mapping": {"off": off}})
        for off in (["GEN", "CT"], ["CT", "GEN"])
    )
    assert one.mapping.model_dump(mode="json") == other.mapping.model_dump(mode="json")
    assert one.mapping.off == ("CT", "GEN")

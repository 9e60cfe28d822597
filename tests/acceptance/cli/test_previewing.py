"""`guestlist audiences preview | diff | history | changes` as people type them."""

import csv
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from guestlist.audiences.document import read
from guestlist.operations.standing import expected_size
from guestlist.pipeline import find_members
from guestlist.space import open_space
from guestlist.store.journal_tables import Sync

from .conftest import JANE, JOSE, SHEET, Typed
from .test_audiences import nothing_personal

BOTH = """\
key: both
who:
  all:
    - { event: Product Added }
    - { not: { event: Order Completed } }
    - { trait: last_name, exists: true }
"""


@pytest.fixture
def told(peopled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """A copy of the space with people, and one audience more."""
    space = shutil.copytree(peopled, tmp_path / "shop")
    (space / "audiences" / "both.yaml").write_text(BOTH)
    return Typed(space=space, capture=capsys)


def test_preview_tells_what_each_condition_does(told: Typed) -> None:
    facts = told("audiences", "preview", "both", "--json").facts

    assert (facts["members"], facts["everybody"]) == (2, 3)
    numbers = [(one["in_words"][0], one["people"], one["keeps_out"]) for one in facts["conditions"]]
    assert numbers == [("did Product Added", 3, 0), ("not:", 2, 0), ("last_name is known", 2, 0)]
    assert facts["known_by"] == {"email": 1, "phone": 1, "madid": 0, "any": 1, "company": 1, "members": 2}
    assert {line["audience"]: line["both"] for line in facts["overlaps"]} == {"win_back": 1}
    assert [person["profile_id"] for person in facts["sample"]] == [JANE[:8], SHEET[:8]]


def test_a_condition_alone_keeps_out_those_whom_all_others_let_in(told: Typed) -> None:
    (told.space / "audiences" / "both.yaml").write_text(BOTH.replace("exists: true", "equals: Doe"))
    facts = told("audiences", "preview", "both", "--json").facts
    assert facts["members"] == 1
    assert [one["keeps_out"] for one in facts["conditions"]] == [0, 0, 1]


def test_preview_of_one_denial_counts_everybody_else(told: Typed) -> None:
    (told.space / "audiences" / "both.yaml").write_text("key: both\nwho: { event: Order Completed, exactly: 0 }\n")
    facts = told("audiences", "preview", "both", "--json").facts
    assert (facts["members"], facts["conditions"][0]["people"]) == (2, 2)


def test_preview_as_a_person_reads_it(told: Typed) -> None:
    out = told("audiences", "preview", "both").out
    assert out.startswith("both: 2 of 3 people (66.7 %).")
    assert "an e-mail 1 (50 %), a phone 1 (50 %), a mobile ad id 0 (0 %); by none of these 1." in out
    assert "Nothing was sent, and nobody entered or left." in out
    assert nothing_personal(out)
    assert "jane@example.org" in told("audiences", "preview", "both", "--reveal").out


def test_preview_says_who_could_be_sent_before_anything_is_connected(told: Typed) -> None:
    facts = told("audiences", "preview", "both", "--json").facts
    assert facts["syncs"] == []
    assert facts["sendable"] == {"people": 1, "cannot": {"has_none": 1}, "not_chosen": {}}
    out = told("audiences", "preview", "both").out
    assert "With the usual settings: 1 can be sent (1 no e-mail, phone or ad id)." in out
    assert "No destination of its syncs" not in out
    (told.space / "audiences" / "both.yaml").write_text(BOTH + "sync: main\nholdout: 100%\n")
    facts = told("audiences", "preview", "both", "--json").facts
    assert facts["sendable"] == {"people": 0, "cannot": {}, "not_chosen": {"holdout": 2}}
    assert "No destination of its syncs is connected yet" in told("audiences", "preview", "both").out
    assert not (told.space / ".guestlist" / "unconnected").exists()
    assert told("audiences", "preview", "both", "--as-of", "2026-01-01", "--json").facts["sendable"] is None


def test_an_audience_whose_file_is_gone_overlaps_nobody(told: Typed) -> None:
    assert [line["audience"] for line in told("audiences", "preview", "both", "--json").facts["overlaps"]] == [
        "win_back"
    ]
    for name in ("win_back", "germans"):
        (told.space / "audiences" / f"{name}.yaml").unlink()
    assert told("audiences", "preview", "both", "--json").facts["overlaps"] == []


def test_preview_records_nobody(told: Typed) -> None:
    told("audiences", "preview", "both")
    with open_space(told.space).open_warehouse() as warehouse:
        audiences = warehouse.read(warehouse.table("membership")).column("audience").to_pylist()
    assert set(audiences) == {"win_back"}


def test_diff_tells_both_sides(told: Typed) -> None:
    lines = told("audiences", "diff", "both", "everybody", "--json").lines
    assert sorted((line["in"], line["profile_id"]) for line in lines) == [
        ("both", JANE[:8]), ("both", SHEET[:8]), ("second", JOSE[:8])
    ]  # fmt: skip
    out = told("audiences", "diff", "both", "everybody").out
    assert [line for line in out.splitlines() if ": " in line] == [
        "Only in both: 0",
        "Only in everybody: 1",
        "In both: 2",
    ]
    assert nothing_personal(out)
    assert told("audiences", "diff", "both", "nobody").code == 2


def test_history_and_changes(told: Typed, tmp_path: Path) -> None:
    here = open_space(told.space)
    assert "never evaluated" in told("audiences", "history", "everybody").out
    with here.open_warehouse() as warehouse:
        for month, event in ((3, "Product Added"), (4, "Order Completed"), (5, "Order Completed")):
            definition = read(f"key: everybody\nwho: {{ event: {event} }}")
            find_members(warehouse, [definition], at=datetime(2030, month, 1, 12, tzinfo=UTC), zone=here.settings.zone)

    lines = told("audiences", "history", "everybody", "--json").facts["evaluations"]
    numbers = [(line["at"][:7], line["members"], line["entered"], line["exited"]) for line in lines]
    assert numbers == [("2030-05", 1, 0, 0), ("2030-04", 1, 0, 2), ("2030-03", 3, 3, 0)]
    shown = told("audiences", "history", "everybody").out
    assert shown.index("2030-03-01") < shown.index("2030-04-01")  # read downwards, as time goes

    file = tmp_path / "changes.csv"
    assert told("audiences", "changes", "everybody", "--since", "2030-03-15", "--file", file).code == 0
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    assert [(row["change"], row["profile_id"]) for row in rows] == [("exited", JANE[:8]), ("exited", SHEET[:8])]
    assert nothing_personal(file.read_text("utf-8"))
    assert len(told("audiences", "changes", "everybody", "--json").lines) == 5


def test_history_tells_evaluations_that_found_nobody(told: Typed) -> None:
    here = open_space(told.space)
    nobody, somebody = (read(f"key: everybody\nwho: {{ event: {event} }}") for event in ("Nothing", "Product Added"))
    with here.open_warehouse() as warehouse:
        for day, definition in enumerate([nobody, nobody, nobody, somebody, somebody, somebody], start=1):
            find_members(warehouse, [definition], at=datetime(2030, 3, day, tzinfo=UTC), zone=here.settings.zone)
            find_members(warehouse, [definition], at=datetime(2030, 3, day, tzinfo=UTC), zone=here.settings.zone)

    lines = told("audiences", "history", "everybody", "--json").facts["evaluations"]
    numbers = [(line["at"][:10], line["members"], line["entered"], line["exited"]) for line in lines]
    assert numbers == [("2030-03-06", 3, 0, 0), ("2030-03-04", 3, 3, 0), ("2030-03-01", 0, 0, 0)]
    assert told("audiences", "history", "everybody").out.count("2030-03-") == 3
    assert (
        told("audiences", "history", "germans").out
        == "germans was never evaluated yet. It is with each: guestlist sync\n"
    )


def known(key: str, *, of: int | None, lower: int | None = None, upper: int | None = None) -> Sync:
    audience, _, destination = key.partition("@")
    return Sync(key=key, audience=audience, destination=destination, size_of=of, size_lower=lower, size_upper=upper)


EXPECTED = [
    ([], None),
    ([known("a@main", of=None)], None),  # Meta shows no size of what is too small
    ([known("a@main", of=1_000, lower=500, upper=700)], 60),
    ([known("a@main", of=1_000, lower=500, upper=700), known("b@main", of=3_000, lower=1_000, upper=1_000)], 40),
    ([known("a@main", of=1_000, lower=900, upper=1_300)], 100),  # nobody finds more people than there are
    ([known("a@brand", of=1_000, lower=500, upper=700)], None),
]


@pytest.mark.parametrize(("syncs", "expected"), EXPECTED)
def test_what_to_expect_goes_by_the_sizes_that_meta_showed(syncs: list[Sync], expected: int | None) -> None:
    assert expected_size(syncs, "main", 100) == expected

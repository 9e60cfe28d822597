"""`guestlist audiences explain` beyond the conditions: what a definition says beside them, and what does not count."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from guestlist.audiences.document import read_folder
from guestlist.pipeline import find_members
from guestlist.space import open_space

from .conftest import JANE, JOSE, NOW, SHEET, Typed, event, identifier, write
from .test_audiences import nothing_personal

HOUR = timedelta(hours=1)
NOBODY = "d4e5f6a7" * 4


@pytest.fixture
def told(peopled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """A copy of the space with people, and somebody more who is known by a browser only."""
    space = shutil.copytree(peopled, tmp_path / "shop")
    write(
        space,
        identifier=[identifier(NOBODY, "anonymous_id", "browser-1")],
        event=[event(NOBODY, "Product Added", HOUR)],
    )
    return Typed(space=space, capture=capsys)


def define(told: Typed, text: str, key: str = "x") -> None:
    (told.space / "audiences" / f"{key}.yaml").write_text(f"key: {key}\n{text}\n")


def explained(told: Typed, profile_id: str, key: str = "x", *more: str) -> str:
    return told("audiences", "explain", key, f"profile_id:{profile_id}", *more).out


def evaluated(told: Typed, *, at: timedelta = timedelta(0)) -> None:
    here = open_space(told.space)
    with here.open_warehouse() as warehouse:
        find_members(warehouse, read_folder(here.audiences), at=NOW + at, zone=here.settings.zone)


def members_of(told: Typed, key: str = "x") -> set[str]:
    return {line["profile_id"] for line in told("audiences", "members", key, "--json", "--reveal").lines}


BESIDE = [
    ("anonymous: false", "more is known of them than an anonymous id"),
    ("sample: 5%", "in the sample of 5 %"),
    (f"history: {(NOW + timedelta(days=2)).date()}", "events count from"),
    (f"history: {(NOW - timedelta(days=9)).date()}", "before events count"),
    ("history: from_now", "which is still to come: no event counts yet"),
]


@pytest.mark.parametrize(("said", "words"), BESIDE)
def test_what_a_definition_says_beside_who_is_part_of_the_verdict(told: Typed, said: str, words: str) -> None:
    define(told, f"who: {{ event: Product Added }}\n{said}")
    define(told, "who: { not_member_of: x }", "others")
    inside = members_of(told)
    everybody = {JANE, JOSE, SHEET, NOBODY}
    assert inside < everybody

    for one in everybody:
        assert (" is in x." in explained(told, one).splitlines()[0]) == (one in inside)
        assert (" is in others." in explained(told, one, "others").splitlines()[0]) == (one not in inside)
    out = next(iter(sorted(everybody - inside)))
    assert words in explained(told, out)
    assert words in explained(told, out, "others")
    facts = told("audiences", "explain", "x", f"profile_id:{out}", "--json").facts
    assert facts["inside"] is False
    assert facts["limits"] or facts["events_count_after"]


def test_events_that_do_not_count_are_shown_with_why(told: Typed) -> None:
    define(told, "who: { event: Order Completed, where: { total: { at_least: 80 } }, within: 1 hour }")
    out = explained(told, JOSE)

    assert "       0 that count\n       the latest that does not count\n" in out
    assert "Order Completed  (41.90 EUR): outside the window; not so: total at least 80\n" in out
    facts = told("audiences", "explain", "x", f"profile_id:{JOSE}", "--json").facts["reason"]
    assert [one["why_not"] for one in facts["not_counted"]] == [["outside the window", "not so: total at least 80"]]


def test_what_came_after_is_after_and_like_the_event_before(told: Typed) -> None:
    write(
        told.space,
        event=[
            event(JANE, "Order Completed", 6 * HOUR, sku="secret-lamp"),  # before what was added
            event(JANE, "Order Completed", 4 * HOUR, sku="another"),
        ],
    )
    then = "{ event: Order Completed, where: { sku: { equals: { parent: sku } } } }"
    define(told, f"who: {{ event: Product Added, then_not: {then} }}")
    out = explained(told, JANE)
    assert " is in x." in out
    assert "after it no Order Completed that counts" in out
    assert out.count("Order Completed  ") == 1
    assert out.rstrip().endswith("not so: sku is the same as sku before")
    assert nothing_personal(out)

    write(told.space, event=[event(JANE, "Order Completed", 3 * HOUR, sku="secret-lamp")])
    out = explained(told, JANE)
    assert " is not in x." in out
    assert "Product Added  (sku ***): not followed as asked\n           after it  " in out
    assert out.count("Order Completed  ") == 1


AGGREGATES = [
    ("sum: total, at_least: 50", JOSE, "sum of total: 41.9"),
    ("distinct: total, at_least: 2", JOSE, "number of different total: 1"),
    ("average: total, at_least: 50", JANE, "average of total: there is none"),
    ("most_frequent: note, equals: x", JOSE, "most frequent note: ***"),
]


@pytest.mark.parametrize(("asked", "who", "words"), AGGREGATES)
def test_the_value_that_was_compared_is_told(told: Typed, asked: str, who: str, words: str) -> None:
    define(told, f"who: {{ event: Order Completed, {asked} }}")
    assert words in explained(told, who)


# By the last evaluation


@pytest.mark.parametrize(("sync", "moves"), [("", "evaluation"), ("sync: main", "sync")])
def test_who_stopped_matching_was_in_until_now(told: Typed, sync: str, moves: str) -> None:
    define(told, f"who: {{ event: Order Completed, exactly: 0 }}\n{sync}")
    evaluated(told, at=-10 * HOUR)
    define(told, f"who: {{ event: Product Added, within: 4 hours }}\n{sync}")
    first, second, third = explained(told, JANE).splitlines()[:3]

    assert first == "j***@example.org (J. D.) matches x no longer."
    assert second.startswith("Was in at the last evaluation, since 20")
    assert second.endswith(f"Leaves with the next {moves}.")
    assert third == "Leaves because this no longer holds: did Product Added in the last 4 hours."
    assert explained(told, JOSE).splitlines()[2] != third


def test_who_matches_again_enters_with_the_next_evaluation(told: Typed) -> None:
    define(told, "who: { event: Product Added }")
    evaluated(told, at=-2 * HOUR)
    define(told, "who: { event: Nothing }")
    evaluated(told, at=-HOUR)
    define(told, "who: { event: Product Added }")
    lines = explained(told, JANE).splitlines()
    assert lines[0] == "j***@example.org (J. D.) is in x."
    assert lines[1].startswith("Left at 20")
    assert lines[2] == "Matches again, and enters with the next evaluation."

"""Meta's error numbers and what Guestlist does about them."""

import re

import pytest

from guestlist.destinations.meta.verdicts import TABLE, Rule, Verdict, as_error, verdict_of


@pytest.mark.parametrize(
    ("code", "subcode", "verdict", "maybe_done"),
    [
        (1, None, Verdict.RETRY, True),
        (1, 99, Verdict.SPLIT, True),
        (2, None, Verdict.RETRY, True),
        (5000, None, Verdict.RETRY, True),
        (4, 1504022, Verdict.WAIT, False),
        (17, 2446079, Verdict.WAIT, False),
        (613, 1487742, Verdict.WAIT, False),
        (80003, 2446079, Verdict.WAIT, False),
        (105, None, Verdict.SPLIT, False),
        (200, 1870047, Verdict.REFUSED_FOR_NOW, False),
        (100, None, Verdict.FIX_DATA, False),
        (194, None, Verdict.FIX_DATA, False),
        (100, 33, Verdict.FIX_CONFIG, False),
        (100, 1713230, Verdict.FIX_CONFIG, False),
        (2635, None, Verdict.FIX_CONFIG, False),
        (190, None, Verdict.RECONNECT, False),
        (190, 460, Verdict.RECONNECT, False),
        (190, 463, Verdict.RECONNECT, False),
        (10, None, Verdict.RECONNECT, False),
        (102, None, Verdict.RECONNECT, False),
        (200, None, Verdict.RECONNECT, False),
        (200, 1870034, Verdict.ACCEPT_TERMS, False),
        (200, 1870090, Verdict.ACCEPT_TERMS, False),
        (2655, None, Verdict.ACCEPT_TERMS, False),
        (368, None, Verdict.ASK_HUMAN, False),
        (2650, 1870159, Verdict.RETRY, False),
    ],
)
def test_table(code: int, subcode: int | None, verdict: Verdict, maybe_done: bool) -> None:
    rule = verdict_of(code, subcode)
    assert (rule.verdict, rule.maybe_done) == (verdict, maybe_done)


@pytest.mark.parametrize(
    ("code", "subcode", "name"),
    [
        (190, 99999, "meta_token_invalid"),  # any 190 is about the token
        (17, 0, "meta_account_limit"),
        (80003, 1, "meta_audience_limit"),
        (201, None, "meta_no_permission"),  # 201 to 299 are permissions
        (299, 5, "meta_no_permission"),
        (270, None, "meta_development_tier"),
        (100, 1487366, "meta_audience_deleted"),  # documented as code, seen as subcode
        (200, 1487301, "meta_not_shared"),
        (1870065, None, "meta_audience_disabled"),
        (100, 424242, "meta_unknown_error"),  # 100 and 200 say nothing without their subcode
        (200, 424242, "meta_unknown_error"),
        (2650, 424242, "meta_unknown_error"),
        (31337, None, "meta_unknown_error"),
    ],
)
def test_numbers_outside_the_table(code: int, subcode: int | None, name: str) -> None:
    assert verdict_of(code, subcode).name == name


def test_an_unknown_error_may_have_been_done_and_is_named_by_its_numbers() -> None:
    rule = verdict_of(31337, 12)
    assert rule.verdict is Verdict.UNKNOWN
    assert rule.maybe_done
    assert "31337/12" in rule.happened


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: f"{rule.code}-{rule.subcode}")
def test_every_row_finds_itself_and_speaks_plainly(rule: Rule) -> None:
    assert verdict_of(rule.code, rule.subcode) is rule
    assert re.fullmatch(r"meta_[a-z_]+", rule.name)
    assert rule.happened.endswith(".")
    assert rule.next_step.endswith(".") or re.search(
        r"guestlist [a-z]+( [a-z]+)?( --[a-z-]+| [A-Z]+)*$", rule.next_step
    )
    assert not re.search(r"guestlist [a-z]+( [a-z]+| --[a-z-]+| [A-Z]+)*\.$", rule.next_step), (
        "what is pasted has no full stop"
    )
    for text in (rule.happened, rule.next_step):
        assert not re.search(r"ledger|journal|epoch|verdict|maybe|settle", text)


def test_no_pair_is_listed_twice() -> None:
    assert len({(rule.code, rule.subcode) for rule in TABLE}) == len(TABLE)


def test_one_name_is_one_remedy() -> None:
    verdicts: dict[str, set[Verdict]] = {}
    for rule in TABLE:
        verdicts.setdefault(rule.name, set()).add(rule.verdict)
    assert {name for name, found in verdicts.items() if len(found) > 1} == set()


def test_waits_say_how_long() -> None:
    assert all((rule.wait > 0) == (rule.verdict in {Verdict.WAIT, Verdict.REFUSED_FOR_NOW}) for rule in TABLE)


def test_what_a_person_reads() -> None:
    error = as_error(verdict_of(190, 460), thing="destination main", waiting=12_345, trace="AbC")
    assert error.code == "meta_password_changed"
    assert "destination main" in error.message
    assert "190/460" in error.message
    assert "AbC" in error.message
    assert error.nothing_lost == "Nothing is lost; 12,345 rows wait."
    assert error.next_step.endswith("run: guestlist destinations reconnect NAME")
    named = as_error(verdict_of(190, 460), thing="destination main", destination="main")
    assert named.next_step.endswith("run: guestlist destinations reconnect main")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_waits_for_a_person(verdict: Verdict) -> None:
    goes_on = {Verdict.RETRY, Verdict.WAIT, Verdict.SPLIT, Verdict.REFUSED_FOR_NOW, Verdict.UNKNOWN}
    assert verdict.stops == (verdict not in goes_on)

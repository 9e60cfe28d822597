"""`guestlist profile` and `guestlist identity`, as a person types them."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from guestlist.asking import refresh
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.cli import run
from guestlist.space import open_space

Typed = Callable[..., tuple[int, str]]

SHOP = [
    {"type": "track", "event": "Viewed", "anonymousId": "device-of-jane", "messageId": "m1", "timestamp": "2026-01-01"},
    {
        "type": "identify",
        "userId": "u1042",
        "anonymousId": "device-of-jane",
        "messageId": "m2",
        "timestamp": "2026-01-02",
        "traits": {"email": "Jane.Doe@example.org", "firstName": "Jane", "city": "Canarytown"},
    },
    {"type": "track", "event": "Bought", "userId": "u1042", "messageId": "m3", "timestamp": "2026-01-03"},
    {"type": "track", "event": "Bought", "userId": "u9", "messageId": "m4", "timestamp": "2026-01-03"},
    {
        "type": "identify",
        "userId": "u9",
        "messageId": "m5",
        "timestamp": "2026-01-04",
        "traits": {"email": "jane.doe@example.org"},
    },
    {"type": "identify", "userId": "u9", "messageId": "m7", "timestamp": "2026-01-05", "traits": {"loyaltyId": "L7"}},
    {
        "type": "identify",
        "anonymousId": "device-of-nobody",
        "messageId": "m6",
        "timestamp": "2026-01-05",
        "traits": {"loyalty_id": "L7", "phone": "+49 171 3920007"},
    },
]
BUYERS = "key: buyers\nname: Buyers\nwho: { event: Bought }\n"


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space whose people are found already; tests get a copy."""
    folder = tmp_path_factory.mktemp("profiles") / "shop"
    assert run(["init", str(folder), "--country", "DE"]) == 0
    (folder / "audiences" / "buyers.yaml").write_text(BUYERS)
    messages = folder / "shop.jsonl"
    messages.write_bytes(b"\n".join(map(orjson.dumps, SHOP)))
    assert run(["import", str(messages), "--yes", "--space", str(folder)]) == 0
    assert run(["profile", "show", "user_id:u1042", "--space", str(folder)]) == 0
    return folder


@pytest.fixture
def space(resolved: Path, tmp_path: Path) -> Path:
    """A copy, for a test that changes it."""
    return Path(shutil.copytree(resolved, tmp_path / "shop"))


@pytest.fixture
def typed(space: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    def type_(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run([*words, "--space", str(space)])
        told = capsys.readouterr()
        return code, told.out + told.err

    return type_


def _facts(typed: Typed, *words: str) -> dict[str, Any]:
    code, out = typed(*words, "--json")
    assert code == 0, out
    facts: dict[str, Any] = json.loads(out)
    return facts


def test_show(typed: Typed) -> None:
    facts = _facts(typed, "profile", "show", "email:JANE.doe@example.org", "--reveal")
    assert [(one["type"], one["value"], one["sources"]) for one in facts["identifiers"]] == [
        ("anonymous_id", "device-of-jane", ["messages"]),
        ("email", "jane.doe@example.org", ["messages"]),
        ("user_id", "u1042", ["messages"]),
    ]
    assert facts["identifiers"][0]["first_seen"].startswith("2026-01-01")
    assert {(one["key"], one["value"], one["source"]) for one in facts["traits"]} == {
        ("city", "Canarytown", "messages"),
        ("email", "Jane.Doe@example.org", "messages"),
        ("firstName", "Jane", "messages"),
    }
    assert {(one["type"], one["message_id"], one["reason"]) for one in facts["merges"]} == {
        ("email", "m2", "shared_message"),
        ("user_id", "m2", "shared_message"),
    }
    assert [(one["type"], one["message_id"], one["reason"]) for one in facts["set_aside"]] == [("email", "m5", "limit")]
    assert (facts["messages"], facts["at_meta"], len(facts["earlier_ids"])) == (3, [], 2)


def test_what_joined_by_a_line_without_an_id_names_the_source(typed: Typed, tmp_path: Path) -> None:
    customers = tmp_path / "customers.csv"
    customers.write_text("user_id,email\nu77,line@example.org\n")
    assert typed("import", str(customers), "--as", "people", "--yes")[0] == 0
    _, out = typed("profile", "show", "user_id:u77")
    assert "one of customers" in out
    assert "hashed" not in out


def test_show_tells_what_was_worked_out_and_not_what_it_hides(typed: Typed, space: Path) -> None:
    here = open_space(space)
    (space / "traits").mkdir()
    for key in ("bought", "city"):
        (space / "traits" / f"{key}.yaml").write_text(f"{{ key: {key}, event: Bought, count: true }}\n")
    with here.open_warehouse() as warehouse:
        refresh(here, warehouse, [], read_traits(here.traits), at=datetime(2026, 2, 1, tzinfo=UTC))
    traits = {one["key"]: one for one in _facts(typed, "profile", "show", "user_id:u1042", "--reveal")["traits"]}
    assert [traits[key]["value"] for key in ("bought", "city", "firstName")] == ["1", "1", "Jane"]


def test_show_masks_what_it_shows(typed: Typed) -> None:
    for words in (["profile", "show", "user_id:u1042"], ["profile", "show", "user_id:u1042", "--json"]):
        code, out = typed(*words)
        assert code == 0
        assert "j***@example.org" in out
        for canary in ("jane.doe", "Jane.Doe", "device-of-jane", "u1042", "Canarytown"):
            assert canary not in out


def test_show_follows_membership(typed: Typed) -> None:
    _, out = typed("profile", "show", "user_id:u1042")
    assert "Meta has nothing of this person from here." in out


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("canary", [["u1042"]]),
        ("JANE.DOE", [["u1042"], ["u9"]]),
        ("email:jane.doe@example.org", [["u1042"]]),
        ("phone:0171 3920007", [[]]),
        ("nothing of the kind", []),
        ("shop:nothing", []),
    ],
)
def test_find(typed: Typed, text: str, users: list[list[str]]) -> None:
    facts = _facts(typed, "profile", "find", text, "--reveal")
    assert sorted(one["user_id"] for one in facts["people"]) == users
    assert not facts["more"]


def test_find_says_that_there_are_more_and_masks(typed: Typed) -> None:
    code, out = typed("profile", "find", "jane", "--limit", "1")
    assert code == 0
    assert "More than 1 person" in out
    assert "j***@example.org" in out or "u…" in out
    assert "jane.doe" not in out


def test_split_and_undo(typed: Typed, space: Path) -> None:
    def jane() -> list[str]:
        facts = _facts(typed, "profile", "show", "user_id:u1042", "--reveal")
        return [one["value"] for one in facts["identifiers"]]

    facts = _facts(typed, "profile", "split", "email:jane.doe@example.org")
    assert facts == {
        "identifier": {"type": "email", "value": "j***@example.org"},
        "changed": True,
        "undone": False,
        "split_off": 1,
    }
    assert jane() == ["device-of-jane", "u1042"]
    alone = _facts(typed, "profile", "show", "email:jane.doe@example.org", "--reveal")
    assert [one["reason"] for one in alone["set_aside"]] == ["split"]
    more = space / "more.jsonl"
    again = {"type": "identify", "userId": "u1042", "messageId": "n1", "traits": {"email": "jane.doe@example.org"}}
    more.write_bytes(orjson.dumps(again))
    assert typed("import", str(more), "--yes")[0] == 0
    assert jane() == ["device-of-jane", "u1042"]
    assert not _facts(typed, "profile", "split", "email:jane.doe@example.org")["changed"]
    assert _facts(typed, "profile", "split", "email:jane.doe@example.org", "--undo")["split_off"] == 0
    assert jane() == ["device-of-jane", "jane.doe@example.org", "u1042"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["split", "email:nobody@example.org"], "nobody_known"),
        (["split", "email:nobody@example.org", "--undo"], "not_split"),
        (["split", "profile_id:abcdef"], "no_identifier_named"),
        (["split", "jane"], "no_person_named"),
        (["show", "user_id:u77"], "nobody_known"),
    ],
)
def test_mistakes(typed: Typed, words: list[str], code: str) -> None:
    assert f"[{code}]" in typed("profile", *words)[1]


RULES = "identifiers: { loyalty_id: { from: traits.loyalty_id } }\n"


@pytest.mark.parametrize("document", [RULES, f"identity: {{{RULES.strip()}}}\n"])
def test_try(typed: Typed, space: Path, document: str) -> None:
    (space / "rules.yaml").write_text(document)
    before = (space / ".guestlist" / "warehouse.duckdb").read_bytes()
    facts = _facts(typed, "identity", "try", str(space / "rules.yaml"))
    assert facts["people"] == {"before": 3, "after": 2}
    assert (facts["merged"], facts["merged_into"], facts["split"], facts["left_out"]) == (2, 1, 0, [])
    buyers = {"key": "buyers", "before": 2, "after": 2, "entering": 0, "leaving": 0, "joined": 0}
    assert facts["audiences"] == [buyers]
    assert (space / ".guestlist" / "warehouse.duckdb").read_bytes() == before
    assert not (space / ".guestlist" / "trial").exists()


def test_try_in_words(typed: Typed, space: Path) -> None:
    (space / "rules.yaml").write_text(RULES)
    code, out = typed("identity", "try", str(space / "rules.yaml"))
    assert code == 0
    assert "3 people now, 2 people by these rules." in out


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("", "a profile keeps 1 user_id, ever"),
        ("identity: { limits: { user_id: 1 per week } }", "a profile keeps 1 user_id first seen within 7 days"),
        ("identity: { limits: { user_id: none }, caps: { identifiers: 3 } }", "a profile keeps 3 identifiers"),
        ("identity: { limits: { user_id: none }, caps: { merges: 0 } }", "a profile comes of 0 mergers at most"),
    ],
)
def test_what_is_set_aside_names_the_rule(typed: Typed, space: Path, rules: str, told: str) -> None:
    with (space / "guestlist.yaml").open("a") as settings:
        settings.write(rules + "\n")
    assert told in " ".join(typed("profile", "show", "email:jane.doe@example.org")[1].split())
    facts = _facts(typed, "profile", "show", "email:jane.doe@example.org")
    assert told.removeprefix("a profile keeps ").removeprefix("a profile comes of ").removesuffix(" at most") in {
        one["rule"] for one in facts["set_aside"]
    }


BY_LOYALTY = "identity: { identifiers: { loyalty_id: { from: traits.loyalty_id } }, limits: { email: 3, phone: 2 } }\n"


@pytest.mark.parametrize(
    ("now", "tried", "told"),
    [
        ("", "limits: { user_id: none }", {"merged": 2, "merged_into": 1, "joined": 1}),
        (BY_LOYALTY, "{}", {"split": 1, "split_off": 1, "joined": 0}),
        (
            BY_LOYALTY,
            "limits: { user_id: none }",
            {"merged": 2, "merged_into": 1, "split": 1, "split_off": 1, "joined": 1},
        ),
        ("", "blocked: { by_type: { user_id: { values: [u9] } } }", {"vanishing": 1, "split": 0}),
        ("identity: { blocked: { values: [u9] } }\n", "{}", {"appearing": 1, "vanishing": 0}),
    ],
)
def test_what_is_tried_adds_up(typed: Typed, space: Path, now: str, tried: str, told: dict[str, int]) -> None:
    with (space / "guestlist.yaml").open("a") as settings:
        settings.write(now)
    (space / "rules.yaml").write_text(tried)
    facts = _facts(typed, "identity", "try", str(space / "rules.yaml"))
    (buyers,) = facts["audiences"]
    assert told.items() <= ({name: facts[name] for name in facts.keys() & told.keys()} | buyers).items()
    after = facts["people"]["before"] - facts["merged"] + facts["merged_into"]
    assert after + facts["split_off"] - facts["vanishing"] + facts["appearing"] == facts["people"]["after"]
    assert buyers["before"] + buyers["entering"] - buyers["leaving"] - buyers["joined"] == buyers["after"]


def test_who_keeps_anything_that_counts_stays_the_same_person(typed: Typed, space: Path) -> None:
    (space / "rules.yaml").write_text("blocked: { by_type: { anonymous_id: { values: [device-of-jane] } } }\n")
    facts = _facts(typed, "identity", "try", str(space / "rules.yaml"))
    assert (facts["merged"], facts["split"], facts["split_off"], facts["vanishing"]) == (0, 0, 0, 0)
    assert facts["audiences"] == [{"key": "buyers", "before": 2, "after": 2, "entering": 0, "leaving": 0, "joined": 0}]


def test_rules_that_the_file_leaves_out_are_told(typed: Typed, space: Path) -> None:
    with (space / "guestlist.yaml").open("a") as settings:
        settings.write(BY_LOYALTY)
    (space / "rules.yaml").write_text("limits: { email: 2 }\n")
    facts = _facts(typed, "identity", "try", str(space / "rules.yaml"))
    assert facts["left_out"] == ["identity.identifiers", "identity.limits.phone"]
    code, out = typed("identity", "try", str(space / "rules.yaml"))
    assert code == 0
    assert "Left out here, though in guestlist.yaml: identity.identifiers, identity.limits.phone." in out


def test_changed_rules_hold_for_whoever_looks(typed: Typed, space: Path) -> None:
    def buyers() -> int:
        (one,) = _facts(typed, "audiences", "list")["audiences"]
        return int(one["people"])

    settings = (space / "guestlist.yaml").read_text()
    assert buyers() == 2
    (space / "guestlist.yaml").write_text(settings + "identity: { limits: { user_id: none } }\n")
    assert buyers() == 1
    assert "1 person in Buyers" in typed("audiences", "members", "buyers")[1]
    assert len(_facts(typed, "profile", "show", "user_id:u9")["identifiers"]) == 4
    (space / "guestlist.yaml").write_text(settings)
    assert buyers() == 2


def test_rules_that_part_people_and_those_that_count(typed: Typed, space: Path) -> None:
    (space / "rules.yaml").write_text("blocked: { by_type: { user_id: { values: [u9] } } }\n")
    facts = _facts(typed, "identity", "try", str(space / "rules.yaml"))
    buyers = {"key": "buyers", "before": 2, "after": 1, "entering": 0, "leaving": 1, "joined": 0}
    assert facts["audiences"] == [buyers]
    (space / "rules.yaml").write_text("limits: { email: often }\n")
    told = typed("identity", "try", str(space / "rules.yaml"))[1]
    assert "[identity_settings]" in told
    assert "rules.yaml cannot be used: identity.limits: email" in told
    assert "guestlist.yaml" not in told
    (space / "rules.yaml").write_text("- a\n")
    assert "[rules_not_yaml]" in typed("identity", "try", str(space / "rules.yaml"))[1]


def test_rules_of_the_space_hold_for_what_landed_before(typed: Typed, space: Path) -> None:
    with (space / "guestlist.yaml").open("a") as settings:
        settings.write("identity: { identifiers: { loyalty_id: { from: [traits.loyalty_id] } } }\n")
    more = space / "more.jsonl"
    more.write_bytes(orjson.dumps({"type": "track", "event": "Seen", "userId": "u1", "messageId": "n1"}))
    assert typed("import", str(more), "--yes")[0] == 0
    facts = _facts(typed, "profile", "show", "loyalty_id:L7", "--reveal")
    assert {one["type"] for one in facts["identifiers"]} == {"user_id", "loyalty_id", "phone", "anonymous_id"}
    assert open_space(space).settings.identity


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space where twelve people gave one e-mail, and one of them a made-up one and an empty phone, too."""
    folder = tmp_path_factory.mktemp("shared") / "shop"
    assert run(["init", str(folder), "--country", "DE"]) == 0
    lines = [{"userId": f"u{n}", "messageId": f"m{n}", "traits": {"email": "desk@hub.example.org"}} for n in range(12)]
    lines += [
        {"userId": "u1", "messageId": "m20", "traits": {"email": "test@test.com"}},
        {"userId": "u1", "messageId": "m21", "traits": {"phone": "0000"}},
    ]
    sent = folder / "shared.jsonl"
    sent.write_bytes(
        b"\n".join(orjson.dumps({"type": "identify", "timestamp": "2026-01-01", **line}) for line in lines)
    )
    assert run(["import", str(sent), "--yes", "--space", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    ("person", "aside"),
    [
        ("u1", [("email", "desk@hub.example.org", "hub"), ("email", "test@test.com", "blocked_value"),
                ("phone", "0000", "blocked_value")]),
        ("u2", [("email", "desk@hub.example.org", "hub")]),
    ],
)  # fmt: skip
def test_what_points_at_nobody_is_told_of_whoever_gave_it(
    shared: Path, capsys: pytest.CaptureFixture[str], person: str, aside: list[tuple[str, str, str]]
) -> None:
    words = ["profile", "show", f"user_id:{person}", "--reveal", "--space", str(shared)]
    assert run([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert sorted((one["type"], one["value"], one["reason"]) for one in facts["set_aside"]) == aside
    assert run(words) == 0
    assert "too many people share it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("email:Desk@hub.example.org", "too many people share it"),
        ("email:test@test.com", "such a value is blocked"),
        ("phone:0000", "such a value is blocked"),
    ],
)
def test_a_value_that_names_nobody_says_why(
    shared: Path, capsys: pytest.CaptureFixture[str], typed: str, why: str
) -> None:
    assert run(["profile", "show", typed, "--space", str(shared)]) == 1
    told = capsys.readouterr()
    assert why in told.out + told.err
    assert typed.partition(":")[2] not in told.out + told.err

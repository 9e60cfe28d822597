"""A value that was split off from a person is not sent for them, wherever it stands; who else has it still sends it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fakemeta.harness import Running, running
from guestlist.space import make_space

from .conftest import Desk

DAY = 86_400
BUYERS = "key: buyers\nname: Buyers\nwho: { any: [{ event: Bought }, { trait: club, equals: yes }] }\nsync: main\n"
MADID = "3f0c1a52-7a1e-4b6e-9c51-0a1b2c3d4e5f"
LEFT_BLANK = "left blank: was split off from this person by hand"


def iphone(madid: str) -> dict[str, Any]:
    return {"device": {"type": "ios", "advertisingId": madid, "adTrackingEnabled": True}}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Somebody tells a value that is another's; `owner` and `person` are the two as Meta knows them."""

    typed: str
    owner: dict[str, list[str]]
    person: dict[str, list[str]] | None
    first: dict[str, Any]
    key: str = "EMAIL"
    later: dict[str, Any] | None = None  # another message, with the value in another spelling


def email_of(name: str, phone: str) -> Case:
    """An e-mail of somebody else, with the phone of who tells it."""
    email = f"{name}@example.org"
    person, traits = {"phones": [phone]}, {"email": email, "phone": phone}
    return Case(typed=f"email:{email}", owner={"emails": [email]}, person=person, first={"traits": traits})


KINDS = {
    "email": Case(
        typed="email:wrong@example.org",
        owner={"emails": ["wrong@example.org"]},
        person={"phones": ["+491713920001"]},
        first={"traits": {"email": "Wrong@Example.org", "phone": "+491713920001"}},
        later={"traits": {"email": " wrong@example.org"}},
    ),
    "phone": Case(
        typed="phone:+49 171 3920007",
        owner={"phones": ["+491713920007"]},
        person={"emails": ["right@example.org"]},
        first={"traits": {"phone": "0171 3920007", "email": "right@example.org"}},
        key="PHONE",
        later={"traits": {"phone_number": "+49 (0)171/392-0007", "country": "DE"}},
    ),
    "mobile id": Case(
        typed=f"ios.idfa:{MADID}",
        owner={"madids": [MADID]},
        person={"emails": ["true@example.org"]},
        first={"traits": {"idfa": MADID.upper(), "email": "true@example.org"}, "context": iphone(MADID)},
        key="MADID",
        later={"traits": {"madid": MADID}, "context": iphone(MADID.upper())},
    ),
}
OTHERS = {
    "nothing else": Case(
        typed="email:alone@example.org",
        owner={"emails": ["alone@example.org"]},
        person=None,
        first={"traits": {"email": "alone@example.org"}},
    ),
    "shared": email_of("shared", "+491713920011"),
    "in a list": email_of("listed", "+491713920012"),
    "on a device": email_of("device", "+491713920013"),
}
CASES = KINDS | OTHERS
SECOND = {"email": "shared@example.org", "phone": "+491713920021"}
BOTH = {"owner", "person"}


@dataclass(kw_only=True)
class Story:
    """One space in which all cases live: what was seen of each, at which point."""

    desk: Desk
    meta: Running
    people: dict[int, tuple[str, str]]
    """By the number of an account at Meta: the case, and who of it that is."""
    seen: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    told: dict[str, list[tuple[dict[str, Any], str]]] = field(default_factory=dict)

    def sync(self, point: str) -> None:
        """Sync, and note who of each case is at Meta then."""
        told = self.desk.type("sync")
        assert told.code == 0, told.out + told.err
        self.meta.advance(2 * DAY)
        (audience,) = self.meta.get("audiences")["audiences"]
        there = [self.people[number] for number in self.meta.members(audience["id"])]
        self.seen[point] = {name: {who for case, who in there if case == name} for name in CASES}

    def split(self, names: Iterable[str], *words: str) -> None:
        for name in names:
            told = self.desk.type("profile", "split", CASES[name].typed, *words)
            assert told.code == 0, told.err

    def look(self, name: str) -> None:
        """At the person, by two commands, each for machines and for people."""
        for words in (("profile", "show", f"user_id:{name}"), ("audiences", "explain", "buyers", f"user_id:{name}")):
            facts = self.desk.type(*words, "--json").facts
            self.told.setdefault(name, []).append((facts, self.desk.type(*words).out))


def say(desk: Desk, name: str, messages: Iterable[Mapping[str, Any]]) -> None:
    """Import the messages."""
    file = desk.space.parent / f"{name}.jsonl"
    file.write_text("\n".join(map(json.dumps, messages)), "utf-8")
    told = desk.type("import", file, "--yes")
    assert told.code == 0, told.err


def bought(user_id: str, **told: Any) -> list[dict[str, Any]]:
    """They buy, and tell something of themselves."""
    return [
        {"type": "track", "messageId": f"{user_id}-bought", "userId": user_id, "event": "Bought"},
        {"type": "identify", "messageId": f"{user_id}-first", "userId": user_id, **told},
    ]


def new_story(folder: Path, meta: Running) -> Story:
    """A space that sends buyers to Meta, which knows everybody."""
    make_space(folder / "shop", country="DE")
    desk = Desk(space=folder / "shop")
    token = folder / "token"
    token.write_text(meta.access_token, "utf-8")
    given = ("--ad-account", meta.ad_account, "--token-file", token, "--graph-url", meta.graph_url)
    assert desk.type("destinations", "connect", "main", *given).code == 0
    (desk.space / "audiences" / "buyers.yaml").write_text(BUYERS, "utf-8")
    people: dict[int, tuple[str, str]] = {}
    for name, case in CASES.items():
        known = {"owner": case.owner} | ({"person": case.person} if case.person else {})
        if name == "shared":
            known["second"] = {"phones": [SECOND["phone"]]}
        people |= {number: (name, who) for number, who in zip(meta.add_people(*known.values()), known, strict=True)}
    return Story(desk=desk, meta=meta, people=people)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """All buy, a value of each is split off, more comes in, some of it is undone."""
    with running() as meta:
        story = new_story(tmp_path_factory.mktemp("split"), meta)
        desk, device = story.desk, {"anonymousId": "device-1"}
        first = [message for name, case in CASES.items() for message in bought(name, **case.first)]
        say(desk, "first", first)
        say(desk, "second", bought("second", traits=SECOND))  # after the first to whom the e-mail was joined
        listed = desk.space.parent / "club.csv"
        listed.write_text("email,club\nlisted@example.org,yes\n", "utf-8")
        assert desk.type("import", listed, "--as", "people", "--yes").code == 0
        story.sync("before")

        story.split(CASES)
        visit = {"type": "identify", "messageId": "v", **device, "traits": {"email": "device@example.org"}}
        say(desk, "device", [visit, {"type": "track", "messageId": "b", **device, "event": "Bought"}])
        story.sync("split off")
        (story.plan,) = desk.type("plan", "--why", "--json").facts["plans"]
        for name in KINDS:
            story.look(name)

        later = [
            {"type": "identify", "messageId": f"{name}-later", "userId": name, **(case.later or {})}
            for name, case in KINDS.items()
        ]
        login = {"type": "identify", "messageId": "login", "userId": "on a device", **device}
        say(desk, "later", [*later, login])
        assert desk.type("do-not-send", "add", "user_id:second").code == 0
        story.sync("later")

        story.split(KINDS, "--undo")
        story.sync("undone")
    return story


@pytest.mark.parametrize("name", KINDS)
def test_whom_only_that_value_matches_is_out_and_whom_another_key_matches_stays(story: Story, name: str) -> None:
    seen = {point: of_case[name] for point, of_case in story.seen.items()}
    assert seen == {"before": BOTH, "split off": {"person"}, "later": {"person"}, "undone": BOTH}


@pytest.mark.parametrize("name", KINDS)
def test_it_is_told_which_key_is_left_blank(story: Story, name: str) -> None:
    case = KINDS[name]
    assert case.key in {one["key"] for one in story.plan["blank_cells"]}
    for facts, out in story.told[name]:
        assert facts["blank_cells"] == [{"destination": "main", "key": case.key, "reason": "split_off"}]
        assert f"{case.key} {LEFT_BLANK}" in out
    (shown, _), _ = story.told[name]
    assert [(one["type"], one["reason"]) for one in shown["set_aside"]] == [(case.typed.partition(":")[0], "split")]


def test_a_plan_counts_the_blank_cells(story: Story) -> None:
    """Of each person from whom a value was split off and who still goes by another."""
    counted = [(one["key"], one["reason"], one["people"]) for one in story.plan["blank_cells"]]
    assert sorted(counted) == [("EMAIL", "split_off", 4), ("MADID", "split_off", 1), ("PHONE", "split_off", 1)]


def test_who_has_nothing_else_cannot_be_sent(story: Story) -> None:
    assert story.seen["before"]["nothing else"] == {"owner"}
    assert story.plan["cannot_be_sent"] == {"only_unusable": 1}
    assert story.plan["unusable_cells"] == [{"key": "EMAIL", "reason": "split_off", "people": 1}]
    assert story.seen["split off"]["nothing else"] == set()


def test_somebody_else_with_the_value_sends_it_still(story: Story) -> None:
    """One address, two user ids: it joined the first, and stands in the traits of both."""
    assert story.seen["before"]["shared"] == {*BOTH, "second"}
    assert story.seen["split off"]["shared"] == {*BOTH, "second"}
    # It was the second's: with the second, who is on the list by then, it went, though the first is a member still.
    assert story.seen["later"]["shared"] == {"person"}


def test_messages_that_carry_nothing_else_send_it_still(story: Story) -> None:
    assert story.seen["split off"]["in a list"] == BOTH


def test_who_becomes_one_with_the_person_sends_it_no_more(story: Story) -> None:
    assert story.seen["split off"]["on a device"] == BOTH  # of the device, whoever uses it
    assert story.seen["later"]["on a device"] == {"person"}


def test_an_erased_person_leaves_no_trace_of_what_was_split_off_from_them(desk: Desk) -> None:
    say(desk, "u1", bought("u1", traits={"email": "wrong@example.org", "phone": "+491713920001"}))
    say(desk, "u2", bought("u2", traits={"email": "else@example.org"}))
    ids = set(desk.people().values())
    assert desk.type("profile", "split", "email:wrong@example.org").code == 0
    (person,) = ids & {one for (kind, value), one in desk.people().items() if value == "u1"}
    assert desk.where(person)
    assert desk.type("erase", "user_id:u1").code == 0
    assert desk.where(person) == []

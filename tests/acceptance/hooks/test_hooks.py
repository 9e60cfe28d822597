"""Who enters and who exits is told to an address, by a real server that may misbehave."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from guestlist.records import open_records
from guestlist.space import open_space

from .conftest import Typed, made
from .receiver import Answer, Receiver, hook_of, receiving


def proven(secret: str, headers: dict[str, str], body: bytes) -> list[bool]:
    """Of each signature whether it is by this secret, as the specification has it."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mine = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return [one == mine for one in headers["webhook-signature"].split(" ")]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What four hooks were told of people who entered and exited, each in its manner, and what was said of it."""

    receiver: Receiver
    segment: Receiver
    secret: str
    sent: list[dict[str, Any]]
    listed: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    typed = Typed(made(tmp_path_factory.mktemp("moved") / "shop"))
    (typed.folder / "audiences" / "free.yaml").write_text("key: free\nwho: { trait: plan, equals: free }\n")
    (typed.folder.parent / "key").write_text("the-write-key\n")
    as_segment = ("--as", "segment", "--write-key-file", typed.folder.parent / "key", "--also", "email")
    traits = {"plan": "gold", "email": "Ann@Example.org", "first_name": "Ann", "phone": "+4917139200001"}
    with receiving() as receiver, receiving() as segment:
        secret = typed.add(receiver, "--audiences", "gold")
        typed.add(receiver, "--audiences", "gold", "--also", "email, first_name", name="mail")
        typed.add(receiver, "--audiences", "free", name="free")
        typed.add(segment, "--audiences", "gold", *as_segment, name="seg")
        typed.call(
            {"userId": "u1", "anonymousId": "a1", "traits": traits},
            {"anonymousId": "a1", "traits": traits},
            {"userId": "u2", "traits": {"plan": "gold"}},
            {"userId": "u3", "traits": {"plan": "free"}},
        )
        sent = [typed.send()]
        typed.say(u1="free", u3="gold")
        sent += [typed.send(), typed.send()]
        yield Moved(receiver=receiver, segment=segment, secret=secret, sent=sent, listed=typed.hooks())


def test_who_enters_and_exits_is_told_in_order(moved: Moved) -> None:
    assert [one["crm"] for one in moved.sent] == [(2, None), (2, None), (0, None)]
    first, second = moved.receiver.of("crm")
    told = moved.receiver.told("crm")
    assert sorted(told[:2]) == [("entered", "u1"), ("entered", "u2")]
    assert sorted(told[2:]) == [("entered", "u3"), ("exited", "u1")]
    assert first.document["type"] == "audience.moved"
    (of_u2,) = [move for move in first.moves if move["user_ids"] == ["u2"]]
    assert of_u2.keys() == {"id", "audience", "change", "at", "user_ids"}
    assert [proven(moved.secret, one.headers, one.body) for one in (first, second)] == [[True], [True]]
    assert "." not in first.headers["webhook-id"]
    assert first.headers["Content-Type"] == "application/json"
    assert (moved.listed["crm"]["state"], moved.listed["crm"]["sent"]) == ("fine", 4)


def test_what_is_sent_beside_ids_is_what_the_hook_was_told_to_send(moved: Moved) -> None:
    entering = [moved.receiver.of(name)[0].moves for name in ("crm", "mail")]
    (plain,), (more,) = [[move for move in moves if move["user_ids"] == ["u1"]] for moves in entering]
    assert (plain["anonymous_ids"], "traits" in plain) == (["a1"], False)
    assert more["traits"] == {"email": "ann@example.org", "first_name": "Ann"}


def test_only_the_audiences_that_were_named(moved: Moved) -> None:
    assert [one["free"] for one in moved.sent] == [(1, None), (2, None), (0, None)]
    told = [
        (move["audience"], move["change"], move["user_ids"]) for one in moved.receiver.of("free") for move in one.moves
    ]
    assert told[0] == ("free", "entered", ["u3"])
    assert sorted(told[1:]) == [("free", "entered", ["u1"]), ("free", "exited", ["u3"])]


def test_segments_calls(moved: Moved) -> None:
    first, second = moved.segment.received
    entered, exited = [[call for call in one.document["batch"] if call["userId"] == "u1"] for one in (first, second)]
    assert first.headers["Authorization"] == "Basic " + base64.b64encode(b"the-write-key:").decode()
    identify, track = entered
    assert (identify["type"], identify["userId"]) == ("identify", "u1")
    assert identify["traits"] == {"gold": True, "email": "ann@example.org"}
    assert (track["event"], track["context"]["traits"]) == ("Audience Entered", {"email": "ann@example.org"})
    assert track["properties"] == {"audience_key": "gold", "gold": True, "email": "ann@example.org"}
    assert track["context"]["personas"]["computation_key"] == "gold"
    assert [(call["event"], call["properties"]["gold"]) for call in exited if call["type"] == "track"] == [
        ("Audience Exited", False)
    ]
    ids = [call["messageId"] for one in (first, second) for call in one.document["batch"]]
    assert len(ids) == 8
    assert len(set(ids)) == len(ids)


TROUBLES: dict[str, Answer] = {
    "s500": 500,
    "s503": 503,
    "s429": 429,
    "s408": 408,
    "reset": "reset",
    "cut": "cut",
    "soon": (503, {"Retry-After": "0"}),
}


@pytest.mark.usefixtures("no_waits")
def test_what_does_not_arrive_is_sent_again_under_the_same_id(typed: Typed, receiver: Receiver) -> None:
    """One hook for each trouble, all in one space: twice it goes wrong, then the address answers."""
    for name in TROUBLES:
        typed.add(receiver, name=name)
    typed.say(u1="gold", u2="gold")
    receiver.always = lambda body: TROUBLES[hook_of(body)] if len(receiver.of(hook_of(body))) < 2 else 200
    assert typed.send() == dict.fromkeys(TROUBLES, (2, None))
    came = {name: receiver.of(name) for name in TROUBLES}
    ids = {name: [one.headers["webhook-id"] for one in requests] for name, requests in came.items()}
    assert {name: (len(those), len(set(those))) for name, those in ids.items()} == dict.fromkeys(TROUBLES, (3, 1))
    same = {name: all(one.moves == requests[0].moves for one in requests) for name, requests in came.items()}
    assert same == dict.fromkeys(TROUBLES, True)
    assert {name: one["letters"] for name, one in typed.hooks().items()} == dict.fromkeys(TROUBLES, 0)


def test_an_address_that_is_away_is_waited_for_as_long_as_it_asks(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver)
    typed.say(u1="gold")
    receiver.answers = [(429, {"Retry-After": "3600"})]
    assert typed.send() == {"crm": (0, "http_429")}
    assert typed.send() == {"crm": (0, "http_429")}
    assert len(receiver.received) == 1  # not before it may be
    hook = typed.hook()
    assert (hook["state"], hook["code"], hook["letters"]) == ("waits", "http_429", 0)
    typed.done("hooks", "retry", "crm")
    typed.say(u1="free")
    assert typed.send() == {"crm": (2, None)}
    assert receiver.told() == [("entered", "u1"), ("exited", "u1")]


def test_who_is_gone_is_told_nothing_more_until_a_person_says_so(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver)
    typed.say(u1="gold", u2="gold")
    receiver.answers = [410]
    assert typed("hooks", "send").code == 1
    typed.say(u1="free", u3="gold")
    assert typed.send() == {"crm": (0, "http_410")}
    assert len(receiver.received) == 1
    (letter,) = typed.done("hooks", "failed", "crm", "--json").facts["letters"]
    assert (letter["code"], letter["moves"], letter["people"]) == ("http_410", 2, 2)
    assert typed.hook()["state"] == "stopped"
    typed.done("hooks", "retry", "crm")
    assert typed.send() == {"crm": (4, None)}
    told = receiver.told()
    assert told.index(("entered", "u1")) < told.index(("exited", "u1"))
    assert sorted(told) == [("entered", "u1"), ("entered", "u2"), ("entered", "u3"), ("exited", "u1")]
    assert typed.done("hooks", "failed", "--json").facts["letters"] == []


def test_times_in_tables_are_utc_wherever_the_space_is(typed: Typed, receiver: Receiver) -> None:
    settings = typed.folder / "guestlist.yaml"
    settings.write_text(settings.read_text().replace("time_zone: UTC", "time_zone: Asia/Tokyo"))
    typed.add(receiver)
    typed.say(u1="gold")
    receiver.answers = [410]
    assert typed("hooks", "send").code == 1
    (letter,) = typed.done("hooks", "failed", "--json").facts["letters"]
    told = typed.done("hooks", "failed").out
    assert "refused, UTC" in told
    assert str(letter["at"])[:16].replace("T", " ") in told
    typed.done("hooks", "retry", "crm")
    assert typed.send() == {"crm": (1, None)}
    told = typed.done("hooks", "list").out
    assert "last sent, UTC" in told
    assert str(typed.hook()["sent_at"])[:16].replace("T", " ") in told


@pytest.mark.usefixtures("no_waits")
def test_of_a_request_that_is_refused_only_the_people_at_fault_are_held_back(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver)
    receiver.always = lambda body: 400 if b'"u13"' in body else 200
    typed.say(**{f"u{n}": "gold" for n in range(40)})
    assert typed.send() == {"crm": (39, "http_400")}
    typed.say(u13="free", u14="free")
    assert typed.send() == {"crm": (1, "http_400")}
    (letter,) = typed.done("hooks", "failed", "--json").facts["letters"]
    assert (letter["moves"], letter["people"]) == (2, 1)  # what came later of the same person waits behind it
    assert ("exited", "u14") in receiver.told()
    receiver.always = lambda _: 200
    typed.done("hooks", "retry", "crm", "--letter", letter["letter"])
    assert typed.send() == {"crm": (2, None)}
    assert receiver.told()[-2:] == [("entered", "u13"), ("exited", "u13")]


@pytest.mark.usefixtures("no_waits")
def test_a_letter_can_be_given_up(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver)
    receiver.answers = [422] * 3
    typed.say(u1="gold")
    assert typed.send() == {"crm": (0, "http_422")}
    typed.done("hooks", "drop", "crm", "--letter", "1")
    typed.say(u1="free")
    assert typed.send() == {"crm": (1, None)}
    assert receiver.told() == [("exited", "u1")]


@pytest.mark.usefixtures("no_waits")
def test_who_merges_with_somebody_in_a_letter_waits_behind_it(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver)
    receiver.answers = [422] * 3
    typed.call({"anonymousId": "a1", "traits": {"plan": "gold"}})
    assert typed.send() == {"crm": (0, "http_422")}
    typed.call({"userId": "u0", "traits": {"plan": "free"}, "timestamp": "2020-01-01T00:00:00Z"})
    typed.call({"userId": "u0", "anonymousId": "a1", "traits": {"plan": "free"}})
    assert typed.send() == {"crm": (0, "http_422")}
    typed.done("hooks", "retry", "crm")
    assert typed.send() == {"crm": (2, None)}
    assert receiver.told() == [("entered", "u0"), ("exited", "u0")]


def test_a_new_secret_holds_beside_the_old_one_for_a_while(typed: Typed, receiver: Receiver) -> None:
    old = typed.add(receiver)
    new = typed.done("hooks", "rotate", "crm", "--json").facts["secret"]
    assert typed.done("hooks", "test", "crm").out.startswith("The request was taken")
    last = typed.done("hooks", "rotate", "crm", "--overlap", "0", "--json").facts["secret"]
    typed.done("hooks", "test", "crm")
    both, alone = receiver.received
    assert [proven(one, both.headers, both.body) for one in (new, old)] == [[True, False], [False, True]]
    assert proven(last, alone.headers, alone.body) == [True]
    assert both.document["type"] == "hook.tested"


def test_a_test_that_is_refused_says_so(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver)
    receiver.answers = [401]
    told = typed("hooks", "test", "crm")
    assert (told.code, told.out) == (1, "The request was refused: check the address and the key (http_401).\n")


def test_from_the_start_those_who_are_in_are_told_of(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver, name="first")
    typed.say(u1="gold", u2="gold")
    typed.send()
    receiver.received.clear()
    typed.add(receiver, "--from-start", "--audiences", "gold", name="second")
    typed.add(receiver, name="third")
    assert typed.send() == {"first": (0, None), "second": (2, None), "third": (0, None)}
    assert sorted(receiver.told()) == [("entered", "u1"), ("entered", "u2")]


# Privacy


def test_nobody_on_the_do_not_send_list_is_told_of_as_entering(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver, "--also", "email,plan")
    typed.say(u1="gold", u2="free")
    typed.send()
    typed.done("do-not-send", "add", "user_id:u1")
    typed.done("do-not-send", "add", "user_id:u2")
    typed.say(u1="free", u2="gold")
    assert typed.send() == {"crm": (1, None)}
    assert receiver.told() == [("entered", "u1"), ("exited", "u1")]
    assert [move.get("traits") for move in receiver.taken] == [{"plan": "gold"}, None]
    assert typed.hook()["left_out"] == 1


def loaded(typed: Typed, *lines: str) -> None:
    """A source whose file has these lines now: user id, e-mail, plan."""
    (typed.folder / "people.csv").write_text("\n".join(["id,email,plan", *lines, ""]))
    entry = {
        "as": "people",
        "columns": {"id": "user_id", "email": "email", "plan": "plan"},
        "load": {"files": "people.csv", "key": "id"},
    }
    open_space(typed.folder).write_entry("sources", "people", entry)
    typed.done("sources", "load", "people")


def test_whose_line_a_source_takes_back_exits_by_what_it_was_told_of_by(typed: Typed, receiver: Receiver) -> None:
    """Also who was erased before that was told."""
    typed.add(receiver)
    loaded(typed, *(f"u{number},guest{number}@example.org,gold" for number in (1, 2, 3, 4)))
    assert typed.send() == {"crm": (4, None)}
    loaded(typed, *(f"u{number},guest{number}@example.org,gold" for number in (2, 3, 4)))
    assert typed.send() == {"crm": (1, None)}
    assert receiver.told()[4:] == [("exited", "u1")]
    loaded(typed, *(f"u{number},guest{number}@example.org,gold" for number in (3, 4)))
    assert typed("erase", "user_id:u2").code in {0, 1}
    typed.send()
    assert receiver.told()[5:] == [("exited", "u2")]


def test_who_is_listed_by_an_email_that_lapsed_is_not_told_of_as_entering(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver, "--also", "email")
    loaded(typed, "u1,old@example.org,free", "u2,bo@example.org,free")
    typed.send()
    typed.done("do-not-send", "add", "email:old@example.org")
    loaded(typed, "u1,new@example.org,gold", "u2,bo@example.org,gold")
    assert typed.send() == {"crm": (1, None)}
    assert receiver.told() == [("entered", "u2")]


def test_who_is_erased_exits_by_ids_alone_and_what_waits_of_them_is_gone(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver, "--also", "email,plan")
    people = {"u1": "ann@example.org", "u2": "bo@example.org", "u3": "cy@example.org"}
    typed.call(
        *({"userId": one, "traits": {"email": mail, "plan": "gold"}} for one, mail in people.items() if one != "u3")
    )
    typed.send()
    receiver.always = lambda _: 503
    typed.call({"userId": "u3", "traits": {"email": "cy@example.org", "plan": "gold"}})
    typed.send()  # u3 waits
    receiver.received.clear()
    receiver.always = lambda _: 200
    for one in ("u1", "u3"):
        assert typed("erase", f"user_id:{one}").code in {0, 1}
    typed.done("hooks", "retry", "crm")
    typed.send()
    assert [(move["change"], move["user_ids"], move.get("traits")) for move in receiver.taken] == [
        ("exited", ["u1"], None)
    ]
    stores = b"".join(path.read_bytes() for path in (typed.folder / ".guestlist").glob("*") if path.is_file())
    assert b"cy@example.org" not in stores
    assert b"u1" not in re.findall(rb"\bu1\b", stores)


@pytest.mark.usefixtures("no_waits")
def test_an_exit_of_somebody_erased_that_is_refused_waits_in_a_letter_that_names_nobody(
    typed: Typed, receiver: Receiver
) -> None:
    """Two hooks for each refusal, all in one space: of one the letter is sent again, of the other given up."""
    refusals = {f"{after}-{status}": status for status in (400, 413, 422, 410) for after in ("again", "given-up")}
    for name in refusals:
        typed.add(receiver, name=name)
    typed.say(u1="gold", u2="gold")
    typed.send()
    receiver.received.clear()
    receiver.always = lambda body: refusals[hook_of(body)]
    assert typed("erase", "user_id:u1").code in {0, 1}
    typed.send()
    tried = {name: len(receiver.of(name)) for name in refusals}
    assert tried == {name: 1 if status == 410 else 3 for name, status in refusals.items()}
    letters = {one["hook"]: one for one in typed.done("hooks", "failed", "--json").facts["letters"]}
    assert {name: (one["code"], one["moves"], one["people"]) for name, one in letters.items()} == {
        name: (f"http_{status}", 1, 1) for name, status in refusals.items()
    }
    receiver.always = lambda _: 200
    for name in refusals:
        if name.startswith("given-up"):
            typed.done("hooks", "drop", name, "--letter", letters[name]["letter"])
        typed.done("hooks", "retry", name)
    typed.say(u2="free")
    typed.send()
    assert {name: receiver.told(name) for name in refusals} == {
        name: [("exited", user) for user in (["u2"] if name.startswith("given-up") else ["u1", "u2"])]
        for name in refusals
    }
    assert {name: one["letters"] for name, one in typed.hooks().items()} == dict.fromkeys(refusals, 0)
    with open_records(open_space(typed.folder)) as records:
        assert [name for name in refusals if records.journal.owed_exits(name)] == []
        assert not [one.name for one in records.journal.secrets() if one.name.startswith("exit")]


def test_nothing_about_people_or_keys_is_printed(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver, "--also", "email")
    typed.printed = ""
    typed.call({"userId": "u-secret", "traits": {"plan": "gold", "email": "ann@example.org"}})
    receiver.answers = [410]
    typed.send()
    for words in (("list",), ("failed",), ("retry", "crm"), ("send",), ("failed", "--json"), ("list", "--json")):
        typed("hooks", *words)
    for text in ("u-secret", "ann@example.org", "whsec_", "key=k"):
        assert text not in typed.printed


# What is refused


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("crm", "--url", "http://crm.example.org"), "url_refused"),
        (("crm", "--url", "ftp://crm.example.org"), "url_refused"),
        (("crm", "--url", "https://user:pw@crm.example.org"), "url_refused"),
        (("crm", "--url", "https://127.0.0.2/"), "address_internal"),
        (("crm", "--url", "https://[::1]/"), "address_internal"),
        (("crm", "--url", "https://169.254.169.254/latest"), "address_internal"),
        (("crm", "--url", "https://[::ffff:10.0.0.1]/"), "address_internal"),
        (("C R M", "--url", "https://crm.example.org"), "hook_name"),
        (("anchor", "--url", "https://crm.example.org"), "hook_name"),
        (("crm", "--url", "https://crm.example.org", "--audiences", "golden"), "unknown_audience"),
        (("crm", "--url", "https://crm.example.org", "--as", "segment"), "hook_needs_key"),
    ],
)
def test_what_cannot_be_a_hook(without_hooks: Typed, words: tuple[str, ...], code: str) -> None:
    refused = without_hooks("hooks", "add", *words, "--json")
    assert refused.facts["error"]["code"] == code
    assert without_hooks.done("hooks", "list", "--json").facts["hooks"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("remove", "crn"), "unknown_hook"),
        (("rotate", "crn"), "unknown_hook"),
        (("retry", "crm", "--letter", "7"), "unknown_letter"),
        (("drop", "crm", "--letter", "7"), "unknown_letter"),
        (("failed", "crn"), "unknown_hook"),
        (("add", "crm", "--url", "https://crm.example.org"), "hook_exists"),
    ],
)
def test_what_is_not_there_is_said(with_crm: Typed, words: tuple[str, ...], code: str) -> None:
    refused: dict[str, Any] = json.loads(with_crm("hooks", *words, "--json").out)
    assert refused["error"]["code"] == code


def test_a_hook_that_is_gone_is_told_nothing(typed: Typed, receiver: Receiver) -> None:
    typed.add(receiver)
    typed.say(u1="gold")
    typed.done("hooks", "remove", "crm")
    assert typed("hooks", "send", "--json").facts["hooks"] == []
    assert receiver.received == []
    typed.add(receiver)
    typed.say(u1="free")
    assert typed.send() == {"crm": (1, None)}

"""What `guestlist plan` tells before anything is sent: who cannot be, why, what stays blank, and when it goes."""

import hashlib
from pathlib import Path

import pytest

from fakemeta.harness import Running
from guestlist.space import make_space

from .kit import HOUR, Shop, Told

HASHED = hashlib.sha256(b"ann@example.org").hexdigest()
PEOPLE = f"""\
user_id,email,phone,first_name,birthday,tier
good,good@example.org,,Ada,1990-02-16,t0
bare,bare@example.org,0171 3920001,Bo,3/4/1990,t0
twice,twice@example.org,,Cy,5/6/1991,t0
hashed,{HASHED},,Dee,,t0
bad,bad-at-example,,Ed,,t0
both,both-at-example,0171 3920002,Flo,7/8/1992,t0
weak,,,Gus,,t0
"""


@pytest.fixture
def doubtful(server: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """A shop without a country, most of whose people have something that cannot be read."""
    server.reset()
    make_space(tmp_path / "shop")
    shop = Shop(space=tmp_path / "shop", meta=server, people=[], capture=capsys)
    assert shop.connect().code == 0
    assert shop.type("import", shop.file("people.csv", PEOPLE), "--as", "people", "--yes").code == 0
    shop.want("t0")
    return shop


def told_lines(told: Told) -> list[str]:
    """Without the spaces that line things up."""
    return [" ".join(line.split()) for line in told.out.splitlines()]


def test_who_cannot_be_sent_stands_under_its_reason_and_nowhere_else(doubtful: Shop) -> None:
    plan = doubtful.plan()
    assert plan["cannot_be_sent"] == {"has_none": 1, "only_unusable": 2}
    unusable = [(one["key"], one["reason"], one["people"]) for one in plan["unusable_cells"]]
    assert unusable == [("EMAIL", "bad_email", 2), ("PHONE", "phone_without_country", 1)]
    blank = {(one["key"], one["reason"]): one["people"] for one in plan["blank_cells"]}
    assert blank == {
        ("PHONE", "phone_without_country"): 1,
        **{(key, "ambiguous_date"): 2 for key in ("DOBD", "DOBM", "DOBY")},
    }
    assert plan["flagged_cells"] == [{"key": "EMAIL", "reason": "already_hashed", "people": 1}]


def test_why_is_told_in_words_and_a_birthday_once(doubtful: Shop) -> None:
    lines = told_lines(doubtful.type("plan", "--why"))
    at = lines.index("cannot be sent:")
    assert lines[at : at + 9] == [
        "cannot be sent:",
        "2 people EMAIL: not an e-mail address of the form name@domain.tld",
        "1 person PHONE: a phone number without country code, and no country is known for it",
        "left blank in a row that goes:",
        "2 people DOBD DOBM DOBY: day and month can be either way round: set date_order",
        "1 person PHONE: a phone number without country code, and no country is known for it",
        "sent all the same:",
        "1 person EMAIL: was hashed already, sent as it is",
        "Nothing was sent. To send it: guestlist sync",
    ]


def test_a_country_that_the_space_could_have_is_counted_and_goes_once_it_has_one(doubtful: Shop) -> None:
    assert doubtful.plan()["phones_without_country"] == 2
    assert "VIP: of 2 people a phone cannot be read: it has no country code." in told_lines(doubtful.type("plan"))

    doubtful.edit("country:\n", "country: DE\n")
    plan = doubtful.plan()
    assert plan["phones_without_country"] == 0
    assert plan["can_be_sent"] == 5
    assert "country code" not in doubtful.type("plan").out


def told_row(shop: Shop) -> list[str]:
    return shop.type("plan").out.splitlines()[2].split()


def test_how_long_it_takes_heeds_what_stands_in_the_way(shop: Shop) -> None:
    assert (shop.plan()["calls_again_at"], shop.plan()["parked"]) == (None, None)
    assert told_row(shop)[-1] == "s"

    shop.meta.fault("throttle", path="/users$", nth=2, minutes=50)
    assert shop.sync()["code"] == 4
    until = shop.plan()["calls_again_at"]
    assert until is not None
    assert told_row(shop)[-1] == "waits"
    assert f"no calls for this ad account until {until[:16].replace('T', ' ')} UTC" in shop.type("plan").out

    shop.meta.advance(2 * HOUR)
    assert shop.plan()["calls_again_at"] is None
    assert told_row(shop)[-1] == "s"


def test_a_parked_destination_waits_for_a_person(shop: Shop) -> None:
    shop.meta.fault("error", path="/users$", code=190, subcode=460)
    assert shop.sync()["code"] == 1
    told = shop.type("plan")
    assert shop.plan()["parked"]["code"] == shop.status()["error"]["code"]
    assert told_row(shop)[-1] == "waits"
    assert "VIP: nothing goes before a person did something." in told.out
    assert "guestlist destinations reconnect main" in told.out


def test_with_nothing_to_send_nothing_waits(synced: Shop) -> None:
    synced.meta.fault("error", path=".*", code=190, subcode=460)
    assert synced.sync("--full")["code"] == 1
    assert synced.plan()["parked"] is not None
    assert synced.plan()["calls"] == 0
    assert told_row(synced)[-2:] == ["0", "s"]

"""Mappings proposed for the exports that people really have."""

from pathlib import Path

import pytest

from guestlist.sources.files import DataFile
from guestlist.sources.mapping import Wish, propose

EXPORTS = {
    "Shopify": (
        (
            "Customer ID,First Name,Last Name,Email,Default Address City,Default Address Province Code,"
            "Default Address Country Code,Default Address Zip,Default Address Phone,Phone,Total Spent,Tags"
        ),
        "1,Ada,L,ada@example.org,Köln,NW,DE,50667,,030 23125 001,5,a",
        "user_id first_name last_name email city state country zip phone phone total_spent tags",
    ),
    "WooCommerce": (
        "Name,Username,Email,Orders,Total spend,Country / Region,City,Region,Postal code",
        "Ada L,ada,ada@example.org,2,5,DE,Köln,NW,50667",
        "name username email orders total_spend country city state zip",
    ),
    "Klaviyo": (
        "Email,Klaviyo ID,First Name,Last Name,Phone Number,City,State / Region,Country,Zip Code",
        "ada@example.org,01H,Ada,L,030 23125 001,Köln,NW,DE,50667",
        "email id:klaviyo_id first_name last_name phone city state country zip",
    ),
    "HubSpot": (
        "Record ID,First Name,Last Name,Email,Mobile Phone Number,State/Region,Postal Code,Country/Region,Date of birth",
        "7,Ada,L,ada@example.org,030 23125 001,NW,50667,DE,1990-01-02",
        "id:hubspot_id first_name last_name email phone state zip country birthday",
    ),
    "Stripe": (
        "id,Email,Name,Created (UTC),Card ID,Card Last4,Card Address Zip",
        "cus_1,ada@example.org,Ada L,2024-01-01 10:00,card_1,0000,50667",
        "id:stripe_id email name created_utc   zip",
    ),
    "Meta's customer list": (
        "email,email,phone,madid,fn,ln,zip,ct,st,country,dob,doby,gen,value",
        "ada@example.org,,030 23125 001,,Ada,L,50667,Köln,NW,DE,1990-01-02,1990,f,5",
        "email email phone madid first_name last_name zip city state country birthday birth_year gender value",
    ),
    "unknown headers": ("Kontakt;Lieblings Farbe", "ada@example.org;rot", "email lieblings_farbe"),
}


@pytest.mark.parametrize(("header", "line", "targets"), EXPORTS.values(), ids=EXPORTS)
def test_people(tmp_path: Path, header: str, line: str, targets: str) -> None:
    (tmp_path / "export.csv").write_text(f"{header}\n{line}\n")
    mapping = propose(DataFile(tmp_path / "export.csv"), Wish())
    assert mapping.reading == "people"
    assert list(mapping.columns.values()) == targets.split(" ")


def test_events_are_seen_by_their_headers(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,event,timestamp,total\nu1,Bought,2024-01-01,5\n")
    mapping = propose(DataFile(tmp_path / "log.csv"), Wish())
    assert (mapping.reading, list(mapping.columns.values())) == ("events", ["user_id", "event", "time", "total"])


def test_the_person_who_is_named_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("email,customer_id,when\nada@example.org,u1,2024-01-01\n")
    wish = Wish(reading="events", event="Bought", time="when", id="email")
    assert propose(DataFile(tmp_path / "log.csv"), wish).ids() == {"email": "email"}

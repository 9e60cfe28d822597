"""Unmistakable people and secrets, every form in which one could leak, and the search for them."""

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from fakemeta.people import Person

PREFIX = "zyx"
"""All canaries begin so: nothing that a person did not tell us may."""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A person whose every value is found wherever it is. The `number` is also that of the account at Meta."""

    number: int

    @property
    def _word(self) -> str:
        return "".join(chr(ord("q") - int(digit)) for digit in f"{self.number:03}")

    @property
    def email(self) -> str:
        return f"Zyx.Mail.{self._word}@Example.org"

    @property
    def hashed_email(self) -> str:
        return sha256(f"zyxhashed{self._word}@example.org")

    @property
    def phone(self) -> str:
        return f"0171 39{30_000 + self.number}"

    @property
    def user_id(self) -> str:
        return f"zyxuser-{self._word}-4711"

    @property
    def madid(self) -> str:
        return f"AEBE52E7-03EE-455A-B3C4-E57283{966_000 + self.number}"

    @property
    def names(self) -> dict[str, str]:
        word = self._word
        return {"first_name": f"Zyxfirst{word}", "last_name": f"Zyxlast{word}", "city": f"Zyxcity{word}"}

    @property
    def birthday(self) -> str:
        return f"1971-07-{self.number:02}"

    def line(self) -> dict[str, str]:
        return {
            "user_id": self.user_id,
            "email": self.email,
            "email_2": self.hashed_email,
            "phone": self.phone,
            **self.names,
            "zip": f"2410{self.number % 10}",
            "birthday": self.birthday,
            "gender": "f",
            "country": "DE",
            "tier": f"t{self.number % 4}",
        }

    def calls(self) -> Iterator[dict[str, object]]:
        """What the app and the shop tell of the person."""
        device = {"type": "ios", "advertisingId": self.madid}
        cards = [{"id": f"zyxcard-{self._word}", "type": "loyalty_card"}]
        yield {
            "type": "identify",
            "userId": self.user_id,
            "anonymousId": f"zyxanon-{self._word}",
            "context": {"device": device, "externalIds": cards},
            "traits": {"note": f"zyxnote {self._word}"},
        }
        yield {
            "type": "track",
            "event": "Order Completed",
            "userId": self.user_id,
            "timestamp": "2026-01-05T10:00:00Z",
            "properties": {"gift_for": f"zyxgift {self._word}", "total": 41.5},
        }

    def person(self) -> Person:
        """The account at Meta."""
        return Person(id=self.number, emails=(self.email.lower(),), phones=(self.international,))

    @property
    def international(self) -> str:
        return "+49" + re.sub(r"\D", "", self.phone).removeprefix("0")

    def needles(self) -> frozenset[str]:
        """All forms of all values, in small letters."""
        told = [self.email, self.user_id, self.madid, *self.names.values(), self.birthday, *self._other()]
        told += [self.phone, self.international, self.international[1:], self.hashed_email]
        # Too short to be looked for in clear, and sent as their hashes.
        parts = ("z", "f", "1971", "07", f"{self.number:02}", "de", f"2410{self.number % 10}")
        return frozenset().union(*map(forms, told), *map(hash_forms, parts))

    def _other(self) -> list[str]:
        word = self._word
        words = [f"zyxcard-{word}", f"zyxanon-{word}", f"zyxnote {word}", f"zyxgift {word}", f"zyxhashed{word}"]
        return [*words, self.birthday.replace("-", ""), ".".join(reversed(self.birthday.split("-")))]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def forms(text: str) -> frozenset[str]:
    """A value as it stands, as digits, encoded, and all of it hashed; in small letters, as what is searched."""
    digits = re.sub(r"\D", "", text)
    spelt = {text, text.lower(), text.lower().replace(".", "")} | ({digits} if len(digits) >= 7 else set())
    encoded = {quote(each, safe="") for each in spelt} | {quote_plus(each) for each in spelt}
    encoded |= {json.dumps(each)[1:-1] for each in spelt}
    encoded |= {base64.b64encode(each.encode()).decode().rstrip("=") for each in spelt}
    hashes = frozenset().union(*map(hash_forms, spelt))
    return frozenset(each.lower() for each in spelt | encoded) | hashes


def hash_forms(text: str) -> frozenset[str]:
    digest = hashlib.sha256(text.encode()).digest()
    encoded = (base64.b64encode(digest), base64.urlsafe_b64encode(digest))
    return frozenset({digest.hex(), *(each.decode().rstrip("=").lower() for each in encoded)})


def raw_hashes(needles: Iterable[str]) -> frozenset[bytes]:
    """The hashes among them as bytes, as a store could keep them."""
    return frozenset(bytes.fromhex(each) for each in needles if re.fullmatch(r"[0-9a-f]{64}", each))


def leaks(needles: Iterable[str], searched: Mapping[str, str | bytes]) -> list[tuple[str, str]]:
    """(where, which) for every needle that is found."""
    found = []
    wanted = sorted(set(needles))
    for place, content in searched.items():
        text = (content if isinstance(content, bytes) else content.encode("utf-8", "replace")).lower()
        found += [(place, each) for each in wanted if each.encode() in text]
    return found


def byte_leaks(needles: Iterable[str], folder: Path) -> list[tuple[str, str]]:
    """The same in every byte of every file of a folder, where hashes may also be kept as bytes."""
    wanted = frozenset(needles)
    files = {str(place.relative_to(folder)): place.read_bytes() for place in folder.rglob("*") if place.is_file()}
    found = leaks(wanted, files)
    raw = raw_hashes(wanted)
    return found + [(place, each.hex()) for place, content in files.items() for each in raw if each in content]


def csv_of(people: Iterable[Canary]) -> str:
    lines = [one.line() for one in people]
    written = io.StringIO()
    writer = csv.DictWriter(written, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return written.getvalue()


def calls_of(people: Iterable[Canary]) -> str:
    return "".join(json.dumps(call) + "\n" for one in people for call in one.calls())


def rejected_calls(one: Canary) -> str:
    """Lines that cannot come in, each with personal values where the mistake is."""
    whole = json.dumps({"type": "identify", "userId": one.user_id, "traits": {"email": one.email}})
    return "\n".join(
        (
            whole[:-20],
            json.dumps(one.email),
            json.dumps({"type": one.email, "userId": one.user_id}),
            json.dumps({"type": "track", "traits": {"note": one.email}}),
            json.dumps({"type": "identify", "userId": one.user_id, "timestamp": one.email}),
            json.dumps({"type": "identify", "userId": one.user_id, "messageId": one.email * 20}),
            json.dumps({"type": "identify", "userId": {"is": one.email}, "traits": one.phone}),
            json.dumps({"type": "identify", "userId": one.user_id, "traits": {"email": [one.email]}}),
        )
    )

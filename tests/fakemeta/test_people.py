"""The population, and Meta's own digests of it."""

from pathlib import Path

import orjson
import pytest

from fakemeta import normalise
from fakemeta.people import generate, load, to_record


def test_the_same_seed_gives_the_same_people() -> None:
    people = list(generate(2000, seed=3))
    assert people == list(generate(2000, seed=3))
    assert people != list(generate(2000, seed=4))
    assert 0.55 < sum(person.account for person in people) / len(people) < 0.65
    emails = [email for person in people for email in person.emails]
    assert len(set(emails)) < len(emails)
    phones = [phone for person in people for phone in person.phones]
    assert len(set(phones)) == len(phones)


def test_people_from_a_file(tmp_path: Path) -> None:
    people = list(generate(20))
    file = tmp_path / "people.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(to_record(person)) for person in people) + b"\n\n")
    assert list(load(file)) == people


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (normalise.email(" Mary@Example.com "), "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"),
        (normalise.phone("+1 (555) 987-6543"), "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"),
        (normalise.name("O’Brien"), "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"),
        (normalise.name("St. John"), "2012ca9043ebe0e4ad081f0033e5a72bc380249a621f1c5705fc50deebc51663"),
        (normalise.name("Mu\u0308ller"), "2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192"),
        (normalise.name("李"), "c16667ca7839a011a548628372ac24f56500a68088eac17e3e7ee6edf9c54125"),
        (normalise.state("New York", "us"), "1b06e2003f8420d6fa42badd8f77ec0f706b976b7a48b13c567dc5a559681683"),
        (normalise.place("New York"), "350c754ba4d38897693aa077ef43072a859d23f613443133fecbbd90a3512ca5"),
        (normalise.postal("94025-1234", "us"), "b9a9cf3cd3723a2e91b7c23ecf68456e872b6e5d86e5cab7f3d45a7302da32c7"),
        (normalise.gender("Female"), "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"),
    ],
)
def test_digests_as_published(value: str, digest: str) -> None:
    assert normalise.digest(value) == digest

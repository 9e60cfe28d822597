"""Of a size at which the engine writes past its memory: people are found in the very process that imported them."""

from .conftest import Desk

MANY = 42_000


def test_many_imported_people_are_found_at_once(desk: Desk) -> None:
    file = desk.space.parent / "many.csv"
    lines = (f"u{n},p{n}@example.org,c{n}" for n in range(MANY))
    file.write_text("user_id,email,anonymous_id\n" + "\n".join(lines) + "\n", "utf-8")
    more = desk.space.parent / "more.csv"
    more.write_text("user_id,email,city\nu1,p1@example.org,Berlin\n", "utf-8")

    assert desk.type("import", file, more, "--yes").code == 0

    assert desk.type("erase", "email:p4711@example.org", "--json").facts["people"] == 1
    assert len(desk.people()) == 3 * (MANY - 1)

"""Sources that are tables or queries of a Postgres server: a real one, started here."""

import pytest

from guestlist.errors import GuestlistError

from .conftest import Shop
from .postgres import Postgres

PEOPLE = "public.people"


@pytest.fixture
def people(server: Postgres, shop: Shop) -> Postgres:
    server.say(
        "DROP TABLE IF EXISTS people CASCADE",
        "CREATE TABLE people (id bigint, email text, plan text, changed timestamptz)",
        """INSERT INTO people SELECT i, 'p' || i || '@example.org', 'free', '2026-01-01T00:00Z'::timestamptz
           + i * interval '1 minute' FROM generate_series(1, 6) i""",
    )
    shop.seal(server.dsn)
    return server


def update(server: Postgres, what: str, where: str) -> None:
    server.say(f"UPDATE people SET {what} WHERE {where}")


def test_lines_come_change_and_vanish(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id")
    first = shop.load()
    assert (first.state, first.lines, first.came, first.went) == ("loaded", 6, 6, 0)
    people.say(
        "UPDATE people SET plan = 'gold' WHERE id = 1",
        "UPDATE people SET plan = NULL WHERE id = 2",
        "DELETE FROM people WHERE id = 3",
        "INSERT INTO people VALUES (7, 'p7@example.org', 'gold', now())",
    )
    second = shop.load()
    assert (second.state, second.lines, second.came, second.went) == ("loaded", 6, 3, 1)
    assert shop.plans() == {"p1@example.org": "gold", "p7@example.org": "gold"} | {
        f"p{n}@example.org": "free" for n in (4, 5, 6)
    }
    assert "p3@example.org" not in shop.known_by()
    third = shop.load()
    assert (third.lines, third.came, third.went) == (6, 0, 0)


def test_a_line_that_comes_back_holds_again(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id")
    shop.load()
    people.say("DELETE FROM people WHERE id = 1")
    shop.load()
    assert "p1@example.org" not in shop.known_by()
    people.say("INSERT INTO people VALUES (1, 'p1@example.org', 'free', '2026-01-01T00:01Z')")
    shop.load()
    assert "p1@example.org" in shop.known_by()
    assert shop.plans()["p1@example.org"] == "free"


def test_an_address_that_is_corrected_takes_the_place_of_the_wrong_one(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id", columns={"email": "email", "plan": "plan"})
    shop.load()
    update(people, "email = 'other@example.org'", "id = 1")
    shop.load()
    assert {"other@example.org", "p1@example.org"} & shop.known_by() == {"other@example.org"}
    assert shop.plans().get("p1@example.org") is None
    assert shop.plans()["other@example.org"] == "free"


CHANGES = [
    pytest.param("plan = 'gold', changed = '2026-02-01'", id="later"),
    pytest.param("plan = 'gold', changed = '2025-01-01'", id="by a clock that is behind"),
    pytest.param("plan = 'gold', changed = NULL", id="without a time"),
    pytest.param("plan = 'gold', changed = (SELECT max(changed) FROM people)", id="at the same time as another"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_never_missed(people: Postgres, shop: Shop, change: str) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id", changed="changed")
    shop.load()
    update(people, change, "id = 2")
    assert (shop.load().came, shop.plans()["p2@example.org"]) == (1, "gold")
    assert shop.load().came == 0


def test_a_change_within_the_same_moment_is_seen_where_that_is_not_long_ago(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id", changed="changed")
    shop.load()
    update(people, "plan = 'gold'", "id = 6")  # the change column stays
    assert shop.load().came == 1


def test_what_changes_and_does_not_say_so_is_seen_within_a_day(people: Postgres, shop: Shop) -> None:
    people.say("UPDATE people SET changed = changed - interval '30 days' WHERE id = 1")
    shop.source(postgres="sealed", table=PEOPLE, key="id", changed="changed")
    shop.load()
    update(people, "plan = 'gold'", "id = 1")
    assert shop.load().came == 0
    shop.clock.instant = shop.clock.instant.replace(day=3)
    assert shop.load().came == 1


@pytest.mark.parametrize("kind", ["bigint", "date", "timestamp", "text"])
def test_a_change_column_may_be_of_many_types(people: Postgres, shop: Shop, kind: str) -> None:
    given = {"bigint": "id", "date": "'2026-01-0' || id", "timestamp": "'2026-01-0' || id", "text": "'v' || id"}[kind]
    people.say(
        "ALTER TABLE people DROP COLUMN changed",
        f"ALTER TABLE people ADD COLUMN changed {kind}",
        f"UPDATE people SET changed = ({given})::{kind}",
    )
    shop.source(postgres="sealed", table=PEOPLE, key="id", changed="changed")
    shop.load()
    people.say("DELETE FROM people WHERE id = 5", "UPDATE people SET plan = 'gold' WHERE id = 6")
    found = shop.load()
    assert (found.state, found.came, found.went) == ("loaded", 1, 1)


def test_only_lines_that_changed_are_read(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", query="SELECT id, email, 1 / (id - 99) AS plan, changed FROM people", key="id",
                changed="changed")  # fmt: skip
    people.say(
        "INSERT INTO people VALUES (98, 'old@example.org', 'x', '2025-01-01')",
        "INSERT INTO people VALUES (100, 'new@example.org', 'x', '2026-02-01')",
    )
    shop.load()
    # Whoever reads this line's plan now fails; its key and change column can be read.
    people.say("UPDATE people SET id = 99 WHERE id = 98")
    people.say("UPDATE people SET email = 'newer@example.org' WHERE id = 100")
    assert shop.load().state == "failed"  # an id that was not there before has to be read
    people.say("DELETE FROM people WHERE id = 99")
    found = shop.load()
    assert (found.state, found.came, found.went) == ("loaded", 1, 1)


@pytest.mark.parametrize("end", ["", " -- the first two", ";\n"])
def test_a_query_gives_the_lines(people: Postgres, shop: Shop, end: str) -> None:
    shop.source(postgres="sealed", key="id", query=f"SELECT * FROM people WHERE id < 3{end}")
    assert shop.load().lines == 2


QUERIES = [
    pytest.param("DELETE FROM people RETURNING *", "source_query", id="no SELECT"),
    pytest.param("SELECT * FROM people; DROP TABLE people", "source_query", id="two statements"),
    pytest.param("WITH x AS (DELETE FROM people RETURNING *) SELECT * FROM x", "source_query", id="a CTE that deletes"),
    pytest.param("SELECT 1) AS lines; DELETE FROM people; --", "source_query", id="out of the brackets"),
    pytest.param("SELECT 1) TO PROGRAM 'touch /tmp/x' --", "source_query", id="into a program"),
    pytest.param("SELECT wipe() AS id, '' AS email, '' AS plan", "source_query", id="a function that deletes"),
    pytest.param("SELECT set_config('transaction_read_only', 'off', true) AS id, wipe()::text AS email, '' AS plan",
                 "source_query", id="switching it off"),
    pytest.param("SELECT * FROM nowhere", "source_query", id="no such table"),
    pytest.param("SELECT id, email FROM people", "source_columns", id="a column less"),
    pytest.param("SELECT 1 / (id - id) AS id, email, plan FROM people", "source_query", id="fails on the data"),
    pytest.param("SELECT id, id FROM people", "source_query", id="two columns of one name"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "code"), QUERIES)
def test_a_query_only_reads(people: Postgres, shop: Shop, query: str, code: str) -> None:
    people.say("""CREATE OR REPLACE FUNCTION wipe() RETURNS int SECURITY DEFINER LANGUAGE plpgsql AS
               'BEGIN DELETE FROM people; RETURN 1; END'""")
    shop.source(postgres="sealed", query=query)
    found = shop.load()
    assert (found.state, found.code, found.lines) == ("failed", code, 0)
    assert people.ask("SELECT count(*) FROM people") == [(6,)]
    assert "example.org" not in f"{found.happened} {found.next_step}"


def test_a_load_that_the_server_breaks_off_changes_nothing_and_works_again(people: Postgres, shop: Shop) -> None:
    people.say(
        "INSERT INTO people SELECT i, 'q' || i || '@example.org', 'free', now() FROM generate_series(10, 40000) i"
    )
    # The server goes away once ten thousand lines were on their way.
    people.say("""CREATE OR REPLACE FUNCTION falls(i bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
               'BEGIN IF i = 20000 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN i; END'""")
    shop.source(postgres="sealed", key="id", query="SELECT falls(id) AS id, email, plan FROM people")
    found = shop.load()
    assert (found.state, found.code, found.failures) == ("failed", "source_unreachable", 1)
    assert shop.rows("message", "message_id") == []
    people.restart()
    people.say("CREATE OR REPLACE FUNCTION falls(i bigint) RETURNS bigint LANGUAGE sql AS 'SELECT i'")
    found = shop.load()
    assert (found.state, found.lines, found.failures, found.code) == ("loaded", 39997, 0, None)


def test_a_server_that_is_away_leaves_what_was_loaded(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id")
    shop.load()
    people.stop()
    try:
        found = shop.load()
    finally:
        people.start()
    assert (found.state, found.code, found.lines) == ("failed", "source_unreachable", 6)
    assert len(shop.plans()) == 6


def test_half_of_the_lines_gone_is_a_matter_for_a_person(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id")
    shop.load()
    people.say("DELETE FROM people WHERE id <= 3")
    assert (shop.load().state, len(shop.plans())) == ("loaded", 3)
    people.say("DELETE FROM people WHERE id <= 5")
    found = shop.load()
    assert (found.state, found.code, found.lines) == ("shrunk", "source_shrunk", 3)
    assert len(shop.plans()) == 3
    assert (shop.load(accept=True).state, len(shop.plans())) == ("loaded", 1)
    people.say("DELETE FROM people")
    assert (shop.load().state, len(shop.plans())) == ("empty", 1)
    assert (shop.load(accept=True).state, shop.plans()) == ("loaded", {})


def test_lines_that_cannot_come_in_are_told_and_do_not_hold(people: Postgres, shop: Shop) -> None:
    shop.source(
        postgres="sealed", table=PEOPLE, key="id", changed="changed", columns={"email": "email", "plan": "plan"}
    )
    shop.load()
    people.say(
        "UPDATE people SET email = NULL, changed = now() WHERE id = 1",
        "INSERT INTO people VALUES (NULL, 'a@example.org', 'x', now()), (6, 'b@example.org', 'y', now())",
    )
    found = shop.load()
    assert (found.state, found.lines, found.rejected) == ("loaded", 5, 3)
    reasons = {reason for (reason,) in shop.rows("pulled_rejected", "reason")}
    assert reasons == {"no_user_anon_id", "no_key", "key_repeated"}
    assert "p1@example.org" not in shop.plans()


def test_a_role_that_may_not_read_is_told_what_it_lacks(people: Postgres, shop: Shop) -> None:
    people.say("DROP ROLE IF EXISTS outsider", "CREATE ROLE outsider LOGIN")
    shop.seal(people.dsn.replace("reader", "outsider"))
    shop.source(postgres="sealed", table=PEOPLE, key="id")
    assert shop.load().code == "source_not_allowed"


def test_what_two_sources_say_of_a_person_is_known_apart(people: Postgres, shop: Shop) -> None:
    shop.source(postgres="sealed", table=PEOPLE, key="id")
    shop.source("loyalty", postgres="sealed", table=PEOPLE, key="id")
    shop.seal(people.dsn, "loyalty")
    shop.load("loyalty")
    update(people, "plan = 'gold'", "id = 1")
    shop.load()
    assert shop.plans()["p1@example.org"] == "gold"
    people.say("DELETE FROM people WHERE id = 1")
    shop.load()
    assert shop.plans()["p1@example.org"] == "free"  # the other source was not loaded since
    shop.load("loyalty")
    assert "p1@example.org" not in shop.known_by()


def test_events_that_were_taken_back_did_not_happen(people: Postgres, shop: Shop) -> None:
    people.say(
        "DROP TABLE IF EXISTS orders",
        "CREATE TABLE orders (no int, who text, at timestamptz, total numeric)",
        "INSERT INTO orders SELECT i, 'p' || i || '@example.org', '2026-02-01', i FROM generate_series(1, 4) i",
    )
    columns = {"no": "no", "who": "email", "at": "time", "total": "total"}
    shop.source(reading="events", event="Bought", columns=columns, postgres="sealed", table="orders", key="no")
    shop.load()
    assert len(shop.rows("event", "ordinal")) == 4
    people.say("DELETE FROM orders WHERE no = 1", "UPDATE orders SET total = 99 WHERE no = 2")
    shop.load()
    totals = {
        properties.partition('"total":"')[2].partition('"')[0] for (properties,) in shop.rows("event", "properties")
    }
    assert totals == {"99", "3", "4"}


def test_the_settings_of_a_source_are_told_with_their_path(shop: Shop) -> None:
    shop.source(postgres="sealed", table="a", query="b")
    with pytest.raises(GuestlistError, match=r"sources\.crm\.load: name a table or a query, not both") as caught:
        shop.load()
    assert caught.value.code == "source_settings"

"""A warehouse of generated messages, as an import leaves one, from which people are to be found.

Real-shaped: one identify call a person and tracks for the rest; seven people in ten have a user id, one to three
cookies each, e-mails and phones in two spellings, one person in 33 on somebody else's device now and then, one address
that a thousandth of all people gave. Nothing is random: the same size is the same data.
"""

from pathlib import Path

import duckdb

from bench.data import FOLDER, NOW

_VERSION = 1  # raise when the data changes

_SAID = f"""
CREATE MACRO dice(n, salt, sides) AS (hash(n, salt) % sides)::BIGINT;
CREATE TEMP TABLE said AS
WITH dealt AS (
    SELECT n, n < $people AS first, CASE WHEN n < $people THEN n ELSE dice(n, 1, $people) END AS who,
        TIMESTAMPTZ '{NOW}' - to_seconds(dice(n, 2, 365 * 86400)) AS "at"
    FROM range($from, $stop) r(n)
)
SELECT n + 1 AS ordinal, 'm' || n AS message_id, first, who, "at",
    CASE WHEN who % 10 < 7 AND (first OR dice(n, 3, 3) = 0) THEN 'u' || who END AS user_id,
    CASE WHEN who % 33 = 0 AND dice(n, 5, 4) = 0 THEN md5('c' || (who + 1) || '-0')
         ELSE md5('c' || who || '-' || dice(n, 4, 1 + who % 3)) END::UUID::VARCHAR AS anonymous_id,
    CASE WHEN first AND dice(who, 6, 10) > 0 THEN
        CASE WHEN who % 1000 = 7 THEN 'info@shop.example' WHEN who % 4 = 0 THEN 'Person.' || who || '@Example.com'
             ELSE 'person.' || who || '@example.com' END END AS email,
    CASE WHEN first AND dice(who, 7, 10) < 6 THEN
        CASE WHEN who % 2 = 0 THEN '+4917' || lpad(dice(who, 8, 100000000)::VARCHAR, 8, '0')
             ELSE '+49 17' || lpad(dice(who, 8, 10000000)::VARCHAR, 8, '0') END END AS phone
FROM dealt
"""
_MESSAGES = f"""
SELECT 'shop' AS source, message_id, CASE WHEN first THEN 'identify' ELSE 'track' END AS type,
    CASE WHEN NOT first THEN ['Product Viewed', 'Page Viewed', 'Order Completed', 'Product Added'][1 + dice(ordinal, 9, 4)]
         END AS event, "at", TIMESTAMPTZ '{NOW}' AS received_at, user_id, anonymous_id, NULL::VARCHAR AS previous_id,
    NULL::VARCHAR AS group_id,
    CASE WHEN first THEN to_json({{email: email, phone: phone, first_name: 'Ann' || who % 1000,
        last_name: 'Smith' || who % 997, address: {{city: 'Berlin', country: 'DE'}}, status: 'active'}})::VARCHAR
        ELSE '{{}}' END AS traits,
    CASE WHEN first THEN '{{}}' ELSE '{{"total":' || dice(ordinal, 10, 20000) / 100 || ',"currency":"EUR","product":"P'
        || dice(ordinal, 11, 5000) || '"}}' END AS properties,
    '{{}}' AS context, ordinal FROM said ORDER BY ordinal
"""
_USES = """
SELECT 'shop' AS source, message_id, type, value, CASE WHEN first THEN 'DE' END AS country, "at", ordinal
FROM (UNPIVOT (SELECT ordinal, message_id, "at", first, user_id, anonymous_id, email, phone FROM said)
      ON user_id, anonymous_id, email, phone INTO NAME type VALUE value) ORDER BY ordinal
"""


def warehouse(people: int, messages: int) -> Path:
    """The file of a warehouse of this size, made on first use and kept."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"messages-{_VERSION}-{people}-{messages}.duckdb"
    if not path.exists():
        unfinished = path.with_suffix(".making")
        unfinished.unlink(missing_ok=True)
        with duckdb.connect(unfinished, config={"memory_limit": "8GB"}) as connection:
            _say(connection, people, 0, messages)
            connection.execute(f"CREATE TABLE message AS {_MESSAGES}")
            connection.execute(f"CREATE TABLE identifier_use AS {_USES}")
            connection.execute("DROP MACRO dice; CHECKPOINT")
        unfinished.replace(path)
    return path


def add(path: Path, people: int, known: int, new: int) -> None:
    """Let new messages land, of people there are and (one in fifty) of new ones, in a warehouse that nobody has open."""
    with duckdb.connect(path) as connection:
        _say(connection, people + people // 50, known, known + new)
        connection.execute(f"INSERT INTO message BY NAME {_MESSAGES}")
        connection.execute(f"INSERT INTO identifier_use BY NAME {_USES}")
        connection.execute("DROP MACRO dice; CHECKPOINT")


def _say(connection: duckdb.DuckDBPyConnection, people: int, first: int, stop: int) -> None:
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    for statement in _SAID.split(";\n"):
        numbers = {"people": people, "from": first, "stop": stop}
        used = {name: number for name, number in numbers.items() if f"${name}" in statement}
        connection.execute(statement, used or None)

"""A warehouse of generated customers, as an import leaves one: people, traits, identifiers, events.

Real-shaped: phones of four countries in three ways of writing, 30 % of names with letters beyond ASCII, 10 % of cells
missing, two e-mails for one person in ten, and e-mail and phone both as identifier and as the trait they came from.
Nothing is random: the same size is the same data.
"""

from pathlib import Path

import duckdb

FOLDER = Path(__file__).parent / ".data"
NOW = "2026-06-30 12:00:00+00"
_VERSION = 2  # raise when the data changes

_PEOPLE = """
CREATE MACRO dice(n, salt, sides) AS (hash(n, salt) % sides)::INT;
CREATE MACRO digits(n, salt, many) AS lpad((hash(n, salt) % (10 ** many)::BIGINT)::VARCHAR, many, '0');
CREATE MACRO told(n, salt, said) AS CASE WHEN dice(n, salt, 10) > 0 THEN said END;
CREATE MACRO chosen(n, salt, words) AS words[1 + dice(n, salt, len(words))];
CREATE TEMP TABLE people AS
WITH dealt AS (
    SELECT n, md5('person' || n) AS profile_id,
        CASE WHEN dice(n, 1, 100) < 40 THEN 'de' WHEN dice(n, 1, 100) < 65 THEN 'us'
             WHEN dice(n, 1, 100) < 80 THEN 'gb' ELSE 'fr' END AS land,
        dice(n, 2, 100) AS writing, n % 10 = 0 AS two_mails,
        chosen(n, 3, ['ann', 'ber', 'chris', 'dani', 'ella', 'flo', 'geo', 'han', 'isa', 'jon', 'kat', 'leo', 'mar'])
          || chosen(n, 4, ['a', 'e', 'ina', 'ia', 'o', 'us', 'ette', 'bert', 'lind', 'ik', 'ane']) AS first,
        chosen(n, 5, ['sch', 'm', 'b', 'fr', 'k', 'l', 'w', 'st', 'h', 'r', 'g', 'd'])
          || chosen(n, 6, ['a', 'ei', 'o', 'u', 'ie', 'au', 'e', 'oe'])
          || chosen(n, 7, ['ller', 'mann', 'ber', 'ster', 'ns', 'rt', 'tz', 'ck', 'nd', 'ch', 'lle', 'vre'])
          || chosen(n, 8, ['', 'son', 's', 'er', 'ini', 'ez', 'ski', 'in', 'et', 'ard', 'ow', 'berg', 'feld']) AS last,
        chosen(n, 9, ['é', 'ü', 'ø', 'ñ', 'ç', 'ł', 'å', 'ß', 'ё', 'и', 'ô', 'ă']) AS letter
    FROM range($first, $stop) r(n)
), spelled AS (
    SELECT *, CASE land WHEN 'de' THEN '17' || digits(n, 10, 8) WHEN 'us' THEN '2122' || digits(n, 10, 6)
                        WHEN 'gb' THEN '74' || digits(n, 10, 8) ELSE '6' || digits(n, 10, 8) END AS national,
        CASE land WHEN 'de' THEN '49' WHEN 'us' THEN '1' WHEN 'gb' THEN '44' ELSE '33' END AS code,
        concat(upper(first[1]), first[2:], CASE WHEN dice(n, 11, 10) < 3 THEN letter ELSE '' END,
               CASE WHEN dice(n, 12, 4) = 0 THEN ' ' || chr(65 + dice(n, 13, 26)) ELSE '' END) AS first_name,
        concat(upper(last[1]), last[2:], CASE WHEN dice(n, 14, 10) < 3 THEN letter ELSE '' END,
               CASE WHEN dice(n, 15, 5) = 0 THEN '-' || chosen(n, 16, ['Meier', 'Smith', 'Roy', 'Novák', 'Löwe'])
                    ELSE '' END) AS last_name,
        concat(first, '.', last, n) AS mailbox, chosen(n, 17, ['example.com', 'mail.example.org', 'web.example']) AS host
    FROM dealt
)
SELECT n, profile_id, two_mails,
    told(n, 20, CASE WHEN writing < 20 THEN upper(first[1]) || mailbox[2:] ELSE mailbox END || '@' || host) AS email,
    CASE WHEN two_mails THEN concat(mailbox, '@second.example') END AS second_mail,
    told(n, 21, CASE WHEN writing < 40 THEN concat('+', code, national)
                     WHEN writing < 70 THEN concat('+', code, ' ', national[:3], ' ', national[4:])
                     WHEN land = 'us' THEN concat('(', national[:3], ') ', national[4:6], '-', national[7:])
                     ELSE concat('0', national[:3], ' ', national[4:]) END) AS phone,
    concat(code, national) AS whole_phone,
    told(n, 22, first_name) AS first_name,
    told(n, 23, last_name) AS last_name,
    told(n, 24, chosen(n, 25, ['m', 'f', 'female', 'Male', 'w', 'herr'])) AS gender,
    told(n, 26, (DATE '1940-01-01' + dice(n, 27, 24000))::VARCHAR) AS birthday,
    told(n, 28, chosen(n, 29, ['Berlin', 'Köln', 'Paris', 'London', 'New York', 'Lyon', 'München', 'Leeds'])
                || CASE WHEN dice(n, 30, 2) = 0 THEN ' ' || dice(n, 31, 2000) ELSE '' END) AS city,
    told(n, 32, CASE land WHEN 'us' THEN chosen(n, 33, ['NY', 'CA', 'Texas', 'Ohio'])
                     WHEN 'de' THEN chosen(n, 33, ['Bayern', 'Hessen', 'NRW']) ELSE 'Nord' END) AS state,
    told(n, 34, CASE land WHEN 'gb' THEN concat('SW', dice(n, 35, 20), ' ', dice(n, 36, 10), 'AB')
                     ELSE digits(n, 37, 5) END) AS zip,
    told(n, 38, CASE WHEN writing % 3 = 0 THEN upper(land) ELSE land END) AS country,
    told(n, 39, concat('C-', n)) AS customer_number,
    CASE WHEN n % 5 = 0 THEN md5('device' || n)::UUID::VARCHAR END AS device
FROM spelled;
"""

_WAREHOUSE = f"""
CREATE OR REPLACE TABLE trait AS
WITH wide AS (
    SELECT profile_id, email, phone, first_name, last_name, gender, birthday, city AS "address.city",
        state AS "address.state", zip AS "address.postal_code", country AS "address.country", customer_number,
        CASE WHEN n % 400 < 399 THEN 'active' ELSE 'lead' END AS status
    FROM people
)
SELECT profile_id, key, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS "at", 'crm' AS source, value, NULL::DOUBLE AS number
FROM (UNPIVOT wide ON COLUMNS(* EXCLUDE profile_id) INTO NAME key VALUE value) ORDER BY profile_id;

CREATE OR REPLACE TABLE identifier AS
WITH said AS (
    SELECT profile_id, 'email' AS type, lower(email) AS value, 0 AS ordinal FROM people WHERE email IS NOT NULL
    UNION ALL SELECT profile_id, 'email', second_mail, (email IS NOT NULL)::INT FROM people WHERE two_mails
    UNION ALL SELECT profile_id, 'phone', whole_phone, 0 FROM people WHERE phone IS NOT NULL
    UNION ALL SELECT profile_id, 'android.idfa', device, 0 FROM people WHERE device IS NOT NULL
    UNION ALL SELECT profile_id, 'user_id', 'u' || n, 0 FROM people
)
SELECT type, value, profile_id, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS first_seen,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' AS last_seen, ordinal::BIGINT AS ordinal
FROM said ORDER BY profile_id;

CREATE OR REPLACE TABLE event AS
WITH dealt AS (
    SELECT n, md5('person' || CASE WHEN n < $people THEN n ELSE hash(n, 50) % $people END) AS profile_id,
        TIMESTAMPTZ '{NOW}' - to_seconds((hash(n, 51) % (365 * 86400))::BIGINT) AS "at",
        CASE WHEN n < $people THEN 'Signed Up' WHEN n % 20 < 9 THEN 'Product Viewed' WHEN n % 20 < 14 THEN 'Page Viewed'
             WHEN n % 20 < 18 THEN 'Order Completed' WHEN n % 20 = 18 THEN 'Order Refunded' ELSE 'Product Added'
             END AS event
    FROM range(greatest($events, $people)) r(n)
)
SELECT profile_id, event, "at", 'shop' AS source, 'm' || n AS message_id,
    '{{"total":' || (hash(n, 52) % 20000) / 100 || ',"currency":"' || CASE WHEN n % 3 = 0 THEN 'USD' ELSE 'EUR' END
    || '","product":"P' || hash(n, 53) % 5000 || '"}}' AS properties
FROM dealt ORDER BY event, "at";

CREATE OR REPLACE TABLE membership
    (audience VARCHAR, profile_id VARCHAR, entered_at TIMESTAMPTZ, exited_at TIMESTAMPTZ);
CREATE OR REPLACE TABLE identity_decision
    (type VARCHAR, value VARCHAR, decision VARCHAR, reason VARCHAR, people BIGINT, profile_id VARCHAR,
     ordinal BIGINT);
CREATE OR REPLACE TABLE alias AS SELECT profile_id, profile_id AS survivor FROM people LIMIT 0;
CHECKPOINT;
"""

# A quarter percent leave, a quarter percent enter, half a percent have a new phone.
_CHANGE = """
CREATE OR REPLACE TEMP TABLE order_of AS
    SELECT DISTINCT profile_id, hash(profile_id) % 400 AS lot FROM trait;
UPDATE trait SET value = 'closed' WHERE key = 'status' AND value = 'active' AND profile_id IN
    (SELECT profile_id FROM order_of WHERE lot = 0);
UPDATE trait SET value = 'active' WHERE key = 'status' AND value = 'lead';
UPDATE trait SET value = '+4917' || lpad((hash(profile_id, 7) % 100000000)::VARCHAR, 8, '0') WHERE key = 'phone'
    AND profile_id IN (SELECT profile_id FROM order_of WHERE lot IN (1, 2));
CHECKPOINT;
"""


def missing(profiles: int, events: int) -> bool:
    """Whether a warehouse of this size is still to be made."""
    return not _path(profiles, events).exists()


def warehouse(profiles: int, events: int) -> Path:
    """The file of a warehouse of this size, made on first use and kept."""
    FOLDER.mkdir(exist_ok=True)
    path = _path(profiles, events)
    if not path.exists():
        unfinished = path.with_suffix(".making")
        unfinished.unlink(missing_ok=True)
        with duckdb.connect(unfinished, config={"memory_limit": "8GB"}) as connection:
            connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            for statement in (_PEOPLE + _WAREHOUSE).split(";\n"):
                numbers = {"first": 0, "stop": profiles, "people": profiles, "events": events}
                used = {name: number for name, number in numbers.items() if f"${name}" in statement}
                connection.execute(statement, used or None)
        unfinished.replace(path)
    return path


def _path(profiles: int, events: int) -> Path:
    return FOLDER / f"warehouse-{_VERSION}-{profiles}-{events}.duckdb"


def change(path: Path) -> None:
    """Let about one person in a hundred change, in a warehouse that nobody has open."""
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for statement in _CHANGE.split(";\n"):
            connection.execute(statement)

"""The same people through Meta's own SDK for Python, which normalises and hashes, and nothing more."""

from collections.abc import Iterator

from facebook_business.adobjects.customaudience import CustomAudience

from bench.figures import Figure, Target, clocked
from bench.prepare import SETTINGS, Forms, make_rows, one_slice
from bench.space import space
from guestlist.destinations.meta.profile_table import profile_table
from guestlist.store import Warehouse

_MOST = 100_000
_SDK_KEYS = {
    "email": "EMAIL", "phone": "PHONE", "first_name": "FN", "last_name": "LN", "gender": "GEN", "address.city": "CT",
    "address.state": "ST", "address.postal_code": "ZIP", "address.country": "COUNTRY", "customer_number": "EXTERN_ID",
}  # fmt: skip
_SCHEMA = [
    "EMAIL",
    "PHONE",
    "MADID",
    "FN",
    "LN",
    "GEN",
    "DOBY",
    "DOBM",
    "DOBD",
    "CT",
    "ST",
    "ZIP",
    "COUNTRY",
    "EXTERN_ID",
]


def measure(profiles: int, events: int) -> list[Figure]:
    """Of the SDK at most 100,000 rows: it takes the same time for each, and a long one."""
    with space(profiles, events) as at, at.open_warehouse() as warehouse:
        rows = list(_sdk_rows(warehouse, min(profiles, _MOST)))
        with clocked() as theirs:
            CustomAudience.format_params(_SCHEMA, rows, is_raw=True)
        del rows
        people, many = one_slice(warehouse, profiles)
        wide = warehouse.materialise("wide", profile_table(warehouse, people, SETTINGS))
        forms = Forms(warehouse)
        first, _ = make_rows(warehouse, wide, forms)
        again, _ = make_rows(warehouse, wide, forms)
    sdk = theirs.figure("sdk", "facebook-business format_params", min(profiles, _MOST))
    figures = [sdk]
    for what, clock in (("ours, nothing known", first), ("ours, forms known", again)):
        figure = clock.figure("sdk", what, many)
        target = Target(of="times", value=8.0) if clock is again else None
        figures.append(clock.figure("sdk", what, many, times=figure.rate / sdk.rate, target=target))
    return figures


def _sdk_rows(warehouse: Warehouse, most: int) -> Iterator[list[str]]:
    """What a careful user of the SDK hands in: the values as they are, a birthday cut in three."""
    trait = warehouse.table("trait")
    people = trait.select("profile_id").distinct().limit(most)
    told: dict[str, dict[str, str]] = {}
    for batch in warehouse.stream(trait.semi_join(people, "profile_id").select("profile_id", "key", "value")):
        for line in batch.to_pylist():
            cells = told.setdefault(line["profile_id"], {})
            if line["key"] == "birthday":
                cells |= dict(zip(("DOBY", "DOBM", "DOBD"), line["value"].split("-"), strict=True))
            elif line["key"] in _SDK_KEYS:
                cells[_SDK_KEYS[line["key"]]] = line["value"]
    for cells in told.values():
        yield [cells.get(key, "") for key in _SCHEMA]

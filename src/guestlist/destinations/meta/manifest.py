"""Meta's match keys and limits: data only."""

from typing import Literal, get_args

Key = Literal[
    "EMAIL", "PHONE", "MADID",
    "FN", "LN", "FI", "GEN", "DOBY", "DOBM", "DOBD", "ST", "CT", "ZIP", "COUNTRY",
    "EXTERN_ID",
]  # fmt: skip

# EXTERN_ID is last: it alone may hold any character, so cells joined in this order read back one way only.
KEYS: tuple[Key, ...] = get_args(Key)
UNHASHED: frozenset[Key] = frozenset({"MADID", "EXTERN_ID"})
MANY: tuple[Key, ...] = ("EMAIL", "PHONE", "MADID")
ONE: tuple[Key, ...] = tuple(key for key in KEYS if key not in MANY)
STRONG: tuple[Key, ...] = ("EMAIL", "PHONE", "MADID", "EXTERN_ID")
WEAK: tuple[Key, ...] = ("FN", "FI", "LN", "GEN", "DOBY", "DOBM", "DOBD", "ST", "CT", "ZIP", "COUNTRY")
BY_COUNTRY: frozenset[Key] = frozenset({"PHONE", "ST", "ZIP", "EXTERN_ID"})

HASHED = r"^[0-9a-fA-F]{64}$"
"""A value that came as SHA-256."""
IDENTIFIERS: dict[Key, tuple[str, ...]] = {
    "EMAIL": ("email",),
    "PHONE": ("phone",),
    "MADID": ("ios.idfa", "android.idfa"),
}
TRAITS: dict[Key, tuple[str, ...]] = {
    "EMAIL": ("email", "emails"),
    "PHONE": ("phone", "phone_number", "phonenumber", "phoneNumber"),
    "MADID": ("context.device.advertisingId", "idfa", "gaid", "madid", "mobile_id", "mobileAdId"),
    "FN": ("first_name", "firstname", "firstName", "first"),
    "LN": ("last_name", "lastname", "lastName", "last"),
    "FI": ("first_initial", "firstInitial"),
    "GEN": ("gender", "gen"),
    "DOBY": ("birth_year", "birthYear"),
    "DOBM": ("birth_month", "birthMonth"),
    "DOBD": ("birthday", "birth_day", "birthDay", "date_of_birth", "DOB", "dateOfBirth"),
    "ST": ("state", "address_state", "address.state", "region"),
    "CT": ("city", "address_city", "address.city"),
    "ZIP": (
        "zip", "zip_code", "zipCode", "postal_code", "postalCode",
        "address.postalCode", "address.postal_code", "address.zip",
    ),
    "COUNTRY": ("country_code", "countryCode", "country", "address.country", "address.country_code"),
    "EXTERN_ID": (),
}  # fmt: skip
TRACKING_ENABLED = ("context.device.adTrackingEnabled", "adTrackingEnabled")
FULL_NAME = ("name",)

API_VERSION = "v25.0"
ROWS_PER_REQUEST = 10_000

"""What reading a value gives: its normal form, or the reason why there is none."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a cell is left blank. Codes never change once published."""

    BAD_EMAIL = "bad_email"
    BAD_PHONE = "bad_phone"
    PHONE_WITHOUT_COUNTRY = "phone_without_country"
    BAD_MADID = "bad_madid"
    TRACKING_OFF = "tracking_off"
    BAD_NAME = "bad_name"
    UNKNOWN_GENDER = "unknown_gender"
    BAD_BIRTH_YEAR = "bad_birth_year"
    BAD_BIRTH_MONTH = "bad_birth_month"
    BAD_BIRTH_DAY = "bad_birth_day"
    AMBIGUOUS_DATE = "ambiguous_date"
    PLACEHOLDER_DATE = "placeholder_date"
    BAD_STATE = "bad_state"
    BAD_CITY = "bad_city"
    NOT_LATIN = "not_latin"
    BAD_ZIP = "bad_zip"
    BAD_COUNTRY = "bad_country"
    EXTERN_ID_IS_PERSONAL = "extern_id_is_personal"
    BAD_VALUE = "bad_value"
    HASH_OF_NOTHING = "hash_of_nothing"
    WRONG_HASH = "wrong_hash"
    BLOCKED_VALUE = "blocked_value"
    SHARED_BY_MANY = "shared_by_many"
    SPLIT_OFF = "split_off"
    DO_NOT_SEND = "do_not_send"


class Flag(StrEnum):
    """What is worth knowing about a cell that is sent all the same."""

    ALREADY_HASHED = "already_hashed"
    UNLIKELY_TO_MATCH = "unlikely_to_match"
    PHONE_UNVERIFIED = "phone_unverified"
    DATE_HAS_TIME = "date_has_time"
    FROM_DEFAULT = "from_default"
    SURROUNDING_SPACE = "surrounding_space"


class Detail(StrEnum):
    """What a refused date looks like, where that helps to mend it."""

    LOOKS_LIKE_EPOCH = "looks_like_epoch"
    LOOKS_LIKE_EXCEL_SERIAL = "looks_like_excel_serial"


TEXT: dict[Reason | Flag | Detail, str] = {
    Reason.BAD_EMAIL: "not an e-mail address of the form name@domain.tld",
    Reason.BAD_PHONE: "cannot be read as a phone number",
    Reason.PHONE_WITHOUT_COUNTRY: "a phone number without country code, and no country is known for it",
    Reason.BAD_MADID: "not a mobile advertising id (8-4-4-4-12 hexadecimal digits)",
    Reason.TRACKING_OFF: "the device's owner has switched ad tracking off",
    Reason.BAD_NAME: "no letter in it",
    Reason.UNKNOWN_GENDER: "neither male nor female as Meta knows them",
    Reason.BAD_BIRTH_YEAR: "not a year from 1900 to this year",
    Reason.BAD_BIRTH_MONTH: "not a month",
    Reason.BAD_BIRTH_DAY: "not a day of the month or a date that exists",
    Reason.AMBIGUOUS_DATE: "day and month can be either way round: set date_order",
    Reason.PLACEHOLDER_DATE: "a date that systems put in where none was given",
    Reason.BAD_STATE: "not a state",
    Reason.BAD_CITY: "no letter in it",
    Reason.NOT_LATIN: "has letters that cannot be written as a to z",
    Reason.BAD_ZIP: "not a postal code of that country",
    Reason.BAD_COUNTRY: "not a country that ISO 3166-1 knows",
    Reason.EXTERN_ID_IS_PERSONAL: "looks like an e-mail address or a phone number, and would leave unhashed",
    Reason.BAD_VALUE: "not a number of 0 or more",
    Reason.HASH_OF_NOTHING: "the hash of an empty or missing value",
    Reason.WRONG_HASH: "hashed, but not as SHA-256 in hexadecimal digits",
    Reason.BLOCKED_VALUE: "a made-up value that belongs to nobody",
    Reason.SHARED_BY_MANY: "shared by so many people that it points at none of them",
    Reason.SPLIT_OFF: "was split off from this person by hand",
    Reason.DO_NOT_SEND: "on the do-not-send list",
    Flag.ALREADY_HASHED: "was hashed already, sent as it is",
    Flag.UNLIKELY_TO_MATCH: "sent, but such an address rarely belongs to an account",
    Flag.PHONE_UNVERIFIED: "sent, but not a number known to be in use",
    Flag.DATE_HAS_TIME: "had a time of day: read in the space's time zone",
    Flag.FROM_DEFAULT: "the space's country, as the person has none",
    Flag.SURROUNDING_SPACE: "sent untouched, with white space around it",
    Detail.LOOKS_LIKE_EPOCH: "looks like seconds or milliseconds since 1970",
    Detail.LOOKS_LIKE_EXCEL_SERIAL: "looks like an Excel date number",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A value read: a normal form with flags, or blank with a reason, or (both empty) nothing to read."""

    normal: str = ""
    reason: Reason | None = None
    flags: tuple[Flag, ...] = ()
    detail: Detail | None = None


NOTHING = Reading()


def blank(reason: Reason, detail: Detail | None = None) -> Reading:
    """No normal form, for this reason."""
    return Reading(reason=reason, detail=detail)


def good(normal: str, *flags: Flag) -> Reading:
    """The normal form, with what is worth knowing about it."""
    return Reading(normal=normal, flags=flags)

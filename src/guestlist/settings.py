"""What `guestlist.yaml` may say, and the only place that reads the environment.

Sections that belong to a stage (sources, destinations, identity) are kept as they are written: the stage reads them.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from guestlist.errors import GuestlistError
from guestlist.misread import in_words, written_as

_SECRET_WORDS = ("token", "secret", "password", "write_key")


class SecretReference(BaseModel):
    """Where a secret is: a file, or a variable of the environment. Never the secret itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "SecretReference":
        if (self.file is None) == (self.env is None):
            message = "write {file: PATH} or {env: NAME}"
            raise ValueError(message)
        return self

    def read(self, folder: Path) -> str:
        """The secret. A relative file is looked for in `folder`, the space."""
        try:
            found = os.environ[self.env] if self.env else (folder / str(self.file)).read_text("utf-8")
        except (KeyError, OSError) as error:
            raise self._missing() from error
        if not found.strip():
            raise self._missing()
        return found.strip()

    def _missing(self) -> GuestlistError:
        place = f"the environment variable {self.env}" if self.env else f"the file {self.file}"
        return GuestlistError(
            "secret_missing",
            f"A secret is not there: {place} is missing or empty.",
            next_step="Put it there, or change the reference in guestlist.yaml.",
        )


def api_key_given() -> str | None:
    """The key for a service that commands are sent to: GUESTLIST_API_KEY, or the file GUESTLIST_API_KEY_FILE."""
    file = os.environ.get("GUESTLIST_API_KEY_FILE")
    if file:
        return SecretReference(file=Path(file)).read(Path())
    return os.environ.get("GUESTLIST_API_KEY") or None


def traces_wanted() -> bool:
    """Whether the environment says where OpenTelemetry traces go."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{what}ENDPOINT") for what in ("", "TRACES_"))


def service_name() -> str:
    """What traces call this service."""
    return os.environ.get("OTEL_SERVICE_NAME") or "guestlist"


TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
RELATIONS = ("message", "event", "trait", "identifier", "membership", "as_of")
"""What queries may read of a space; its tables stand beside these."""


Size = Annotated[
    str, written_as(re.compile(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B").fullmatch, "not a size such as 900MB or 4GB")
]


class TraitSettings(BaseModel):
    """`unify_spellings`: `firstName` and `first_name` are one trait."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unify_spellings: bool = False


class ResultSettings(BaseModel):
    """Where results are written after each run, a path from the space's folder; with identifiers only if it says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Path
    identifiers: bool = False


class SpaceSettings(BaseModel):
    """`guestlist.yaml` as values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: str | None = None
    time_zone: str = "UTC"
    date_order: Literal["dmy", "mdy"] | None = None
    memory_limit: Size = "900MB"
    largest_upload: Size = "4GB"
    sources: dict[str, dict[str, Any]] = {}
    destinations: dict[str, dict[str, Any]] = {}
    identity: dict[str, Any] = {}
    traits: TraitSettings = TraitSettings()
    tables: dict[str, str] = {}
    allowed_hosts: tuple[str, ...] = ()
    """Hosts, addresses or networks of one's own (`host`, `host:port`, `10.1.0.0/16`) that requests may go to."""
    results: ResultSettings | None = None
    alerts: dict[str, Any] = {}

    @field_validator("country", mode="before")
    @classmethod
    def _code(cls, country: Any) -> Any:
        if country is not None and not (isinstance(country, str) and re.fullmatch("[A-Za-z]{2}", country)):
            message = "not a country's code of two letters, such as DE"
            raise ValueError(message)
        return country.upper() if country else None

    @field_validator("tables")
    @classmethod
    def _table_names(cls, tables: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in tables if not TABLE_NAME.fullmatch(name) or name in RELATIONS]
        if wrong:
            message = f"{wrong[0]} cannot be a table's name: small letters, digits and _, and none of {RELATIONS}"
            raise ValueError(message)
        return tables

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            message = "not a time zone, such as Europe/Berlin"
            raise ValueError(message)
        return zone

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, document: Any) -> Any:
        _refuse_secrets(document, "")
        return document

    @property
    def largest_upload_bytes(self) -> int:
        """How large a file may be that is sent to a service."""
        number, unit = re.split(r"(?= ?[KMGT])", self.largest_upload, maxsplit=1)
        base = 1024 if "i" in unit else 1000
        return int(float(number) * base ** ("KMGT".index(unit.strip()[0]) + 1))

    @property
    def zone(self) -> ZoneInfo:
        """The space's time zone."""
        return ZoneInfo(self.time_zone)


def read_settings(document: Any, place: Path) -> SpaceSettings:
    """The settings of a parsed `guestlist.yaml`; every mistake told with its path, none with its value."""
    try:
        return SpaceSettings.model_validate(document or {})
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, mistake['loc'])) or 'document'}: "
            f"{in_words(mistake, noun='setting', known=SpaceSettings.model_fields)}"
            for mistake in error.errors(include_input=False, include_url=False)
        )
        raise GuestlistError(
            "settings_wrong",
            f"{place} cannot be used: {mistakes}.",
            nothing_lost="Nothing was changed.",
            next_step="Correct it and try again.",
        ) from None


def _refuse_secrets(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            where = f"{path}.{key}".lstrip(".")
            # A mapping's columns may well be named so: those are headers of a file, not settings.
            if isinstance(inner, str) and not path.startswith("sources") and str(key).lower().endswith(_SECRET_WORDS):
                message = f"{where} holds a secret: write {{file: PATH}} or {{env: NAME}} instead"
                raise ValueError(message)
            _refuse_secrets(inner, where)

"""What a destination's entry in `guestlist.yaml` may say. Secrets are never there: they are sealed in the space."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from guestlist.destinations.meta.client import GRAPH_URL
from guestlist.destinations.meta.manifest import API_VERSION, KEYS, ROWS_PER_REQUEST, Key
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.destinations.meta.settle import Settings as SettleSettings
from guestlist.errors import GuestlistError
from guestlist.misread import in_words, written_as
from guestlist.settings import SpaceSettings
from guestlist.spans import span_of


def _delay(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    read = span_of(written)
    if read is None:
        message = "write a number and a unit, such as 26h or 15 minutes"
        raise ValueError(message)
    return read


class MappingSettings(BaseModel):
    """Which traits feed which match keys, where the usual ones do not fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    remap: dict[Key, tuple[str, ...]] = {}
    off: tuple[Key, ...] = ()
    values: dict[Key, dict[str, str]] = {}
    split_name: bool = False
    extern_id: str | None = None
    required_any: tuple[Key, ...] | None = Field(default=None, min_length=1)
    uk_postcode: Literal["full", "sector"] = "full"

    @field_validator("remap", mode="before")
    @classmethod
    def _one_or_more(cls, remap: Any) -> Any:
        if not isinstance(remap, Mapping):
            return remap
        return {key: [traits] if isinstance(traits, str) else traits for key, traits in remap.items()}

    @field_validator("off", "required_any")
    @classmethod
    def _in_order(cls, keys: tuple[Key, ...] | None) -> tuple[Key, ...] | None:
        # The order in which they are written says nothing, and must not look like a change.
        return None if keys is None else tuple(sorted(set(keys)))


class DelaySettings(BaseModel):
    """How long what was sent may still take effect at Meta: its own processing, and a request whose answer was lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: timedelta = timedelta(hours=26)
    network: timedelta = timedelta(minutes=15)

    @field_validator("pipeline", "network", mode="before")
    @classmethod
    def _readable(cls, written: Any) -> Any:
        return _delay(written)


class DestinationSettings(BaseModel):
    """One connected Meta ad account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: Annotated[str, written_as(re.compile(r"act_[0-9]+").fullmatch, "not an ad account such as act_1234567890")]
    version: Annotated[str, written_as(re.compile(r"v[0-9]+\.[0-9]+").fullmatch, "not a version such as v25.0")] = (
        API_VERSION
    )
    graph_url: str = GRAPH_URL
    mode: Literal["mirror", "add_only", "remove_only"] | None = None
    batch_rows: int = Field(default=ROWS_PER_REQUEST, ge=1, le=ROWS_PER_REQUEST)
    customer_file_source: Literal["USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"] = (
        "USER_PROVIDED_ONLY"
    )
    mapping: MappingSettings = MappingSettings()
    delays: DelaySettings = DelaySettings()

    def match_keys(self, space: SpaceSettings, *, this_year: int) -> MatchKeySettings:
        """How this destination reads traits, the space's own settings taken in."""
        mapped = self.mapping
        return MatchKeySettings(
            this_year=this_year,
            country=space.country or "",
            time_zone=space.time_zone,
            date_order=space.date_order,
            uk_postcode=mapped.uk_postcode,
            remap=mapped.remap,
            off=frozenset(mapped.off),
            value_maps=mapped.values,
            split_name=mapped.split_name,
            extern_id=mapped.extern_id,
            required_any=None if mapped.required_any is None else frozenset(mapped.required_any),
        )

    @property
    def settle(self) -> SettleSettings:
        """The delays as the plan counts them, in microseconds."""
        one = timedelta(microseconds=1)
        return SettleSettings(pipeline_delay=self.delays.pipeline // one, network_delay=self.delays.network // one)


def read_destination(space: SpaceSettings, name: str) -> DestinationSettings:
    """The settings of a destination; every mistake told with its path in guestlist.yaml."""
    entry = space.destinations.get(name)
    if entry is None:
        known = ", ".join(space.destinations) or "none yet"
        raise GuestlistError(
            "destination_unknown",
            f"There is no destination '{name}' (connected: {known}).",
            nothing_lost="Nothing was changed.",
            next_step=f"Connect it: guestlist destinations connect {name} --ad-account act_… --token-file FILE",
        )
    return parse_destination(name, entry)


def readable_destinations(space: SpaceSettings) -> dict[str, DestinationSettings]:
    """All destinations but those with a mistake, which is told where one of them is asked for."""
    found = {}
    for name in space.destinations:
        with suppress(GuestlistError):
            found[name] = read_destination(space, name)
    return found


def delays_of(space: SpaceSettings) -> list[int]:
    """Microseconds that what was sent to each destination may still take; of one with a mistake at least the usual."""
    known = readable_destinations(space)
    usual = SettleSettings().pipeline_delay
    return [known[name].settle.pipeline_delay if name in known else usual for name in space.destinations]


def parse_destination(name: str, entry: Mapping[str, Any]) -> DestinationSettings:
    """An entry as values."""
    try:
        return DestinationSettings.model_validate(dict(entry))
    except ValidationError as error:
        told = "; ".join(_mistake(name, one) for one in error.errors(include_input=False, include_url=False))
        raise GuestlistError(
            "destination_settings",
            f"guestlist.yaml cannot be used: {told}.",
            nothing_lost="Nothing was changed or sent.",
            next_step="Correct it and try again.",
        ) from None


def _mistake(name: str, error: Any) -> str:
    path = ".".join(["destinations", name, *(str(part) for part in error["loc"] if part != "[key]")])
    if error["type"] == "literal_error" and "mapping" in error["loc"]:
        return f"{path}: not a match key; these are {', '.join(KEYS)}"
    return f"{path}: {in_words(error, noun='setting')}"

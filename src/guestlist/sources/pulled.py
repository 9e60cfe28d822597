"""Sources that are loaded on a schedule: what `load:` of an entry of `sources` in `guestlist.yaml` may say."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from guestlist.errors import GuestlistError
from guestlist.misread import in_words
from guestlist.settings import SecretReference
from guestlist.sources.mapping import FileMapping, read_mapping

SEALED = "sealed"
"""As a location: the address is kept encrypted in the space."""
_TABLE = re.compile(r"[^.\s\"]+(\.[^.\s\"]+)?")
_LONGEST_QUERY = 100_000


class Load(BaseModel):
    """Where the lines come from, what a line is, when they are read.

    `key`: the column by which a line is the same line, however it changes; without one, a line is all that it says.
    `changed`: the column that differs whenever the line does. `gone`: what a line said that is no longer there does not
    hold any more (`exit`), or holds on (`keep`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    postgres: Literal["sealed"] | SecretReference | None = None
    table: str | None = None
    query: str | None = Field(default=None, max_length=_LONGEST_QUERY)
    files: str | None = None
    url: str | SecretReference | None = None
    key: str | None = None
    changed: str | None = None
    every: str | None = None
    cron: str | None = None
    gone: Literal["exit", "keep"] = "exit"

    @model_validator(mode="after")
    def _fits_together(self) -> "Load":
        for wrong, message in (
            (sum(map(bool, (self.postgres, self.files, self.url))) != 1, "name one of postgres, files and url"),
            (bool(self.postgres) != bool(self.table or self.query), "name the table or the query beside postgres"),
            (bool(self.table and self.query), "name a table or a query, not both"),
            (bool(self.table) and not _TABLE.fullmatch(self.table or ""), "write the table as schema.table"),
            (bool(self.changed) and not self.postgres, "only tables and queries have a change column"),
            (bool(self.changed) and not self.key, "a change column needs a key column beside it"),
            (isinstance(self.url, str) and "@" in self.url.partition("://")[2].partition("/")[0], _NO_PASSWORD),
        ):
            if wrong:
                raise ValueError(message)
        return self

    def entry(self) -> dict[str, Any]:
        """As it stands in `guestlist.yaml`."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


_NO_PASSWORD = "an address with a password in it is a secret: write {file: PATH} or {env: NAME}"  # noqa: S105 a sentence


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A source that is loaded on a schedule."""

    name: str
    mapping: FileMapping
    load: Load

    @property
    def digest(self) -> str:
        """Changes whenever the same lines may say something else, or other lines are meant."""
        shape = self.load.model_dump(mode="json", exclude={"every", "cron"})
        facts = orjson.dumps([self.mapping.entry(), shape], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(facts).hexdigest()[:16]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read: those with a meaning, and those that say what a line is."""
        named = (self.load.key, self.load.changed)
        return tuple(dict.fromkeys([*self.mapping.columns, *(name for name in named if name)]))

    def entry(self) -> dict[str, Any]:
        """As it stands in `guestlist.yaml`."""
        return {**self.mapping.entry(), "load": self.load.entry()}


def is_pulled(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of `sources` says where to load from."""
    return "load" in entry


def read_pulled(name: str, entry: Mapping[str, Any]) -> Pulled:
    """One entry of `sources` that has a `load`."""
    mapping = read_mapping(name, {key: value for key, value in entry.items() if key != "load"})
    try:
        load = Load.model_validate(dict(entry["load"]))
    except (ValidationError, TypeError, ValueError) as error:
        raise _wrong(name, error) from None
    if mapping.reading == "messages":
        raise _mistake(name, "as: must be people or events")
    return Pulled(name=name, mapping=mapping, load=load)


def _wrong(name: str, error: Exception) -> GuestlistError:
    if not isinstance(error, ValidationError):
        return _mistake(name, "load: must be a mapping")
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(("load", *(str(part) for part in first["loc"] if str(part) not in {"str", "SecretReference"})))
    return _mistake(name, f"{where}: {in_words(first, noun='setting')}")


def _mistake(name: str, said: str) -> GuestlistError:
    return GuestlistError(
        "source_settings",
        f"guestlist.yaml cannot be used: sources.{name}.{said}.",
        nothing_lost="Nothing was changed: what was loaded last stands.",
        next_step="Correct it and try again.",
    )

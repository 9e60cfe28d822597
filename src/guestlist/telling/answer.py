"""What is told, as values that become JSON: the same from a command and from the API."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def facts(self) -> Mapping[str, Any]:
        """Its fields, to be written as JSON."""
        return self.model_dump(by_alias=True)


class Answer(Value):
    """All that is told at once."""

    def json_bytes(self) -> bytes:
        """As JSON."""
        return orjson.dumps(self.facts())


class Page(Answer):
    """Some of many. `next`: what asks for the page after this one, None where this is the last."""

    next: str | int | None

"""What `alerts:` in `guestlist.yaml` may say: who is told, by which way, and of what."""

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from guestlist.errors import GuestlistError
from guestlist.misread import in_words, written_as
from guestlist.settings import SecretReference
from guestlist.space import Space
from guestlist.spans import span_of

_SHAPE = ConfigDict(extra="forbid", frozen=True)


def _span(value: Any) -> Any:
    found = span_of(value) if isinstance(value, str) else None
    if found is None:
        message = "an amount of time such as 30m, 6h or 7d"
        raise ValueError(message)
    return found


Span = Annotated[timedelta, BeforeValidator(_span)]
Address = Annotated[str, written_as(re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+").fullmatch, "not an e-mail address")]


def on_this_machine(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Email(BaseModel):
    """An SMTP server and the people to write to. Without TLS only a server on this machine is spoken to."""

    model_config = _SHAPE

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca: Path | None = None
    user: str | None = None
    password: SecretReference | None = None
    sender: Address = Field(alias="from")
    to: list[Address] = Field(min_length=1)

    @model_validator(mode="after")
    def _kept_secret(self) -> "Email":
        if self.tls == "none" and not on_this_machine(self.host):
            message = "without TLS only a server on this machine may be used: write tls: starttls or tls: tls"
            raise ValueError(message)
        if (self.user is None) != (self.password is None):
            message = "user and password belong together"
            raise ValueError(message)
        return self


class Webhook(BaseModel):
    """An address that takes `{"text": …}`, as Slack's do. Who knows it may write there, so it is a secret."""

    model_config = _SHAPE

    url: SecretReference


class AlertSettings(BaseModel):
    """The whole section."""

    model_config = _SHAPE

    email: Email | None = None
    webhook: Webhook | None = None
    failing_for: Span = timedelta(hours=1)
    removal_waits: Span = timedelta(hours=1)
    size_jump: int | None = Field(default=50, ge=1, le=1000)
    backup_older_than: Span | None = None
    silence: dict[str, Span] = {}


def read_alerts(space: Space) -> AlertSettings:
    """The section as values; every mistake told with its path, none with its value."""
    try:
        return AlertSettings.model_validate(space.settings.alerts)
    except ValidationError as error:
        mistakes = "; ".join(
            f"alerts.{'.'.join(map(str, one['loc']))}: {in_words(one, noun='setting')}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise GuestlistError(
            "settings_wrong",
            f"{space.settings_file.name} cannot be used: {mistakes}.",
            nothing_lost="Nothing was changed.",
            next_step="Correct it and try again.",
        ) from None

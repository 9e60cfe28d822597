"""HTML pages: templates that escape all they are given, headers that let nothing else in, and forms guarded by a token.

The server listens on loopback, where any page of the browser could post to it: forms carry a token that only our own
pages know, and a request under another host name is refused.
"""

import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

STYLE = "/console/style.css"
_HERE = {"127.0.0.1", "localhost"}
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
_TEMPLATES = Environment(
    loader=PackageLoader("fakemeta"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _when(at: float | None) -> str:
    """Simulated seconds as people read them, in UTC."""
    return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_TEMPLATES.filters |= {"when": _when, "counted": _counted}


class ForgedError(ValueError):
    """A form that did not come from one of our pages."""


class Pages:
    """What every page of one server shares: the token of its forms."""

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(32)

    def show(
        self, template: str, facts: Mapping[str, Any], *, status: int = 200, form_target: str | None = None
    ) -> Response:
        """`form_target`: an origin besides our own where a form of the page may end up, by redirect."""
        text = _TEMPLATES.get_template(template).render({**facts, "csrf": self._token, "style": STYLE})
        policy = f"{_POLICY} {form_target}" if form_target else _POLICY
        headers = {
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        return Response(text, status, headers, media_type="text/html")

    def message(self, title: str, text: str, *, status: int = 400) -> Response:
        return self.show("message.html", {"title": title, "text": text}, status=status)

    async def form(self, request: Request) -> QueryParams:
        """The fields of a posted form; raises ForgedError unless it carries our token."""
        fields = await posted(request)
        if not hmac.compare_digest(fields.get("csrf", "").encode(), self._token.encode()):
            raise ForgedError("The form is too old or not from this page. Go back, reload the page, and try again.")
        return fields


async def posted(request: Request) -> QueryParams:
    """Form fields, whoever sent them; raises ForgedError for one that another site's page sent."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForgedError("The form was sent by a page of another site.")
    return QueryParams((await request.body()).decode("utf-8", "replace"))


def is_here(request: Request) -> bool:
    """Whether the browser knows us by a name of this machine, and not by one that was pointed at it."""
    return request.url.hostname in _HERE


def stylesheet() -> Response:
    text = (files("fakemeta") / "templates" / "style.css").read_text("utf-8")
    return Response(text, headers={"cache-control": "no-cache"}, media_type="text/css")

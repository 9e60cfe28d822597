"""What the tracking API answers. Errors have the shape that Segment's clients read: `code` and `message`."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

_ANY_SITE = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
"""Browsers may call from any page: whoever has the write key may write, and no cookie is read."""
_HEADERS = re.compile(r"[A-Za-z0-9-]+(?:, ?[A-Za-z0-9-]+)*")


class Refusal(Exception):  # noqa: N818 it is an answer, not a fault of ours
    """A request that is answered with something else than success. `at`: where in it, as `batch[3].userId`.

    `field`, `like`: of one call, where one is to blame, for the source's debugger.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        at: str = "",
        field: str = "",
        like: object = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.at = at
        self.field = field
        self.like = like
        self.retry_after = retry_after


def json_answer(facts: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """One JSON object, readable from any page."""
    return Response(
        orjson.dumps(facts), status, headers={**_ANY_SITE, **(headers or {})}, media_type="application/json"
    )


def success() -> Response:
    """Said only once everything is on disk."""
    return json_answer({"success": True})


def refused(refusal: Refusal, more: Mapping[str, str] | None = None) -> Response:
    """The refusal as an answer; `more`: headers."""
    facts: dict[str, Any] = {"success": False, "code": refusal.code, "message": refusal.message}
    if refusal.at:
        facts["at"] = refusal.at
    later = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return json_answer(facts, refusal.status, {**later, **(more or {})})


def preflight(request: Request) -> Response:
    """A browser asks whether a page may call: it may."""
    asked = request.headers.get("access-control-request-headers", "")
    allowed = asked if _HEADERS.fullmatch(asked) else "Authorization, Content-Type, Content-Encoding"
    headers = {
        **_ANY_SITE,
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": allowed,
        "Access-Control-Max-Age": "86400",
        "Vary": "Access-Control-Request-Headers",
    }
    return Response(status_code=204, headers=headers)

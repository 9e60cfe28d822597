"""Errors as `application/problem+json` (RFC 9457): by the status a client acts on, with our code and the next step."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from guestlist.errors import IN_USE, GuestlistError, WrongUseError
from guestlist.misread import in_words
from guestlist.service.failing import strange
from guestlist.telling.problems import discreet, problem

MEDIA_TYPE = "application/problem+json"
_STATUS: Mapping[str, int] = {
    "not_authorised": 401,
    "not_allowed": 403,
    "more_than_own_key": 403,
    "unknown_space": 404,
    "unknown_audience": 404,
    "unknown_sync": 404,
    "unknown_source": 404,
    "unknown_trait": 404,
    "unknown_hook": 404,
    "unknown_letter": 404,
    "unknown_external": 404,
    "destination_unknown": 404,
    "no_such_receipt": 404,
    "no_such_report": 404,
    "nobody_known": 404,
    "no_such_key": 404,
    "no_such_plan": 404,
    "no_audience_at_meta": 404,
    "audience_not_there": 404,
    "login_not_known": 404,
    "owned_by_files": 409,
    "changed_meanwhile": 412,
    "is_there_already": 412,
    "too_large": 413,
    "not_sent_as_json": 415,
    "definition_mistakes": 422,
    "wrong_parameters": 422,
    "asked_otherwise": 422,
    IN_USE: 503,
    "space_not_kept": 503,
    "space_busy": 503,
    "look_too_long": 503,
    "unexpected": 500,
}
_AGAIN_AFTER_S = 5


class Problem(BaseModel):
    """What went wrong. `detail` says it in words, `next_step` what to do; `code` never changes."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    nothing_lost: str | None = None
    next_step: str | None = None
    wrong_use: bool = False
    mistakes: list[dict[str, Any]] | None = None


def status_of(error: GuestlistError) -> int:
    """400 where another request helps, 409 where something in the space has to change first."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if error.code.endswith("_exists"):
        return 409
    return 400 if isinstance(error, WrongUseError) else 409


def answer_of(
    error: GuestlistError,
    more: Mapping[str, Any] | None = None,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The error as an answer."""
    status = status or status_of(error)
    told = {**problem(error), **(more or {})}
    facts = {
        "type": f"urn:guestlist:error:{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": told["message"],
        **told,
        "wrong_use": isinstance(error, WrongUseError),
    }
    sent = dict(headers or {})
    if status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    if status == 503:
        sent["Retry-After"] = str(_AGAIN_AFTER_S)
    return Response(orjson.dumps(facts), status, sent, MEDIA_TYPE)


async def tell_ours(_: Request, error: Exception) -> Response:
    """An error of ours."""
    assert isinstance(error, GuestlistError)
    return answer_of(error)


async def tell_wrong_parameters(asked: Request, error: Exception) -> Response:
    """Parameters that are not as they should be; no value is repeated, it may be personal, nor a name that looks so."""
    assert isinstance(error, RequestValidationError)
    known = getattr(asked.state, "parameters", ())
    mistakes = [
        {
            "at": discreet(".".join(map(str, one["loc"]))),
            "message": discreet(in_words(one, known=known)),
            "suggestion": "",
        }
        for one in error.errors()
    ]
    told = WrongUseError(
        "wrong_parameters",
        "Parameters of the request are not as they should be: "
        + "; ".join(f"{one['at']}: {one['message']}" for one in mistakes)
        + ".",
        nothing_lost="Nothing was changed.",
        next_step="GET /api/v1/openapi.json tells what each operation takes.",
    )
    return answer_of(told, {"mistakes": mistakes})


async def tell_strange(_: Request, error: Exception) -> Response:
    """Something that should not happen: its kind and place, never its text, which may quote data."""
    return answer_of(strange(error))

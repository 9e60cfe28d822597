"""Operations as routes: parameters from path, query, body and headers; the answer with its ETag."""

import hashlib
import inspect
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

import orjson
from fastapi import APIRouter, Body, Header, Path, Query
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from starlette.concurrency import run_in_threadpool

from guestlist.operations.desk import not_kept
from guestlist.operations.operation import IN_HEADERS, Export, Operation, Request, Upload
from guestlist.service.api.access import Caller
from guestlist.service.api.admission import admitting, reads_body
from guestlist.service.api.problems import MEDIA_TYPE
from guestlist.service.api.served import Served
from guestlist.service.api.uploads import received
from guestlist.service.desk import Kept
from guestlist.service.keeper import Stand
from guestlist.telling.answer import Answer

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FILE = "application/octet-stream"
_CHUNK = 64 * 1024
_IN_MEMORY = 2**20


def add_route(router: APIRouter, kind: type[Request], spaces: Mapping[str, Served]) -> None:
    """Make the route of an operation."""
    route = kind.route
    endpoint, names = _endpoint(kind, spaces)
    told: dict[str, Any] = {}
    responses: dict[int | str, dict[str, Any]] = {status: _problem(said) for status, said in _SAID.items()}
    if issubclass(kind, Operation | Upload):
        told |= {
            "response_model": kind.answers(),
            "response_class": JSONResponse,
        }  # by that class it documents the model
        responses[200] = {"description": "The answer", "headers": {"ETag": _ETAG}}
        if route.method == "GET":
            responses[304] = {"description": "What you have, by If-None-Match, is still right"}
    if issubclass(kind, Export):
        schema = kind.line_type().model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        told["response_class"] = Response
        responses[200] = {
            "description": "One JSON object a line",
            "content": {"application/x-ndjson": {"schema": schema}},
        }
    if issubclass(kind, Upload):
        file = {"schema": {"type": "string", "format": "binary"}}
        responses[413] = _problem("The file is larger than the settings say")
        told["openapi_extra"] = {"requestBody": {"required": True, "content": {_FILE: file}}}
    if reads_body(kind):
        responses[413] = _problem("The parameters are too long")
        responses[415] = _problem("The parameters are not sent as JSON")
    router.route_class = admitting(kind, spaces, names)
    router.add_api_route(
        f"/spaces/{{space}}{route.path}",
        endpoint,
        methods=[route.method],
        operation_id=operation_id(kind),
        summary=operation_id(kind).replace("_", " ").capitalize(),
        description=inspect.cleandoc(kind.__doc__ or "") + f"\n\nNeeds the scope `{route.needs}`.",
        tags=[kind.__module__.rpartition(".")[2].replace("_", " ")],
        responses=responses,
        **told,
    )


_ETAG = {"description": "The version of what was answered", "schema": {"type": "string"}}


def _problem(said: str) -> dict[str, Any]:
    return {"description": said, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


_SAID = {
    400: "The request is not as it should be",
    401: "No key that is good for this space",
    403: "The key may not do this",
    404: "There is no such thing",
    409: "Something in the space has to change first",
    412: "Changed by somebody else meanwhile",
    422: "Parameters or definitions with mistakes",
    503: "The space is not kept, or busy: try again",
}


def operation_id(kind: type[Request]) -> str:
    """`ListAudiences` is `list_audiences`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def _endpoint(kind: type[Request], spaces: Mapping[str, Served]) -> tuple[Any, frozenset[str]]:
    """What answers, and the names of the parameters in its query or body."""
    placed = _PLACEHOLDER.findall(kind.route.path)
    rest = {name: field for name, field in kind.model_fields.items() if name not in {*placed, *IN_HEADERS}}
    model: type[BaseModel] = create_model(  # type: ignore[call-overload]
        f"{kind.__name__}Parameters",
        __config__=ConfigDict(extra="forbid"),
        **{name: (field.rebuild_annotation(), field) for name, field in rest.items()},
    )

    def endpoint(**given: Any) -> Response:
        asked = _Asked.by(kind, spaces, given)
        return asked.answer(lambda desk: _answered(asked.request, desk, asked.http))

    async def endpoint_for_files(**given: Any) -> Response:
        asked = await run_in_threadpool(_Asked.by, kind, spaces, given)
        if asked.served.keeper.stand is not Stand.KEEPING:
            raise not_kept()  # before the file is sent for nothing
        request = asked.request
        assert isinstance(request, Upload)
        name = str(getattr(request, "name", "file"))
        space = await run_in_threadpool(lambda: asked.desk.space)  # its settings are read from a file
        async with received(asked.http, space, name) as file:
            return await run_in_threadpool(
                asked.answer, lambda desk: _one(request.run(desk, file.place), asked.http), file.digest
            )

    chosen: Any = endpoint_for_files if issubclass(kind, Upload) else endpoint
    parameters = list(_parameters(kind, placed, model, rest))
    chosen.__signature__ = inspect.Signature(parameters)
    return chosen, frozenset(field.alias or name for name, field in rest.items())


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A request of somebody who may make it."""

    request: Request
    http: HttpRequest
    served: Served
    caller: Caller
    repeat: str | None

    @classmethod
    def by(cls, kind: type[Request], spaces: Mapping[str, Served], given: dict[str, Any]) -> Self:
        """As it came in, of somebody who was let in; refused where a parameter asks for more than the key may."""
        http, space = given.pop("http"), given.pop("space")
        repeat = given.pop("idempotency_key", None)
        more = given.pop("more", None)
        if http.method == "GET":
            given.pop("if_none_match", None)  # for `_one`
        served, caller = spaces[space], http.state.caller
        request = _read(kind, {**given, **(more.model_dump(by_alias=True) if more else {})})
        caller.check(request.needs)
        return cls(request=request, http=http, served=served, caller=caller, repeat=repeat)

    @cached_property
    def desk(self) -> Kept:
        return Kept(self.served.keeper, self.served.records, self.caller.name, self.caller.scopes)

    def answer(self, do: Callable[[Kept], Response], file: bytes = b"") -> Response:
        """Do it, a write once. `file`: the digest of what came with it."""
        kind = type(self.request)
        if not kind.route.changes:
            return do(self.desk)
        told = [operation_id(kind), self.request.model_dump(mode="json"), file.hex()]
        asked = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        once = self.served.repeats.once
        return once(self.caller.name, self.repeat, asked, lambda: do(self.desk), secret=kind.tells_secret)


def _read(kind: type[Request], given: Mapping[str, Any]) -> Request:
    """Only here a mistake is the client's: one in an answer of ours would be ours."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


def _parameters(
    kind: type[Request], placed: list[str], model: type[BaseModel], rest: Mapping[str, Any]
) -> Iterator[inspect.Parameter]:
    def parameter(name: str, annotation: Any, **more: Any) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, **more)

    yield parameter("http", HttpRequest)
    yield parameter("space", Annotated[str, Path(description="The space, by the name of its folder.")])
    for name in placed:
        said = kind.model_fields[name].description
        yield parameter(name, Annotated[kind.model_fields[name].annotation, Path(description=said)])
    if rest:
        optional = not any(field.is_required() for field in rest.values())
        if reads_body(kind):
            default = {"default": None} if optional else {}
            yield parameter("more", Annotated[model | None if optional else model, Body()], **default)
        else:
            yield parameter("more", Annotated[model, Query()])
    for name, alias in IN_HEADERS.items():
        said = _CACHED if name not in kind.model_fields else kind.model_fields[name].description
        if name in kind.model_fields or (name == "if_none_match" and issubclass(kind, Operation) and _is_get(kind)):
            yield parameter(name, Annotated[str | None, Header(alias=alias, description=said)], default=None)
    if kind.route.changes:
        said = "A key of your own: asked twice with the same one, it is done once."
        yield parameter(
            "idempotency_key", Annotated[str | None, Header(alias="Idempotency-Key", description=said)], default=None
        )


_CACHED = "The ETag of an answer that you have: while it is right, 304 comes and no body."


def _is_get(kind: type[Request]) -> bool:
    return kind.route.method == "GET"


# --- answers ----------------------------------------------------------------------------------------------------------


def _answered(request: Request, desk: Kept, http: HttpRequest) -> Response:
    if isinstance(request, Export):
        return _lines(request, desk)
    assert isinstance(request, Operation)
    return _one(request.run(desk), http)


def _one(answer: Answer, http: HttpRequest) -> Response:
    body = answer.json_bytes()
    tag = etag_of(answer, body)
    if http.method == "GET" and tag in _tags(http.headers.get("if-none-match")):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, 200, {"ETag": tag, "Cache-Control": "private, no-cache"}, "application/json")


def etag_of(answer: Answer, body: bytes) -> str:
    """The version that the answer says it is of; else of what is written there."""
    version = getattr(answer, "version", None)
    return f'"{version}"' if version else f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'


def _tags(header: str | None) -> list[str]:
    return [tag.strip() for tag in (header or "").split(",")]


def _lines(request: Export[Any], desk: Kept) -> Response:
    """All lines are read before the first is sent: a slow client would hold up the keeper, which waits for readers."""
    spooled = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(desk.space.private))  # noqa: SIM115 closed when sent
    try:
        for line in request.lines(desk):
            spooled.write(orjson.dumps(line.facts()) + b"\n")
    except BaseException:
        spooled.close()
        raise
    spooled.seek(0)

    def chunks() -> Iterator[bytes]:
        with spooled:
            while chunk := spooled.read(_CHUNK):
                yield chunk

    return StreamingResponse(chunks(), media_type="application/x-ndjson")

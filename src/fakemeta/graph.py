"""One Graph call, parsed: the method, the path after the version, and parameters wherever the client put them.

Meta reads parameters from the query, a form, or a JSON body alike, nested values JSON-encoded or not, and takes
`POST …?method=delete` for DELETE.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import orjson

from fakemeta.errors import bad_parameter, graph_error
from fakemeta.faults import Fault
from fakemeta.tokens import Token

ALIVE = ("v25.0", "v26.0", "v27.0")
_VERSION = re.compile(r"v\d+\.\d+")
_UNVERSIONED = {"debug_token", "me", "oauth"}


@dataclass(kw_only=True, slots=True)
class Call:
    method: str
    version: str | None
    path: tuple[str, ...]
    params: dict[str, Any]
    token: str | None
    fault: Fault | None = None
    caller: Token | None = field(default=None, repr=False)

    def text(self, name: str) -> str | None:
        value = self.params.get(name)
        return None if value is None else str(value)

    def structure(self, name: str) -> Any:
        """A parameter that is an object or list, decoded when it came as a JSON string."""
        value = self.params.get(name)
        if not isinstance(value, str):
            return value
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise bad_parameter(f"param {name} must be valid JSON.") from error

    def flag(self, name: str) -> bool:
        return str(self.params.get(name)).lower() in ("true", "1")

    def fields(self) -> list[str]:
        """The `fields` parameter, sub-selections such as operation_status{code} cut off."""
        raw = self.params.get("fields")
        if not raw:
            return []
        if isinstance(raw, str) and raw.startswith("["):
            raw = self.structure("fields")
        if not isinstance(raw, list):
            raw = re.sub(r"\{[^}]*\}", "", str(raw)).split(",")
        return [str(name).strip() for name in raw if str(name).strip()]


def parse(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, *, read_delete_body: bool = True
) -> Call:
    """Raises GraphError when body or query cannot be read."""
    params: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if body and (method != "DELETE" or read_delete_body):
        params |= _body(headers.get("content-type", ""), body)
    override = str(params.pop("method", "")).upper()
    if method == "POST" and override in ("GET", "DELETE"):
        method = override
    version, segments = split_path(path)
    return Call(method=method, version=version, path=segments, params=params, token=_token(headers, params))


def split_path(path: str) -> tuple[str | None, tuple[str, ...]]:
    segments = [segment for segment in path.split("/") if segment]
    if segments and _VERSION.fullmatch(segments[0]):
        return segments[0], tuple(segments[1:])
    return None, tuple(segments)


def check_version(call: Call) -> None:
    """2635 for a dead version, and for an audience call without one."""
    if call.version is None:
        if call.path and call.path[0] in _UNVERSIONED:
            return
        raise graph_error(2635)
    if call.version in ALIVE:
        return
    if float(call.version[1:]) > float(ALIVE[-1][1:]):
        raise graph_error(2500, None, f"Unknown path components: /{call.version}")
    raise graph_error(2635)


def _token(headers: Mapping[str, str], params: dict[str, Any]) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    from_params = params.pop("access_token", None)
    return value.strip() if scheme.lower() in ("bearer", "oauth") and value else from_params


def _body(content_type: str, body: bytes) -> dict[str, Any]:
    if "json" in content_type:
        return _json_body(body)
    if content_type.startswith("multipart/"):
        return _multipart(content_type, body)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _json_body(body: bytes) -> dict[str, Any]:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_parameter("The request body is not valid JSON.") from error
    if not isinstance(decoded, dict):
        raise bad_parameter("The request body must be a JSON object.")
    return decoded


def _multipart(content_type: str, body: bytes) -> dict[str, Any]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            found[name] = payload.decode("utf-8", "replace")
    return found

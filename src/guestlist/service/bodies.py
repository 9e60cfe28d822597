"""Bodies of requests: read no further than they may be long, unpacked no further either, and parsed."""

import zlib
from typing import Any

import orjson
from starlette.requests import Request

from guestlist.service.answers import Refusal

KB = 1024
LONGEST_CALL, LONGEST_BATCH = 32 * KB, 500 * KB
MOST_CALLS = 2_500
_GZIP = 31  # zlib's word for a gzip header with the largest window


async def read_document(request: Request, limit: int) -> Any:
    """The JSON in the body, which may have `limit` bytes, unpacked as well."""
    raw = await _read(request, limit)
    encoding = request.headers.get("content-encoding", "").lower()
    if encoding == "gzip":
        raw = _unpacked(raw, limit)
    elif encoding not in {"", "identity"}:
        raise Refusal(400, "unknown_encoding", "Content-Encoding may be gzip, or left out.", at="Content-Encoding")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal(400, "bad_json", f"The body is no JSON: it breaks at {where}.", at="body") from None


def as_object(body: Any) -> dict[str, Any]:
    """A body that must be a JSON object."""
    if not isinstance(body, dict):
        raise Refusal(400, "bad_json", "The body must be a JSON object.", at="body")
    return body


def too_large(what: str, limit: int, *, at: str = "body") -> Refusal:
    """The refusal of what is longer than it may be."""
    return Refusal(413, "too_large", f"{what} may have {limit // KB} KB.", at=at)


async def _read(request: Request, limit: int) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise too_large("A request", limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large("A request", limit)
        parts.append(part)
    return b"".join(parts)


def _unpacked(raw: bytes, limit: int) -> bytes:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        whole = unpacking.decompress(raw, limit + 1)
    except zlib.error:
        raise Refusal(400, "bad_gzip", "The body is said to be gzip, but is not.", at="body") from None
    if len(whole) > limit:
        raise too_large("A request, unpacked,", limit)
    if not unpacking.eof or unpacking.unused_data:
        raise Refusal(400, "bad_gzip", "The gzip of the body is cut off, or something follows it.", at="body")
    return whole

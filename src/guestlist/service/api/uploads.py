"""Files that come as the body of a request: kept beside the stores while they are read, and gone afterwards."""

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from guestlist.errors import WrongUseError
from guestlist.importing import UPLOADS
from guestlist.space import Space, make_private


@dataclass(frozen=True, kw_only=True)
class Received:
    """A file as it came, and its SHA-256."""

    place: Path
    digest: bytes


@asynccontextmanager
async def received(request: Request, space: Space, name: str) -> AsyncIterator[Received]:
    """The body as a file, which may be as large as the settings say."""
    limit = space.settings.largest_upload_bytes
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise _too_large(space)
    make_private(space.private)
    folder = Path(tempfile.mkdtemp(dir=make_private(space.private / UPLOADS)))
    try:
        yield await _written(request, folder / name, limit, space)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _written(request: Request, place: Path, limit: int, space: Space) -> Received:
    digest, size = hashlib.sha256(), 0
    with place.open("xb") as file:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise _too_large(space)
            digest.update(part)
            await run_in_threadpool(file.write, part)
    return Received(place=place, digest=digest.digest())


def _too_large(space: Space) -> WrongUseError:
    return WrongUseError(
        "too_large",
        f"The file is larger than {space.settings.largest_upload}, which is what may be sent to this space.",
        nothing_lost="Nothing was imported.",
        next_step="Send it in parts, or set largest_upload in guestlist.yaml; on the machine itself: guestlist import",
    )

"""One file that holds many: a plain tar with a manifest at its end, written whole or not at all.

The manifest has the size and SHA-256 of every file. It comes last, so that each file is read once only.
"""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import orjson

from guestlist.errors import GuestlistError
from guestlist.store.private_files import writing_private

MANIFEST = "manifest.json"
FORMAT = 1
_CHUNK = 1 << 20
_ROOM = 16 * 1024 * 1024
_NOTHING_CHANGED = "Nothing was changed."


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file to put in, and its name there; `renamed`: what it may be called by the time that its turn comes."""

    path: Path
    name: str
    renamed: Path | None = None

    @property
    def size(self) -> int:
        with suppress(FileNotFoundError):
            return self.path.stat().st_size
        return 0

    def open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            if self.renamed is None:
                raise
            return self.renamed.open("rb")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A file that an archive holds."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an archive holds, and what it says of itself."""

    facts: Mapping[str, Any]
    files: tuple[Held, ...]


def write_archive(to: Path, parts: Callable[[], Iterable[Part]], facts: Mapping[str, Any]) -> Manifest:
    """Write a file of mode 0600 that is there whole, on disk, once this returns. One of that name is left alone.

    `parts` lists them: once for their size, and once more while they are written, so that a folder may be listed late.
    A part that grows meanwhile goes in as long as it is when its turn comes.
    """
    refuse_present(to)
    need_room(to.parent, sum(part.size for part in parts()))
    with writing_private(to) as file:
        return _write(file, parts(), facts)


def refuse_present(to: Path) -> None:
    """Nothing is written over another backup."""
    if to.exists():
        raise GuestlistError(
            "backup_exists", f"{to} is there already.", nothing_lost=_NOTHING_CHANGED, next_step="Name another file."
        )


def need_room(folder: Path, size: int) -> None:
    """Refuse where a disk has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < size + _ROOM:
        raise GuestlistError(
            "no_room",
            f"The disk of {folder} has {free // 2**20:,} MB left, and {(size + _ROOM) // 2**20:,} MB are needed.",
            nothing_lost=_NOTHING_CHANGED,
            next_step="Make room, or choose a folder on another disk.",
        )


def _write(file: BinaryIO, parts: Iterable[Part], facts: Mapping[str, Any]) -> Manifest:
    held = []
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for part in parts:
            with part.open() as source:
                info = tarfile.TarInfo(part.name)
                info.size, info.mode = os.fstat(source.fileno()).st_size, 0o600
                digested = _Digested(source)
                tar.addfile(info, digested)
            held.append(Held(name=part.name, size=info.size, sha256=digested.hexdigest))
        manifest = Manifest(facts={"format": FORMAT, **facts}, files=tuple(held))
        text = orjson.dumps({**manifest.facts, "files": manifest.files}, option=orjson.OPT_INDENT_2)
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(text), 0o600
        tar.addfile(info, io.BytesIO(text))
    return manifest


class _Digested(io.RawIOBase):
    """Reads a file and digests what was read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._digest.update(data)
        return data

    @property
    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def check_archive(path: Path) -> Manifest:
    """Read all of it; an error tells what does not agree with the manifest."""
    return _read(path, lambda _: None)


def unpack_archive(path: Path, into: Path) -> Manifest:
    """Put the files into an empty folder, each of mode 0600; what does not agree with the manifest is an error."""

    def place(name: str) -> Path:
        made = into.joinpath(*PurePosixPath(name).parts)
        made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return made

    return _read(path, place)


def _read(path: Path, place: Callable[[str], Path | None]) -> Manifest:
    found: dict[str, Held] = {}
    manifest: Manifest | None = None
    with _readable(path), tarfile.open(path, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None or not _is_safe(member.name) or manifest is not None:
                raise _damaged(path, "it holds something else than files of a space")
            if member.name == MANIFEST:
                manifest = _manifest(content.read())
            else:
                found[member.name] = _copied(member.name, content, place(member.name))
    if manifest is None:
        raise _damaged(path, "its end is missing")
    for file in manifest.files:
        if found.pop(file.name, None) != file:
            raise _damaged(path, f"{file.name} in it is not as it was written")
    if found:
        raise _damaged(path, f"it holds files that its manifest does not name ({len(found)})")
    return manifest


def _copied(name: str, content: Any, to: Path | None) -> Held:
    digest, size = hashlib.sha256(), 0
    with _made(to) as out:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if out is not None:
                out.write(chunk)
    return Held(name=name, size=size, sha256=digest.hexdigest())


@contextmanager
def _made(to: Path | None) -> Iterator[BinaryIO | None]:
    if to is None:
        yield None
        return
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not PurePosixPath(name).is_absolute() and ".." not in parts


def _manifest(text: bytes) -> Manifest:
    facts = orjson.loads(text)
    files = tuple(Held(**file) for file in facts.pop("files"))
    if facts.get("format") != FORMAT:
        raise GuestlistError(
            "backup_newer",
            "This backup was written by a newer Guestlist.",
            nothing_lost=_NOTHING_CHANGED,
            next_step="Update Guestlist.",
        )
    return Manifest(facts=facts, files=files)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, orjson.JSONDecodeError, TypeError, KeyError, EOFError) as error:
        raise _damaged(path, "it cannot be read to its end") from error


def _damaged(path: Path, why: str) -> GuestlistError:
    return GuestlistError(
        "backup_damaged",
        f"{path} is no whole backup: {why}.",
        nothing_lost=_NOTHING_CHANGED,
        next_step="Take another one. guestlist backup --check FILE tells which are whole.",
    )

"""A file as blocks of UTF-8 bytes, whatever it was written in; what cannot be decoded is marked, not lost."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from guestlist.errors import GuestlistError

BLOCK = 4 * 1024 * 1024
HEAD = 256 * 1024

UNDECODABLE = "\ufdd0"
"""Stands for bytes that are no text. Unicode never assigns this code point, so no file means it."""

# Real exports compress 5 to 40 times; only made ones go far beyond, and they fill disks.
_MOST_EXPANSION = 200
_EXPANSION_FREE = 16 * 1024 * 1024
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_NOT_TEXT = ((b"PK\x03\x04", "a zip archive or spreadsheet"), (b"%PDF", "a PDF"), (b"SQLite format", "a database"))
_WESTERN_LETTER = re.compile(rb"[A-Za-z][\xc0-\xff]|[\xc0-\xff][A-Za-z]")
# Fewer lines than this are taken for damage, not for another encoding.
_LINES_THAT_TELL = 3


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _mark(error: UnicodeError) -> tuple[str, int]:
    return UNDECODABLE, cast("UnicodeDecodeError", error).end


codecs.register_error("mark_undecodable", _mark)


def marked(text: bytes) -> str:
    """UTF-8 as text, each undecodable part as the mark."""
    return text.decode("utf-8", "mark_undecodable")


def head_of(path: Path) -> bytes:
    """The first bytes, unpacked and as they are encoded."""
    with path.open("rb") as file:
        return _read(_unpacked(file, path), HEAD, path)


def encoding_of(head: bytes, path: Path) -> str:
    """The encoding, by its mark or by its bytes; a file that is no text at all is refused."""
    for start, what in _NOT_TEXT:
        if head.startswith(start):
            raise wrong_type(path, f"it is {what}")
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    if b"\0" in head:
        raise wrong_type(path, "it is not text")
    return "cp1252" if _looks_western(head) else "utf-8"


def blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """The whole file as UTF-8, without byte order mark, in blocks that are cut anywhere, ends of lines as `\\n`."""
    with path.open("rb") as file:
        yield from _one_line_end(_decoded(_pieces(_unpacked(file, path), path), encoding))


def wrong_type(path: Path, why: str) -> GuestlistError:
    """The refusal of a file that is not of a kind we read."""
    return GuestlistError(
        "file_type",
        f"{path.name} cannot be read: {why}.",
        nothing_lost="Nothing was imported; the space is as it was.",
        next_step="Export it as CSV, JSON Lines or Parquet and try again.",
    )


def damaged(path: Path, why: str) -> GuestlistError:
    """The refusal of a file that is broken as a whole."""
    return GuestlistError(
        "file_damaged",
        f"{path.name} cannot be read: {why}.",
        nothing_lost="Nothing was imported; the space is as it was.",
        next_step="Get the file again from where it came from.",
    )


def _looks_western(head: bytes) -> bool:
    lines = head[: head.rfind(b"\n") + 1].split(b"\n")
    try:
        for line in lines:
            line.decode("ascii")
        return False
    except UnicodeDecodeError:
        pass
    foreign = [line for line in lines if not line.isascii()]
    return len(foreign) >= _LINES_THAT_TELL and all(
        _WESTERN_LETTER.search(line) and not _has_utf8(line) for line in foreign
    )


def _has_utf8(line: bytes) -> bool:
    return any(not char.isascii() and char != UNDECODABLE for char in marked(line))


def _unpacked(file: BinaryIO, path: Path) -> _Readable:
    start = file.read(2)
    file.seek(0)
    return _Unzipping(file, path) if start == b"\x1f\x8b" else file


class _Unzipping:
    """Gzip, refused when it expands as no data does."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._zipped = gzip.GzipFile(fileobj=file)
        self._out = 0

    def read(self, size: int, /) -> bytes:
        piece = self._zipped.read(size)
        self._out += len(piece)
        if self._out > max(_EXPANSION_FREE, _MOST_EXPANSION * self._file.tell()):
            raise GuestlistError(
                "file_expands",
                f"{self._path.name} expands more than {_MOST_EXPANSION}-fold: it may be made to fill the disk.",
                nothing_lost="Nothing was imported; the space is as it was.",
                next_step="If you trust it, unpack it yourself and try again with the unpacked file.",
            )
        return piece


def _read(file: _Readable, size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, "its compressed data ends early or is broken") from error


def _pieces(file: _Readable, path: Path) -> Iterator[bytes]:
    while piece := _read(file, BLOCK, path):
        yield piece


def _decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding == "utf-8":
        first = next(pieces, b"")
        yield first.removeprefix(b"\xef\xbb\xbf")
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)("mark_undecodable")
    for number, piece in enumerate(pieces):
        text = decoder.decode(piece)
        yield (text.removeprefix("\ufeff") if number == 0 else text).encode()
    yield decoder.decode(b"", final=True).encode()


def _one_line_end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")
    only_returns = b"\r" in first and b"\n" not in first
    held = b""
    for piece in chain((first,), pieces):
        if only_returns:
            yield piece.replace(b"\r", b"\n")
            continue
        # A pair may be cut between two pieces: its first half waits for the second.
        whole = held + piece
        held = b"\r" if whole.endswith(b"\r") else b""
        yield (whole[:-1] if held else whole).replace(b"\r\n", b"\n")
    yield held

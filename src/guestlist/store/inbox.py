"""The inbox: messages that were acknowledged but have not landed yet, as lines of JSON in append-only segments.

One writer thread takes all that waits, appends it, syncs every file once and only then lets the requests be answered.
An open segment ends in `.open`; it is sealed by renaming it. After every sync the writer looks whether its file still
has its name: if another process has sealed it meanwhile (one that took over while this one hung), what was written may
have come too late to land, so it is not acknowledged.
"""

import asyncio
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guestlist.errors import GuestlistError
from guestlist.store.private_files import sync_folder

SEGMENT_BYTES = 32 * 2**20
QUEUE_BYTES = 32 * 2**20
_OPEN, _SEALED = ".open", ".jsonl"
# O_BINARY: on Windows a line's end would else be written as two characters.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
_SEGMENT = re.compile(r"(\d{12})\.([a-z0-9][a-z0-9_-]{0,62})(\.open|\.jsonl)")
_NEWLINE = b"\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A sealed file: the lines of one source, in the order of arrival."""

    number: int
    source: str
    path: Path

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size

    def lines(self) -> Iterator[bytes]:
        """Every whole line. A half line at the end is what a crash left: it was never acknowledged."""
        with self.path.open("rb") as file:
            yield from (line[:-1] for line in file if line.endswith(_NEWLINE))


class InboxFullError(GuestlistError):
    """More waits to be written than may wait in memory; it is over in a moment."""

    def __init__(self) -> None:
        super().__init__(
            "inbox_full",
            "More messages arrive than the disk takes.",
            nothing_lost="Nothing of this request was kept.",
            next_step="Send it again after a second.",
        )


class InboxClosedError(GuestlistError):
    """Who does not hold a space keeps nothing for it."""

    def __init__(self) -> None:
        super().__init__(
            "inbox_closed",
            "This process takes no messages for the space now: it is starting, waits for another one, or is stopping.",
            nothing_lost="Nothing of this request was kept.",
            next_step="Clients send it again by themselves. guestlist status says who keeps the space right.",
        )


class InboxUnwritableError(GuestlistError):
    """The disk refused, or the space belongs to another process by now."""

    def __init__(self, *, why: str) -> None:
        super().__init__(
            "inbox_unwritable",
            f"Messages cannot be kept: {why}.",
            nothing_lost="Nothing was acknowledged that is not kept; clients send it again.",
            next_step="Check free disk space and the rights of the .guestlist folder.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting:
    source: str
    lines: bytes
    loop: asyncio.AbstractEventLoop
    kept: asyncio.Future[None]


@dataclass(kw_only=True, slots=True)
class _File:
    """An open segment."""

    descriptor: int
    path: Path
    size: int = 0

    def is_ours(self) -> bool:
        """Whether the file still has its name; once it is renamed it may have been read already."""
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self.descriptor)
        return (named.st_ino, named.st_dev) == (mine.st_ino, mine.st_dev)


class Inbox:
    """The inbox of one space. `start` it before messages are handed in, `stop` it to write what still waits."""

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        queue_bytes: int = QUEUE_BYTES,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        """`queue_bytes` may wait in memory; a segment is sealed when it has `segment_bytes`."""
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._queue_bytes = queue_bytes
        self._sync = sync
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._stopping = False
        self._sealing = False
        self._files: dict[str, _File] = {}
        self._writer: threading.Thread | None = None
        self._next = 1

    # Handing in

    def start(self) -> None:
        """Begin to take messages in. What an earlier process left open will be sealed by the next `seal`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._next = max((number for number, _, _ in self._found()), default=0) + 1
        self._stopping = False
        self._writer = threading.Thread(target=self._write, name="inbox", daemon=True)
        self._writer.start()

    def keep(self, source: str, lines: bytes) -> asyncio.Future[None]:
        """Hand in whole lines; the future is done once they are on disk. To be called in an event loop."""
        loop = asyncio.get_running_loop()
        kept = loop.create_future()
        with self._changed:
            if self._stopping or self._writer is None or not self._writer.is_alive():
                raise InboxClosedError
            if self._queued + len(lines) > self._queue_bytes and self._queue:
                raise InboxFullError
            self._queue.append(_Waiting(source=source, lines=lines, loop=loop, kept=kept))
            self._queued += len(lines)
            self._changed.notify_all()
        return kept

    def stop(self) -> None:
        """Write and acknowledge what waits, then seal all segments; nothing more is taken in."""
        if self._writer is None:
            return
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._writer.join()
        self._writer = None

    # Taking out

    def seal(self) -> list[Segment]:
        """Seal all that was kept so far, also by a process that is gone; gives every sealed segment, oldest first."""
        with self._changed:
            if self._writer is not None:
                self._sealing = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._sealing)
            mine = {file.path for file in self._files.values()}
            for _, _, path in self._found():
                if path.suffix == _OPEN and path not in mine:
                    _seal(path)
        found = (Segment(number=n, source=source, path=path) for n, source, path in self._found())
        return sorted((one for one in found if one.path.suffix == _SEALED), key=lambda one: (one.number, one.source))

    def forget(self, segments: Sequence[Segment]) -> None:
        """Delete segments; only once all that stands in them is safe elsewhere."""
        for one in segments:
            one.path.unlink(missing_ok=True)
        if segments:
            sync_folder(self.folder)

    def _found(self) -> list[tuple[int, str, Path]]:
        if not self.folder.is_dir():
            return []
        matches = ((path, _SEGMENT.fullmatch(path.name)) for path in self.folder.iterdir())
        return [(int(match[1]), match[2], path) for path, match in matches if match]

    # The writer thread

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._sealing or self._stopping)
                group, sealing, stopping = list(self._queue), self._sealing, self._stopping
                self._queue.clear()
                self._queued = 0
            if group:
                self._write_group(group)
            if sealing or stopping:
                self._seal_mine()
            if stopping and not self._queue:
                return

    def _write_group(self, group: Sequence[_Waiting]) -> None:
        by_source: dict[str, list[_Waiting]] = {}
        for one in group:
            by_source.setdefault(one.source, []).append(one)
        for source, same in by_source.items():
            self._write_same(source, same)

    def _write_same(self, source: str, same: Sequence[_Waiting]) -> None:
        failed: GuestlistError | None = None
        try:
            self._append(source, b"".join(one.lines for one in same))
        except OSError as error:
            failed = InboxUnwritableError(why=error.strerror or type(error).__name__)
        except InboxUnwritableError as error:
            failed = error
        if failed:
            # After a failure nobody knows how the file ends: nothing more is appended to it.
            self._close(source)
        _answer(same, failed)

    def _append(self, source: str, lines: bytes) -> None:
        file = self._files.get(source)
        fresh = file is None
        if file is None:
            with self._changed:  # so that `seal` never takes it for another process's
                file = self._files[source] = self._made(source)
        _write_whole(file.descriptor, lines)
        self._sync(file.descriptor)
        if fresh:
            sync_folder(self.folder)
        if not file.is_ours():
            raise InboxUnwritableError(why="another process has taken over this space")
        file.size += len(lines)
        if file.size >= self._segment_bytes:
            self._close(source)

    def _made(self, source: str) -> _File:
        while True:
            number, self._next = self._next, self._next + 1
            path = self.folder / f"{number:012}.{source}{_OPEN}"
            try:
                descriptor = os.open(path, _NEW, 0o600)
            except FileExistsError:
                continue
            return _File(descriptor=descriptor, path=path)

    def _close(self, source: str) -> None:
        file = self._files.get(source)
        if file is None:
            return
        os.close(file.descriptor)
        _seal(file.path)
        del self._files[source]

    def _seal_mine(self) -> None:
        for source in list(self._files):
            self._close(source)
        with self._changed:
            self._sealing = False
            self._changed.notify_all()


def sealed_name(path: Path) -> Path:
    """What an open segment is called once it is sealed."""
    return path.with_suffix(_SEALED)


def _seal(path: Path) -> None:
    try:
        path.rename(path.with_suffix(_SEALED))
    except FileNotFoundError:
        return  # another process has sealed it


def _answer(same: Sequence[_Waiting], failed: GuestlistError | None) -> None:
    """One call into each event loop for all of its requests."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for one in same:
        by_loop.setdefault(one.loop, []).append(one.kept)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, futures, failed)
        except RuntimeError:
            continue  # the loop is closed: nobody waits for the answer any more


def _settle(futures: Sequence[asyncio.Future[None]], failed: GuestlistError | None) -> None:
    for kept in futures:
        if kept.done():  # whoever asked has gone away
            continue
        if failed is None:
            kept.set_result(None)
        else:
            kept.set_exception(failed)


def _write_whole(descriptor: int, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

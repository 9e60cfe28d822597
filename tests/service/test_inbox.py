"""The inbox: acknowledged means on disk, in the order of arrival, private, and never in two hands."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guestlist.store.inbox import Inbox, InboxClosedError, InboxFullError, InboxUnwritableError, Segment


@contextmanager
def started(folder: Path, **more: Any) -> Iterator[Inbox]:
    inbox = Inbox(folder, **more)
    inbox.start()
    try:
        yield inbox
    finally:
        inbox.stop()


def keep(inbox: Inbox, *lines: tuple[str, bytes]) -> None:
    async def kept() -> None:
        await asyncio.gather(*[inbox.keep(source, line) for source, line in lines])

    asyncio.run(kept())


def contents(segments: list[Segment]) -> list[tuple[str, list[bytes]]]:
    return [(one.source, list(one.lines())) for one in segments]


def test_what_is_kept_can_be_read_in_order_and_is_gone_when_forgotten(tmp_path: Path) -> None:
    with started(tmp_path / "inbox") as inbox:
        keep(inbox, ("web", b"1\n"), ("app", b"2\n"), ("web", b"3\n4\n"))
        first = inbox.seal()
        keep(inbox, ("web", b"5\n"))
        assert contents(first) == [("web", [b"1", b"3", b"4"]), ("app", [b"2"])]
        assert contents(inbox.seal()) == [*contents(first), ("web", [b"5"])]
        inbox.forget(first)
        assert contents(inbox.seal()) == [("web", [b"5"])]
    assert contents(Inbox(tmp_path / "inbox").seal()) == [("web", [b"5"])]


def test_many_requests_share_one_sync(tmp_path: Path) -> None:
    syncs: list[int] = []
    gate = threading.Event()

    def slow(descriptor: int) -> None:
        gate.wait(10)
        syncs.append(descriptor)
        os.fsync(descriptor)

    async def many(inbox: Inbox) -> None:
        waiting = [inbox.keep("web", b"%d\n" % n) for n in range(500)]
        await asyncio.sleep(0.05)
        assert not any(one.done() for one in waiting)  # nothing is acknowledged before it is on disk
        gate.set()
        await asyncio.gather(*waiting)

    with started(tmp_path, sync=slow) as inbox:
        asyncio.run(many(inbox))
        assert [line for one in inbox.seal() for line in one.lines()] == [b"%d" % n for n in range(500)]
    assert len(syncs) <= 3


def test_a_segment_is_sealed_when_it_is_large(tmp_path: Path) -> None:
    with started(tmp_path, segment_bytes=10) as inbox:
        for n in range(3):
            keep(inbox, ("web", b"%d234567\n" % n))
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "000000000001.web.jsonl",
            "000000000002.web.open",
        ]


def test_a_half_line_at_the_end_is_left_out(tmp_path: Path) -> None:
    tmp_path.joinpath("000000000007.web.open").write_bytes(b'{"a":1}\n{"b":')
    with started(tmp_path) as inbox:
        keep(inbox, ("web", b"{}\n"))
        assert contents(inbox.seal()) == [("web", [b'{"a":1}']), ("web", [b"{}"])]


def test_files_are_private(tmp_path: Path) -> None:
    with started(tmp_path / "inbox") as inbox:
        keep(inbox, ("web", b"1\n"))
        assert (tmp_path / "inbox").stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "inbox").iterdir()} == {0o600}


def test_when_too_much_waits_more_is_refused(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(descriptor: int) -> None:
        gate.wait(10)

    async def flood(inbox: Inbox) -> None:
        kept = [inbox.keep("web", b"x" * 60 + b"\n")]
        await asyncio.sleep(0.05)  # the writer has it in hand
        kept.append(inbox.keep("web", b"x" * 60 + b"\n"))
        with pytest.raises(InboxFullError):
            inbox.keep("web", b"x" * 60 + b"\n")
        gate.set()
        await asyncio.gather(*kept)
        await inbox.keep("web", b"y\n")

    with started(tmp_path, sync=slow, queue_bytes=100) as inbox:
        asyncio.run(flood(inbox))


def failing_once(error: OSError) -> Callable[[int], None]:
    errors = [error]

    def sync(descriptor: int) -> None:
        if errors:
            raise errors.pop()
        os.fsync(descriptor)

    return sync


def test_after_a_failed_sync_nothing_is_acknowledged_and_the_next_goes_to_a_new_file(tmp_path: Path) -> None:
    with started(tmp_path, sync=failing_once(OSError(errno.ENOSPC, "No space left"))) as inbox:
        with pytest.raises(InboxUnwritableError, match="No space left"):
            keep(inbox, ("web", b"lost\n"))
        keep(inbox, ("web", b"kept\n"))
        assert contents(inbox.seal())[-1] == ("web", [b"kept"])


def test_a_process_that_hung_while_another_took_over_acknowledges_nothing(tmp_path: Path) -> None:
    with started(tmp_path) as hung:
        keep(hung, ("web", b"before\n"))
        with started(tmp_path) as owner:
            taken = owner.seal()
            assert contents(taken) == [("web", [b"before"])]
            with pytest.raises(InboxUnwritableError, match="taken over"):
                keep(hung, ("web", b"too late\n"))
            keep(owner, ("web", b"after\n"))
            owner.forget(taken)
            # Into a file of its own it may write: the owner finds that.
            keep(hung, ("web", b"found\n"))
            assert [lines for _, lines in contents(owner.seal())] == [[b"after"], [b"found"]]


def test_a_stopped_inbox_has_written_all_and_takes_no_more(tmp_path: Path) -> None:
    async def stopped() -> None:
        kept = [inbox.keep("web", b"%d\n" % n) for n in range(100)]
        await asyncio.to_thread(inbox.stop)
        await asyncio.gather(*kept)
        with pytest.raises(InboxClosedError):
            inbox.keep("web", b"late\n")

    with started(tmp_path) as inbox:
        asyncio.run(stopped())
        assert len([line for one in inbox.seal() for line in one.lines()]) == 100


def test_sealing_while_messages_arrive_loses_none(tmp_path: Path) -> None:
    found: list[bytes] = []

    async def many(inbox: Inbox) -> None:
        for n in range(300):
            await inbox.keep("web" if n % 3 else "app", b"%d\n" % n)

    def taking(inbox: Inbox, done: threading.Event) -> None:
        while not done.is_set():
            segments = inbox.seal()
            found.extend(line for one in segments for line in one.lines())
            inbox.forget(segments)

    with started(tmp_path) as inbox:
        done = threading.Event()
        taker = threading.Thread(target=taking, args=(inbox, done))
        taker.start()
        try:
            asyncio.run(many(inbox))
        finally:
            done.set()
            taker.join()
        found.extend(line for one in inbox.seal() for line in one.lines())
    assert sorted(found) == sorted(b"%d" % n for n in range(300))

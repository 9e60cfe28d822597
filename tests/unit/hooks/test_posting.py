"""One request against addresses that answer by drops: it is over in time, and what was told counts."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import pytest

from guestlist.hooks.posting import Answer, Poster, Verdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answers each connection with these pieces, one every twentieth of a second, for ever; gives its port."""
    over, listening = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def trickle(begins: bytes, then: bytes) -> None:
        while not over.is_set():
            line, _ = listening.accept()
            with closing(line):
                try:
                    line.recv(65_536)
                    line.sendall(begins)
                    while then and not over.wait(0.05):
                        line.sendall(then)
                except OSError:
                    continue

    def begin(begins: bytes, then: bytes = b"") -> int:
        threading.Thread(target=trickle, args=(begins, then), daemon=True).start()
        return int(listening.getsockname()[1])

    yield begin
    over.set()
    listening.close()


def posted(port: int, *, scheme: str = "http", times: int = 1) -> list[Answer]:
    poster = Poster(lambda: ["127.0.0.1"], seconds=0.5)
    try:
        return [poster.post(f"{scheme}://127.0.0.1:{port}/", b"{}", {}, now=NOW) for _ in range(times)]
    finally:
        poster.close()


HEAD = b"HTTP/1.1 200 OK\r\n"


def test_an_answer_whose_beginning_does_not_end_is_waited_for_no_longer_than_may_be(serve: Serve) -> None:
    answers = posted(serve(HEAD, b"X-A: b\r\n"), times=2)
    assert [(one.verdict, one.code) for one in answers] == [(Verdict.LATER, "timed_out")] * 2


def test_what_was_taken_is_taken_however_long_the_rest_of_the_answer_is(serve: Serve) -> None:
    assert posted(serve(HEAD + b"Content-Length: 60000\r\n\r\n", b".")) == [
        Answer(verdict=Verdict.TAKEN, code="http_200")
    ]


def test_a_handshake_that_does_not_end_is_ended(serve: Serve) -> None:
    # The beginning of a record of TLS that is 16 KB long, and comes byte by byte.
    (answer,) = posted(serve(b"\x16\x03\x03\x3f\xff", b"\x02"), scheme="https")
    assert (answer.verdict, answer.code) == (Verdict.LATER, "timed_out")


def test_looking_up_the_address_is_part_of_the_time_that_a_request_may_take() -> None:
    def late(_host: str, _port: int) -> Sequence[str]:
        time.sleep(0.3)
        return ["127.0.0.1"]

    with closing(socket.create_server(("127.0.0.1", 0))) as asked:
        asked.settimeout(0)
        poster = Poster(lambda: ["127.0.0.1", "hooks.example.org"], resolve=late, seconds=0.2)
        url = f"http://hooks.example.org:{asked.getsockname()[1]}/"
        answer = poster.post(url, b"{}", {}, now=NOW)
        poster.close()
        with pytest.raises(BlockingIOError):
            asked.accept()
    assert (answer.verdict, answer.code) == (Verdict.LATER, "timed_out")


def test_a_connection_is_used_again(serve: Serve) -> None:
    whole = HEAD + b"Content-Length: 0\r\n\r\n"
    assert [one.code for one in posted(serve(whole), times=3)] == ["http_200"] * 3

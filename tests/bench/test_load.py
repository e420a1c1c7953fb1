"""The load generator counts what a real server saw, and finds the end of every kind of answer."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench import load

SIZED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n0\r\n\r\nab\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 8\r\n\r\nnot now!"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

# A busy machine may do nothing else for a good part of it.
SECONDS = 0.5

Answers = Callable[[int], bytes]


@contextmanager
def serving(answer: Answers, *, piece: int = 1 << 20) -> Iterator[tuple[load.Address, list[bytes]]]:
    """A server in a thread that answers its n-th request with `answer(n)`, `piece` bytes at a time, and
    closes the connection after an answer that says so or that is cut short by a trailing CUT."""
    seen: list[bytes] = []
    loop = asyncio.new_event_loop()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader):
                reply = answer(len(seen))
                seen.append(request)
                for at in range(0, len(reply), piece):
                    writer.write(reply[at : at + piece])
                    await writer.drain()
                    await asyncio.sleep(0)
                if b"Connection: close" in reply or reply.endswith(b"CUT"):
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(converse, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[:2], seen
    finally:
        asyncio.run_coroutine_threadsafe(closed(server), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head + await reader.readexactly(int(length or 0))


async def closed(server: asyncio.Server) -> None:
    server.close()
    me = asyncio.current_task()
    conversations = [task for task in asyncio.all_tasks() if task is not me]
    await asyncio.wait_for(asyncio.gather(*conversations, return_exceptions=True), 60)


def numbered_posts(size: int = 0) -> Callable[[], bytes]:
    def render(number: int) -> bytes:
        body = b"%d " % number + b"x" * size
        return b"POST /n HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    return map(render, itertools.count()).__next__


def drive(address: load.Address, requests: Callable[[], bytes], connections: int = 4) -> load.Load:
    return load.run(address, requests, connections=connections, seconds=SECONDS, warm_up=0.0)


def test_every_request_is_sent_once_and_none_twice() -> None:
    with serving(lambda n: SIZED) as (address, seen):
        found = drive(address, numbered_posts())
    numbers = sorted(int(request.partition(b"\r\n\r\n")[2]) for request in seen)
    assert numbers == list(range(len(seen)))
    assert found.failed == 0
    # The last answer of each connection may come after the window.
    assert len(seen) - 4 <= len(found.latencies) <= len(seen)
    assert found.rate == pytest.approx(len(found.latencies) / SECONDS)


def test_the_warm_up_is_not_measured() -> None:
    answered = []

    def answer(number: int) -> bytes:
        answered.append(time.perf_counter())
        return SIZED

    with serving(answer) as (address, _):
        began = time.perf_counter()
        found = load.run(address, numbered_posts(), connections=1, seconds=SECONDS, warm_up=SECONDS)
    late = sum(at >= began + SECONDS for at in answered)
    assert 0 < len(found.latencies) <= late + 1  # one may have been on its way
    assert late < len(answered)


def test_the_window_grows_to_twice_its_length_while_there_are_too_few_answers() -> None:
    with serving(lambda n: SIZED) as (address, seen):
        found = load.run(address, numbered_posts(), connections=1, seconds=0.1, warm_up=0.0, at_least=10**9)
        enough = load.run(address, numbered_posts(), connections=1, seconds=SECONDS, warm_up=0.0, at_least=1)
    assert found.seconds == pytest.approx(0.2)
    assert enough.seconds == pytest.approx(SECONDS)
    assert len(seen) - 2 <= len(found.latencies) + len(enough.latencies) <= len(seen)


def test_an_error_in_the_warm_up_is_counted() -> None:
    with serving(lambda n: SIZED if n else REFUSED) as (address, _):
        found = load.run(address, numbered_posts(), connections=1, seconds=0.05, warm_up=0.2)
    assert found.errors == {"HTTP 503": 1}


def test_answers_that_are_not_200_are_errors_with_their_text() -> None:
    with serving(lambda n: REFUSED if n % 10 == 3 else SIZED) as (address, seen):
        found = drive(address, numbered_posts())
    assert found.errors == {"HTTP 503": (len(seen) + 6) // 10}
    assert found.first_error == "HTTP 503 not now!"
    assert len(found.latencies) + found.failed <= len(seen)


def test_an_answer_cut_short_is_one_error_and_the_line_is_opened_again() -> None:
    cut = SIZED.replace(b": 5", b": 50") + b"CUT"
    with serving(lambda n: cut if n == 5 else SIZED) as (address, seen):
        found = drive(address, numbered_posts(), connections=1)
    assert found.errors == {"connection closed before the whole answer": 1}
    assert len(seen) > 6


def test_a_server_that_closes_after_each_answer_is_followed() -> None:
    with serving(lambda n: LAST) as (address, seen):
        found = drive(address, numbered_posts())
    assert found.failed == 0
    assert len(seen) > 4


def test_a_request_larger_than_the_socket_takes_at_once_arrives_whole() -> None:
    with serving(lambda n: SIZED) as (address, seen):
        found = drive(address, numbered_posts(size=5_000_000), connections=2)
    assert found.failed == 0
    assert {len(request.partition(b" x")[2]) for request in seen} == {5_000_000 - 1}


@pytest.mark.parametrize("answer", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_an_answer_in_pieces_is_one_answer(answer: bytes) -> None:
    with serving(lambda n: answer, piece=7) as (address, seen):
        found = drive(address, numbered_posts())
    assert found.failed == 0
    assert len(seen) - 4 <= len(found.latencies) <= len(seen)


def test_a_server_that_does_not_answer_is_an_error_per_connection() -> None:
    with serving(lambda n: SIZED[:-1]) as (address, _):
        found = load.run(address, numbered_posts(), connections=3, seconds=0.05, warm_up=0.0, patience=0.05)
    assert found.errors == {"no answer 0.05 s after the end": 3}
    assert len(found.latencies) == 0


def test_nothing_listening_is_an_os_error() -> None:
    with serving(lambda n: SIZED) as (address, _):
        pass
    with pytest.raises(OSError):
        drive(address, numbered_posts())


@pytest.mark.parametrize("answer", [SIZED, CHUNKED, EMPTY, REFUSED])
def test_a_reply_is_whole_at_its_last_byte_and_not_before(answer: bytes) -> None:
    status = int(answer[9:12])
    for cut in range(1, len(answer)):
        reply = load.Reply()
        assert reply.feed(answer[:cut]) == 0
        assert reply.feed(answer[cut:]) == status
        assert reply.feed(answer) == status


def test_bytes_after_a_whole_answer_are_refused() -> None:
    for answer in (SIZED, CHUNKED, EMPTY):
        with pytest.raises(load.BrokenReply, match="1 bytes more than the answer announced"):
            load.Reply().feed(answer + b"!")


@pytest.mark.parametrize(
    "answer",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", CHUNKED.replace(b"5\r\n", b"five\r\n")],
)
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(load.BrokenReply):
        load.Reply().feed(answer)


def test_a_percentile_is_a_latency_that_share_did_not_exceed() -> None:
    found = load.Load(1.0)
    found.latencies.extend(n / 1000 for n in range(1, 101))
    assert found.percentile(0.5) == 50
    assert found.percentile(0.99) == 99

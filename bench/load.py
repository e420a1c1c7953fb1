"""A closed-loop HTTP/1.1 load generator in one thread.

N keep-alive connections each hold one request in flight; the answer to one sends the next. It shares
the machine with the servers it measures, so it does as little as it can: raw sockets, one epoll loop,
requests that arrive as finished bytes, and of an answer only its status and its length.
"""

import math
import select
import socket
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

Address = tuple[str, int]


@dataclass(slots=True)
class Load:
    """What was seen. Latencies are those of the 200s inside the measured window; errors are everything
    that was not a whole 200, in the warm-up and after the window too."""

    seconds: float
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    errors: Counter[str] = field(default_factory=Counter)
    first_error: str = ""
    generator_cpu: float = 0.0  # share of one core this thread used

    @property
    def rate(self) -> float:
        """Answers of 200 per second."""
        return len(self.latencies) / self.seconds

    @property
    def failed(self) -> int:
        return self.errors.total()

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that `share` of the requests did not exceed; NaN without any."""
        return percentile(self.latencies, share)


def percentile(latencies: Iterable[float], share: float) -> float:
    """Of seconds, in milliseconds: what `share` of them did not exceed; NaN without any."""
    ordered = sorted(latencies)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000 if ordered else float("nan")


def run(
    address: Address,
    next_request: Callable[[], bytes],
    *,
    connections: int = 16,
    seconds: float = 4.0,
    warm_up: float = 1.0,
    at_least: int = 0,
    patience: float = 30.0,
) -> Load:
    """Keep `connections` requests in flight for `warm_up + seconds`, then wait for the last answers.

    `next_request` is called for every write on the wire and gives one whole request. The window is up to
    twice as long when fewer than `at_least` answers of 200 have come: a slow server answers in bunches,
    and a window with one bunch says little. An answer that has not come `patience` seconds after the
    window is an error. Raises OSError when nothing listens.
    """
    load = Load(seconds)
    loop = select.epoll()
    lines = [_Line(address) for _ in range(connections)]
    try:
        _drive(loop, lines, next_request, load, warm_up, at_least, patience)
    finally:
        for line in lines:
            line.close()
        loop.close()
    return load


def _drive(
    loop: select.epoll,
    lines: "list[_Line]",
    next_request: Callable[[], bytes],
    load: Load,
    warm_up: float,
    at_least: int,
    patience: float,
) -> None:
    clock = time.perf_counter
    record = load.latencies.append
    by_fd: dict[int, _Line] = {}
    for line in lines:
        line.open()
        loop.register(line.fd, select.EPOLLIN)
        by_fd[line.fd] = line
        line.send(next_request(), loop)
    begin = clock() + warm_up
    window = _Window(begin + load.seconds, load.seconds, at_least)
    end = window.end
    cpu_begin = cpu_end = math.nan
    now = clock()
    while by_fd and now < end + patience:
        events = loop.poll(max(0.0, (end if now < end else end + patience) - now))
        for fd, event in events:
            line = by_fd[fd]
            if event & select.EPOLLOUT:
                line.flush(loop)
                continue
            problem = ""
            try:
                status = line.receive()
            except (OSError, BrokenReply) as broken:
                status, problem = -1, str(broken)
            if status == 0:
                continue
            now = clock()
            if now >= end:
                end = window.grown(now, len(load.latencies))
            if status == 200:
                if begin <= now < end:
                    record(now - line.sent_at)
            else:
                _count_error(load, problem or f"HTTP {status}", line.excerpt)
            if now >= end:
                del by_fd[fd]
                loop.unregister(fd)
            elif (status > 0 and not line.closes) or _reopened(line, by_fd, loop, load):
                line.send(next_request(), loop)
        now = clock()
        if now >= end:
            end = window.grown(now, len(load.latencies))
        if now >= begin and math.isnan(cpu_begin):
            cpu_begin = time.thread_time()
        if now >= end and math.isnan(cpu_end):
            cpu_end = time.thread_time()
    load.seconds = end - begin
    load.generator_cpu = (cpu_end - cpu_begin) / load.seconds
    for _ in by_fd:
        _count_error(load, f"no answer {patience:g} s after the end", "")


class _Window:
    """The end of the measured time, which moves in eighths up to twice its length while answers are few."""

    def __init__(self, end: float, seconds: float, at_least: int) -> None:
        self.end = end
        self.latest = end + seconds
        self.step = seconds / 8
        self.at_least = at_least

    def grown(self, now: float, answers: int) -> float:
        while now >= self.end and self.end < self.latest and answers < self.at_least:
            self.end = min(self.latest, self.end + self.step)
        return self.end


def _reopened(line: "_Line", by_fd: "dict[int, _Line]", loop: select.epoll, load: Load) -> bool:
    del by_fd[line.fd]
    line.close()
    try:
        line.open()
    except OSError as refused:
        _count_error(load, f"no connection: {refused.strerror or refused}", "")
        return False
    loop.register(line.fd, select.EPOLLIN)
    by_fd[line.fd] = line
    return True


def _count_error(load: Load, what: str, excerpt: str) -> None:
    load.errors[what] += 1
    if not load.first_error:
        load.first_error = f"{what} {excerpt}".strip()


class _Line:
    """One keep-alive connection with at most one request in flight."""

    __slots__ = ("address", "excerpt", "fd", "reply", "sent_at", "sock", "unsent")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.sock: socket.socket | None = None
        self.fd = -1
        self.reply = Reply()
        self.sent_at = 0.0
        self.unsent = memoryview(b"")
        self.excerpt = ""

    def open(self) -> None:
        self.sock = socket.create_connection(self.address, timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.fd = self.sock.fileno()
        self.reply = Reply()
        self.unsent = memoryview(b"")

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()

    @property
    def closes(self) -> bool:
        return self.reply.closes

    def send(self, request: bytes, loop: select.epoll) -> None:
        assert self.sock is not None
        self.sent_at = time.perf_counter()
        try:
            sent = self.sock.send(request)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the reading side reports the broken connection, once
        if sent < len(request):
            self.unsent = memoryview(request)[sent:]
            loop.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)

    def flush(self, loop: select.epoll) -> None:
        assert self.sock is not None
        try:
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self.unsent = memoryview(b"")
        if not self.unsent:
            loop.modify(self.fd, select.EPOLLIN)

    def receive(self) -> int:
        """The status when the answer is whole, 0 while some of it is missing."""
        assert self.sock is not None
        count = self.sock.recv_into(_received)
        if not count:
            raise BrokenReply("connection closed before the whole answer")
        status = self.reply.feed(bytes(_received[:count]))
        if status and self.unsent:
            raise BrokenReply(f"HTTP {status} before the whole request was sent")
        if status not in (0, 200):
            self.excerpt = self.reply.excerpt
        return status


# One buffer for all: recv() makes a new one for each call, which at this size costs more than the call.
_received = memoryview(bytearray(262_144))


class BrokenReply(Exception):
    """The peer closed early or sent what is not an HTTP/1.1 answer to one request."""


class _Head(NamedTuple):
    status: int
    length: int  # of the body; -1 when it is chunked
    closes: bool


class Reply:
    """Finds the end of one HTTP/1.1 answer after another, fed as the bytes arrive."""

    __slots__ = ("buffer", "closes", "excerpt", "head", "missing")

    def __init__(self) -> None:
        self.buffer = b""
        self.head: _Head | None = None
        self.missing = 0
        self.closes = False
        self.excerpt = ""

    def feed(self, data: bytes) -> int:
        """The status once the answer is whole, else 0. Raises when the bytes are no answer."""
        head = self.head
        if head is None:
            if self.buffer:
                data = self.buffer + data
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self.buffer = data
                return 0
            head = _head(data[:end])
            if head.status != 200:
                self.excerpt = data[end : end + 300].decode("utf-8", "replace")
            self.head = head
            self.closes = head.closes
            if head.length >= 0:
                self.buffer = b""
                self.missing = head.length - len(data) + end
            else:
                self.buffer = data = data[end:]
        elif head.length >= 0:
            self.missing -= len(data)
        else:
            self.buffer = data = self.buffer + data
        if head.length < 0:
            self.missing = self._missing_of_chunks()
        if self.missing > 0:
            return 0
        if self.missing < 0:
            raise BrokenReply(f"{-self.missing} bytes more than the answer announced")
        self.head = None
        self.buffer = b""
        return head.status

    def _missing_of_chunks(self) -> int:
        """0 when the chunked body in the buffer is whole, 1 while it isn't, negative with bytes to spare.

        What was walked over is dropped from the buffer, so that a long body is walked over once.
        """
        buffer, at = self.buffer, 0
        while (line_end := buffer.find(b"\r\n", at)) >= 0:
            try:
                size = int(buffer[at:line_end].partition(b";")[0], 16)
            except ValueError:
                raise BrokenReply(f"{buffer[at:line_end][:40]!r} is no chunk size") from None
            if size == 0:
                # No server measured here sends trailers, so the last chunk ends with an empty line.
                if len(buffer) < line_end + 4:
                    break
                return line_end + 4 - len(buffer)
            if len(buffer) < line_end + 2 + size + 2:
                break
            at = line_end + 2 + size + 2
        self.buffer = buffer[at:]
        return 1


_heads: dict[bytes, _Head] = {}


def _head(data: bytes) -> _Head:
    """A server repeats the same head for a second or longer, so parsing it is a lookup."""
    head = _heads.get(data)
    if head is None:
        if len(_heads) > 4096:
            _heads.clear()
        head = _heads[data] = _parse_head(data)
    return head


def _parse_head(data: bytes) -> _Head:
    start, *lines = data.lower().split(b"\r\n")
    version, _, rest = start.partition(b" ")
    if not version.startswith(b"http/1.") or not rest[:3].isdigit():
        raise BrokenReply(f"{start[:40]!r} is no HTTP/1.1 status line")
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    closes = fields.get(b"connection") == b"close" or version == b"http/1.0"
    status = int(rest[:3])
    if fields.get(b"transfer-encoding") == b"chunked":
        return _Head(status, -1, closes)
    if b"content-length" in fields:
        return _Head(status, int(fields[b"content-length"]), closes)
    if status in (204, 304):
        return _Head(status, 0, closes)
    raise BrokenReply(f"HTTP {status} with neither Content-Length nor chunks")

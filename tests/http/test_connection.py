"""HTTP/1.1 itself, byte by byte: what a well-behaved client never sends, and what one of them does at last."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.files import FILES, Reply, ask, call, dial, put, send_raw
from tests.support.servers import RunningServer, launching_after, start_server
from tests.support.wire import Wire

API = "/api/2.0/mlflow"
CREATE = f"{API}/registered-models/create"
SEARCH = f"{API}/registered-models/search"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start_server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that gives up incomplete requests at once."""
    launcher = launching_after("from modelkeep.http import connection; connection.INCOMPLETE_SECONDS = 0.3")
    with start_server(tmp_path_factory.mktemp("hasty") / "data", launcher=launcher) as running:
        yield running


def post(path: str, fields: object, *headers: str) -> bytes:
    body = json.dumps(fields).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def replies(received: bytes) -> list[Reply]:
    """Answers that follow one another, each with its Content-Length."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers["content-length"])
        found.append(Reply(int(status.split()[1]), headers, received[:length]))
        received = received[length:]
    return found


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def test_requests_sent_at_once_are_answered_in_their_order(server: RunningServer) -> None:
    put(server, "pipelined.txt", b"a file")
    asked = []
    for n in range(20):
        asked += [
            post(CREATE, {"name": f"pipelined-{n}"}),
            get(f"{API}/registered-models/get?name=pipelined-{n}"),
            get("/health"),
            get(f"{SEARCH}?filter=name%3D%27pipelined-{n}%27"),
            get(f"{FILES}/pipelined.txt"),
            get(f"{API}/registered-models/get?name=nobody"),
        ]

    found = replies(send_raw(server, b"".join(asked[:-1]) + get(f"{API}/registered-models/get?name=nobody")))

    assert [reply.status for reply in found] == [200, 200, 200, 200, 200, 404] * 20
    for n in range(20):
        created, read, health, searched, file, missing = found[n * 6 : n * 6 + 6]
        assert created.json["registered_model"]["name"] == read.json["registered_model"]["name"] == f"pipelined-{n}"
        assert [model["name"] for model in searched.json["registered_models"]] == [f"pipelined-{n}"]
        assert (health.body, file.body) == (b"OK", b"a file")
        assert missing.json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert len({reply.headers["x-request-id"] for reply in found}) == len(found)


def test_thousands_of_requests_behind_a_slow_one_are_answered(server: RunningServer) -> None:
    asked = [post(CREATE, {"name": "first of many"})]
    asked += [get(f"{API}/registered-models/get?name=first%20of%20many")] * 3_000

    found = replies(send_raw(server, b"".join(asked)))

    assert [reply.status for reply in found] == [200] * 3_001


@pytest.mark.parametrize("path", ["/health", f"{API}/registered-models/get?name=nobody"])
def test_an_offer_to_speak_something_else_is_ignored(server: RunningServer, path: str) -> None:
    offer = get(path, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    with dial(server) as connection:
        for _ in range(2):
            connection.sendall(offer)
            received = b""
            while not received.endswith((b"OK", b"}")):
                received += connection.recv(10_000)
            assert replies(received)[0].status in (200, 404)


def test_a_request_may_come_in_single_bytes(server: RunningServer) -> None:
    with dial(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post(CREATE, {"name": "drop by drop"}, "Connection: close"):
            connection.sendall(bytes([byte]))
        (reply,) = replies(read_all(connection))

    assert (reply.status, reply.json["registered_model"]["name"]) == (200, "drop by drop")


def test_a_body_in_chunks_is_a_body(server: RunningServer) -> None:
    body = iter([b'{"name": ', b'"in chunks"}'])
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}

    assert ask(server, "POST", CREATE, body, headers).json["registered_model"]["name"] == "in chunks"


def test_a_client_that_asks_first_is_told_to_go_on(server: RunningServer) -> None:
    request = post(CREATE, {"name": "asked first"}, "Expect: 100-continue", "Connection: close")
    head, body = request.split(b"\r\n\r\n")
    with dial(server) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        (reply,) = replies(read_all(connection))

    assert reply.status == 200


@pytest.mark.parametrize(
    "request_line",
    [b"GET /health HTTP/1.0", b"GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=Default HTTP/1.0"],
)
def test_http_1_0_is_answered_and_closed(server: RunningServer, request_line: bytes) -> None:
    with dial(server) as connection:
        connection.sendall(request_line + b"\r\nHost: localhost\r\n\r\n")
        (reply,) = replies(read_all(connection))

    assert (reply.status, reply.headers["connection"]) == (200, "close")


def test_a_client_may_end_its_side_and_still_be_answered(server: RunningServer) -> None:
    (written,) = replies(send_raw(server, post(CREATE, {"name": "half closed"})))
    (read,) = replies(send_raw(server, get(f"{API}/registered-models/get?name=half%20closed")))

    assert (written.status, read.status) == (200, 200)


def test_an_answer_has_a_date(server: RunningServer) -> None:
    for path in ("/health", f"{API}/registered-models/get?name=nobody"):
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", ask(server, "GET", path).headers["date"])


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a client that speaks TLS
        b"GET\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        b"POST " + CREATE.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST " + CREATE.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nContent-Length: 5\r\n\r\n",
        # What a proxy and this server could read differently.
        b"POST " + CREATE.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST " + CREATE.encode() + b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)  # fmt: skip
def test_what_is_not_http_is_a_400_and_the_end(server: RunningServer, sent: bytes) -> None:
    (reply,) = replies(send_raw(server, sent))

    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("rest", [b"?" + b"x" * 70_000, b" HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000])
def test_a_head_without_end_is_refused(server: RunningServer, rest: bytes) -> None:
    (reply,) = replies(send_raw(server, b"GET /health" + rest))

    assert reply.status == 413 and "headers are over 65,536 bytes" in reply.json["message"]


@pytest.mark.parametrize("sent", [b"", b"GET /hea", post(CREATE, {"name": "slow"})[:-1]])
def test_a_request_that_does_not_come_is_given_up(hasty: RunningServer, sent: bytes) -> None:
    with dial(hasty) as connection:
        connection.sendall(sent)
        assert connection.recv(100) == b""


def test_a_head_that_trickles_is_given_up_too(hasty: RunningServer) -> None:
    with dial(hasty) as connection, pytest.raises((ConnectionError, StopIteration)):
        for byte in get("/health", "X: " + "x" * 60_000):
            connection.sendall(bytes([byte]))
            time.sleep(0.01)  # the pace of the client
            connection.setblocking(False)
            try:
                if connection.recv(100) == b"":
                    raise StopIteration
            except BlockingIOError:
                pass
            connection.setblocking(True)


def test_a_connection_that_waits_for_the_next_request_is_not_given_up(hasty: RunningServer) -> None:
    with dial(hasty) as connection:
        for _ in range(3):
            connection.sendall(get("/health"))
            received = b""
            while not received.endswith(b"OK"):
                received += connection.recv(1000)
            time.sleep(0.5)  # longer than the server waits for a request that has begun


def test_of_a_client_that_does_not_read_nothing_more_is_read(server: RunningServer) -> None:
    wire = Wire(server.url)
    for n in range(50):
        wire.post(CREATE, name=f"unread-{n}", description="x" * 2000)
    request = get(f"{SEARCH}?max_results=100&filter=name%20LIKE%20%27unread-%25%27")
    with dial(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.settimeout(2)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 400_000:  # each is answered with 100 KB
                connection.sendall(request)
                sent += 1
        assert sent < 200_000
    assert wire.get("/health").status == 200


def test_many_clients_leave_in_the_middle_of_everything(server: RunningServer) -> None:
    put(server, "left.bin", os.urandom(4_000_000))
    for _ in range(10):
        for request in (
            get(f"{FILES}/left.bin"),
            get(f"{FILES}/left.bin", "Range: bytes=1000-3000000"),
            post(CREATE, {"name": f"left {os.urandom(4).hex()}"}),
            post(CREATE, {"name": "half"})[:-5],
            get("/api/2.0/modelkeep/events?after=999999&wait=1"),
        ):
            with dial(server) as connection:
                connection.sendall(request)

    assert ask(server, "GET", "/health").status == 200
    assert call(server, "GET", "registered-models/search")["registered_models"]
    assert "Traceback" not in server.output()


def test_a_slow_reader_gets_every_byte(server: RunningServer) -> None:
    content = os.urandom(8_000_000)
    put(server, "slow.bin", content)
    with dial(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(get(f"{FILES}/slow.bin", "Connection: close"))
        time.sleep(0.3)  # the socket is full by now
        received = read_all(connection)

    assert received.partition(b"\r\n\r\n")[2] == content


def test_a_file_that_became_shorter_ends_the_connection_early(tmp_path: Path) -> None:
    content = os.urandom(20_000_000)
    with start_server(tmp_path / "data") as server:
        put(server, "cut.bin", content)
        (blob,) = (
            path
            for path in (server.data / "blobs").rglob("*")
            if path.is_file() and path.stat().st_size == len(content)
        )
        with dial(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.sendall(get(f"{FILES}/cut.bin"))
            received = connection.recv(1000)
            os.chmod(blob, 0o600)
            os.truncate(blob, 10_000_000)
            with contextlib.suppress(ConnectionResetError):
                received += read_all(connection)
        assert len(received) < len(content)
        assert ask(server, "GET", "/health").status == 200
        assert "a download was cut off" in server.output()


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that keeps idle connections for a second, and waits half as long for a body."""
    launcher = launching_after(
        "from modelkeep.http import api, connection; connection.KEEP_ALIVE_SECONDS = 1; api.BODY_SECONDS = 0.5; "
        "connection.INCOMPLETE_SECONDS = 0.5"
    )
    with start_server(tmp_path_factory.mktemp("brief") / "data", launcher=launcher) as running:
        yield running


def resident_megabytes(server: RunningServer) -> float:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
def test_a_body_that_comes_with_an_offer_is_read(server: RunningServer, pieces: int) -> None:
    chunked = "Transfer-Encoding: chunked"
    put_file = "\r\n".join(
        [f"PUT {FILES}/offered-{pieces}.txt HTTP/1.1", "Host: localhost", chunked, *OFFER, "", ""]
    ).encode()
    sent = (
        put_file + b"5\r\nhello\r\n0\r\n\r\n" + post(CREATE, {"name": f"offered-{pieces}"}, *OFFER, "Connection: close")
    )
    with dial(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = max(1, len(sent) // pieces)
        for start in range(0, len(sent), size):
            connection.sendall(sent[start : start + size])
        stored, created = replies(read_all(connection))

    assert (stored.status, created.status) == (200, 200)
    assert ask(server, "GET", f"{FILES}/offered-{pieces}.txt").body == b"hello"
    assert created.json["registered_model"]["name"] == f"offered-{pieces}"


def test_thousands_of_offers_at_once_are_answered(server: RunningServer) -> None:
    found = replies(send_raw(server, get("/health", *OFFER) * 2_000))

    assert [reply.status for reply in found] == [200] * 2_000


def test_a_body_is_never_taken_for_a_request(server: RunningServer) -> None:
    inner = post(CREATE, {"name": "smuggled"})
    head = f"POST {SEARCH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    with dial(server) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(inner)}\r\n\r\n".encode())
        connection.sendall(inner)
        connection.shutdown(socket.SHUT_WR)
        assert len(replies(read_all(connection))) == 1
    assert ask(server, "GET", f"{API}/registered-models/get?name=smuggled").status == 404


def test_this_is_no_proxy(server: RunningServer) -> None:
    (reply,) = replies(send_raw(server, b"CONNECT example.com:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    assert reply.status == 400


def test_a_refusal_waits_for_the_answers_before_it(server: RunningServer) -> None:
    put(server, "before.bin", content := os.urandom(3_000_000))
    for first, expected in (
        (post(CREATE, {"name": "before a refusal"}), None),
        (get(f"{FILES}/before.bin"), content),
        (get(f"{SEARCH}?max_results=1"), None),
    ):
        answered, refused = replies(send_raw(server, first + b"nonsense\r\n\r\n"))
        assert (answered.status, refused.status) == (200, 400)
        assert expected in (None, answered.body)
    created, cut = replies(send_raw(server, post(CREATE, {"name": "before half a request"}) + b"GET /he"))
    assert (created.status, cut.status) == (200, 400) and "before it was complete" in cut.json["message"]


def test_unread_answers_of_one_client_take_little_memory(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        wire = Wire(server.url)
        wire.post(CREATE, name="big")
        for n in range(80):
            tag = {"name": "big", "key": f"k{n}", "value": "x" * 5_000}
            assert wire.post(f"{API}/registered-models/set-tag", **tag).status == 200
        before = resident_megabytes(server)
        with dial(server) as connection:
            connection.sendall(get(f"{API}/registered-models/get?name=big") * 2_000)  # answered with 800 MB
            assert wire.get("/health").status == 200
            assert resident_megabytes(server) < before + 50
        with dial(server) as connection:
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(100):
                    connection.send(get(f"{SEARCH}?max_results=1") * 1_000)
            assert wire.get("/health").status == 200
            assert resident_megabytes(server) < before + 50


def test_trailers_are_not_headers_and_end(server: RunningServer) -> None:
    head = f"POST {CREATE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += "Transfer-Encoding: chunked\r\nX-Request-ID: mine\r\n\r\n"
    body = json.dumps({"name": "with trailers"}).encode()
    chunk = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
    (reply,) = replies(send_raw(server, head.encode() + chunk + b"X-Request-ID: other\r\nHost: evil.com\r\n\r\n"))
    assert (reply.status, reply.headers["x-request-id"]) == (200, "mine")

    before = resident_megabytes(server)
    for line in (b"a: b\r\n", b"a" * 100):
        with dial(server) as connection, pytest.raises(ConnectionError):
            connection.sendall(head.encode() + chunk)
            for _ in range(1_000):
                connection.sendall(line * 1_000)
    assert resident_megabytes(server) < before + 50


def test_no_timer_of_one_request_ends_the_next(brief: RunningServer) -> None:
    put(brief, "long.bin", content := os.urandom(20_000_000))
    read, file = get(f"{API}/registered-models/get?name=nobody"), get(f"{FILES}/long.bin")
    with dial(brief) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(read + file + read[:20])
        connection.sendall(read[20:-20])
        time.sleep(2)  # longer than the server waits for anything but this
        connection.sendall(read[-20:])
        connection.shutdown(socket.SHUT_WR)
        found = replies(read_all(connection))

    assert [reply.status for reply in found] == [404, 200, 404]
    assert found[1].body == content


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 400),
        (b"Content-Length: 5000000\r\n\r\nhello", 400),
        (b"Content-Length: 2\r\n\r\n{}\r\n", 400),  # that one is complete; then comes nothing but a line's end
    ],
)
def test_a_body_that_stands_still_is_given_up(brief: RunningServer, sent: bytes, status: int) -> None:
    head = f"POST {CREATE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with dial(brief) as connection:
        connection.sendall(head.encode() + sent)
        (reply,) = replies(read_all(connection))
    assert reply.status == status

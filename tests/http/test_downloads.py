"""Files from a running server: ranges, conditions, headers, memory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from pathlib import Path

import pytest

from tests.http.files import (
    FILES,
    MEGABYTE,
    ask,
    connect,
    dial,
    get,
    put,
)
from tests.support.servers import RunningServer, start_server

HELLO = '"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"'


@pytest.mark.parametrize(
    ("asked", "content_range", "body"),
    [
        ("bytes=0-0", "bytes 0-0/5", b"h"),
        ("bytes=1-3", "bytes 1-3/5", b"ell"),
        ("bytes=3-", "bytes 3-4/5", b"lo"),
        ("bytes=-2", "bytes 3-4/5", b"lo"),
        ("bytes=-99", "bytes 0-4/5", b"hello"),
        ("bytes=2-99", "bytes 2-4/5", b"llo"),
        ("BYTES=0-4", "bytes 0-4/5", b"hello"),
    ],
)
def test_a_range_is_sent(server: RunningServer, asked: str, content_range: str, body: bytes) -> None:
    put(server, "ranges.txt", b"hello")

    reply = get(server, "ranges.txt", Range=asked)

    assert (reply.status, reply.body) == (206, body)
    assert reply.headers["content-range"] == content_range
    assert reply.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes=5-", "bytes=99-100", "bytes=-0", "bytes=" + "9" * 30 + "-"])
def test_a_range_outside_the_file_is_416(server: RunningServer, asked: str) -> None:
    put(server, "ranges.txt", b"hello")

    reply = get(server, "ranges.txt", Range=asked)

    assert reply.status == 416
    assert reply.headers["content-range"] == "bytes */5"
    assert reply.json["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "asked",
    ["bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=3-1", "items=0-1", "bytes=0-1,3-4", "bytes=1-2-3", "0-1"],
)
def test_a_malformed_range_is_ignored(server: RunningServer, asked: str) -> None:
    put(server, "ranges.txt", b"hello")

    reply = get(server, "ranges.txt", Range=asked)

    assert (reply.status, reply.body) == (200, b"hello")


def test_the_end_of_an_empty_file_is_the_empty_file(server: RunningServer) -> None:
    put(server, "ranges-of-nothing", b"")

    assert get(server, "ranges-of-nothing", Range="bytes=-5").status == 200
    assert get(server, "ranges-of-nothing", Range="bytes=0-").status == 416


def test_a_long_range_has_the_right_bytes(server: RunningServer) -> None:
    content = os.urandom(2 * MEGABYTE)
    put(server, "long.bin", content)

    reply = get(server, "long.bin", Range=f"bytes=7-{len(content) - 8}")

    assert (reply.status, reply.body) == (206, content[7:-7])


def test_if_range_decides_between_part_and_whole(server: RunningServer) -> None:
    put(server, "ranges.txt", b"hello")

    assert get(server, "ranges.txt", Range="bytes=0-1", If_Range=HELLO).status == 206
    assert get(server, "ranges.txt", Range="bytes=0-1", If_Range='"other"').body == b"hello"
    assert get(server, "ranges.txt", Range="bytes=0-1", If_Range=f"W/{HELLO}").body == b"hello"
    assert get(server, "ranges.txt", Range="bytes=9-", If_Range='"other"').body == b"hello"


@pytest.mark.parametrize("known", [HELLO, f"W/{HELLO}", f'"other", {HELLO}', "*"])
def test_a_known_file_is_304(server: RunningServer, known: str) -> None:
    put(server, "known.txt", b"hello")

    reply = get(server, "known.txt", If_None_Match=known)

    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", HELLO)


@pytest.mark.parametrize("known", ['"other"', HELLO.strip('"'), ""])
def test_another_file_is_sent(server: RunningServer, known: str) -> None:
    put(server, "known.txt", b"hello")

    assert get(server, "known.txt", If_None_Match=known).status == 200


def test_head_says_everything_but_the_bytes(server: RunningServer) -> None:
    put(server, "head.txt", b"hello")

    whole = ask(server, "HEAD", f"{FILES}/head.txt")
    part = ask(server, "HEAD", f"{FILES}/head.txt", headers={"Range": "bytes=0-1"})

    assert (whole.status, whole.body, whole.headers["content-length"], whole.headers["etag"]) == (200, b"", "5", HELLO)
    assert (part.status, part.headers["content-length"]) == (206, "2")
    assert ask(server, "HEAD", f"{FILES}/nowhere").status == 404


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "feed.xml", "script.js", "page.xhtml"])
def test_nothing_runs_in_the_readers_browser(server: RunningServer, name: str) -> None:
    put(server, f"scripts/{name}", b"<script>alert(1)</script>")

    for headers in ({}, {"Range": "bytes=0-3"}):
        reply = ask(server, "GET", f"{FILES}/scripts/{name}", headers=headers)
        assert reply.headers["content-disposition"].startswith("attachment;")
        assert reply.headers["content-security-policy"] == "sandbox"
        assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MLmodel", "text/plain; charset=utf-8"),
        ("conda.yaml", "text/plain; charset=utf-8"),
        ("plot.png", "image/png"),
        ("table.json", "application/json"),
        ("model.pkl", "application/octet-stream"),
        ("all.tar.gz", "application/octet-stream"),
        ("none", "application/octet-stream"),
    ],
)
def test_the_type_follows_the_name(server: RunningServer, name: str, expected: str) -> None:
    put(server, f"types/{name}")

    assert get(server, f"types/{name}").headers["content-type"] == expected


@pytest.mark.parametrize("header", ["", "Range: bytes=1-\r\n"])
def test_a_reader_that_goes_away_stops_nobody(server: RunningServer, header: str) -> None:
    put(server, "left.bin", os.urandom(8 * MEGABYTE))

    with dial(server) as connection:
        connection.sendall(f"GET {FILES}/left.bin HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 20")

    assert len(get(server, "left.bin").body) == 8 * MEGABYTE


def peak_memory(server: RunningServer) -> int:
    """The most memory the server ever held, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_a_large_file_goes_through_in_little_memory(tmp_path: Path) -> None:
    part = os.urandom(MEGABYTE)
    size = 50 * MEGABYTE
    with start_server(tmp_path / "data") as server:
        put(server, "warm", part)
        assert get(server, "warm", Range="bytes=1-").status == 206
        before = peak_memory(server)

        reply = ask(server, "PUT", f"{FILES}/large", iter([part] * 50), {"Content-Length": str(size)})
        assert reply.status == 200
        for header in ({}, {"Range": f"bytes=0-{size}"}):
            connection = connect(server)
            with contextlib.closing(connection):
                connection.request("GET", f"{FILES}/large", headers=header)
                response = connection.getresponse()
                for _ in range(50):
                    assert response.read(MEGABYTE) == part

        assert peak_memory(server) - before < 30 * MEGABYTE


def test_a_download_names_the_digest_of_the_whole_file(server: RunningServer) -> None:
    put(server, "digest.txt", b"hello")
    expected = f"sha-256=:{base64.b64encode(hashlib.sha256(b'hello').digest()).decode()}:"

    for reply in (
        get(server, "digest.txt"),
        get(server, "digest.txt", Range="bytes=1-2"),
        ask(server, "HEAD", f"{FILES}/digest.txt"),
    ):
        assert reply.headers["repr-digest"] == expected


def test_a_page_that_was_uploaded_cannot_run_in_the_readers_browser(server: RunningServer) -> None:
    put(server, "evil.html", b"<script>alert(document.domain)</script>")

    headers = get(server, "evil.html").headers

    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-security-policy"] == "sandbox"
    assert headers["x-content-type-options"] == "nosniff"

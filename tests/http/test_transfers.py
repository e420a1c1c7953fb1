"""Resumable uploads on the wire: whatever happens to a connection, only what did not arrive is sent again."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.http.files import Reply, ask, dial, get, wait_until
from tests.http.test_parts import open_files
from tests.support.servers import RunningServer, start_server

UPLOADS = "/api/2.0/modelkeep/uploads"
CONTENT = os.urandom(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def post(server: RunningServer, call: str, **fields: Any) -> Reply:
    return ask(server, "POST", f"{UPLOADS}/{call}", json.dumps(fields), {"Content-Type": "application/json"})


def begin(server: RunningServer, path: str, **fields: Any) -> str:
    reply = post(server, "create", path=path, **fields)
    assert (reply.status, reply.json["offset"]) == (200, 0)
    identity: str = reply.json["upload_id"]
    return identity


def send(server: RunningServer, upload: str, offset: int, content: bytes) -> Reply:
    return ask(server, "PUT", f"{UPLOADS}/{upload}?offset={offset}", content)


def offset_of(server: RunningServer, upload: str) -> int:
    offset: int = ask(server, "GET", f"{UPLOADS}/get?upload_id={upload}").json["offset"]
    return offset


def begin_to_send(server: RunningServer, upload: str, content: bytes, announced: int) -> socket.socket:
    connection = dial(server)
    head = f"PUT {UPLOADS}/{upload}?offset=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {announced}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection


def is_being_written(server: RunningServer, upload: str) -> bool:
    """Whether a request holds the lock of an upload's file; the file alone is there a moment before."""
    try:
        descriptor = os.open(server.data / "blobs" / "open" / upload, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted)
        return bool(struct.unpack("hhqqi4x", found)[0] != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)


def test_a_file_is_sent_in_several_requests(server: RunningServer) -> None:
    upload = begin(server, "several/a.bin", size=len(CONTENT))

    assert send(server, upload, 0, CONTENT[:100_000]).json["offset"] == 100_000
    assert get(server, "several/a.bin").status == 404
    assert send(server, upload, 100_000, CONTENT[100_000:]).json["offset"] == len(CONTENT)
    stored = post(server, "complete", upload_id=upload, digest=DIGEST).json

    assert (stored["path"], stored["digest"], stored["size"]) == ("several/a.bin", DIGEST, len(CONTENT))
    assert get(server, "several/a.bin").body == CONTENT
    assert upload not in open_files(server)


def test_an_empty_file_is_completed_without_a_byte(server: RunningServer) -> None:
    upload = begin(server, "empty.bin")

    assert post(server, "complete", upload_id=upload).status == 200
    assert get(server, "empty.bin").body == b""


def test_an_interrupted_connection_keeps_what_came(server: RunningServer) -> None:
    upload = begin(server, "interrupted.bin")
    begin_to_send(server, upload, CONTENT[:200_000], len(CONTENT)).close()

    wait_until(lambda: offset_of(server, upload) == 200_000)
    wait_until(lambda: send(server, upload, 200_000, CONTENT[200_000:]).status == 200)
    assert post(server, "complete", upload_id=upload, digest=DIGEST).status == 200
    assert get(server, "interrupted.bin").body == CONTENT


def test_a_body_in_chunks_of_unknown_length_is_appended(server: RunningServer) -> None:
    upload = begin(server, "chunked.bin")
    pieces = iter([CONTENT[:1000], CONTENT[1000:]])

    reply = ask(server, "PUT", f"{UPLOADS}/{upload}?offset=0", pieces, {"Transfer-Encoding": "chunked"})

    assert reply.json["offset"] == len(CONTENT)


@pytest.mark.parametrize("offset", [0, 99_999, 100_001, 10**15])
def test_a_wrong_offset_is_refused_with_the_right_one(server: RunningServer, offset: int) -> None:
    upload = begin(server, "offsets.bin")
    send(server, upload, 0, CONTENT[:100_000])

    reply = send(server, upload, offset, b"more")

    assert (reply.status, reply.json["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert "continues at offset 100000" in reply.json["message"]
    assert offset_of(server, upload) == 100_000


@pytest.mark.parametrize("query", ["", "?offset=", "?offset=-1", "?offset=ten", "?offset=1.5", "?offset=" + "9" * 30])
def test_what_is_no_offset_is_refused(server: RunningServer, query: str) -> None:
    upload = begin(server, "offsets.bin")

    assert ask(server, "PUT", f"{UPLOADS}/{upload}{query}", b"more").status == 400


def test_a_second_writer_is_refused_and_the_first_goes_on(server: RunningServer) -> None:
    upload = begin(server, "writers.bin")
    with begin_to_send(server, upload, CONTENT[:1000], len(CONTENT)) as first:
        wait_until(lambda: is_being_written(server, upload))
        second = send(server, upload, 0, CONTENT)
        completed = post(server, "complete", upload_id=upload)
        first.sendall(CONTENT[1000:])
        assert b" 200 " in first.recv(100)

    assert (second.status, second.json["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert completed.status == 409
    assert post(server, "complete", upload_id=upload, digest=DIGEST).status == 200


@pytest.mark.parametrize("at_the_end", [True, False])
def test_with_another_digest_nothing_is_kept(server: RunningServer, at_the_end: bool) -> None:
    wrong = hashlib.sha256(b"other").hexdigest()
    upload = begin(server, "digest.bin", **({} if at_the_end else {"digest": wrong}))
    send(server, upload, 0, CONTENT)

    reply = post(server, "complete", upload_id=upload, **({"digest": wrong} if at_the_end else {}))

    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert DIGEST in reply.json["message"]
    assert get(server, "digest.bin").status == 404
    assert upload not in open_files(server)
    assert post(server, "complete", upload_id=upload).status == 404


def test_an_upload_has_the_size_that_was_announced(server: RunningServer) -> None:
    upload = begin(server, "sized.bin", size=1000)

    assert send(server, upload, 0, CONTENT[:1001]).status == 400
    too_much = iter([CONTENT[:900], CONTENT[900:2000]])
    chunked = ask(server, "PUT", f"{UPLOADS}/{upload}?offset=0", too_much, {"Transfer-Encoding": "chunked"})
    assert "had more bytes than announced" in chunked.json["message"]
    early = post(server, "complete", upload_id=upload)
    assert early.status == 409 and "of the 1,000 bytes" in early.json["message"]
    send(server, upload, (at := offset_of(server, upload)), CONTENT[at:1000])
    assert post(server, "complete", upload_id=upload).status == 200
    assert get(server, "sized.bin").body == CONTENT[:1000]


def test_completing_again_gives_the_same_answer(server: RunningServer) -> None:
    upload = begin(server, "again.bin")
    send(server, upload, 0, CONTENT)

    first, second = (post(server, "complete", upload_id=upload) for _ in range(2))

    assert first.status == 200 and first.body == second.body
    assert send(server, upload, len(CONTENT), b"more").status == 409
    assert get(server, "again.bin").body == CONTENT


def test_an_aborted_upload_leaves_nothing(server: RunningServer) -> None:
    upload = begin(server, "aborted.bin")
    send(server, upload, 0, CONTENT)

    assert post(server, "abort", upload_id=upload).body == b"{}"
    assert upload not in open_files(server)
    assert ask(server, "GET", f"{UPLOADS}/get?upload_id={upload}").status == 404
    assert send(server, upload, len(CONTENT), b"more").status == 404


def test_a_killed_server_knows_how_far_it_came(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as first:
        upload = begin(first, "killed.bin")
        send(first, upload, 0, CONTENT[:100_000])
        with dial(first) as connection:
            head = f"PUT {UPLOADS}/{upload}?offset=100000 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n"
            connection.sendall(head.encode() + b"x" * 50_000)
            file = first.data / "blobs" / "open" / upload
            # Announced bytes are allocated, so only what is written tells that they came.
            wait_until(lambda: file.read_bytes()[100_000:150_000].strip(b"\0") != b"")
            first.kill()

    with start_server(tmp_path / "data") as second:
        assert get(second, "killed.bin").status == 404
        assert offset_of(second, upload) == 100_000
        assert send(second, upload, 100_000, CONTENT[100_000:]).status == 200
        assert post(second, "complete", upload_id=upload, digest=DIGEST).status == 200
        assert get(second, "killed.bin").body == CONTENT


def test_files_that_are_here_are_linked_and_the_others_named(server: RunningServer) -> None:
    ask(server, "PUT", "/api/2.0/mlflow-artifacts/artifacts/links/source.bin", CONTENT)
    absent = hashlib.sha256(b"absent").hexdigest()

    reply = post(
        server,
        "link",
        files=[
            {"path": "links/copy.bin", "digest": DIGEST, "size": len(CONTENT)},
            {"path": "links/absent.bin", "digest": absent, "size": 6},
        ],
    )

    assert reply.json == {"linked": ["links/copy.bin"], "missing": [absent]}
    assert get(server, "links/copy.bin").body == CONTENT
    assert get(server, "links/absent.bin").status == 404

"""Uploads in parts on the wire: the addresses that are given out, and what may be sent to them."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.http.files import Reply, ask, dial, get, put, wait_until
from tests.support.servers import RunningServer, start_server

MPU = "/api/2.0/mlflow-artifacts/mpu"
SIZE = 50_000


def post(server: RunningServer, path: str, headers: dict[str, str] | None = None, /, **fields: Any) -> Reply:
    return ask(server, "POST", path, json.dumps(fields), {"Content-Type": "application/json", **(headers or {})})


class Parts:
    """An upload in parts of 50,000 bytes to `<folder>/weights.bin`."""

    def __init__(self, server: RunningServer, folder: str, count: int):
        self.server = server
        self.folder = folder
        reply = post(server, f"{MPU}/create/{folder}", path="/home/ann/weights.bin", num_parts=count)
        assert reply.status == 200, reply
        self.id = reply.json["upload_id"]
        self.credentials = reply.json["credentials"]
        self.content = [os.urandom(SIZE) for _ in range(count - 1)] + [os.urandom(123)]
        self.etags: dict[int, str] = {}

    def address(self, number: int) -> str:
        parts = urlsplit(self.credentials[number - 1]["url"])
        return f"{parts.path}?{parts.query}"

    def send(self, number: int, content: bytes | None = None) -> Reply:
        reply = ask(self.server, "PUT", self.address(number), content or self.content[number - 1])
        if reply.status == 200:
            self.etags[number] = reply.headers["etag"]
        return reply

    def send_all(self) -> None:
        for number in range(1, len(self.content) + 1):
            assert self.send(number).status == 200

    def named(self) -> list[dict[str, Any]]:
        return [{"part_number": number, "etag": self.etags[number]} for number in sorted(self.etags)]

    def complete(self, parts: list[dict[str, Any]] | None = None) -> Reply:
        return self._post("complete", parts=self.named() if parts is None else parts)

    def abort(self) -> Reply:
        return self._post("abort")

    def _post(self, call: str, **fields: Any) -> Reply:
        return post(self.server, f"{MPU}/{call}/{self.folder}", path="weights.bin", upload_id=self.id, **fields)

    def stored(self) -> Reply:
        return get(self.server, f"{self.folder}/weights.bin")


def open_files(server: RunningServer) -> list[str]:
    return sorted(path.name for path in (server.data / "blobs" / "open").glob("*"))


def test_the_server_says_that_it_takes_parts(server: RunningServer) -> None:
    assert ask(server, "GET", "/api/3.0/mlflow/server-info").json["multipart_uploads_enabled"] is True


def test_parts_in_any_order_become_one_file(server: RunningServer) -> None:
    upload = Parts(server, "any/order", 4)
    for number in (3, 1, 4, 2):
        assert upload.send(number).status == 200

    assert upload.stored().status == 404
    assert upload.complete().body == b"{}"
    assert upload.stored().body == b"".join(upload.content)
    assert upload.id not in open_files(server)


def test_a_single_part_is_a_file(server: RunningServer) -> None:
    upload = Parts(server, "single", 1)
    upload.send_all()

    assert upload.complete().status == 200
    assert upload.stored().body == upload.content[0]


def test_the_last_part_may_come_before_the_others(server: RunningServer) -> None:
    upload = Parts(server, "last/first", 2)
    last = threading.Thread(target=upload.send, args=(2,))
    last.start()
    assert upload.send(1).status == 200
    last.join()

    assert upload.complete().status == 200
    assert upload.stored().body == b"".join(upload.content)


def test_the_calls_have_twins_for_pages(server: RunningServer) -> None:
    path = "/ajax-api/2.0/mlflow-artifacts/mpu"
    made = post(server, f"{path}/create/twins", path="a.bin", num_parts=1)

    assert post(server, f"{path}/abort/twins", path="a.bin", upload_id=made.json["upload_id"]).status == 200


@pytest.mark.parametrize(
    "path", ["C:\\Users\\ann\\weights.bin", "weights.bin", "../../weights.bin", "/etc/weights.bin"]
)
def test_only_the_last_name_of_the_clients_path_counts(server: RunningServer, path: str) -> None:
    made = post(server, f"{MPU}/create/names", path=path, num_parts=1)

    assert post(server, f"{MPU}/abort/names", path="weights.bin", upload_id=made.json["upload_id"]).status == 200


@pytest.mark.parametrize(
    ("folder", "fields"),
    [
        ("ok", {}),
        ("ok", {"path": ""}),
        ("ok", {"path": ".."}),
        ("ok", {"path": "a/"}),
        ("ok", {"path": 5}),
        ("ok", {"path": "x" * 300}),
        ("ok", {"path": "a.bin", "num_parts": 0}),
        ("ok", {"path": "a.bin", "num_parts": -1}),
        ("ok", {"path": "a.bin", "num_parts": 10_001}),
        ("ok", {"path": "a.bin", "num_parts": "many"}),
        ("a/%2e%2e/b", {"path": "a.bin"}),
        ("%2Fetc", {"path": "a.bin"}),
        ("a%00b", {"path": "a.bin"}),
    ],
)
def test_a_wrong_beginning_is_refused(server: RunningServer, folder: str, fields: dict[str, Any]) -> None:
    reply = post(server, f"{MPU}/create/{folder}", **fields)

    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_file_cannot_be_put_where_a_folder_is(server: RunningServer) -> None:
    put(server, "taken/weights.bin/inner")

    assert post(server, f"{MPU}/create/taken", path="weights.bin").status == 400


def test_an_address_is_for_one_part_of_one_upload(server: RunningServer) -> None:
    upload, other = Parts(server, "one", 3), Parts(server, "other", 3)
    address = upload.address(1)
    wrong = [
        address.replace("/1?", "/2?"),
        address.replace(upload.id, other.id),
        address[:-1] + ("0" if address[-1] != "0" else "1"),
        re.sub(r"expires=\d+", "expires=99999999999999", address),
        address.replace("/1?", "/0?"),
        address.replace("/1?", "/4?"),
    ]

    for tampered in wrong:
        reply = ask(server, "PUT", tampered, upload.content[0])
        assert (reply.status, reply.json["error_code"]) == (403, "PERMISSION_DENIED"), tampered
    for incomplete in (address.partition("?")[0], re.sub("expires=[0-9]+", "expires=soon", address)):
        assert ask(server, "PUT", incomplete, upload.content[0]).status == 400
    assert ask(server, "GET", address).status == 404
    assert open_files(server).count(upload.id) == 0


def test_a_part_that_is_sent_again_replaces_the_first(server: RunningServer) -> None:
    upload = Parts(server, "again", 2)
    upload.send_all()
    first = upload.named()
    upload.content[0] = os.urandom(SIZE)
    upload.send(1)

    assert upload.complete(first).status == 400
    assert upload.complete().status == 200
    assert upload.stored().body == b"".join(upload.content)


def test_a_part_that_was_half_sent_again_is_missing(server: RunningServer) -> None:
    upload = Parts(server, "half", 2)
    upload.send_all()
    file = server.data / "blobs" / "open" / upload.id
    with dial(server) as connection:
        head = f"PUT {upload.address(1)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SIZE}\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 1000)
        wait_until(lambda: file.read_bytes().startswith(b"x" * 1000))

    wait_until(lambda: upload.complete().status == 400)
    assert "Part 1 was not received" in upload.complete().json["message"]
    assert upload.stored().status == 404


def test_a_part_of_another_size_is_refused(server: RunningServer) -> None:
    upload = Parts(server, "sizes", 3)
    upload.send(1)

    assert "have 50,000" in upload.send(2, b"x" * (SIZE - 1)).json["message"]
    assert upload.send(2, b"x" * (SIZE + 1)).status == 400
    assert upload.send(3, b"x" * (SIZE + 1)).status == 400
    chunked = ask(server, "PUT", upload.address(2), iter([b"x"]), {"Transfer-Encoding": "chunked"})
    assert "Content-Length" in chunked.json["message"]


def test_a_file_is_completed_with_all_of_its_parts_as_they_were_sent(server: RunningServer) -> None:
    upload = Parts(server, "whole", 3)
    upload.send_all()
    one, two, three = upload.named()
    wrong: list[Any] = [
        [],
        [one, two],
        [one, three],
        [one, two, three, {"part_number": 4, "etag": "x"}],
        [one, two, two],
        [two, one, three],
        [one, two, {**three, "etag": one["etag"]}],
        [one, two, {"part_number": 3}],
        [one, two, {"part_number": "three", "etag": three["etag"]}],
        [one, two, None],
        "parts",
        5,
    ]

    for parts in wrong:
        reply = upload.complete(parts)
        assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), parts
    assert upload.stored().status == 404
    assert upload.complete().status == 200


def test_a_file_is_not_completed_before_every_part_came(server: RunningServer) -> None:
    upload = Parts(server, "early", 3)
    upload.send(1)
    upload.send(3)
    named = [*upload.named()[:1], {"part_number": 2, "etag": "x"}, *upload.named()[1:]]

    assert "Part 2 was not received" in upload.complete(named).json["message"]


def test_completing_again_gives_the_same_answer_and_an_address_is_then_worthless(server: RunningServer) -> None:
    upload = Parts(server, "twice", 2)
    upload.send_all()

    assert [upload.complete().status, upload.complete().status] == [200, 200]
    assert upload.send(1, os.urandom(SIZE)).status == 409
    assert upload.stored().body == b"".join(upload.content)
    assert upload.abort().status == 200
    assert upload.stored().status == 200


def test_an_aborted_upload_leaves_nothing(server: RunningServer) -> None:
    upload = Parts(server, "aborted", 2)
    upload.send(1)

    assert upload.abort().status == 200
    assert upload.id not in open_files(server)
    assert upload.send(2).status == 404
    assert upload.complete().status == 404
    assert upload.abort().status == 404


def test_an_upload_is_completed_at_the_path_it_was_begun_for(server: RunningServer) -> None:
    upload = Parts(server, "here", 1)
    upload.send_all()
    upload.folder = "there"

    assert "was begun for 'here/weights.bin'" in upload.complete().json["message"]
    assert upload.abort().status == 400


def test_what_a_killed_server_had_goes_on_where_it_was(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as first:
        upload, forgotten = Parts(first, "killed", 3), Parts(first, "forgotten", 2)
        upload.send(1)
        with dial(first) as connection:
            head = f"PUT {forgotten.address(1)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SIZE}\r\n\r\n"
            connection.sendall(head.encode() + b"x" * 1000)
            wait_until(lambda: forgotten.id in open_files(first))
            first.kill()
    (tmp_path / "data" / "blobs" / "open" / ("0" * 32)).write_bytes(b"of no upload")

    with start_server(tmp_path / "data") as second:
        assert open_files(second) == sorted([upload.id, forgotten.id])
        upload.server = forgotten.server = second
        assert upload.stored().status == 404
        assert forgotten.complete([{"part_number": 1, "etag": "x"}, {"part_number": 2, "etag": "x"}]).status == 400
        upload.send(2)
        upload.send(3)
        assert upload.complete().status == 200
        assert upload.stored().body == b"".join(upload.content)
        forgotten.abort()
        assert open_files(second) == []


def test_addresses_name_the_server_as_the_client_does(tmp_path: Path) -> None:
    options = ("--base-path", "/registry", "--trusted-proxy", "127.0.0.0/8", "--allowed-hosts", "models.example.com")
    with start_server(tmp_path / "data", *options) as server:
        direct = post(server, f"{MPU}/create/a", path="a.bin")
        forwarded = {"X-Forwarded-Host": "models.example.com", "X-Forwarded-Proto": "https"}
        proxied = post(server, f"{MPU}/create/a", forwarded, path="a.bin")

    assert direct.json["credentials"][0]["url"].startswith(f"{server.url}/api/2.0/modelkeep/uploads/parts/")
    assert proxied.json["credentials"][0]["url"].startswith("https://models.example.com/registry/api/2.0/")


def test_through_a_proxy_that_is_not_trusted_the_client_is_told_to_send_one_piece(server: RunningServer) -> None:
    reply = post(server, f"{MPU}/create/a", {"X-Forwarded-Proto": "https"}, path="a.bin")

    assert reply.status == 501
    assert reply.json["message"].startswith("Multipart upload is not supported for the current artifact repository")


def test_a_read_only_server_takes_no_parts(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        upload = Parts(server, "a", 2)
    with start_server(tmp_path / "data", "--read-only") as server:
        upload.server = server
        assert upload.send(1).status == 403
        assert upload.complete([]).status == 403
        assert upload.abort().status == 403
        assert post(server, f"{MPU}/create/a", path="a.bin").status == 403

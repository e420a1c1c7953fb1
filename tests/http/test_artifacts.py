"""Files through a running server: stored, listed, refused, deleted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.http.files import (
    FILES,
    MEGABYTE,
    ask,
    call,
    connect,
    create_run,
    dial,
    get,
    put,
    send_raw,
    stored_files,
    wait_until,
)
from tests.support.hostile_paths import HOSTILE_PATHS
from tests.support.servers import RunningServer, start_server


def test_bytes_come_back_as_they_were_sent(server: RunningServer) -> None:
    content = os.urandom(3 * MEGABYTE + 17)

    put(server, "round/trip.bin", content)

    reply = get(server, "round/trip.bin")
    assert reply.body == content
    assert reply.headers["content-length"] == str(len(content))
    assert reply.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert ask(server, "GET", f"{FILES.replace('/api', '/ajax-api')}/round/trip.bin").body == content


def test_a_body_of_unknown_length_is_stored(server: RunningServer) -> None:
    reply = ask(server, "PUT", f"{FILES}/chunked.bin", iter([b"hel", b"lo"]), {"Transfer-Encoding": "chunked"})

    assert reply.status == 200
    assert get(server, "chunked.bin").body == b"hello"


def test_an_empty_file_is_stored(server: RunningServer) -> None:
    put(server, "empty", b"")

    reply = get(server, "empty")
    assert (reply.status, reply.body) == (200, b"")


def test_a_file_is_overwritten(server: RunningServer) -> None:
    put(server, "over/written", b"first")
    put(server, "over/written", b"second")

    assert get(server, "over/written").body == b"second"


def test_the_same_bytes_are_stored_once(server: RunningServer) -> None:
    content = os.urandom(100)
    put(server, "same/1", content)
    before = stored_files(server)

    put(server, "same/2", content)

    assert stored_files(server) == before
    assert get(server, "same/2").body == content


def test_a_folder_is_listed_by_its_names(server: RunningServer) -> None:
    put(server, "listed/b.txt", b"12345")
    put(server, "listed/a/deep.txt")

    assert ask(server, "GET", f"{FILES}?path=listed").json == {
        "files": [{"path": "a", "is_dir": True}, {"path": "b.txt", "is_dir": False, "file_size": 5}]
    }
    assert ask(server, "GET", f"{FILES}?path=listed/b.txt").json == {}
    assert ask(server, "GET", f"{FILES}?path=nowhere").json == {}


@pytest.mark.parametrize("name", ["with space", "größe 客户.txt", "100%.txt", "a+b&c=d;e.txt", "it's (1)!.txt"])
def test_a_name_is_kept_as_it_is(server: RunningServer, name: str) -> None:
    put(server, f"named/{quote(name)}", name.encode())

    reply = get(server, f"named/{quote(name)}")
    assert reply.body == name.encode()
    assert reply.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    assert name in [file["path"] for file in ask(server, "GET", f"{FILES}?path=named").json["files"]]


def test_a_missing_file_is_404(server: RunningServer) -> None:
    reply = get(server, "nowhere/x.txt")

    assert reply.status == 404
    assert reply.json == {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such artifact: 'nowhere/x.txt'"}


@pytest.mark.parametrize("path", [path for path in HOSTILE_PATHS if len(path) < 10_000])
def test_a_hostile_path_is_400_and_changes_nothing(server: RunningServer, path: str) -> None:
    before = stored_files(server), ask(server, "GET", FILES).body
    encoded = quote(path, safe="/%:")

    for method in ("PUT", "GET", "HEAD", "DELETE"):
        reply = ask(server, method, f"{FILES}/{encoded}", b"evil" if method == "PUT" else None)
        assert reply.status == 400, (method, reply)
        if method != "HEAD":
            assert reply.json["error_code"] == "INVALID_PARAMETER_VALUE"
    assert ask(server, "GET", f"{FILES}?{urlencode({'path': path})}").status == 400
    assert (stored_files(server), ask(server, "GET", FILES).body) == before


def test_the_root_is_neither_written_nor_deleted(server: RunningServer) -> None:
    for method in ("PUT", "GET", "DELETE"):
        assert ask(server, method, f"{FILES}/", b"x" if method == "PUT" else None).status == 400


def test_a_file_and_a_folder_cannot_have_one_name(server: RunningServer) -> None:
    put(server, "conflict/file")

    below = ask(server, "PUT", f"{FILES}/conflict/file/x", b"y")
    above = ask(server, "PUT", f"{FILES}/conflict", b"y")

    assert (below.status, above.status) == (400, 400)
    assert "is a file" in below.json["message"]
    assert "is a folder" in above.json["message"]
    assert get(server, "conflict").status == 400


def test_a_file_and_a_folder_are_deleted(server: RunningServer) -> None:
    for path in ("gone/a", "gone/b/c", "gone/b/d"):
        put(server, path)

    assert ask(server, "DELETE", f"{FILES}/gone/b").body == b"{}"
    assert get(server, "gone/b/c").status == 404
    assert get(server, "gone/a").status == 200
    assert ask(server, "DELETE", f"{FILES}/gone/").status == 200
    assert get(server, "gone/a").status == 404
    assert ask(server, "DELETE", f"{FILES}/gone").status == 200


CUT_SHORT = {
    "a length": b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000,
    "a chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "a chunk's middle": b"Transfer-Encoding: chunked\r\n\r\nff\r\nhello",
    "a wrong chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
}


@pytest.mark.parametrize("rest", CUT_SHORT.values(), ids=CUT_SHORT)
def test_a_truncated_upload_is_400_and_leaves_nothing(server: RunningServer, rest: bytes) -> None:
    before = stored_files(server)

    answer = send_raw(server, f"PUT {FILES}/cut HTTP/1.1\r\nHost: localhost\r\n".encode() + rest)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"INVALID_PARAMETER_VALUE" in answer
    assert stored_files(server) == before
    assert get(server, "cut").status == 404


@pytest.mark.parametrize("framing", ["Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nff\r\n"])
def test_a_client_that_goes_away_leaves_nothing(server: RunningServer, framing: str) -> None:
    before = stored_files(server)

    with dial(server) as connection:
        connection.sendall(f"PUT {FILES}/cut HTTP/1.1\r\nHost: localhost\r\n{framing}hello".encode())
        wait_until(lambda: len(stored_files(server)) == len(before) + 1)

    wait_until(lambda: stored_files(server) == before)
    assert get(server, "cut").status == 404


def test_a_length_that_no_disk_has_is_507_before_a_byte_is_sent(server: RunningServer) -> None:
    before = stored_files(server)
    connection = connect(server)
    with contextlib.closing(connection):
        connection.putrequest("PUT", f"{FILES}/huge")
        connection.putheader("Content-Length", str(2**62))
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 507
        assert json.loads(response.read())["error_code"] == "RESOURCE_EXHAUSTED"

    assert stored_files(server) == before


def test_an_announced_terabyte_takes_no_space_from_others(server: RunningServer) -> None:
    free = os.statvfs(server.data)
    length = free.f_bavail * free.f_frsize // 2
    connection = connect(server)
    with contextlib.closing(connection):
        connection.putrequest("PUT", f"{FILES}/liar")
        connection.putheader("Content-Length", str(length))
        connection.endheaders(b"hello")
        incoming = server.data / "blobs" / "incoming"
        wait_until(lambda: any(file.stat().st_blocks for file in incoming.iterdir()))
        assert sum(file.stat().st_blocks * 512 for file in incoming.iterdir()) <= 300 * MEGABYTE

    wait_until(lambda: not list(incoming.iterdir()))


def test_many_uploads_at_once_all_arrive(server: RunningServer) -> None:
    contents = {f"many/{number}": os.urandom(200_000 + number) for number in range(24)}
    problems: list[BaseException] = []

    def send(path: str, content: bytes) -> None:
        try:
            put(server, path, content)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=send, args=item) for item in contents.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert all(get(server, path).body == content for path, content in contents.items())


def test_what_a_killed_server_left_is_gone_after_a_start(tmp_path: Path) -> None:
    server = start_server(tmp_path / "data")
    put(server, "kept", b"kept")
    connection = connect(server)
    with contextlib.closing(connection):
        connection.putrequest("PUT", f"{FILES}/half")
        connection.putheader("Content-Length", "1000000")
        connection.endheaders(b"x" * 1000)
        wait_until(lambda: len(stored_files(server)) == 2)
        server.kill()

    with start_server(tmp_path / "data") as server:
        assert len(stored_files(server)) == 1
        assert get(server, "kept").body == b"kept"
        assert get(server, "half").status == 404


def test_a_read_only_server_takes_no_files(tmp_path: Path) -> None:
    start_server(tmp_path / "data").stop()
    with start_server(tmp_path / "data", "--read-only") as server:
        reply = ask(server, "PUT", f"{FILES}/a", b"hello")

        assert (reply.status, reply.json["error_code"]) == (403, "PERMISSION_DENIED")
        assert ask(server, "DELETE", f"{FILES}/a").status == 403
        assert get(server, "a").status == 404


def test_files_below_a_base_path_are_the_same_files(tmp_path: Path) -> None:
    with start_server(tmp_path / "data", "--base-path", "/registry") as server:
        put(server, "a%2520b/c", b"hello")

        assert ask(server, "GET", f"/registry{FILES}/a%20b/c").body == b"hello"
        assert ask(server, "PUT", f"/registry{FILES}/a/../b", b"hello").status == 400


def test_a_presigned_download_is_refused_in_mlflows_words(server: RunningServer) -> None:
    reply = ask(server, "GET", "/api/2.0/mlflow-artifacts/presigned/a/b")

    assert (reply.status, reply.json["error_code"]) == (501, "NOT_IMPLEMENTED")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_another_method_is_no_call(server: RunningServer, method: str) -> None:
    assert ask(server, method, f"{FILES}/a", b"{}").status in (404, 405)


def test_files_of_a_run_are_listed_and_downloaded(server: RunningServer) -> None:
    run_id, root = create_run(server)
    put(server, f"{root}/model/MLmodel", b"flavors: {}")

    assert call(server, "GET", "artifacts/list", run_id=run_id, path="model") == {
        "root_uri": f"mlflow-artifacts:/{root}",
        "files": [{"path": "model/MLmodel", "is_dir": False, "file_size": 11}],
    }
    for name in ("run_id", "run_uuid"):
        assert ask(server, "GET", f"/get-artifact?{name}={run_id}&path=model/MLmodel").body == b"flavors: {}"
    assert ask(server, "GET", f"/get-artifact?run_id={run_id}&path=..%2Fx").status == 400
    assert ask(server, "GET", f"/get-artifact?run_id={run_id}").status == 400
    assert ask(server, "GET", "/get-artifact?run_id=nope&path=x").status == 404


def test_files_of_a_version_are_downloaded(server: RunningServer) -> None:
    run_id, root = create_run(server)
    put(server, f"{root}/model/MLmodel", b"flavors: {}")
    call(server, "POST", "registered-models/create", name="files of a version")
    call(
        server, "POST", "model-versions/create",
        name="files of a version", source=f"runs:/{run_id}/model", run_id=run_id,
    )  # fmt: skip
    query = urlencode({"name": "files of a version", "version": "1", "path": "MLmodel"})

    assert ask(server, "GET", f"/model-versions/get-artifact?{query}").body == b"flavors: {}"
    assert ask(server, "GET", f"/model-versions/get-artifact?{query}x").status == 404
    assert ask(server, "GET", "/model-versions/get-artifact?name=x&version=1").status == 400


def test_files_of_a_logged_model_are_listed_and_downloaded(server: RunningServer) -> None:
    info = call(server, "POST", "logged-models", experiment_id="0", name="clf")["model"]["info"]
    root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    put(server, f"{root}/code/x.py", b"pass")
    base = f"/ajax-api/2.0/mlflow/logged-models/{info['model_id']}/artifacts"

    assert ask(server, "GET", f"{base}/directories?artifact_directory_path=code").json == {
        "root_uri": info["artifact_uri"],
        "files": [{"path": "code/x.py", "is_dir": False, "file_size": 4}],
    }
    assert ask(server, "GET", f"{base}/files?artifact_file_path=code/x.py").body == b"pass"
    assert ask(server, "GET", f"{base}/files").status == 400


UPLOAD = "/ajax-api/2.0/mlflow/upload-artifact"


def test_a_browsers_upload_lands_in_the_run(server: RunningServer) -> None:
    run_id, root = create_run(server)

    reply = ask(server, "POST", f"{UPLOAD}?run_uuid={run_id}&path=notes/a.txt", b"hello")

    assert reply.status == 200
    assert get(server, f"{root}/notes/a.txt").body == b"hello"


def test_a_browsers_upload_is_small_and_not_empty(server: RunningServer) -> None:
    run_id, root = create_run(server)
    address = f"{UPLOAD}?run_uuid={run_id}&path=a.bin"

    announced = ask(server, "POST", address, headers={"Content-Length": str(10 * MEGABYTE + 1)})
    chunked = ask(server, "POST", address, iter([b"x" * MEGABYTE] * 11), {"Transfer-Encoding": "chunked"})
    empty = ask(server, "POST", address, b"")

    assert (announced.status, chunked.status, empty.status) == (400, 400, 400)
    assert announced.json["message"] == chunked.json["message"] == "Artifact size is too large. Max size is 10MB."
    assert get(server, f"{root}/a.bin").status == 404


@pytest.mark.parametrize(
    "query", ["", "?path=a", "?run_uuid=nope&path=a", "?run_uuid={run}", "?run_uuid={run}&path=../a"]
)
def test_a_browsers_upload_needs_a_run_and_a_path(server: RunningServer, query: str) -> None:
    run_id, _ = create_run(server)

    reply = ask(server, "POST", UPLOAD + query.format(run=run_id), b"hello")

    assert reply.status in (400, 404)
    assert reply.json["error_code"] in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")

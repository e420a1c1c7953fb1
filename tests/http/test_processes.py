"""Several processes behind one address: who writes, who may fail, and what a client notices of it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.files import ask, dial, wait_until
from tests.support.servers import (
    RunningServer,
    free_port,
    launching_after,
    modelkeep_command,
    start_process,
    start_server,
)
from tests.support.wire import Wire

API = "/api/2.0/mlflow"
CREATE = f"{API}/registered-models/create"
GET = f"{API}/registered-models/get"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with start_server(tmp_path / "data", "--processes", "3") as running:
        yield running


def children(server: RunningServer) -> list[int]:
    """The processes that serve, the one that writes first."""
    parent = server.process.pid
    return sorted(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))


def answered(server: RunningServer, call: str) -> dict[str, int]:
    """How many answers to a call each process has counted, by process."""
    found: dict[str, int] = {}
    for _ in range(len(children(server)) * 2):
        text = ask(server, "GET", "/metrics").body.decode()
        pattern = rf'modelkeep_requests_total{{call="{call}",status="200",process="(\d+)"}} (\d+)'
        found |= {process: int(count) for process, count in re.findall(pattern, text)}
    return found


def test_connections_go_to_the_processes_in_turn(server: RunningServer) -> None:
    Wire(server.url).post(CREATE, name="shared")
    for _ in range(30):
        assert ask(server, "GET", f"{GET}?name=shared").status == 200

    assert set(answered(server, "models.get").values()) == {10}


def test_one_process_writes_whoever_is_asked(server: RunningServer) -> None:
    for n in range(9):
        assert Wire(server.url).post(CREATE, name=f"model-{n}").status == 200

    assert answered(server, "models.create") == {str(children(server)[0]): 9}


def test_a_call_that_is_passed_on_loses_nothing(tmp_path: Path) -> None:
    made = start_process_and_read(
        "tokens", "create", "--user", "ann", "--role", "writer", "--data", str(tmp_path / "data")
    )
    (secret,) = re.findall(r"mk_\S+", made) or re.findall(r"\S{30,}", made)
    with start_server(tmp_path / "data", "--processes", "2", "--auth") as server:
        for n in range(4):  # two of them on the process that does not write
            found = Wire(server.url, secret).send(
                "POST", CREATE, b'{"name": "m-%d"}' % n, {"X-Request-ID": f"request-{n}", "Idempotency-Key": "k"}
            )
            assert found.headers["x-request-id"] == f"request-{n}"
            # One creation: the key is the same, so another name is a misuse of it.
            assert found.status == (200 if n == 0 else 409), found
            assert Wire(server.url).post(CREATE, name="x").status == 401
            refused = Wire(server.url, secret).send("POST", CREATE, b'{"name": ""}')
            assert (refused.status, refused.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        events = Wire(server.url, secret).get("/api/2.0/modelkeep/events").json["events"]
    assert [(event["actor"], event["request_id"]) for event in events if event["kind"] == "model.created"] == [
        ("ann", "request-0")
    ]


def start_process_and_read(*args: str) -> str:
    process, printed = start_process([*modelkeep_command(), *args])
    assert process.wait(60) == 0
    printed.seek(0)
    with printed:
        return printed.read().decode()


def test_what_one_client_does_wrong_does_not_reach_the_others_on_the_link(server: RunningServer) -> None:
    body = json.dumps({"name": "with nonsense behind"}).encode()
    head = f"POST {CREATE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    rude = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body + b"nonsense\r\n\r\n"
    statuses: list[int] = []

    def write(worker: int) -> None:
        for n in range(20):
            statuses.append(Wire(server.url).post(CREATE, name=f"polite-{worker}-{n}").status)

    writers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for writer in writers:
        writer.start()
    for _ in range(30):
        with dial(server) as connection:
            connection.sendall(rude)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        statuses_here = re.findall(rb"HTTP/1\.1 (\d\d\d) ", received)
        assert statuses_here in ([b"200", b"400"], [b"400", b"400"])  # the second creation of the name is refused
    for writer in writers:
        writer.join()

    assert statuses == [200] * 80
    assert len(answered(server, "models.create")) == 1  # by one process: the links are there still
    assert "Traceback" not in server.output()


@pytest.mark.parametrize("place", [0, 1])
def test_a_process_that_dies_is_replaced_and_nothing_acknowledged_is_lost(
    tmp_path: Path, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = launching_after("from modelkeep.http import processes; processes.YOUNG_SECONDS = 0")
    with start_server(tmp_path / "data", "--processes", "2", launcher=launcher) as server:
        before = children(server)
        kept: list[str] = []
        over = threading.Event()

        def write(worker: int) -> None:
            number = 0
            while not over.is_set():
                number += 1
                name = f"model-{worker}-{number}"
                try:
                    status = Wire(server.url).post(CREATE, name=name).status
                except OSError:  # its process is gone
                    continue
                if status == 200:
                    kept.append(name)
                else:
                    assert status in (409, 503, 400), status

        writers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
        for writer in writers:
            writer.start()
        try:
            wait_until(lambda: len(kept) > 50)
            os.kill(before[place], signal.SIGKILL)
            wait_until(lambda: len(children(server)) == 2 and before[place] not in children(server))
            count = len(kept)
            wait_until(lambda: len(kept) > count + 50)
        finally:
            over.set()
            for writer in writers:
                writer.join()

        for name in kept:
            assert ask(server, "GET", f"{GET}?name={name}").status == 200
        assert f"process {before[place]} of the server ended with exit code -9" in server.output()
        # The new one is linked again: one process writes, and not the one before.
        counts = answered(server, "models.create")
        for n in range(6):
            assert Wire(server.url).post(CREATE, name=f"after-{n}").status == 200
        grown = {process: n for process, n in answered(server, "models.create").items() if n != counts.get(process, 0)}
        assert len(grown) == 1 and sum(grown.values()) - sum(counts.get(process, 0) for process in grown) == 6


def test_processes_that_end_at_once_end_the_server(tmp_path: Path) -> None:
    launcher = launching_after("import os, modelkeep.http.server as server; server.run = lambda *_, **__: os._exit(7)")
    command = [*launcher, "serve", "--port", str(free_port()), "--processes", "2"]
    process, printed = start_process([*command, "--data", str(tmp_path / "data")])
    assert process.wait(60) == 1
    printed.seek(0)
    with printed:
        text = printed.read().decode()
    assert "ended with exit code 7" in text and "ended soon after its start" in text
    assert "Traceback" not in text

"""Asking a running server for files, without a client that would repair the request."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.servers import PATIENCE_SECONDS, RunningServer

FILES = "/api/2.0/mlflow-artifacts/artifacts"
MEGABYTE = 1024 * 1024


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    server: RunningServer, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Reply:
    connection = connect(server)
    try:
        headers = dict(headers or {})
        # A server that has seen enough answers before it has read everything; the answer is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, headers, encode_chunked="Transfer-Encoding" in headers)
        response = connection.getresponse()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def connect(server: RunningServer) -> http.client.HTTPConnection:
    parts = urlsplit(server.url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)


def put(server: RunningServer, path: str, content: bytes = b"hello") -> None:
    reply = ask(server, "PUT", f"{FILES}/{path}", content)
    assert (reply.status, reply.body) == (200, b"{}"), reply


def get(server: RunningServer, path: str, **headers: str) -> Reply:
    return ask(server, "GET", f"{FILES}/{path}", headers={name.replace("_", "-"): v for name, v in headers.items()})


def call(server: RunningServer, method: str, address: str, /, **fields: Any) -> Any:
    if method == "GET":
        reply = ask(server, "GET", f"/api/2.0/mlflow/{address}?{urlencode(fields)}")
    else:
        content = {"Content-Type": "application/json"}
        reply = ask(server, method, f"/api/2.0/mlflow/{address}", json.dumps(fields).encode(), content)
    assert reply.status == 200, reply
    return reply.json


def create_run(server: RunningServer) -> tuple[str, str]:
    """A new run's id and the folder of its files."""
    info = call(server, "POST", "runs/create", experiment_id="0")["run"]["info"]
    return info["run_id"], info["artifact_uri"].removeprefix("mlflow-artifacts:/")


def stored_files(server: RunningServer) -> list[Path]:
    return sorted(path for path in (server.data / "blobs").rglob("*") if not path.is_dir())


def dial(server: RunningServer) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)


def send_raw(server: RunningServer, data: bytes) -> bytes:
    """Send bytes as they are, close the sending half, and return whatever is answered."""
    with dial(server) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def wait_until(true: Callable[[], bool]) -> None:
    """Poll for what happens after the server has lost the client, about which nobody is told."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)

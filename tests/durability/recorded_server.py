"""`modelkeep serve` with a record of what it did to its disk and when it answered: one JSON object a line.

Run as `python -m tests.durability.recorded_server RECORD serve …`. A write counts once it is done, a sync from when it
began (`sync`) and once it is done (`synced`); an answer is noted just before it is handed to the server.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelkeep import serve
from modelkeep.cli.main import main
from tests.durability.disks import watched


class Record:
    def __init__(self, path: str):
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._write = os.write
        self._lock = threading.Lock()

    def add(self, what: str, path: str, request: str = "") -> None:
        with self._lock:
            entry = {"at": time.monotonic_ns(), "what": what, "path": path, "request": request}
            self._write(self._descriptor, json.dumps(entry).encode() + b"\n")

    def watch(self, operation: str, path: str, do: Callable[[], Any]) -> Any:
        if operation == "sync":
            self.add("sync", path)
        result = do()
        self.add({"sync": "synced"}.get(operation, operation), path)
        return result


class RecordedApp:
    """The application, its answers noted under the number and path of their request."""

    def __init__(self, app: Any, record: Record):
        self._app = app
        self._record = record
        self._numbers = itertools.count()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    def call(self, endpoint: Any, scope: Any, body: bytes, reply: Callable[..., None]) -> None:
        request = f"{scope['method']} {next(self._numbers)}"

        def noted(status: int, *answer: Any) -> None:
            self._record.add(str(status), scope["path"], request)
            reply(status, *answer)

        self._record.add("begin", scope["path"], request)
        self._app.call(endpoint, scope, body, noted)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = f"{scope['method']} {next(self._numbers)}"

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._record.add(str(message["status"]), scope["path"], request)
            await send(message)

        self._record.add("begin", scope["path"], request)
        return await self._app(scope, receive, noted)


def run(record_path: str) -> None:
    record = Record(record_path)
    build_app = serve.build_app
    serve.build_app = lambda settings: RecordedApp(build_app(settings), record)
    # Only what can be synced is looked at: an answer is written to a socket by the server itself.
    with watched(record.watch):
        main()


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    path = sys.argv.pop(1)
    run(path)

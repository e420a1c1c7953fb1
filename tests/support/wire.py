"""A small HTTP client for tests of the wire: one kept connection, raw bytes in, parsed JSON out."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.servers import PATIENCE_SECONDS


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """Talks to one server; reconnects when the server has closed the connection."""

    def __init__(self, url: str, token: str | None = None):
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
        self._token = token

    def __del__(self) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        given = {"Content-Type": "application/json"} if body is not None else {}
        if self._token:
            given["Authorization"] = f"Bearer {self._token}"
        given |= headers or {}
        try:
            return self._once(method, path, body, given)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            return self._once(method, path, body, given)

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def get(self, path: str, **query: Any) -> Answer:
        text = urlencode(
            [(k, v) for k, value in query.items() for v in (value if isinstance(value, list) else [value])]
        )
        return self.send("GET", f"{path}?{text}" if text else path)

    def post(self, path: str, **body: Any) -> Answer:
        return self.send("POST", path, json.dumps(body).encode())

    def patch(self, path: str, **body: Any) -> Answer:
        return self.send("PATCH", path, json.dumps(body).encode())

    def delete(self, path: str, **body: Any) -> Answer:
        return self.send("DELETE", path, json.dumps(body).encode())

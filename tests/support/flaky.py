"""A relay between a client and a server that breaks connections where it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

CHUNK = 16 * 1024


class FlakyRelay:
    """Passes bytes on, and breaks a connection when `breaks_up(sent)` or `breaks_down(received)` says so.

    Both are asked with the count of bytes that this connection has carried in that direction, before a chunk of a request
    or of an answer is passed on; whoever says so once is asked again on later connections.

    Attributes:
        requests: the beginning of the first chunk of each connection's every request, in order.
        broken: how many connections were broken.
    """

    def __init__(
        self,
        url: str,
        breaks_up: Callable[[int], bool] = lambda sent: False,
        breaks_down: Callable[[int], bool] = lambda received: False,
    ):
        parts = urlsplit(url)
        self._to = (parts.hostname or "", parts.port or 80)
        self._breaks = (breaks_up, breaks_down)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.broken = 0
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> FlakyRelay:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for each in self._sockets:
            _close(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._to)
            except OSError:
                _close(client)
                continue
            self._sockets += [client, server]
            threading.Thread(target=self._pass_on, args=(client, server, 0), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, 1), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, direction: int) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                if direction == 0:
                    self.requests.append(chunk[:2000])
                if self._breaks[direction](carried):
                    self.broken += 1
                    break
                target.sendall(chunk)
                carried += len(chunk)
        _close(source)
        _close(target)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()

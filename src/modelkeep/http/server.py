"""Serving an application in this process, on uvicorn."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from uvicorn.config import Config
from uvicorn.server import Server

from modelkeep.http.app import App
from modelkeep.http.connection import KEEP_ALIVE_SECONDS, Connection
from modelkeep.http.processes import CALLER, CONNECTION, WRITER

BACKLOG = 2048
# Between the last connections that are taken and the end of all that have not asked anything.
LATE_SECONDS = 0.05


def run(
    app: App, stop_seconds: int, *, listener: socket.socket | None = None, control: socket.socket | None = None
) -> None:
    """Serve until SIGTERM, or SIGINT for a process by itself; requests then have `stop_seconds` to be answered.

    Args:
        listener: where to accept connections, for a process by itself.
        control: where a parent hands over connections and links; see `modelkeep.http.processes`.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = Config(
        app,
        http=Connection,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=stop_seconds,
        backlog=BACKLOG,
    )
    _run(_Server(config, app, control).serve([] if listener is None else [listener]))


def _run(serving: Any) -> None:
    """Run on uvloop where there is one: a quarter more requests than on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


class _Server(Server):
    def __init__(self, config: Config, app: App, control: socket.socket | None):
        super().__init__(config)
        self._app = app
        self._control = control

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the registry, and take connections."""
        await super().startup(sockets)
        if self._control is not None:
            self._control.setblocking(False)
            asyncio.get_running_loop().add_reader(self._control, self._take)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what has been asked, and close the registry."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            while self._take():
                pass
            await asyncio.sleep(LATE_SECONDS)  # what they have sent already is read meanwhile
        await super().shutdown(sockets)

    def _take(self) -> bool:
        """Take what the parent hands over; False when there is nothing."""
        assert self._control is not None
        try:
            # One at a time: the socket is a stream, and each byte comes with one descriptor.
            kind, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        except BlockingIOError:
            return False
        if not kind:  # the parent is gone
            self.should_exit = True
            asyncio.get_running_loop().remove_reader(self._control)
            return False
        for descriptor in descriptors:
            make: Any = {CONNECTION: self._connection, CALLER: self._app.answering, WRITER: self._app.asking}[kind]
            taken = socket.socket(fileno=descriptor)
            taken.setblocking(False)
            task = asyncio.get_running_loop().create_task(self._serve_socket(make, taken))
            self.server_state.tasks.add(task)
            task.add_done_callback(self.server_state.tasks.discard)
        return True

    async def _serve_socket(self, make: Callable[[], asyncio.Protocol], taken: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(make, taken)
        except OSError:  # the client is gone already
            taken.close()

    def _connection(self) -> asyncio.Protocol:
        return Connection(self.config, self.server_state, self.lifespan.state, asyncio.get_running_loop())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, on the loop; uvicorn would send itself the signal again in the end, and die of it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT) if self._control is None else (signal.SIGTERM,):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; called again by Ctrl-C, do not wait for anybody."""
        super().handle_exit(sig, frame)
        self._app.stop_waiting()

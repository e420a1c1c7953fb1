"""Serving an application in this process, on uvicorn."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from uvicorn.config import Config
from uvicorn.server import Server

from modelkeep.http.connection import KEEP_ALIVE_SECONDS, Connection

BACKLOG = 2048


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens; `shared` with the other processes of this server."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def run(app: Any, listener: socket.socket, stop_seconds: int) -> None:
    """Serve until SIGTERM or SIGINT; requests that are being answered then have `stop_seconds` to end.

    Args:
        app: an ASGI application; see `modelkeep.http.app.App`.
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
    _run(_Server(config).serve([listener]))


def _run(serving: Any) -> None:
    """Run on uvloop where there is one: a quarter more requests than on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


class _Server(Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, on the loop; uvicorn would send itself the signal again in the end, and die of it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; called again by Ctrl-C, do not wait for anybody."""
        super().handle_exit(sig, frame)
        self.config.app.stop_waiting()  # type: ignore[union-attr]

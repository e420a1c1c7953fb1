"""The composition root: from settings to a listening server."""

from __future__ import annotations

import functools
import gc
import logging
import socket
import threading
import time
from pathlib import Path
from typing import Any

from modelkeep import logs
from modelkeep.config import Settings, server_of
from modelkeep.domain.errors import Invalid
from modelkeep.http.processes import Processes
from modelkeep.registry import opening

log = logging.getLogger("modelkeep.serve")

STOP_SECONDS = 30
BACKLOG = 2048
# The parent waits longer than its processes do, so that they can still close the database.
MORE_SECONDS = 10
# Readers on the event loop must not stall every other request behind a lock.
BUSY_MILLISECONDS = 50


def serve(settings: Settings) -> None:
    """Run the server until it is told to stop. Everything that can be wrong is checked before it listens.

    Raises:
        Invalid: the port is taken, or the data folder or the database cannot be used.
        Unavailable: the database does not answer, or a process of the server ended soon after its start.
    """
    logs.configure(settings.log_level, settings.log_format)
    check_port(settings.host, settings.port)
    opening.prepare(Path(settings.data), read_only=settings.read_only, database=settings.database or None)
    listener = _listen(settings.host.strip("[]"), settings.port)
    threading.Thread(target=_announce, args=(settings,), daemon=True).start()
    if settings.processes == 1:
        from modelkeep.http import server

        server.run(build_app(settings), STOP_SECONDS, listener=listener)
    else:
        Processes(settings.processes, _serve_in_process, (settings,), STOP_SECONDS + MORE_SECONDS).run(listener)


def check_port(host: str, port: int) -> None:
    """Raise Invalid when the address is taken; the server itself would share it with whoever listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise Invalid(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port, or stop what uses it."
            ) from None


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens, for this process or those it starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def _announce(settings: Settings) -> None:
    """Print one line when the server answers."""
    address = ("127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host.strip("[]"), settings.port)
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    while True:
        try:
            with socket.create_connection(address, timeout=5) as connection:
                connection.sendall(request)
                if b" 200 " in connection.recv(64):
                    break
        except OSError:
            pass
        time.sleep(0.01)
    url = f"http://{settings.host}:{settings.port}{settings.base_path}"
    mode = "tokens required" if settings.auth else "no authentication"
    place = f"data in {Path(settings.data).resolve()}"
    if settings.database:
        place = f"database {server_of(settings.database)}, files in {Path(settings.data).resolve()}"
    print(f"Modelkeep is ready at {url} ({place}, {mode}).", flush=True)


def build_app(settings: Settings) -> Any:
    """The ASGI application, made in the process that serves it."""
    from modelkeep.http.app import App, Edge
    from modelkeep.ui.pages import Pages
    from modelkeep.worker import chores

    # What is imported by now lives as long as the process: the collector need not look at it again, and what a
    # request makes is freed by reference counts, so the collector may come more rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    edge = Edge(
        auth=settings.auth,
        base_path=settings.base_path,
        allowed_hosts=settings.allowed_hosts,
        trusted_proxies=settings.trusted_proxy,
        access_log=settings.access_log,
    )
    open_registry = functools.partial(
        opening.open_registry,
        Path(settings.data),
        read_only=settings.read_only,
        busy_milliseconds=BUSY_MILLISECONDS,
        database=settings.database or None,
    )
    start_background = functools.partial(
        chores.start,
        scrub_mb_per_second=settings.scrub_mb_per_second,
        collect_grace_hours=settings.collect_grace_hours,
    )
    return App(open_registry, Pages, edge, None if settings.read_only else start_background)


def _serve_in_process(control: socket.socket, settings: Settings) -> None:
    from modelkeep.http import server

    logs.configure(settings.log_level, settings.log_format)
    server.run(build_app(settings), STOP_SECONDS, control=control)

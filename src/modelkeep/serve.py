"""The composition root: from settings to a listening server."""

from __future__ import annotations

import functools
import gc
import logging
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modelkeep import logs
from modelkeep.config import Settings, server_of
from modelkeep.domain.errors import Invalid
from modelkeep.http.processes import Processes
from modelkeep.registry import opening

if TYPE_CHECKING:
    from modelkeep.http.app import App

log = logging.getLogger("modelkeep.serve")

STOP_SECONDS = 30
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
    # Only a server needs these, and all of them: processes that are forked below share what is imported here.
    import modelkeep.ui.pages
    import modelkeep.worker.chores  # noqa: F401
    from modelkeep.http import server

    logs.configure(settings.log_level, settings.log_format)
    listener = _bind(settings.host.strip("[]"), settings.port)
    opening.prepare(Path(settings.data), read_only=settings.read_only, database=settings.database or None)
    try:
        listener.listen(server.BACKLOG)
    except OSError as error:  # somebody took it since
        raise _taken(settings.host, settings.port, error) from None
    announcing = threading.Thread(target=_announce, args=(settings,), daemon=True)
    if settings.processes == 1:
        announcing.start()
        server.run(build_app(settings), STOP_SECONDS, listener=listener)
        return
    processes = Processes(settings.processes, listener, _serve_in_process, (settings,), STOP_SECONDS + MORE_SECONDS)
    processes.start()
    announcing.start()
    processes.run()


def _bind(host: str, port: int) -> socket.socket:
    """A socket for the address, on which nobody listens yet. Raises Invalid when the address cannot be had."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _taken(host, port, error) from None
    return bound


def _taken(host: str, port: int, error: OSError) -> Invalid:
    return Invalid(
        f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port, or stop what uses it."
    )


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


def build_app(settings: Settings) -> App:
    """The application, made in the process that serves it."""
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

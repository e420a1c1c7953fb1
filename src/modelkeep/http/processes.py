"""Several processes that serve one address, and the parent that starts them, hands them connections and stops them.

The parent accepts, and gives the connections to the processes in turn: with a listening socket for each of them, the
kernel's hash would give one three times as many as another.

The first process is the one that writes, as far as a database in a file is concerned: the others pass calls that change
something on to it over a link that the parent makes. Two processes that take turns at writing to SQLite each find that
the other has made its cache of pages worthless, and wait for one another's disk. When there is no link, a process writes
by itself.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from modelkeep.domain.errors import Unavailable

log = logging.getLogger("modelkeep.serve")

# What the parent hands to a process, each with one socket: a client's connection; the end of a link on which another
# process sends its calls; the end of the link to the process that writes.
CONNECTION, CALLER, WRITER = b"c", b"l", b"w"

# A process that ends sooner than this would only end again.
YOUNG_SECONDS = 10.0
ACCEPT_AT_MOST = 64
# How long a connection is kept for when every process is busy starting.
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.01


@dataclass(slots=True)
class _Served:
    process: SpawnProcess
    control: socket.socket
    started: float


class Processes:
    """The processes of one server.

    Args:
        count: how many.
        work: a function of a module, called in each process with a socket, on which it gets what the parent hands it, and
            `arguments`; it ends on SIGTERM.
        stop_seconds: after this long, processes that have not stopped are killed.
    """

    def __init__(self, count: int, work: Callable[..., None], arguments: tuple[Any, ...], stop_seconds: float):
        self._count = count
        self._work = work
        self._arguments = arguments
        self._stop_seconds = stop_seconds
        self._context = multiprocessing.get_context("spawn")
        self._running: list[_Served] = []
        self._turn = 0

    def run(self, listener: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT. A process that ends by itself is replaced.

        Raises:
            Unavailable: a process ended soon after its start; the others have been stopped.
        """
        asked: list[int] = []
        bell, ringer = socket.socketpair()  # so that a signal ends the waiting below
        ringer.setblocking(False)
        signal.set_wakeup_fd(ringer.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: asked.append(number))
        listener.setblocking(False)
        try:
            self._running = [self._start() for _ in range(self._count)]
            for place in range(1, self._count):
                self._link(place)
            while not asked:
                ready = wait([bell, listener, *(served.process.sentinel for served in self._running)])
                if listener in ready:
                    self._accept(listener)
                for place, served in enumerate(self._running):
                    if served.process.sentinel in ready and not asked:
                        self._replace(place)
        finally:
            listener.close()
            self._stop()

    def _start(self) -> _Served:
        ours, theirs = socket.socketpair()
        process = self._context.Process(target=_begin, args=(os.getpid(), theirs, self._work, self._arguments))
        process.start()
        theirs.close()
        ours.setblocking(False)
        return _Served(process, ours, time.monotonic())

    def _link(self, place: int) -> None:
        writes, asks = socket.socketpair()
        with writes, asks, suppress(OSError):  # one of the two has just ended; both will be linked again
            socket.send_fds(self._running[0].control, [CALLER], [writes.fileno()])
            socket.send_fds(self._running[place].control, [WRITER], [asks.fileno()])

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_MOST):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                self._hand(connection)

    def _hand(self, connection: socket.socket) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for _ in self._running:
                self._turn = (self._turn + 1) % len(self._running)
                with suppress(OSError):  # it has ended, or has not taken the last ones yet
                    socket.send_fds(self._running[self._turn].control, [CONNECTION], [connection.fileno()])
                    return
            time.sleep(POLL_SECONDS)

    def _replace(self, place: int) -> None:
        served = self._running[place]
        served.process.join()
        served.control.close()
        log.error("process %d of the server ended with exit code %s", served.process.pid, served.process.exitcode)
        if time.monotonic() - served.started < YOUNG_SECONDS:
            raise Unavailable("A process of the server ended soon after its start. The log above says why.")
        self._running[place] = self._start()
        for other in range(1, self._count) if place == 0 else [place]:
            self._link(other)

    def _stop(self) -> None:
        deadline = time.monotonic() + self._stop_seconds
        # The one that writes comes last: the others may be waiting for it.
        for group in (self._running[1:], self._running[:1]):
            for served in group:
                served.process.terminate()
            for served in group:
                served.process.join(max(0.0, deadline - time.monotonic()))
                if served.process.is_alive():
                    log.error("process %d of the server did not stop in time and was killed", served.process.pid)
                    served.process.kill()
                    served.process.join()


def _begin(parent: int, control: socket.socket, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches the whole group; the parent says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # A process whose parent was killed would go on serving beside the next server.
        _PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    work(control, *arguments)

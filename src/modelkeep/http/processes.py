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
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from modelkeep.domain.errors import Unavailable

log = logging.getLogger("modelkeep.serve")

# What the parent hands to a process, each with one socket: a client's connection; the end of a link on which another
# process sends its calls; the end of the link to the process that writes.
CONNECTION, CALLER, WRITER = b"c", b"l", b"w"

# A process that ends sooner than this would only end again.
YOUNG_SECONDS = 10.0
ACCEPT_AT_MOST = 64
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# How long a connection is kept for when every process is busy starting.
PATIENCE_SECONDS = 2.0
POLL_SECONDS = 0.01


@dataclass(slots=True)
class _Served:
    process: BaseProcess
    control: socket.socket
    started: float


class Processes:
    """The processes of one server.

    Args:
        count: how many.
        listener: where clients connect.
        work: a function of a module, called in each process with a socket, on which it gets what the parent hands it, and
            `arguments`; it ends on SIGTERM.
        stop_seconds: after this long, processes that have not stopped are killed.
    """

    def __init__(
        self,
        count: int,
        listener: socket.socket,
        work: Callable[..., None],
        arguments: tuple[Any, ...],
        stop_seconds: float,
    ):
        self._count = count
        self._listener = listener
        self._work = work
        self._arguments = arguments
        self._stop_seconds = stop_seconds
        # A forked process has everything imported: two are ready as soon as one, and share that memory.
        self._context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._running: list[_Served] = []
        self._turn = 0
        self._asked: list[int] = []  # signals to stop

    def start(self) -> None:
        """Start them. This process has no other thread yet, because a copy of it would have none of them."""
        self._listener.setblocking(False)
        for _ in range(self._count):
            self._running.append(self._start())
        for place in range(1, self._count):
            self._link(place)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. A process that ends by itself is replaced.

        Raises:
            Unavailable: a process ended soon after its start; the others have been stopped.
        """
        bell, ringer = socket.socketpair()  # so that a signal ends the waiting below
        ringer.setblocking(False)
        signal.set_wakeup_fd(ringer.fileno())
        for number in _SIGNALS:
            signal.signal(number, lambda number, _: self._asked.append(number))
        try:
            while not self._asked:
                ready = wait([bell, self._listener, *(served.process.sentinel for served in self._running)])
                if self._listener in ready:
                    self._accept()
                for place, served in enumerate(self._running):
                    if served.process.sentinel in ready and not self._asked:
                        self._replace(place)
        finally:
            self._listener.close()
            self._stop()

    def _start(self) -> _Served:
        ours, theirs = socket.socketpair()
        foreign: list[socket.socket] = []
        if self._context.get_start_method() == "fork":
            # What the process would keep open: the port, and the parent's ends.
            foreign = [self._listener, ours, *(served.control for served in self._running)]
        arguments = (os.getpid(), theirs, foreign, self._work, self._arguments)
        process = self._context.Process(target=_begin, args=arguments)
        # Its first moment has the parent's handlers, which would swallow a signal.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        ours.setblocking(False)
        return _Served(process, ours, time.monotonic())

    def _link(self, place: int) -> None:
        writes, asks = socket.socketpair()
        with writes, asks:
            for served, kind, end in ((self._running[0], CALLER, writes), (self._running[place], WRITER, asks)):
                deadline = time.monotonic() + PATIENCE_SECONDS
                while not self._send(served, kind, end) and served.process.is_alive() and time.monotonic() < deadline:
                    time.sleep(POLL_SECONDS)

    def _send(self, served: _Served, kind: bytes, handed: socket.socket) -> bool:
        """Hand a socket to a process; False when it has ended, or has not taken the last ones yet."""
        try:
            socket.send_fds(served.control, [kind], [handed.fileno()])
        except OSError:
            return False
        return True

    def _accept(self) -> None:
        for _ in range(ACCEPT_AT_MOST):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                if not self._hand(connection):
                    return

    def _hand(self, connection: socket.socket) -> bool:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._asked and time.monotonic() < deadline:
            for _ in self._running:
                self._turn = (self._turn + 1) % len(self._running)
                if self._send(self._running[self._turn], CONNECTION, connection):
                    return True
            time.sleep(POLL_SECONDS)
        return False

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


def _begin(
    parent: int,
    control: socket.socket,
    foreign: list[socket.socket],
    work: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C reaches the whole group; the parent says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for each in foreign:
        each.close()
    if sys.platform == "linux":
        # A process whose parent was killed would go on serving beside the next server.
        _PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    work(control, *arguments)

"""Several processes that serve one port, and the parent that starts and stops them."""

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
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from modelkeep.domain.errors import Unavailable

log = logging.getLogger("modelkeep.serve")

# A process that ends sooner than this would only end again.
YOUNG_SECONDS = 10.0


def supervise(count: int, work: Callable[..., None], arguments: tuple[Any, ...], stop_seconds: float) -> None:
    """Run `work(*arguments)` in `count` processes until SIGTERM or SIGINT. One that ends by itself is replaced.

    Args:
        work: a function of a module, which ends on SIGTERM.
        stop_seconds: after this long, processes that have not stopped are killed.
    Raises:
        Unavailable: a process ended soon after its start; the others have been stopped.
    """
    context = multiprocessing.get_context("spawn")
    asked: list[int] = []
    bell, ringer = socket.socketpair()  # so that a signal ends the waiting below
    ringer.setblocking(False)
    signal.set_wakeup_fd(ringer.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: asked.append(number))

    def start() -> tuple[SpawnProcess, float]:
        process = context.Process(target=_work, args=(os.getpid(), work, arguments))
        process.start()
        return process, time.monotonic()

    running = [start() for _ in range(count)]
    failed = False
    while not asked and not failed:
        wait([bell, *(process.sentinel for process, _ in running)])
        for process, started in [pair for pair in running if not pair[0].is_alive() and not asked]:
            running.remove((process, started))
            failed = time.monotonic() - started < YOUNG_SECONDS
            log.error("process %d of the server ended with exit code %d", process.pid, process.exitcode)
            if failed:
                break
            running.append(start())
    _stop([process for process, _ in running], stop_seconds)
    if failed:
        raise Unavailable("A process of the server ended soon after its start. The log above says why.")


def _stop(processes: list[SpawnProcess], seconds: float) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            log.error("process %d of the server did not stop in %.0f s and was killed", process.pid, seconds)
            process.kill()
            process.join()


def _work(parent: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches the whole group; the parent passes a SIGTERM on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # A process whose parent was killed would go on serving the port beside the next server.
        _PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    work(*arguments)

"""Starts `modelkeep serve` the way a user does: a process of its own, a free port, files on a real disk."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

# How long a test waits for what must come. It costs nothing when it comes, and a busy machine may be slow.
PATIENCE_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.01
ROOT = Path(__file__).parents[2]


class ServerFailed(RuntimeError):
    """The process ended, or did not become ready in time. The message holds everything it printed."""


@dataclass(frozen=True)
class RunningServer:
    """`url` is what a client is given: it ends with the base path, if there is one."""

    url: str
    process: subprocess.Popen[bytes]
    data: Path
    printed: IO[bytes]

    def output(self) -> str:
        """What the server has printed so far, standard output and standard error together."""
        return read_all(self.printed)

    def stop(self) -> int:
        """Send SIGTERM and wait for the exit code. A server that does not stop in 60 s is killed and raises."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            output = self.output()
            self.kill()
            raise ServerFailed(f"The server ignored SIGTERM for {STOP_SECONDS} s. It printed:\n{output}") from None
        self.printed.close()
        return code

    def kill(self) -> None:
        """SIGKILL to the whole process group, as a crash of the machine would: nothing gets to clean up."""
        kill_group(self.process)
        self.printed.close()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.printed.closed:
            return
        if (code := self.process.poll()) is not None and error is None:
            raise ServerFailed(f"The server ended by itself with exit code {code}. It printed:\n{self.output()}")
        self.stop()


def start_server(
    data_dir: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    launcher: Sequence[str] | None = None,
    port: int | None = None,
    database: str | None = None,
) -> RunningServer:
    """Run `modelkeep serve` on 127.0.0.1 with its data in `data_dir`; return when GET /health is 200.

    `args` follow the defaults on the command line, so they win over them. `env` is added to an environment
    without MODELKEEP_* and MLFLOW_* variables: the settings of whoever runs the tests must not leak in. `launcher` stands in
    for the command `modelkeep`. `database` is the address of a PostgreSQL database, None for SQLite.
    Raises ServerFailed, with what the server printed, when it ends or is not ready within 120 s.
    """
    port = port or free_port()
    if database is not None:
        env = {**(env or {}), "MODELKEEP_DATABASE": database}
    command = [*(launcher or modelkeep_command()), "serve", "--host", "127.0.0.1", "--port", str(port)]
    process, printed = start_process([*command, "--data", str(data_dir), *args], env, ROOT if launcher else None)
    url = f"http://127.0.0.1:{port}{base_path(args)}"
    wait_until_200(f"{url}/health", process, printed)
    return RunningServer(url, process, data_dir, printed)


def base_path(args: Sequence[str]) -> str:
    """The value of --base-path among the arguments, or nothing."""
    words = [word for arg in args for word in arg.split("=", 1)]
    return words[words.index("--base-path") + 1].rstrip("/") if "--base-path" in words else ""


def free_port() -> int:
    """A free port that nobody else is given: neither by the system, to who asks for any, nor by a test beside this one.

    The server that will listen there starts a second later, and may be restarted. Two servers would share a port
    without an error, and the test of one would talk to the other until that one stops.
    """
    while True:
        port = next(_ports)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _claimed_ports() -> Iterator[int]:
    """Ports below those that the system gives: a range that no other process of tests on this machine has."""
    locks = Path(tempfile.gettempdir(), f"modelkeep-test-ports-{os.getuid()}")
    locks.mkdir(exist_ok=True)
    for first in range(20_000, 32_000, 300):
        descriptor = os.open(locks / str(first), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
        except BlockingIOError:
            os.close(descriptor)
        else:
            return itertools.cycle(range(first, first + 300))
    raise RuntimeError(f"Forty processes of tests are running already: see {locks}.")


_ports = _claimed_ports()


def launching_after(statements: str) -> list[str]:
    """The command `modelkeep` with some Python run before it."""
    return [sys.executable, "-c", f"{statements}; from modelkeep.__main__ import run; run()"]


def modelkeep_command() -> list[str]:
    script = Path(sys.executable).with_name("modelkeep")
    return [str(script)] if script.exists() else [sys.executable, "-m", "modelkeep"]


def start_process(
    command: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start `command` in a process group of its own, so that all it starts can be ended with it.

    Output goes to a file: a pipe that nobody reads would stop the process once it is full.
    """
    printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever ends the process
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODELKEEP_", "MLFLOW_"))}
    process = subprocess.Popen(
        command,
        env={**kept, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return process, printed


def wait_until_200(
    url: str, process: subprocess.Popen[bytes], printed: IO[bytes], seconds: float = PATIENCE_SECONDS
) -> None:
    """Ask `url` until it answers 200. Ends the process and raises ServerFailed when that does not happen."""
    deadline = time.monotonic() + seconds
    # A process that has ended is not what answers.
    while not (answers_200(url) and process.poll() is None):
        if process.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            continue
        code = process.poll()
        reason = f"ended with exit code {code}" if code is not None else f"was not ready after {seconds} s"
        kill_group(process)
        output = read_all(printed)
        printed.close()
        raise ServerFailed(f"{process.args!r} {reason}. It printed:\n{output}")


def answers_200(url: str) -> bool:
    # Not urllib: it would send the request to a proxy named in the environment.
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process that was started here and to all it started; nothing when it has ended.

    The number of a process that has been waited for may be another's by now: that of another test's server.
    """
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_all(file: IO[bytes]) -> str:
    # pread leaves the offset alone: the child writes through the same one.
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

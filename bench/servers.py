"""Starting and stopping the servers that are measured, and what their processes use."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.load import Address

BIN = Path(sys.executable).parent
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    kind: str
    address: Address
    folder: Path
    process: subprocess.Popen[bytes]
    start_seconds: float  # from exec to the first 200 on /health


def modelkeep(port: int, folder: Path, processes: int, database: str | None) -> list[str]:
    command = [str(BIN / "modelkeep"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--database", database] if database else []
    return [*command, "--data", str(folder / "data"), "--processes", str(processes)]


def mlflow(port: int, folder: Path, processes: int, database: str | None) -> list[str]:
    command = [str(BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port)]
    store = database.replace("://", "+psycopg://", 1) if database else f"sqlite:///{folder}/mlflow.db"
    command += ["--backend-store-uri", store]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"]
    return [*command, "--workers", str(processes)]


COMMANDS = {"modelkeep": modelkeep, "mlflow": mlflow}


@contextmanager
def folder_for(kind: str) -> Iterator[Path]:
    """A temporary data folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{kind}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    kind: str, folder: Path, processes: int, database: str | None = None, patience: float = 120.0
) -> Iterator[Server]:
    """Run a server in a process group of its own; every process of it is gone afterwards.

    `database` is the address of an empty PostgreSQL database, None for SQLite in the folder.
    Raises RuntimeError, with the end of the server's log, when it does not answer /health within
    `patience` seconds.
    """
    port = free_port()
    log = folder / "server.log"
    began = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            COMMANDS[kind](port, folder, processes, database),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment(),
            start_new_session=True,
        )
    try:
        while not healthy(port):
            waited = time.monotonic() - began
            if process.poll() is not None or waited > patience:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{kind} did not answer /health within {waited:.0f} s:\n{tail}")
            time.sleep(0.01)
        yield Server(kind, ("127.0.0.1", port), folder, process, time.monotonic() - began)
    finally:
        end(process)


def environment() -> dict[str, str]:
    """Of every process that is measured: no settings of whoever runs it, and no telemetry, because a benchmark should
    not depend on what the network answers."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "MODELKEEP_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once
    return {**kept, "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def healthy(port: int) -> bool:
    """Whether /health answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def end(process: subprocess.Popen[bytes], grace: float = 5.0) -> None:
    """SIGTERM to the group; `grace` seconds later SIGKILL to what is left of it and to descendants that
    left the group. MLflow's server can take longer than that to stop, and nothing here needs it to."""
    family = {pid: _started(pid) for pid in tree(process.pid)}
    _signal_group(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    _signal_group(process.pid, signal.SIGKILL)
    for pid, started in family.items():
        # The start time tells a process from a later one with its number.
        if started is not None and _started(pid) == started:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, what)


def tree(root: int) -> list[int]:
    """`root` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def resident_megabytes(pids: Iterable[int]) -> float:
    """Sum of the resident memory of processes, in MB of 10^6 bytes.

    Pages that processes share count once for each, as in `ps`.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(fields[21]) for pid in pids if (fields := _stat(pid))) * page / 1e6


def wait_until_idle(root: int, patience: float = 60.0) -> None:
    """Wait until the processes use less than a twentieth of a core: MLflow's job runners go on importing
    for ten seconds and more after /health answers."""
    deadline = time.monotonic() + patience
    before = _cpu_seconds(root)
    while time.monotonic() < deadline:
        time.sleep(1.0)
        now = _cpu_seconds(root)
        if now - before < 0.05:
            return
        before = now


def _cpu_seconds(root: int) -> float:
    used = [fields for pid in tree(root) if (fields := _stat(pid))]
    return sum(int(fields[11]) + int(fields[12]) for fields in used) / TICKS


def _started(pid: int) -> str | None:
    fields = _stat(pid)
    return fields[19] if fields else None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on (proc(5)); None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()

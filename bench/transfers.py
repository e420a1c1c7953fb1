"""Files up and down, against what the machine itself can do and against the other server, in turns.

The client costs next to nothing: it sends with sendfile, and throws away what it receives inside the kernel.
"""

import hashlib
import http.client
import itertools
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench import fill, load, servers
from bench.load import Address
from bench.report import Figure, Ratio

FILES = "/api/2.0/mlflow-artifacts/artifacts"
MEGABYTE = 1024 * 1024
PARALLEL = 4  # each way
FILES_OF_MODEL = 6
DISCARDED = 4 * MEGABYTE
PATIENCE = 300.0


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    bytes: int
    repetitions: int
    registrations: int


WHOLE = Size(512 * MEGABYTE, 5, 1200)
QUICK = Size(8 * MEGABYTE, 1, 40)


def measure(ours: servers.Server, theirs: servers.Server | None, size: Size) -> tuple[list[Ratio], list[Figure]]:
    """Everything about files, on servers that run."""
    source = ours.folder / "source"
    with source.open("wb") as file:
        for _ in range(size.bytes // MEGABYTE):
            file.write(os.urandom(MEGABYTE))
    ratios = _uploads(ours, theirs, source, size)
    ratios += _downloads(ours, theirs, source, size)
    figures = _at_once(ours, source)
    ratios += _registrations(ours.address, size)
    source.unlink()
    return ratios, figures


# Uploads ----------------------------------------------------------------------------------------------------


def _uploads(ours: servers.Server, theirs: servers.Server | None, source: Path, size: Size) -> list[Ratio]:
    names = itertools.count()

    def upload_to(server: servers.Server) -> float:
        _make_new(source)  # bytes that are stored already are a different case
        return upload(server.address, source, f"bench/upload-{next(names)}")

    works: dict[str, Callable[[], float]] = {
        "sha256": lambda: _hash(source),
        "dd": lambda: _dd(size.bytes, ours.folder / "written-by-dd"),
        "ours": lambda: upload_to(ours),
    }
    if theirs is not None:
        works["theirs"] = lambda: upload_to(theirs)
    speeds = _in_turns(works, size)
    ideal = 1 / (1 / speeds["sha256"] + 1 / speeds["dd"])
    title = f"upload of {size.bytes // MEGABYTE} MiB"
    parts = f"1/(1/sha256 + 1/dd), of {speeds['sha256']:,.0f} and {speeds['dd']:,.0f} MB/s"
    found = [Ratio(title, "MB/s", speeds["ours"], parts, ideal, 0.6)]
    if "theirs" in speeds:
        found.append(Ratio(title, "MB/s", speeds["ours"], "MLflow", speeds["theirs"], 2.5))
    return found


def _in_turns(works: dict[str, Callable[[], float]], size: Size) -> dict[str, float]:
    """The median speed of each, in MB/s; the seconds of one do not fall into the quiet time of another."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(size.repetitions):
        for name, work in works.items():
            os.sync()  # what the one before has left to be written would be paid by this one
            seconds[name].append(work())
    found = {name: size.bytes / 1e6 / statistics.median(taken) for name, taken in seconds.items()}
    print("  ".join(f"{name} {speed:,.0f} MB/s" for name, speed in found.items()), flush=True)
    return found


def _make_new(source: Path) -> None:
    with source.open("r+b") as file:
        file.write(os.urandom(16))


def _hash(source: Path) -> float:
    content = source.read_bytes()
    began = time.perf_counter()
    hashlib.sha256(content).digest()
    return time.perf_counter() - began


def _dd(size: int, target: Path) -> float:
    command = ["dd", "if=/dev/zero", f"of={target}", "bs=1M", f"count={size // MEGABYTE}", "conv=fsync", "status=none"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    taken = time.perf_counter() - began
    target.unlink()
    return taken


def upload(address: Address, source: Path, name: str) -> float:
    """Seconds until the answer of 200 to a PUT."""
    with socket.create_connection(address, timeout=PATIENCE) as connection, source.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        head = (
            f"PUT {FILES}/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        began = time.perf_counter()
        connection.sendall(head.encode())
        connection.sendfile(file)
        answer = connection.recv(65536)
        taken = time.perf_counter() - began
        if b" 200 " not in answer.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"an upload was answered {answer[:500]!r}")
        return taken


# Downloads --------------------------------------------------------------------------------------------------


def _downloads(ours: servers.Server, theirs: servers.Server | None, source: Path, size: Size) -> list[Ratio]:
    name = "bench/download"
    upload(ours.address, source, name)
    half = size.bytes // 2
    with _static_server(source.parent) as static:
        works = {
            "ours": lambda: download(ours.address, f"{FILES}/{name}", size.bytes),
            "static": lambda: download(static, f"/static/{source.name}", size.bytes),
            # Twice the time of a half: the speeds are all told of the whole.
            "range": lambda: 2 * download(ours.address, f"{FILES}/{name}", half, f"bytes={half}-{2 * half - 1}"),
        }
        if theirs is not None:
            upload(theirs.address, source, name)
            works["theirs"] = lambda: download(theirs.address, f"{FILES}/{name}", size.bytes)
        speeds = _in_turns(works, size)
    title, static_title = f"download of {size.bytes // MEGABYTE} MiB", "a static file from Granian"
    found = [
        Ratio(title, "MB/s", speeds["ours"], static_title, speeds["static"], 0.9),
        Ratio(f"range of {half // MEGABYTE} MiB", "MB/s", speeds["range"], static_title, speeds["static"], 0.5),
    ]
    if "theirs" in speeds:
        found.append(Ratio(title, "MB/s", speeds["ours"], "MLflow", speeds["theirs"], 4))
    return found


def download(address: Address, path: str, length: int, span: str = "") -> float:
    """Seconds until the last byte of a GET; raises RuntimeError when it is not `length` bytes."""
    asked = f"Range: {span}\r\n" if span else ""
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        began = time.perf_counter()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{asked}Connection: close\r\n\r\n".encode())
        head, _, body = _read_head(connection).partition(b"\r\n\r\n")
        if head.split(b" ", 2)[1] not in (b"200", b"206"):
            raise RuntimeError(f"a download was answered {head[:500]!r}")
        # A chunked body (MLflow's) has its framing in it, so it ends where the connection does.
        chunked = b"transfer-encoding: chunked" in head.lower()
        received = len(body) + _discard(connection, None if chunked else length - len(body))
        taken = time.perf_counter() - began
    if received < length or (not chunked and received > length):
        raise RuntimeError(f"a download of {length:,} bytes brought {received:,}")
    return taken


def _read_head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            raise RuntimeError(f"the answer ended within its headers: {data[:500]!r}")
        data += chunk
    return data


def _discard(connection: socket.socket, length: int | None) -> int:
    """Receive and forget, up to a length or to the end."""
    buffer, received = bytearray(DISCARDED), 0
    while length is None or received < length:
        most = DISCARDED if length is None else min(DISCARDED, length - received)
        count = connection.recv_into(buffer, most, socket.MSG_TRUNC)  # tcp(7): the bytes are not copied
        if not count:
            break
        received += count
    return received


_STATIC = """
import sys
from pathlib import Path
from granian import Granian
from granian.constants import HTTPModes, Interfaces

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

if __name__ == "__main__":
    Granian("static", address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.ASGINL, http=HTTPModes.http1,
            websockets=False, log_enabled=False, static_path_route=["/static"], static_path_mount=[Path(sys.argv[2])],
            ).serve(target_loader=lambda *_: app, wrap_loader=False)
"""


@contextmanager
def _static_server(folder: Path) -> Iterator[Address]:
    """Granian alone, with a folder of static files."""
    port = servers.free_port()
    command = [sys.executable, "-c", _STATIC, str(port), str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while not servers.healthy(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Granian's static server did not start")
            time.sleep(0.01)
        yield "127.0.0.1", port
    finally:
        servers.end(process)


# Eight at once ----------------------------------------------------------------------------------------------


def _at_once(ours: servers.Server, source: Path) -> list[Figure]:
    """Memory and the answers to /health while files go up and down."""
    length = source.stat().st_size
    pid = ours.process.pid
    servers.wait_until_idle(pid)
    # Found once: to look through all processes of the machine takes 18 ms when it is busy, these three 1 ms.
    pids = servers.tree(pid)
    before = servers.resident_megabytes(pids)
    most = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            most.append(servers.resident_megabytes(pids))

    with (
        _static_server(source.parent) as idle,
        _probing(idle) as of_idle,
        _probing(ours.address) as of_ours,
        ThreadPoolExecutor(2 * PARALLEL + 1) as pool,
    ):
        watching = pool.submit(watch)
        ups = [pool.submit(upload, ours.address, source, f"bench/at-once-{number}") for number in range(PARALLEL)]
        path = f"{FILES}/bench/download"
        downs = [pool.submit(download, ours.address, path, length) for _ in range(PARALLEL)]
        try:
            for work in (*ups, *downs):
                work.result()
        finally:
            done.set()
        watching.result()
    what = f"{PARALLEL} uploads and {PARALLEL} downloads of {length // MEGABYTE} MiB at once"
    return [
        Figure(f"growth of resident memory during {what}", "MB", max(most) - before, None, 64.0),
        Figure(f"p99 of /health during {what}", "ms", load.percentile(of_ours, 0.99), None, 20.0),
        # What the machine itself adds: that server has nothing else to do, and says only 200.
        Figure("p99 of an idle Granian of its own meanwhile", "ms", load.percentile(of_idle, 0.99), None),
    ]


@contextmanager
def _probing(address: Address) -> Iterator[list[float]]:
    """Latencies of /health in seconds, once the block is over; asked by a process of its own, which waits for no other."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_probe, args=(address, there))
    process.start()
    there.close()  # so that its death ends the wait
    here.recv()  # it has begun
    latencies: list[float] = []
    try:
        yield latencies
    finally:
        here.send("stop")
        latencies += here.recv()
        process.join()


def _probe(address: Address, connection: Connection) -> None:
    # Linux gives every session its share of the processors: in that of the transfers' clients, the probe would wait
    # for them before it is even asked.
    os.setsid()
    latencies: list[float] = []
    client = http.client.HTTPConnection(*address, timeout=30)
    connection.send("begun")
    while not connection.poll(0.005):
        began = time.perf_counter()
        client.request("GET", "/health")
        client.getresponse().read()
        latencies.append(time.perf_counter() - began)
    connection.send(latencies)


# Registrations ----------------------------------------------------------------------------------------------


def _registrations(address: Address, size: Size) -> list[Ratio]:
    """A version with files against one without. Every one comes from a run of its own, whose files were uploaded before."""
    for name in ("with-files", "without-files"):
        fill.call(address, "POST", "registered-models/create", {"name": name})
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda number: _make_folder(address, number), range(size.registrations)))
    with_files = (_register("with-files", f"runs:/{run}/model", run) for run in itertools.cycle(runs))
    without = (_register("without-files", f"s3://models/{run}", run) for run in itertools.cycle(runs))
    one, rates = size.registrations // 4, max(1, size.repetitions)
    alone: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(one):
        alone["with"].append(_seconds(address, next(with_files)))
        alone["without"].append(_seconds(address, next(without)))
    many: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(rates):
        for name, requests in (("with", with_files), ("without", without)):
            seen = load.run(address, requests.__next__, connections=16, seconds=0.05, warm_up=0.0)
            if seen.failed:
                raise RuntimeError(f"a registration was answered {seen.first_error[:500]}")
            many[name].append(seen.rate)
    p50 = {name: statistics.median(seconds) * 1000 for name, seconds in alone.items()}
    rate = {name: statistics.median(found) for name, found in many.items()}
    title, reference = f"register a version with {FILES_OF_MODEL} files", "one without"
    return [
        Ratio(f"{title}, p50", "ms", p50["with"], reference, p50["without"], 1.3, at_most=True),
        Ratio(f"{title}, 16 connections", "req/s", rate["with"], reference, rate["without"], 1 / 1.3),
    ]


def _make_folder(address: Address, number: int) -> str:
    run = fill.call(address, "POST", "runs/create", {"experiment_id": "0"})["run"]["info"]
    root = str(run["artifact_uri"]).removeprefix("mlflow-artifacts:/")
    for file in range(FILES_OF_MODEL):
        content = f"file {file} of {number if file == 0 else 'all'}\n".encode() * 10
        fill.put(address, f"{FILES}/{root}/model/file-{file}", content)
    return str(run["run_id"])


def _register(name: str, source: str, run: str) -> bytes:
    body = json.dumps({"name": name, "source": source, "run_id": run}).encode()
    head = "POST /api/2.0/mlflow/model-versions/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


_kept: dict[Address, socket.socket] = {}


def _seconds(address: Address, request: bytes) -> float:
    if address not in _kept:
        _kept[address] = socket.create_connection(address, timeout=PATIENCE)
        _kept[address].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.perf_counter()
    _kept[address].sendall(request)
    answer = _kept[address].recv(65536)
    taken = time.perf_counter() - began
    if b" 200 " not in answer.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"a registration was answered {answer[:500]!r}")
    return taken

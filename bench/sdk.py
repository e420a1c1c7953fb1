"""The SDK and the command line against MLflow's, each in a process of its own and in turns.

MLflow is measured twice where it matters: in process on a SQLite file, as ours is on a folder, and with its server.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import installs, servers
from bench.load import Address
from bench.report import Figure, Ratio

CLIENT = Path(__file__).with_name("sdk_client.py")
MEGABYTE = 1024 * 1024
CONNECTIONS = 32  # through the relay


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    bytes: int
    repetitions: int
    gets: int


WHOLE = Size(512 * MEGABYTE, 5, 300)
QUICK = Size(8 * MEGABYTE, 1, 20)


def measure(ours: servers.Server, theirs: servers.Server | None, size: Size) -> tuple[list[Ratio], list[Figure]]:
    """Everything about the SDK, with servers that run."""
    figures = [*_installs(theirs is not None), *_starts(theirs is not None, size)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-sdk-")))
        clients = {
            "embedded": stack.enter_context(_using("modelkeep", folder / "data", folder / "embedded")),
            "server": stack.enter_context(_using("modelkeep", _url(ours.address), folder / "server")),
        }
        if theirs is not None:
            address = f"sqlite:///{folder}/mlflow.db"
            clients["their embedded"] = stack.enter_context(_using("mlflow", address, folder / "their-embedded"))
            clients["their server"] = stack.enter_context(
                _using("mlflow", _url(theirs.address), folder / "their-server")
            )
        ratios = _models(clients, size)
        figures += _uploads(clients, ours, theirs, folder, size)
    return ratios, figures


def _url(address: Address) -> str:
    return f"http://{address[0]}:{address[1]}"


# Installing and starting --------------------------------------------------------------------------------------------


def _installs(with_theirs: bool) -> list[Figure]:
    base, server = installs.installed(""), installs.installed("server")
    theirs = installs.present("mlflow") if with_theirs else None
    size, others = (theirs.megabytes, theirs.distributions - 1) if theirs else (None, None)
    return [
        Figure("installed size: SDK, command line, embedded", "MB", base.megabytes, size, 32.0),
        Figure("distributions that come with it", "", base.distributions - 1, others, 10.0),
        Figure("installed size, with the server", "MB", server.megabytes, size, 80.0),
    ]


def _starts(with_theirs: bool, size: Size) -> list[Figure]:
    """Whole processes, with the start of Python."""
    importing, script = [sys.executable, "-c"], str(servers.BIN / "modelkeep")
    works = {
        "ours import": lambda: _process([*importing, "import modelkeep; modelkeep.Client"]),
        "ours version": lambda: _process([script, "--version"]),
    }
    if with_theirs:
        works["theirs import"] = lambda: _process([*importing, "import mlflow; mlflow.MlflowClient"])
        works["theirs version"] = lambda: _process([str(servers.BIN / "mlflow"), "--version"])
    for work in works.values():
        work()  # what it reads is in memory, and compiled
    medians = _in_turns(works, size.repetitions)
    milliseconds = {name: seconds * 1000 for name, seconds in medians.items()}
    titles = {"import": "import, and the name of the client", "version": "--version"}
    below = {"import": 100.0, "version": 150.0}
    return [
        Figure(titles[what], "ms", milliseconds[f"ours {what}"], milliseconds.get(f"theirs {what}"), below[what])
        for what in titles
    ]


def _process(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=servers.environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _in_turns(works: dict[str, Callable[[], float]], repetitions: int) -> dict[str, float]:
    """The median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            os.sync()  # what the one before has left to be written would be paid by this one
            seconds[name].append(work())
    found = {name: statistics.median(taken) for name, taken in seconds.items()}
    print("  ".join(f"{name} {taken * 1000:,.4g} ms" for name, taken in found.items()), flush=True)
    return found


# Clients ------------------------------------------------------------------------------------------------------------


class Client:
    """A process that uses one of the two, for the whole time, so that it is warm."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path):
        self.process, self.log = process, log

    def ask(self, *request: object) -> float:
        """The seconds it took. Raises RuntimeError, with what the process printed, when it failed."""
        assert self.process.stdin and self.process.stdout
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{request} failed:\n{self.log.read_text(errors='replace')[-2000:]}")
        return float(json.loads(answer))


@contextmanager
def _using(package: str, address: object, folder: Path) -> Iterator[Client]:
    folder.mkdir()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(CLIENT), package, str(address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=folder,
            env=servers.environment() | {"MODELKEEP_CACHE": str(folder / "cache")},
            start_new_session=True,
        )
    assert process.stdin and process.stdout
    with process.stdin, process.stdout:
        try:
            yield Client(process, log)
        finally:
            servers.end(process)


def _models(clients: dict[str, Client], size: Size) -> list[Ratio]:
    given = {"pip_requirements": ["scikit-learn"]}
    for client in clients.values():
        for request in (("log", {}), ("log", given), ("get", 10)):
            client.ask(*request)
    logged, quick, got = (
        _in_turns({name: partial(client.ask, *request) for name, client in clients.items()}, size.repetitions)
        for request in (("log", {}), ("log", given), ("get", size.gets))
    )

    def ratio(title: str, seconds: dict[str, float], ours: str, theirs: str, needed: float | None = None) -> Ratio:
        reference = "MLflow in process" if theirs == "their embedded" else "MLflow and its server"
        figures = (seconds[ours] * 1000, reference, seconds[theirs] * 1000)
        return Ratio(f"{title}, {ours}", "ms", *figures, needed, of_times=True)

    if "their server" not in clients:
        return []
    title, get = "log_model and register a small model", "get_model_version"
    return [
        ratio(title, logged, "embedded", "their embedded", 30),
        ratio(title, logged, "embedded", "their server", 30),
        ratio(title, logged, "server", "their server", 15),
        ratio(f"{title}, requirements given", quick, "embedded", "their embedded"),
        ratio(f"{title}, requirements given", quick, "server", "their server"),
        ratio(get, got, "embedded", "their embedded", 60),
        ratio(get, got, "server", "their server"),
    ]


# A file that is there already ---------------------------------------------------------------------------------------


def _uploads(
    clients: dict[str, Client], ours: servers.Server, theirs: servers.Server | None, folder: Path, size: Size
) -> list[Figure]:
    model = folder / "model"
    model.mkdir()
    with (model / "weights.bin").open("wb") as file:
        for _ in range(size.bytes // MEGABYTE):
            file.write(os.urandom(MEGABYTE))
    works = {name: partial(client.ask, "upload", str(model)) for name, client in clients.items()}
    works.pop("their embedded", None)  # it copies
    first = {name: work() for name, work in works.items()}
    again = _in_turns(works, size.repetitions)
    sent = _sent("modelkeep", ours, model, folder / "relayed")
    their_sent = None if theirs is None else _sent("mlflow", theirs, model, folder / "their-relayed")
    what = f"upload of a model of {size.bytes // MEGABYTE} MiB"
    return [
        Figure(f"first {what}", "s", first["server"], first.get("their server")),
        Figure(f"second {what}", "s", again["server"], again.get("their server"), 0.6),
        Figure(f"second {what}, embedded", "s", again["embedded"], None, 0.6),
        # Nothing of the files is not nothing: the requests take a few KB.
        Figure(f"sent during a second {what}", "MB", sent, their_sent, 0.1),
    ]


def _sent(package: str, server: servers.Server, model: Path, folder: Path) -> float:
    """How many MB it sends when it uploads a model that the server has."""
    with _relaying(server.address) as relay, _using(package, _url(relay.address), folder) as client:
        before = relay.sent
        client.ask("upload", str(model))
        return (relay.sent - before) / 1e6


class Relay:
    """Passes connections on to a server and counts what clients send.

    Attributes:
        sent: bytes.
    """

    def __init__(self, target: Address, listener: socket.socket):
        self.target, self.listener, self.sent, self._lock = target, listener, 0, threading.Lock()
        self.address: Address = ("127.0.0.1", listener.getsockname()[1])

    def serve(self) -> None:
        """Until the listener is shut down and nobody is connected any longer."""
        with ThreadPoolExecutor(CONNECTIONS) as threads, suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threads.submit(self._converse, client)

    def _converse(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.target) as server:
            answers = threading.Thread(target=self._pass, args=(server, client))
            answers.start()
            self._pass(client, server, is_sent=True)
            answers.join()

    def _pass(self, source: socket.socket, sink: socket.socket, *, is_sent: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(MEGABYTE):
                if is_sent:
                    with self._lock:
                        self.sent += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def _relaying(target: Address) -> Iterator[Relay]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(target, listener)
        thread = threading.Thread(target=relay.serve, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

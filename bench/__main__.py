"""`python -m bench`, from the root of the repository: what `make bench` runs.

Starts MLflow's server and Modelkeep's side by side, fills both alike, puts the same load on one after
the other, prints the figures and writes docs/benchmarks.md. Exits 1 when a threshold is missed or
Modelkeep answered anything but 200, 2 when a server did not run.
"""

import argparse
import contextlib
import http.client
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from bench import fill, gates, load, report, sdk, servers, transfers, wrk
from bench.cases import CASES, POSTGRES_CASES, Case, Requests
from tests.support.postgres import Cluster, cluster

# How many different requests wrk is given; a server that answers more in its time would see the first ones again.
WRITES_RENDERED = 40_000
READS_RENDERED = 1_000
TITLES = {"modelkeep": "Modelkeep", "mlflow": "MLflow"}


def main() -> int:
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    if (busy := os.getloadavg()[0]) > 0.5:
        print(f"The load average is {busy:.1f}: other work on this machine disturbs the figures.", flush=True)
    try:
        found = measure(options)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{report.as_text(report.table(found))}")
    if found.ratios:
        print(f"\n{report.as_text(report.ratio_table(found))}")
    if found.figures:
        print(f"\n{report.as_text(report.figure_table(found))}")
    print(f"\n{time.monotonic() - began:.0f} s")
    if options.output:
        command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
        report.write(found, options.output, command, about(options))
        print(f"Written: {options.output}")
    failures = found.failures(thresholds=not options.quick)
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


def _leave(*_: object) -> NoReturn:
    raise SystemExit(143)  # so that the servers are stopped on the way out


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--connections", type=int, default=16, help="requests in flight (default 16)")
    parser.add_argument(
        "--seconds", type=float, help="measured time of a case with a threshold, half for others (default 4; quick 0.5)"
    )
    parser.add_argument("--warm-up", type=float, help="seconds of load before it (default 1; quick 0.2)")
    parser.add_argument("--processes", type=int, default=2, help="of each server (default 2)")
    parser.add_argument("--case", action="append", choices=[c.name for c in CASES], help="only this one; repeatable")
    parser.add_argument("--files", action="store_true", help="transfers of files, also with --case; alone: only they")
    parser.add_argument("--sdk", action="store_true", help="the SDK, also with --case; alone: only it")
    parser.add_argument("--gates", action="store_true", help="what rules cost, also with --case; alone: only it")
    parser.add_argument("--postgres", action="store_true", help="both servers on one PostgreSQL, no files, no SDK")
    parser.add_argument("--only", choices=["ours", "theirs"], help="run one side; no ratios")
    parser.add_argument("--quick", action="store_true", help="smoke run: short, judges errors but not thresholds")
    parser.add_argument("--ours", choices=servers.COMMANDS, default="modelkeep", help="the server that is judged")
    parser.add_argument("--theirs", choices=servers.COMMANDS, default="mlflow", help="what it is measured against")
    parser.add_argument("--output", type=Path, help="page to write (a whole run: docs/benchmarks.md; otherwise none)")
    options = parser.parse_args(arguments)
    options.seconds = options.seconds or (0.5 if options.quick else 4.0)
    options.warm_up = (0.2 if options.quick else 1.0) if options.warm_up is None else options.warm_up
    options.versions, options.small_models = (110, 110) if options.quick else (300, 150)
    options.everything = not (options.case or options.files or options.sdk or options.gates)
    whole = options.everything and not (options.quick or options.only) and options.ours == "modelkeep"
    if options.output is None and whole:
        options.output = Path("docs/benchmarks-postgresql.md" if options.postgres else "docs/benchmarks.md")
    return options


def about(options: argparse.Namespace) -> str:
    database = "databases of one PostgreSQL server with fsync on" if options.postgres else "SQLite"
    return ABOUT.format(database=database, gets=sdk.WHOLE.gets, **vars(options)).replace("\n", " ")


ABOUT = """\
Both servers run with {processes} processes on {database} with a local artifact folder, otherwise with their
defaults (MLflow's telemetry is off). Content: one model with {versions} versions of two tags each,
{small_models} models with two versions, 20 runs with five params, five metrics and a few tags. Each case:
{warm_up:g} s of warm-up, then {seconds:g} s measured (half of that where no ratio is needed), on keep-alive
connections that each hold one request in flight, driven by one thread on the same machine. The window is
up to twice as long while fewer than three answers per connection have come. Rates and latencies count
answers of 200; errors count everything else, during the warm-up too. Every write carries a
new value and changes something. A version is registered with an `s3://` source, so neither server touches
its files. Files go up and down in turns with what they are measured against, on an otherwise idle server:
medians of five, `os.sync` before each; sha256 of the bytes in memory, dd with `bs=1M conv=fsync`. Every version
with files, and every one without that it is compared with, comes from a run of its own, whose files were uploaded before. Before a read is measured, the answers of the two servers are compared. Memory is the sum of the
resident memory of all processes, idle after the load; with `--processes 1` Modelkeep is started again on
the data of the load and asked every read once. SDKs are used by processes that are warm, in turns, medians of five: a
scaler and a logistic regression with a signature, logged in a run and registered, where MLflow finds out the requirements
in a process of its own unless they are given; get_model_version is the median of {gets} calls. Imports and `--version` are
whole processes. Installed sizes are of a wheel in an empty environment, and for MLflow of what is in this one. Bytes sent
are counted by a relay between client and server."""


@dataclass
class Side:
    """One server under measurement."""

    server: servers.Server
    content: fill.Content
    streams: dict[Requests, Iterator[bytes]] = field(default_factory=dict)

    def requests(self, case: Case) -> Iterator[bytes]:
        """Where the case before it with the same requests stopped: a value is never written twice."""
        if case.requests not in self.streams:
            self.streams[case.requests] = case.requests(self.content, self.server.address)
        return self.streams[case.requests]


def measure(options: argparse.Namespace) -> report.Report:
    names = (TITLES[options.ours], TITLES[options.theirs] if options.theirs != options.ours else "the same again")
    known = POSTGRES_CASES if options.postgres else CASES
    cases = [case for case in known if options.everything or case.name in (options.case or [])]
    with contextlib.ExitStack() as stack:
        folders = {
            place: stack.enter_context(servers.folder_for(getattr(options, place)))
            for place in ("ours", "theirs")
            if options.only in (None, place)
        }
        server = stack.enter_context(cluster(durable=True)) if options.postgres else None
        running = stack.enter_context(contextlib.ExitStack())
        sides = {
            place: _started(running, getattr(options, place), folder, options, server)
            for place, folder in folders.items()
        }
        rows = [_row(case, sides, options) for case in cases]
        figures = _figures(sides, None if options.postgres else 1.0)
        ratios, others = _files_and_sdk(sides, options)
        running.close()
        if options.ours == "modelkeep" and "ours" in sides and not options.postgres:
            figures = _with_one_process(figures, folders["ours"], sides["ours"].content)
    return report.Report(names, rows, [*figures, *others], ratios)


def _files_and_sdk(
    sides: dict[str, Side], options: argparse.Namespace
) -> tuple[list[report.Ratio], list[report.Figure]]:
    ratios: list[report.Ratio] = []
    figures: list[report.Figure] = []
    if "ours" not in sides or options.postgres:
        return ratios, figures
    ours, theirs = sides["ours"].server, sides["theirs"].server if "theirs" in sides else None
    # The SDK is ours, and so must be its server.
    is_sdk_measured = (options.sdk or options.everything) and ours.kind == "modelkeep"
    parts = (
        (transfers, options.files or options.everything),
        (sdk, is_sdk_measured),
        (gates, options.gates or options.everything),
    )
    for part, is_measured in parts:
        if is_measured:
            found = part.measure(ours, theirs, part.QUICK if options.quick else part.WHOLE)
            ratios += found[0]
            figures += found[1]
    return ratios, figures


def _started(
    stack: contextlib.ExitStack, kind: str, folder: Path, options: argparse.Namespace, postgres: Cluster | None
) -> Side:
    database = postgres.make() if postgres else None
    server = stack.enter_context(servers.running(kind, folder, options.processes, database))
    print(f"{TITLES[kind]}: ready in {server.start_seconds:.2f} s", flush=True)
    servers.wait_until_idle(server.process.pid)
    began = time.monotonic()
    content = fill.fill(server.address, versions=options.versions, small_models=options.small_models)
    if kind == "modelkeep":
        fill.guard(server.address)
    print(f"{TITLES[kind]}: filled in {time.monotonic() - began:.1f} s", flush=True)
    servers.wait_until_idle(server.process.pid)
    return Side(server, content)


def _row(case: Case, sides: dict[str, Side], options: argparse.Namespace) -> report.Row:
    if case.gist is not None:
        _compare(case, sides)
    connections = case.connections or options.connections
    seconds = options.seconds if case.needed else options.seconds / 2
    loads = {place: _load(case, side, connections, seconds, options.warm_up) for place, side in sides.items()}
    for place, seen in loads.items():
        print(_progress(case, connections, sides[place].server.kind, seen), flush=True)
    return report.Row(case, connections, loads.get("ours"), loads.get("theirs"))


def _load(case: Case, side: Side, connections: int, seconds: float, warm_up: float) -> load.Load:
    address, requests = side.server.address, side.requests(case).__next__
    if wrk.is_installed() and case.units_per_request == 1:
        different = WRITES_RENDERED if case.gist is None else READS_RENDERED
        return wrk.run(address, requests, requests=different, connections=connections, seconds=seconds, warm_up=warm_up)
    return load.run(
        address, requests, connections=connections, seconds=seconds, warm_up=warm_up, at_least=3 * connections
    )


def _progress(case: Case, connections: int, kind: str, seen: load.Load) -> str:
    rate = f"{seen.rate * case.units_per_request:12,.0f} {case.unit}"
    generator = f"generator {seen.generator_cpu:.0%} of a core"
    errors = f"  {seen.failed} errors, the first: {seen.first_error[:160]}" if seen.failed else ""
    return f"{case.name:18} {connections:3} {kind:10} {rate:24} {generator}{errors}"


def _compare(case: Case, sides: dict[str, Side]) -> None:
    """A server that answers less is fast for the wrong reason."""
    gists = {}
    for place, side in sides.items():
        status, answer = _ask(side.server.address, next(side.requests(case)))
        if status != 200 or case.gist is None:
            raise RuntimeError(f"{case.title}: {side.server.kind} answered {status} {answer}")
        try:
            gists[place] = case.gist(answer)
        except (KeyError, TypeError) as missing:
            raise RuntimeError(f"{case.title}: {side.server.kind} answered without {missing}: {answer}") from missing
    if len(gists) == 2 and gists["ours"] != gists["theirs"]:
        raise RuntimeError(f"{case.title}: the answers differ.\n ours: {gists['ours']}\ntheirs: {gists['theirs']}")


def _ask(address: load.Address, request: bytes) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        connection.request("GET", request.split(b" ", 2)[1].decode())
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def _figures(sides: dict[str, Side], most_seconds: float | None) -> list[report.Figure]:
    starts: dict[str, float] = {}
    memory: dict[str, float] = {}
    for place, side in sides.items():
        servers.wait_until_idle(side.server.process.pid)
        starts[place] = side.server.start_seconds
        memory[place] = servers.resident_megabytes(servers.tree(side.server.process.pid))
    return [
        report.Figure("start to the first 200 on /health", "s", starts.get("ours"), starts.get("theirs"), most_seconds),
        report.Figure("resident memory after the load", "MB", memory.get("ours"), memory.get("theirs")),
    ]


def _with_one_process(figures: list[report.Figure], folder: Path, content: fill.Content) -> list[report.Figure]:
    start, memory = figures
    with servers.running("modelkeep", folder, 1) as server:
        side = Side(server, content)
        for case in CASES:
            if case.gist is not None:
                _compare(case, {"ours": side})
        servers.wait_until_idle(server.process.pid)
        resident = servers.resident_megabytes(servers.tree(server.process.pid))
    title = "resident memory, Modelkeep with --processes 1"
    again = report.Figure("start again on the data of the load, --processes 1", "s", server.start_seconds, None, 1.0)
    return [start, again, memory, report.Figure(title, "MB", resident, memory.theirs, 100.0)]


if __name__ == "__main__":
    raise SystemExit(main())

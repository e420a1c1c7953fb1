"""The load of `wrk` (https://github.com/wg/wrk), where it is installed.

It takes a third of the processor time that a generator in Python takes, and on two cores whatever the generator takes
is missing from the server that answers more. Both servers of a run get the same generator.
"""

import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.load import Address, Load

# Finished requests from a file, each after its length in ten digits; every request is sent once before any is again.
_SCRIPT = """
local requests, count, at = {}, 0, 0
function init(args)
  local file = io.open(os.getenv("BENCH_REQUESTS"), "rb")
  while true do
    local length = file:read(10)
    if not length then break end
    count = count + 1
    requests[count] = file:read(tonumber(length))
  end
  at = tonumber(os.getenv("BENCH_FIRST"))
end
function request()
  at = at % count + 1
  return requests[at]
end
"""
LONGER = 4
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(slots=True)
class WrkLoad(Load):
    """What wrk reported: it keeps no latency of its own for each request."""

    answers: int = 0
    p50: float = float("nan")
    p99: float = float("nan")

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def percentile(self, share: float) -> float:
        return {0.5: self.p50, 0.99: self.p99}[share]


def is_installed() -> bool:
    """Whether there is a wrk."""
    return shutil.which("wrk") is not None


def run(
    address: Address,
    next_request: Callable[[], bytes],
    *,
    requests: int,
    connections: int,
    seconds: float,
    warm_up: float,
) -> WrkLoad:
    """As `load.run`, with `requests` different requests rendered before the clock starts."""
    with tempfile.TemporaryDirectory() as folder:
        script, drafts = Path(folder, "requests.lua"), Path(folder, "requests")
        script.write_text(_SCRIPT)
        with drafts.open("wb") as file:
            for _ in range(requests):
                draft = next_request()
                file.write(b"%010d" % len(draft) + draft)
        environment = {**os.environ, "BENCH_REQUESTS": str(drafts)}
        warmed = _wrk(address, script, connections, warm_up, {**environment, "BENCH_FIRST": "0"})
        first = str(warmed.answers % requests + connections)
        environment["BENCH_FIRST"] = first
        measured = _wrk(address, script, connections, seconds, environment)
        if measured.answers < 3 * connections:
            # A slow server answers in bunches, and a window with one bunch says little about it.
            environment["BENCH_FIRST"] = str((int(first) + measured.answers + connections) % requests)
            longer = _wrk(address, script, connections, LONGER * seconds, environment)
            longer.errors += measured.errors
            measured = longer
    measured.errors += warmed.errors
    return measured


def _wrk(address: Address, script: Path, connections: int, seconds: float, environment: dict[str, str]) -> WrkLoad:
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"]
    command += ["--latency", "--timeout", "30s", "--script", str(script), f"http://{address[0]}:{address[1]}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", said)
    if total is None:
        raise RuntimeError(f"wrk said something unforeseen:\n{said}")
    load = WrkLoad(float(total[2]) * _UNITS[total[3]] / 1000)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    load.errors["not a 200"] += int(refused[1]) if refused else 0
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    load.errors["broken connection"] += sum(map(int, broken.groups())) if broken else 0
    load.errors = +load.errors  # drops what is zero
    load.answers = int(total[1]) - (int(refused[1]) if refused else 0)
    load.p50, load.p99 = _latency(said, "50%"), _latency(said, "99%")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    load.generator_cpu = used / load.seconds
    return load


def _latency(said: str, share: str) -> float:
    match = re.search(rf"^\s+{share}\s+([\d.]+)(us|ms|s|m)\s*$", said, re.MULTILINE)
    return float(match[1]) * _UNITS[match[2]] if match else float("nan")

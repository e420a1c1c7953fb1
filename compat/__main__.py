"""`python -m compat`, from the root of the repository: what `make compat` runs.

Installs each `mlflow` client of compat/clients into .venv-compat, drives this server with it, and writes
docs/compatibility.md. Exits 1 when a step fails that the client is able to do, 2 when a client could not be run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from compat import environments, matrix
from compat.environments import ROOT, EnvironmentFailed
from compat.flows.steps import Outcome
from compat.matrix import MARKS, judged
from tests.support.servers import start_server

PAGE = ROOT / "docs" / "compatibility.md"
CLIENT_SECONDS = 900

# What a user's script may set. Without it a wrong answer would be retried for four minutes.
CLIENT_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MPLBACKEND": "agg",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    found: dict[str, Sequence[Outcome]] = {}
    try:
        for release in options.client or environments.releases():
            print(f"mlflow {release}: ", end="", flush=True)
            began = time.monotonic()
            found[release] = drive(environments.python_of(release), release, traces=options.traces)
            print(f"{summary(release, found[release])}, {time.monotonic() - began:.0f} s", flush=True)
    except EnvironmentFailed as error:
        print(error, file=sys.stderr)
        return 2
    measured = matrix.collect(found)
    output = options.output or (None if options.client else PAGE)
    if output:
        output.write_text(matrix.render(measured))
        print(f"Written: {output}")
    for failure in measured.failures():
        print(f"FAILED {failure}")
    return 1 if measured.failures() else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m compat", description=__doc__)
    parser.add_argument("--client", action="append", choices=environments.releases(), help="only this; repeatable")
    parser.add_argument("--output", type=Path, help="page to write (all clients: docs/compatibility.md; else none)")
    parser.add_argument(
        "--traces", action="store_true", help="show what the clients print, tracebacks of failed steps too"
    )
    return parser.parse_args(arguments)


def drive(python: Path, release: str, groups: Sequence[str] = (), *, traces: bool = False) -> list[Outcome]:
    """Do the steps with the client in `python`'s environment, on a server of its own.

    Args:
        groups: of steps; all by default.
        traces: whether to show what the client prints.
    Raises:
        EnvironmentFailed: the client did not come to the end, or is another release.
    """
    folder = Path(tempfile.mkdtemp(prefix="compat-"))
    try:
        with start_server(folder / "data") as server:
            return _ask(python, release, server.url, folder, groups, traces)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ask(python: Path, release: str, url: str, folder: Path, groups: Sequence[str], traces: bool) -> list[Outcome]:
    files, report = folder / "files", folder / "report.json"
    files.mkdir()
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "MODELKEEP_", "PYTHON"))}
    told = {"MLFLOW_TRACKING_URI": url, "PYTHONPATH": str(ROOT), "TMPDIR": str(files), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(python), "-m", "compat.flows", str(files), str(report), *groups]
    try:
        ran = subprocess.run(
            command,
            env={**ours, **CLIENT_SETTINGS, **told},
            cwd=files,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentFailed(f"mlflow {release} was not done after {CLIENT_SECONDS} s.") from None
    if ran.returncode or not report.exists():
        raise EnvironmentFailed(f"mlflow {release} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    if traces:
        print(ran.stdout, ran.stderr, sep="", file=sys.stderr)
    answer = json.loads(report.read_text())
    if answer["client"] != release:
        raise EnvironmentFailed(f"The environment of mlflow {release} holds {answer['client']}. Delete it: {python}")
    return [Outcome(**step) for step in answer["steps"]]


def summary(release: str, outcomes: Sequence[Outcome]) -> str:
    """How many steps came out how, such as `54 passed, 6 not available`."""
    counts = Counter(judged(release, outcome).outcome for outcome in outcomes)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in MARKS if counts[outcome])


if __name__ == "__main__":
    sys.exit(main())

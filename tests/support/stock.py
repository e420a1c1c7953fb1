"""MLflow's own server, of the release whose client is installed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import free_port, start_process, wait_until_200

START_SECONDS = 240.0  # it takes over a minute on a busy machine


@dataclass(frozen=True)
class StockServer:
    """Where it answers, and what it stores."""

    url: str
    database: Path
    artifacts: Path


@contextlib.contextmanager
def start(folder: Path) -> Iterator[StockServer]:
    """Run it with everything that it stores in `folder`."""
    port = free_port()
    server = StockServer(f"http://127.0.0.1:{port}", folder / "mlflow.db", folder / "artifacts")
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{server.database}", "--artifacts-destination", str(server.artifacts),
    ]  # fmt: skip
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "GIT_PYTHON_REFRESH": "quiet",
    }  # fmt: skip
    process, printed = start_process(command, settings, folder)
    wait_until_200(f"{server.url}/health", process, printed, START_SECONDS)
    try:
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        printed.close()

"""What the measurement of the SDK is made of, with ours on both sides of it."""

from __future__ import annotations

import socket
import threading

import pytest

import modelkeep
from bench import installs, sdk
from modelkeep.client import connections


def test_a_client_logs_gets_and_uploads_in_a_process_of_its_own(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"weights")
    with sdk._using("modelkeep", tmp_path / "data", tmp_path / "client") as client:
        seconds = [client.ask("log", {}), client.ask("get", 3), client.ask("upload", str(tmp_path / "model"))]

    registry = modelkeep.connect(tmp_path / "data")
    try:
        (version,) = registry.search_model_versions("name = 'sdk'")
        runs = {run.info.run_id for run in registry.search_runs(["0"])}
    finally:
        connections.close_all()
    assert all(0 < each < 60 for each in seconds)
    assert version.run_id in runs and len(runs) == 2
    assert client.process.returncode is not None


def test_a_client_that_fails_says_why(tmp_path):
    with (
        sdk._using("modelkeep", tmp_path / "data", tmp_path / "client") as client,
        pytest.raises(RuntimeError, match="NotFound"),
    ):
        client.ask("get", 1)


def test_a_relay_passes_everything_on_and_counts_what_is_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                received = b""
                while data := connection.recv(65536):
                    received += data
                connection.sendall(received * 2)

        thread = threading.Thread(target=answer)
        thread.start()
        with sdk._relaying(listener.getsockname()) as relay, socket.create_connection(relay.address) as client:
            client.sendall(b"x" * 300_000)
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answered:
                assert answered.read() == b"x" * 600_000
        thread.join(60)
    assert relay.sent == 300_000


def test_an_installed_package_is_counted_with_what_it_needs():
    click, mlflow = installs.present("click"), installs.present("mlflow")

    assert click.distributions == 1 and 0.3 < click.megabytes < 5
    assert mlflow.distributions > 50 and mlflow.megabytes > 100

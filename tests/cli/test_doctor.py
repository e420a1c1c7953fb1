"""`modelkeep doctor`, on registries that are well and on what people give it by mistake."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelkeep.cli import doctor
from modelkeep.cli.main import main
from tests.cli.conftest import Run, run_main
from tests.support.servers import RunningServer, free_port, start_server


def checks(uri: str, code: int) -> dict[str, dict[str, str]]:
    """What the doctor found, by check; it must end with this code."""
    ended = run_main("doctor", "--uri", uri, "--json")
    assert (ended.code, ended.err) == (code, ""), ended.out
    assert ended.json["ok"] == (code == 0)
    return {check["check"]: check for check in ended.json["checks"]}


def test_all_is_well(run: Run, uri: str) -> None:
    found = checks(uri, 0)

    assert {check["status"] for check in found.values()} == {"ok"}
    assert list(found)[:5] == ["address", "connection", "version", "token", "files"]
    assert ("clock" in found) == uri.startswith("http")
    assert found["address"]["message"] == f"{uri}, from --uri."
    assert run("doctor").rows[0] == ["address", "ok", f"{uri}, from MODELKEEP_URI.", ""]


def test_it_leaves_nothing_behind(uri: str, client) -> None:
    before = client.transport.call("artifacts.list", {}).files
    checks(uri, 0)

    assert client.transport.call("artifacts.list", {}).files == before


def test_a_folder_without_a_registry(tmp_path: Path) -> None:
    found = checks(str(tmp_path / "none"), 3)

    assert "There is no registry" in found["address"]["message"] and "--uri" in found["address"]["mend"]
    assert not (tmp_path / "none").exists()


def test_nothing_listens() -> None:
    found = checks(f"http://127.0.0.1:{free_port()}", 4)

    assert "Nothing listens there" in found["connection"]["mend"]
    assert "files" not in found


def test_a_host_that_is_not_known() -> None:
    assert "not known here" in checks("http://no-such-host.invalid:5000", 4)["connection"]["mend"]


def test_another_protocol(server: RunningServer) -> None:
    found = checks(server.url.replace("http:", "https:"), 4)

    assert "use http://" in found["connection"]["mend"]


@pytest.mark.parametrize("address", ["http://", "http://127.0.0.1:lots", "http://[::1", "ftp://host/path", "a.db"])
def test_what_is_no_address(address: str) -> None:
    assert checks(address, 1)["address"]["status"] == "failed"


# Tokens -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, dict[str, str]]]:
    """A server that wants tokens, and one of each of two roles."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    secrets = {}
    for role in ("reader", "writer"):
        made = CliRunner().invoke(main, ["tokens", "create", "--user", "ann", "--role", role, "--data", str(data)])
        secrets[role] = made.stdout.strip()
    with start_server(data, "--auth") as running:
        yield running, secrets


def test_a_token_is_missing(guarded: tuple[RunningServer, dict[str, str]]) -> None:
    found = checks(guarded[0].url, 5)

    assert found["connection"]["status"] == "ok"
    assert "put it in MODELKEEP_TOKEN" in found["token"]["mend"]
    assert run_main("models", "list", "--uri", guarded[0].url).code == 5


def test_a_token_is_wrong(guarded: tuple[RunningServer, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "mk_wrong")

    assert "MLFLOW_TRACKING_TOKEN holds it" in checks(guarded[0].url, 5)["token"]["mend"]


@pytest.mark.parametrize(("role", "files"), [("reader", "skipped"), ("writer", "ok")])
def test_a_tokens_role_is_told(
    guarded: tuple[RunningServer, dict[str, str]], monkeypatch: pytest.MonkeyPatch, role: str, files: str
) -> None:
    monkeypatch.setenv("MODELKEEP_TOKEN", guarded[1][role])

    found = checks(guarded[0].url, 0)

    assert found["token"]["message"] == f"The token is that of 'ann', with the role {role}."
    assert found["files"]["status"] == files
    assert run_main("models", "create", f"by-{role}", "--uri", guarded[0].url).code == (5 if role == "reader" else 0)


def test_a_read_only_server(tmp_path: Path) -> None:
    with start_server(tmp_path / "data"):
        pass
    with start_server(tmp_path / "data", "--read-only") as running:
        found = checks(running.url, 5)

    assert found["version"]["status"] == "ok"
    assert "read-only" in found["files"]["message"]


# Other servers ----------------------------------------------------------------------------------------------


class Foreign(BaseHTTPRequestHandler):
    """A server that knows some paths of others, and answers the rest as web servers do."""

    known: dict[str, bytes] = {}

    def do_GET(self) -> None:
        body = self.known.get(self.path.partition("?")[0])
        self.send_response(404 if body is None else 200)
        body = body if body is not None else b"<!doctype html><title>404 Not Found</title>"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    do_PUT = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def foreign(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of such a server, which knows the paths given."""
    handler = type("Handler", (Foreign,), {"known": request.param})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("foreign", [{}], indirect=True)
def test_a_server_that_is_no_registry(foreign: str) -> None:
    found = checks(foreign, 1)

    assert found["connection"]["status"] == "warning" and "404 to /health" in found["connection"]["message"]
    assert "This is no registry" in found["version"]["mend"]
    assert run_main("models", "list", "--uri", foreign).code == 1


MLFLOW = {
    "/health": b"OK",
    "/version": b"2.22.5",
    "/api/2.0/mlflow/experiments/search": b'{"experiments": []}',
}


@pytest.mark.parametrize("foreign", [MLFLOW], indirect=True)
def test_a_server_of_mlflows(foreign: str) -> None:
    found = checks(foreign, 1)

    assert found["version"]["status"] == "warning" and "MLflow 2.22.5" in found["version"]["message"]
    assert found["files"]["status"] == "failed"
    assert found["clock"]["status"] == "ok"


@pytest.mark.parametrize(("skew", "status"), [(0.2, "ok"), (-4.9, "ok"), (61.0, "warning"), (-3600.0, "warning")])
def test_clocks_that_differ_are_told(skew: float, status: str) -> None:
    found = doctor.clock(skew)

    assert found.status == status
    if status == "warning":
        assert ("ahead of" if skew > 0 else "behind") in found.message

"""The life of a server: starting, refusing to start, stopping, and who may call."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import apsw
import pytest

from tests.http.files import dial, wait_until
from tests.support.servers import (
    PATIENCE_SECONDS,
    RunningServer,
    answers_200,
    free_port,
    modelkeep_command,
    start_server,
)
from tests.support.wire import Wire

CREATE = "/api/2.0/mlflow/registered-models/create"
GET = "/api/2.0/mlflow/registered-models/get"


def run(*args, **env):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MODELKEEP_")}
    return subprocess.run(
        [*modelkeep_command(), *args], capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=kept | env
    )


def test_the_small_endpoints_answer(tmp_path):
    with start_server(tmp_path / "data") as server:
        wire = Wire(server.url)
        assert wire.get("/health").body == b"OK"
        assert wire.get("/version").body == b"3.17.2"
        assert wire.get("/ready").json == {"ready": True, "problems": []}
        assert wire.get("/api/3.0/mlflow/server-info").json["store_type"] == "SqlStore"
        assert wire.get("/.well-known/databricks-config").json == {}
        wire.get(GET, name="nobody")
        assert 'modelkeep_requests_total{call="models.get",status="404"' in wire.get("/metrics").body.decode()
        assert "/api/2.0/mlflow/runs/create" in wire.get("/api/openapi.json").json["paths"]
        wait_until(lambda: "Modelkeep is ready at http://127.0.0.1:" in server.output())


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    server = start_server(tmp_path / "data")
    Wire(server.url).post(CREATE, name="kept")
    server.kill()

    with start_server(tmp_path / "data") as again:
        assert Wire(again.url).get(GET, name="kept").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_stop_lets_the_request_in_flight_finish(tmp_path, number, processes):
    server = start_server(tmp_path / "data", "--processes", processes)
    with begin_to_wait(server, 3) as waiting:
        server.process.send_signal(number)

        assert read_answer(waiting) == (200, {})
    assert server.process.wait(PATIENCE_SECONDS) == 0
    server.printed.close()


def begin_to_wait(server: RunningServer, seconds: int) -> socket.socket:
    """Ask for events that do not come, and return when a process of the server has that in hand.

    Nothing tells when it has, but each takes up its requests in their order, and the second of two shares them out.
    """
    waiting = dial(server)
    request = f"GET /api/2.0/modelkeep/events?after=10000&wait={seconds} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    waiting.sendall(request.encode())
    for _ in range(30):
        assert Wire(server.url).get("/health").status == 200
    return waiting


def read_answer(connection):
    """The status and the JSON of an answer."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.load(answer)


def test_a_taken_port_is_one_clear_line(tmp_path):
    with start_server(tmp_path / "one") as server:
        port = server.url.rpartition(":")[2]
        found = run("serve", "--port", port, "--data", str(tmp_path / "two"))

    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in found.stderr


def test_a_foreign_database_is_refused_and_left_alone(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    connection = apsw.Connection(str(folder / "modelkeep.db"))
    connection.execute("CREATE TABLE registered_models (name TEXT)")
    connection.close()
    before = (folder / "modelkeep.db").read_bytes()

    found = run("serve", "--port", str(free_port()), "--data", str(folder))

    assert found.returncode == 1 and "a database of MLflow" in found.stderr
    assert (folder / "modelkeep.db").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["modelkeep.db"]


def test_a_newer_schema_is_refused(tmp_path):
    with start_server(tmp_path / "data"):
        pass
    connection = apsw.Connection(str(tmp_path / "data" / "modelkeep.db"))
    connection.execute("PRAGMA user_version = 9999")
    connection.close()

    found = run("serve", "--port", str(free_port()), "--data", str(tmp_path / "data"))

    assert found.returncode == 1 and "has schema 9999" in found.stderr


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "modelkeep.db").write_bytes(b"not a database at all" * 100)

    found = run("serve", "--port", str(free_port()), "--data", str(tmp_path))

    assert found.returncode == 1 and "is not a SQLite database" in found.stderr


def test_a_data_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")

    found = run("serve", "--port", str(free_port()), "--data", str(tmp_path / "file"))

    assert found.returncode == 1 and "data folder" in found.stderr and "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--host", "0.0.0.0"], "would let anyone on the network change the registry"),
        (["--port", "0"], "--port must be between 1 and 65535"),
        (["--processes", "0"], "--processes must be between 1 and 256"),
        (["--base-path", "x"], "--base-path must start with '/'"),
        (["--trusted-proxy", "nonsense"], "--trusted-proxy must be networks"),
        (["--access-log", "some"], "--access-log must be one of"),
        (["--config", "/nowhere.toml"], "cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(tmp_path, args, says):
    found = run("serve", "--data", str(tmp_path), *args)

    assert found.returncode == 1
    assert says in found.stderr and "Traceback" not in found.stderr


def test_settings_come_from_the_environment_and_a_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('read_only = true\nbase_path = "/registry"\n')
    start_server(tmp_path / "data").stop()
    with start_server(tmp_path / "data", env={"MODELKEEP_CONFIG": str(file)}) as server:
        wire = Wire(server.url)
        refused = wire.post("/registry" + CREATE, name="x")
        assert (refused.status, refused.json["error_code"]) == (403, "PERMISSION_DENIED")
        assert wire.get("/registry/health").status == 200
        assert wire.get("/health").status == 200


def test_tokens_decide_who_may_do_what(tmp_path):
    data = str(tmp_path / "data")

    def token(user, role):
        made = run("tokens", "create", "--user", user, "--role", role, "--data", data, "--json")
        return json.loads(made.stdout)

    admin, writer, reader = token("ada", "admin"), token("wim", "writer"), token("rae", "reader")
    with start_server(Path(data), "--auth") as server:
        nobody = Wire(server.url)
        assert nobody.get("/health").status == 200
        assert nobody.get("/api/3.0/mlflow/server-info").status == 200
        missing = nobody.post(CREATE, name="churn")
        assert (missing.status, missing.json["error_code"]) == (401, "UNAUTHENTICATED")
        assert missing.headers["www-authenticate"].startswith("Basic")
        assert Wire(server.url, "mk_wrong").get(GET, name="churn").status == 401
        assert Wire(server.url, reader["secret"]).post(CREATE, name="churn").status == 403
        made = Wire(server.url, writer["secret"]).post(CREATE, name="churn")
        assert made.json["registered_model"]["user_id"] == "wim"
        basic = {"Authorization": _basic("anything", reader["secret"])}
        assert nobody.send("GET", f"{GET}?name=churn", headers=basic).status == 200
        event = Wire(server.url, reader["secret"]).get("/api/2.0/modelkeep/events", kind="model").json["events"][0]
        assert (event["actor"], event["verified"]) == ("wim", True)
        assert Wire(server.url, writer["secret"]).get("/api/2.0/modelkeep/tokens/list").status == 403
        ada = Wire(server.url, admin["secret"])
        assert len(ada.get("/api/2.0/modelkeep/tokens/list").json["tokens"]) == 3
        assert ada.post("/api/2.0/modelkeep/tokens/revoke", token_id=writer["token_id"]).status == 200
        assert Wire(server.url, writer["secret"]).get(GET, name="churn").status == 401
        for secret in (admin["secret"], writer["secret"], reader["secret"]):
            assert secret not in server.output()


def _basic(user, password):
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_two_processes_serve_one_folder_and_32_clients_draw_1_to_n(tmp_path):
    with start_server(tmp_path / "data", "--processes", "2") as server:
        Wire(server.url).post(CREATE, name="churn")
        numbers, wrong = [], []

        def work():
            wire = Wire(server.url)
            for _ in range(8):
                answer = wire.post("/api/2.0/mlflow/model-versions/create", name="churn", source="s3://b/m")
                if answer.status == 200:
                    numbers.append(int(answer.json["model_version"]["version"]))
                else:
                    wrong.append(answer.body)

        threads = [threading.Thread(target=work) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert wrong == []
    assert sorted(numbers) == list(range(1, 257))


def test_a_killed_parent_takes_its_processes_along(tmp_path):
    server = start_server(tmp_path / "data", "--processes", "2")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(PATIENCE_SECONDS)
    server.printed.close()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while answers_200(f"{server.url}/health"):
        assert time.monotonic() < deadline, "a worker outlived its parent and serves the port"


def test_a_server_told_to_stop_while_it_starts_stops(tmp_path):
    command = [*modelkeep_command(), "serve", "--data", str(tmp_path / "data"), "--processes", "2"]
    for delay in (0.05, 0.15, 0.3):
        process = subprocess.Popen(
            [*command, "--port", str(free_port())], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def test_a_read_only_server_makes_no_registry(tmp_path):
    found = run("serve", "--port", str(free_port()), "--data", str(tmp_path / "data"), "--read-only")

    assert found.returncode == 1 and "a read-only server makes none" in found.stderr
    assert not (tmp_path / "data").exists()


def test_a_long_poll_does_not_hold_up_a_stop(tmp_path):
    server = start_server(tmp_path / "data")
    started = time.monotonic()
    with begin_to_wait(server, 20) as waiting:
        server.stop()

        assert read_answer(waiting) == (200, {})
    assert time.monotonic() - started < 15  # the poll alone would have taken 20

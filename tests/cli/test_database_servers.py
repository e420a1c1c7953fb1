"""Starting on a PostgreSQL database that cannot be used: one line that says why, and nothing written or told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.http.files import wait_until
from tests.support import postgres
from tests.support.postgres import Cluster
from tests.support.servers import ServerFailed, free_port, modelkeep_command, start_server
from tests.support.wire import Wire

SECRET = "sesame-17"
CREATE = "/api/2.0/mlflow/registered-models/create"
GET = "/api/2.0/mlflow/registered-models/get"


def refusal(data: Path, database: str) -> str:
    """The one line that a start ends with."""
    with pytest.raises(ServerFailed) as caught:
        start_server(data, database=database)
    _, _, printed = str(caught.value).partition("It printed:\n")
    assert "exit code 1" in str(caught.value)
    assert printed.startswith("Error: ") and printed.count("\n") == 1, printed
    assert SECRET not in printed
    return printed


def run(*arguments: str, database: str, data: Path) -> subprocess.CompletedProcess[str]:
    command = [*modelkeep_command(), *arguments, "--data", str(data), "--database", database]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def execute(database: str, *statements: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_no_server(tmp_path: Path) -> None:
    printed = refusal(tmp_path / "data", f"postgresql://ann:{SECRET}@127.0.0.1:{free_port()}/registry")
    assert "Connection refused" in printed and "Check --database" in printed


def test_no_such_host(tmp_path: Path) -> None:
    database = f"postgresql://ann:{SECRET}@nowhere.invalid/registry"
    assert "nowhere.invalid" in refusal(tmp_path / "data", database)


def test_no_such_database(tmp_path: Path, cluster: Cluster) -> None:
    assert "createdb" in refusal(tmp_path / "data", cluster.url("nothing"))


def lets_in(database: str) -> bool:
    try:
        psycopg.connect(database).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def strict() -> Iterator[Cluster]:
    """A server that asks `ann` for a password."""
    with postgres.cluster() as cluster:
        if cluster.server is None:
            pytest.skip("the PostgreSQL that was given has rules of its own")
        execute(cluster.url("postgres"), f"CREATE ROLE ann LOGIN PASSWORD '{SECRET}'", "CREATE DATABASE hers OWNER ann")
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            Path(rules).write_text(f"local all ann scram-sha-256\n{Path(rules).read_text()}")
            connection.execute("SELECT pg_reload_conf()")
        wait_until(lambda: not lets_in(cluster.url("hers").replace("postgres@", "ann@")))
        yield cluster


def test_a_wrong_password_is_refused_and_a_right_one_may_stand_in_a_file(strict: Cluster, tmp_path: Path) -> None:
    asked = strict.url("hers").replace("postgres@", "ann@")
    assert "PGPASSFILE" in refusal(tmp_path / "data", asked.replace("ann@", f"ann:not-{SECRET}@"))

    passwords = tmp_path / "pgpass"
    passwords.write_text(f"*:*:hers:ann:{SECRET}\n")
    passwords.chmod(0o600)
    with start_server(tmp_path / "data", database=asked, env={"PGPASSFILE": str(passwords)}) as server:
        assert Wire(server.url).post(CREATE, name="one").status == 200
        assert SECRET not in server.output()


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["CREATE TABLE alembic_version (version_num text)"], "MLflow"),
        (["CREATE TABLE customers (id bigint)"], "'customers'"),
    ],
)
def test_a_database_of_another_program_is_left_alone(
    tmp_path: Path, empty_database: str, statements: list[str], reason: str
) -> None:
    execute(empty_database, *statements)
    assert reason in refusal(tmp_path / "data", empty_database)
    with psycopg.connect(empty_database) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert found == (1,)


def test_a_database_whose_schema_or_files_are_others(tmp_path: Path, empty_database: str) -> None:
    with start_server(tmp_path / "data", database=empty_database):
        pass
    assert str(tmp_path / "data" / "blobs") in refusal(tmp_path / "elsewhere", empty_database)

    execute(empty_database, "UPDATE modelkeep_registry SET schema = 9999")
    assert "schema 9999" in refusal(tmp_path / "data", empty_database)


def test_a_data_folder_with_a_registry_in_sqlite_is_left_alone(tmp_path: Path, empty_database: str) -> None:
    with start_server(tmp_path / "data"):
        pass
    assert "SQLite" in refusal(tmp_path / "data", empty_database)


def test_several_processes_serve_one_database(tmp_path: Path, empty_database: str) -> None:
    with start_server(tmp_path / "data", "--processes", "2", database=empty_database) as server:
        wires = [Wire(server.url) for _ in range(8)]
        for number, wire in enumerate(wires):
            assert wire.post(CREATE, name=f"m{number}").status == 200
        for wire in wires:
            assert [wire.get(GET, name=f"m{number}").status for number in range(8)] == [200] * 8


def test_tokens_and_fsck_work_on_it(tmp_path: Path, empty_database: str) -> None:
    data = tmp_path / "data"
    made = run("tokens", "create", "--user", "ann", "--role", "writer", "--json", database=empty_database, data=data)
    assert made.returncode == 0, made.stderr
    listed = run("tokens", "list", database=empty_database, data=data)
    assert json.loads(made.stdout)["token_id"] in listed.stdout
    checked = run("fsck", database=empty_database, data=data)
    assert (checked.returncode, checked.stderr) == (0, "")

    with start_server(data, "--auth", database=empty_database) as server:
        assert Wire(server.url).get(GET, name="x").status == 401
        assert Wire(server.url, json.loads(made.stdout)["secret"]).get(GET, name="x").status == 404

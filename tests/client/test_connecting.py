"""From an address to a registry."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import modelkeep
from modelkeep.client import connections
from modelkeep.exceptions import Invalid, PermissionDenied, Unauthenticated, Unavailable
from tests.support.servers import free_port, start_server


def ran(code, cwd, **environment):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODELKEEP_", "MLFLOW_"))}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=120
    )


LIST = "import modelkeep; print(modelkeep.Client().tracking_uri); modelkeep.Client().search_registered_models()"


def test_without_an_address_it_is_a_folder_here_and_says_so_once(tmp_path):
    done = ran(LIST, tmp_path)

    assert done.stdout.strip() == str(tmp_path / "modelkeep-data")
    assert (tmp_path / "modelkeep-data" / "modelkeep.db").is_file()
    assert done.stderr.count("no registry was named") == 1 and done.stderr.count("\n") == 1


def test_the_environment_names_the_registry(tmp_path, server):
    elsewhere = {"MODELKEEP_URI": str(tmp_path / "named"), "MLFLOW_TRACKING_URI": server.url}
    assert ran(LIST, tmp_path, **elsewhere).stdout.strip() == str(tmp_path / "named")
    assert ran(LIST, tmp_path, MLFLOW_TRACKING_URI=server.url).stdout.strip() == server.url
    # An address of MLflow's own that is no server's is not taken for ours.
    local = ran(LIST, tmp_path, MLFLOW_TRACKING_URI="sqlite:///mlflow.db")
    assert local.stdout.strip() == str(tmp_path / "modelkeep-data")


@pytest.mark.parametrize("form", ["{}", "{}/modelkeep.db", "sqlite:///{}", "sqlite:///{}/modelkeep.db", "file://{}"])
def test_a_folder_has_several_names(form, folder):
    assert modelkeep.connect(form.format(folder)).transport is modelkeep.connect(folder).transport


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://", "not the address of a server"),
        ("ftp://host/x", "not an address of a registry"),
        ("postgresql://host/db", "not an address of a registry"),
        ("sqlite:///some/mlflow.db", "not Modelkeep's"),
        ("sqlite:relative.db", "write it as sqlite:///"),
        (" ", "cannot be empty"),
    ],
)
def test_what_is_no_address_is_refused(address, reason):
    with pytest.raises(Invalid, match=reason):
        modelkeep.connect(address)


def test_mlflows_own_data_is_left_alone(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"theirs")
    with pytest.raises(Invalid, match="holds data of MLflow"):
        modelkeep.connect(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_two_registries_cannot_be_one_clients(tmp_path):
    with pytest.raises(Invalid, match="One registry keeps both"):
        modelkeep.Client(str(tmp_path / "a"), registry_uri=str(tmp_path / "b"))


def test_a_relative_folder_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    modelkeep.set_tracking_uri("registry")
    run_id = modelkeep.start_run().info.run_id
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    modelkeep.log_metric("m", 1)
    modelkeep.end_run()
    assert modelkeep.get_run(run_id).data.metrics == {"m": 1.0}
    assert not any((tmp_path / "elsewhere").iterdir())
    connections.open_transport(tmp_path / "registry").close()


def test_a_server_below_a_path_is_reached(tmp_path):
    with start_server(tmp_path / "data", "--base-path", "/registry") as server:
        client = modelkeep.connect(server.url + "/")
        run_id = client.create_run("0").info.run_id
        client.log_text(run_id, "hello", "a.txt")
        assert Path(client.download_artifacts(run_id, "a.txt")).read_text() == "hello"
        client.transport.close()


def test_a_token_comes_from_the_environment(tmp_path, monkeypatch):
    local = modelkeep.connect(tmp_path / "data")
    reader = local.call("tokens.create", user="rae", role="reader").token.secret
    writer = local.call("tokens.create", user="ann", role="writer").token.secret
    with start_server(tmp_path / "data", "--auth") as server:
        client = modelkeep.connect(server.url)
        with pytest.raises(Unauthenticated):
            client.search_registered_models()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", reader)
        assert client.search_registered_models() == []
        with pytest.raises(PermissionDenied, match="'rae' has the role reader"):
            client.create_registered_model("churn")
        monkeypatch.setenv("MODELKEEP_TOKEN", writer)
        assert client.create_registered_model("churn").user_id == "ann"
        monkeypatch.delenv("MODELKEEP_TOKEN")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", writer)
        client.set_registered_model_tag("churn", "a", "b")
        named = modelkeep.connect(server.url.replace("http://", f"http://ann:{writer}@"))
        assert writer not in named.tracking_uri
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        named.set_registered_model_tag("churn", "a", "c")
        client.transport.close()
        named.transport.close()
    local.transport.close()


def test_a_server_that_is_not_there_is_an_error_with_its_address(monkeypatch):
    monkeypatch.setenv("MODELKEEP_RETRIES", "0")
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=f"The server at {url} does not answer") as caught:
        modelkeep.connect(url).search_registered_models()
    assert caught.value.error_code == "TEMPORARILY_UNAVAILABLE"


def test_a_setting_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("MODELKEEP_RETRIES", "many")
    with pytest.raises(Invalid, match="MODELKEEP_RETRIES must be a number"):
        modelkeep.connect(f"http://127.0.0.1:{free_port()}")

"""What clients sent before MLflow 2.11: uploads in parts without the folder of the run."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest

from tests.http.files import Reply, ask, get
from tests.http.test_parts import MPU, open_files, post
from tests.support.servers import RunningServer


def begin(server: RunningServer, folder: str, user_agent: str) -> Reply:
    """As `mlflow` 2.9.2 begins one for `log_artifact("/home/ann/weights.bin", folder)`."""
    path = f"{MPU}/create/{folder}" if folder else f"{MPU}/create"
    return post(server, path, {"User-Agent": user_agent}, path="/home/ann/weights.bin", num_parts=2)


@pytest.mark.parametrize("folder", ["", "model/data"])
@pytest.mark.parametrize("client", ["2.8.0", "2.9.2", "2.10.2", "2.9.2.dev0", "1.30.1"])
def test_a_client_that_leaves_out_the_runs_folder_is_told_to_send_one_piece(
    server: RunningServer, folder: str, client: str
) -> None:
    before = open_files(server)

    reply = begin(server, folder, f"mlflow-python-client/{client}")

    assert (reply.status, reply.json["error_code"]) == (501, "NOT_IMPLEMENTED")
    # What those clients look for before they send the file with PUT.
    assert reply.json["message"].startswith("Multipart upload is not supported for the current artifact repository")
    assert open_files(server) == before


def test_a_plugins_word_beside_the_clients_changes_nothing(server: RunningServer) -> None:
    assert begin(server, "plugin", "mlflow-python-client/2.9.2 databricks-dbt/1.4").status == 501
    assert begin(server, "plugin", "databricks-dbt/1.4 mlflow-python-client/2.10.0").status == 501


@pytest.mark.parametrize(
    "user_agent",
    ["mlflow-python-client/2.11.0", "mlflow-python-client/3.17.2", "mlflow-python-client/10.1.0", "curl/8.1.0", ""],
)
def test_other_clients_may_send_parts(server: RunningServer, user_agent: str) -> None:
    reply = begin(server, "newer", user_agent)

    assert reply.status == 200
    ended = post(server, f"{MPU}/abort/newer", path="weights.bin", upload_id=reply.json["upload_id"])
    assert ended.status == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_parts_of_a_file_at_the_root_need_no_folder(server: RunningServer, slash: str) -> None:
    content = os.urandom(1000)
    made = post(server, f"{MPU}/create{slash}", path="/home/ann/root.bin", num_parts=1).json
    address = urlsplit(made["credentials"][0]["url"])
    sent = ask(server, "PUT", f"{address.path}?{address.query}", content)

    parts = [{"part_number": 1, "etag": sent.headers["etag"]}]
    ended = post(server, f"{MPU}/complete{slash}", path="root.bin", upload_id=made["upload_id"], parts=parts)

    assert ended.status == 200, ended
    assert get(server, "root.bin").body == content


def test_an_upload_at_the_root_is_aborted_without_a_folder(server: RunningServer) -> None:
    made = post(server, f"{MPU}/create", path="aborted.bin", num_parts=1)

    assert post(server, f"{MPU}/abort", path="aborted.bin", upload_id=made.json["upload_id"]).status == 200

"""One data folder, written by several programs at once: two embedded ones and a server."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import modelkeep
from tests.support.servers import start_server

WRITES = 60
WRITER = """
import json, sys
import modelkeep
uri, name, writes = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = modelkeep.connect(uri)
run_id = client.create_run("0").info.run_id
sys.stdin.readline()
numbers = []
for number in range(writes):
    numbers.append(client.create_model_version("shared", "s3://bucket/model", tags={"by": name}).version)
    client.set_registered_model_tag("shared", f"{name}-{number}", number)
    client.log_metric(run_id, "step", number, step=number)
    client.log_text(run_id, f"{name} {number}", f"notes/{number}.txt")
print(json.dumps({"run_id": run_id, "numbers": numbers}))
"""


def test_two_embedded_programs_and_a_server_lose_nothing(tmp_path):
    with start_server(tmp_path / "data") as server:
        client = modelkeep.connect(server.url)
        client.create_registered_model("shared")
        programs = {
            name: subprocess.Popen(
                [sys.executable, "-c", WRITER, uri, name, str(WRITES)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for name, uri in (
                ("first", str(tmp_path / "data")),
                ("second", f"sqlite:///{tmp_path / 'data' / 'modelkeep.db'}"),
                ("third", server.url),
            )
        }  # fmt: skip
        for program in programs.values():
            program.stdin.write("go\n")
            program.stdin.flush()
        ended = {name: (program.communicate(timeout=240), program.returncode) for name, program in programs.items()}

        for name, ((_, complaints), code) in ended.items():
            assert code == 0 and complaints == "", f"{name}: {complaints}"
        told = {name: json.loads(printed) for name, ((printed, _), _) in ended.items()}
        numbers = [int(number) for each in told.values() for number in each["numbers"]]
        assert sorted(numbers) == list(range(1, 3 * WRITES + 1))
        assert len(client.search_model_versions("name='shared'")) == 3 * WRITES
        assert len(client.get_registered_model("shared").tags) == 3 * WRITES
        for name, each in told.items():
            history = client.get_metric_history(each["run_id"], "step")
            assert [point.value for point in history] == list(range(WRITES))
            assert len(client.list_artifacts(each["run_id"], "notes")) == WRITES
            path = client.download_artifacts(each["run_id"], "notes/7.txt")
            assert Path(path).read_text() == f"{name} 7"
        actors = {event.via for event in client.events(limit=1000) if event.kind == "version.registered"}
        assert actors == {"http", "embedded"}


def test_many_threads_share_a_client(client, model, experiment_id):
    errors = []

    def work(number):
        try:
            run_id = client.create_run(experiment_id).info.run_id
            for step in range(10):
                client.log_metric(run_id, "m", step, step=step)
                client.create_model_version(model, "s3://bucket/model")
            client.log_text(run_id, str(number), "number.txt")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    found = client.search_model_versions(f"name='{model}'")
    assert sorted(int(each.version) for each in found) == list(range(1, 81))
    assert len(client.search_runs([experiment_id])) == 8


def test_a_forked_program_opens_files_of_its_own(client, model):
    client.create_model_version(model, "s3://bucket/model")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        try:
            found = client.create_model_version(model, "s3://bucket/model").version
            os.write(writing, found.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert answer.read() == "2"
    assert client.create_model_version(model, "s3://bucket/model").version == "3"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files where Linux lists them")
def test_threads_that_end_leave_no_open_files(tmp_path):
    client = modelkeep.connect(tmp_path / "data")
    client.create_registered_model("churn")

    def open_files():
        links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
        return sum(str(tmp_path) in os.readlink(link) for link in links if os.path.lexists(link))

    def read_in_a_thread():
        thread = threading.Thread(target=client.get_registered_model, args=("churn",))
        thread.start()
        thread.join()

    read_in_a_thread()
    before = open_files()
    for _ in range(20):
        read_in_a_thread()
    assert open_files() == before
    client.transport.close()

"""`modelkeep backup` and `modelkeep restore` beside a running server."""

import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from functools import partial
from resource import RLIMIT_FSIZE, setrlimit

import pytest

from tests.support import dumps
from tests.support.servers import modelkeep_command, start_server
from tests.support.wire import Wire

API = "/api/2.0/mlflow"
ROUNDS = 500 if os.environ.get("MODELKEEP_SOAK") else 6
WRITERS = 3


def start(*arguments, **options):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODELKEEP_", "MLFLOW_"))}
    return subprocess.Popen(
        [*modelkeep_command(), *map(str, arguments)],
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(*arguments):
    with start(*arguments) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def back_up(server, folder, *arguments):
    code, out, err = run("backup", folder, "--data", server.data, "--json", *arguments)
    assert (code, err) == (0, ""), err
    return json.loads(out)


def restore(folder, data, *arguments):
    code, out, err = run("restore", folder, "--data", data, "--json", *arguments)
    assert (code, err) == (0, ""), err
    return json.loads(out)


class Writer:
    """Makes and changes models, runs and files of its own, one request at a time.

    `states` holds what the API told of them after each request, with the position of the newest event then: None when
    the request recorded none, since run data has no events.
    """

    def __init__(self, server, name):
        self.wire = Wire(server.url)
        self.name = name
        self.states = []

    def work(self):
        """One round: every kind of thing, and after each step its state."""
        for step in self._steps(len(self.states)):
            answer = step()
            assert answer.status == 200, answer
            change = answer.headers.get("x-modelkeep-change-id")
            self.states.append((change, self.state()))

    def state(self):
        registry = dumps.registry(self.wire, f"{self.name}-%")
        roots = [run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/") for run in registry["runs"]]
        return {**registry, "files": [dumps.files(self.wire, root) for root in roots]}

    def _steps(self, number):
        name = f"{self.name}-{number}"
        made = {}

        def keep(key, answer, *path):
            value = answer.json
            for part in path:
                value = value[part]
            made[key] = value
            return answer

        def folder():
            return f"{made['run']['artifact_uri'].removeprefix('mlflow-artifacts:/')}/model"

        post = self.wire.post
        content = f"{name} {random.random()}".encode() * 50
        yield lambda: keep("experiment", post(f"{API}/experiments/create", name=name), "experiment_id")
        yield lambda: keep(
            "run", post(f"{API}/runs/create", experiment_id=made["experiment"], start_time=5), "run", "info"
        )
        yield lambda: post(
            f"{API}/runs/log-batch",
            run_id=made["run"]["run_id"],
            metrics=[{"key": "loss", "value": 0.5, "timestamp": 1, "step": 1}],
            params=[{"key": "depth", "value": "3"}],
        )
        yield lambda: self.wire.send("PUT", f"{dumps.FILES}/{folder()}/model.bin", content)
        yield lambda: post(f"{API}/registered-models/create", name=name)
        yield lambda: post(f"{API}/model-versions/create", name=name, source=f"runs:/{made['run']['run_id']}/model")
        yield lambda: post(f"{API}/registered-models/alias", name=name, alias="champion", version="1")
        yield lambda: post(f"{API}/model-versions/set-tag", name=name, version="1", key="k", value="v")
        yield lambda: post(f"{API}/model-versions/transition-stage", name=name, version="1", stage="Production")
        yield lambda: self.wire.send("PUT", f"{dumps.FILES}/{folder()}/model.bin", content[:-1])
        yield lambda: post(f"{API}/runs/update", run_id=made["run"]["run_id"], status="FINISHED", end_time=9)


@contextmanager
def writing(server):
    """Writers at work; each has done a round on entry."""
    writers = [Writer(server, f"w{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.work()
    stop = threading.Event()
    errors = []

    def keep_on(writer):
        try:
            while not stop.is_set():
                writer.work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=keep_on, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


@pytest.fixture
def server(tmp_path):
    with start_server(tmp_path / "data") as running:
        yield running


def test_a_restored_registry_is_the_original_as_of_the_snapshots_position(server, tmp_path):
    with writing(server) as writers:
        made = back_up(server, tmp_path / "backup")
    wire = Wire(server.url)
    events_then = dumps.events(wire, until=made["position"])
    included = {event["change_id"] for event in events_then}
    assert len(dumps.events(wire)) > len(events_then), "nothing was written after the snapshot"

    restore(tmp_path / "backup", tmp_path / "restored")

    with start_server(tmp_path / "restored") as restored:
        other = Wire(restored.url)
        assert dumps.events(other) == events_then
        for writer in writers:
            twin = Writer(restored, writer.name)
            assert twin.state() in _possible(writer.states, included)


def _possible(states, included):
    """The states of a writer as of a position: what came with its last event by then, or with run data after it."""
    last = max(index for index, (change, _) in enumerate(states) if change in included)
    after = itertools.takewhile(lambda state: state[0] is None, states[last + 1 :])
    return [states[last][1], *(state for _, state in after)]


def test_a_restored_registry_tells_everything_the_original_does(server, tmp_path):
    with writing(server):
        back_up(server, tmp_path / "backup")
    second = back_up(server, tmp_path / "backup")
    assert second["present_files"] > 0

    restore(tmp_path / "backup", tmp_path / "restored")

    with start_server(tmp_path / "restored") as restored:
        assert dumps.everything(Wire(restored.url)) == dumps.everything(Wire(server.url))


def put(server, path, content):
    assert Wire(server.url).send("PUT", f"{dumps.FILES}/{path}", content).status == 200


def create_model(server, name):
    assert Wire(server.url).post(f"{API}/registered-models/create", name=name).status == 200


def test_a_backup_killed_at_any_moment_leaves_the_earlier_snapshots_and_the_next_one_succeeds(server, tmp_path):
    folder = tmp_path / "backup"
    put(server, "first", b"first")
    first = back_up(server, folder)
    expected = dumps.everything(Wire(server.url))
    seed = random.randrange(2**32)
    chance, names = random.Random(seed), itertools.count()
    for number in range(20):
        put(server, f"many/{number}", os.urandom(200_000))
    began = time.monotonic()
    assert run("backup", tmp_path / "other", "--data", server.data)[0] == 0
    usual = time.monotonic() - began

    for round in range(ROUNDS):
        code = None
        while code != -signal.SIGKILL:  # one that was done sooner than usual is not killed
            usual *= 1 if code is None else 0.7
            put(server, f"new/{round}", os.urandom(200_000))
            create_model(server, f"model-{next(names)}")
            with start("backup", folder, "--data", server.data) as process:
                time.sleep(chance.uniform(0.2, 1) * usual)
                process.send_signal(signal.SIGKILL)
                process.communicate()
            code = process.returncode
        code, listed, _ = run("backup", folder, "--list", "--json")
        assert code == 0, seed
        assert json.loads(listed)[0]["snapshot"] == first["snapshot"], seed
        assert all(not snapshot["missing"] for snapshot in json.loads(listed)), seed

    back_up(server, folder)
    restore(folder, tmp_path / "newest")
    restore(folder, tmp_path / "oldest", "--position", first["position"])
    with start_server(tmp_path / "newest") as newest:
        assert dumps.everything(Wire(newest.url)) == dumps.everything(Wire(server.url)), seed
    with start_server(tmp_path / "oldest") as oldest:
        assert dumps.everything(Wire(oldest.url)) == expected, seed
    assert [path.name for path in (folder / "snapshots").iterdir() if path.name.startswith(".")] == []


def test_a_restore_that_is_killed_leaves_nothing_in_place(server, tmp_path):
    folder = tmp_path / "backup"
    for number in range(30):
        put(server, f"many/{number}", os.urandom(200_000))
    back_up(server, folder)
    began = time.monotonic()
    restore(folder, tmp_path / "whole")
    usual = time.monotonic() - began

    for round in range(ROUNDS // 4):
        target = tmp_path / "target" / str(round)
        with start("restore", folder, "--data", target) as process:
            time.sleep(random.uniform(0.2, 1) * usual)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        if target.exists():
            assert _digests(target) == _digests(tmp_path / "whole")
        else:
            restore(folder, target)
            assert _digests(target) == _digests(tmp_path / "whole")


def _digests(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_second_backup_says_how_little_it_copied(server, tmp_path):
    for number in range(4):
        put(server, f"f/{number}", b"x" * (number + 1))
    first = back_up(server, tmp_path / "backup")
    put(server, "f/more", b"more")

    second = back_up(server, tmp_path / "backup")

    assert (first["copied_files"], first["copied_bytes"], first["present_files"]) == (4, 10, 0)
    assert (second["copied_files"], second["copied_bytes"], second["present_files"]) == (1, 4, 4)
    assert second["files"] == 5


def test_what_is_damaged_is_named_and_the_exit_code_is_1(server, tmp_path):
    digest = hashlib.sha256(b"hello").hexdigest()
    put(server, "f", b"hello")
    (server.data / "blobs" / digest[:2] / digest[2:]).write_bytes(b"hellO")

    code, out, err = run("backup", tmp_path / "backup", "--data", server.data)
    assert (code, err) == (1, f"damaged in {server.data}: {digest}\n")
    assert out.startswith("Snapshot ")

    code, out, err = run("restore", tmp_path / "backup", "--data", tmp_path / "restored")
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == f"missing in {tmp_path / 'backup'}: {digest}"
    assert "Nothing was restored" in err
    assert not (tmp_path / "restored").exists()

    code, out, err = run("restore", tmp_path / "backup", "--data", tmp_path / "restored", "--allow-missing")
    assert (code, err) == (0, f"missing in {tmp_path / 'backup'}: {digest}\n")


def test_a_full_disk_ends_the_backup_with_a_sentence_and_leaves_the_earlier_snapshot(server, tmp_path):
    put(server, "small", b"small")
    first = back_up(server, tmp_path / "backup")
    put(server, "large", b"x" * 3_000_000)

    # What a full disk and a limit on a file's size have in common is that no more bytes fit.
    limit = (2_000_000, 2_000_000)
    with start(
        "backup", tmp_path / "backup", "--data", server.data, preexec_fn=partial(setrlimit, RLIMIT_FSIZE, limit)
    ) as process:
        out, err = process.communicate(timeout=120)

    assert (process.returncode, out) == (1, "")
    assert err == f"Error: The disk of {tmp_path / 'backup' / 'blobs'} is full. Free some space and try again.\n"
    assert [s["snapshot"] for s in json.loads(run("backup", tmp_path / "backup", "--list", "--json")[1])] == [
        first["snapshot"]
    ]
    back_up(server, tmp_path / "backup")


def test_the_list_shows_each_snapshot_on_a_line(server, tmp_path):
    made = [back_up(server, tmp_path / "backup") for _ in range(2)]

    code, out, err = run("backup", tmp_path / "backup", "--list")

    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [snapshot["snapshot"] for snapshot in made]


def test_what_is_refused_is_told_in_one_line(server, tmp_path):
    for arguments, sentence in (
        (("backup", server.data / "x", "--data", server.data), "must not lie in one another"),
        (("backup", tmp_path / "b", "--data", tmp_path / "nothing"), "There is no registry in"),
        (("backup", tmp_path / "nothing", "--list"), "is no backup of Modelkeep's"),
        (("restore", tmp_path / "nothing", "--data", tmp_path / "r"), "is no backup of Modelkeep's"),
        (("restore", tmp_path / "nothing", "--data", server.data, "--position", "x"), "Invalid value"),
    ):
        code, out, err = run(*arguments)
        assert code in (1, 2)
        assert out == ""
        assert sentence in err.splitlines()[-1]

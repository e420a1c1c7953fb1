"""`modelkeep events`, some of it as a process of its own, as it is followed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelkeep
from tests.cli.conftest import Run
from tests.support.servers import free_port, modelkeep_command, start_server

SECONDS = 120


def started(uri: str, *args: str) -> subprocess.Popen[str]:
    """`modelkeep events --follow`, whose output is read line by line."""
    return subprocess.Popen(
        [*modelkeep_command(), "events", "--follow", "--uri", uri, *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c,
    )  # fmt: skip


def _heed_ctrl_c() -> None:
    # A shell that starts the tests in the background has Ctrl-C ignored, by all that they start too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def following(uri: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    with ended_at_last(started(uri, *args)) as process:
        yield process


@contextlib.contextmanager
def ended_at_last(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_events_are_listed_and_chosen(run: Run, client: modelkeep.Client, model: str) -> None:
    client.set_registered_model_tag(model, "a", "b")
    client.create_registered_model(f"{model}-2")

    rows = run("events", "--model", model).rows
    assert [row[2].partition(": ")[2] for row in rows] == [
        f"registered model {model} was created",
        f"tag a of {model} was set to b",
    ]
    found = run("events", "--model", model, "--kind", "model.tag_set", "--json").json
    assert [event["payload"]["key"] for event in found] == ["a"]
    after = found[0]["position"]
    assert run("events", "--after", str(after - 1), "--limit", "1", "--json").json == found
    assert run("events", "--model", model, "--actor", "no-such-user").out == ""
    assert len(run("events", "--model", model, "--since", "1h").rows) == 2
    assert run("events", "--model", model, "--until", "2020-01-31T12:00:00").out == ""


def test_more_than_a_page_of_events_is_listed(
    run: Run, client: modelkeep.Client, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelkeep.cli.events._PAGE", 20)
    for number in range(45):
        client.set_registered_model_tag(model, "n", str(number))

    assert len(run("events", "--model", model, "--kind", "model.tag_set").rows) == 45
    assert len(run("events", "--model", model, "--limit", "42").rows) == 42


def test_what_is_wrong_is_said(run: Run) -> None:
    assert "is no time" in run("events", "--since", "yesterday", code=2).err
    assert "There is no kind of event" in run("events", "--kind", "nothing", code=1).err
    assert "--until means nothing" in run("events", "--follow", "--until", "1h", code=2).err


def test_an_event_that_happens_meanwhile_is_printed_and_ctrl_c_ends_it(
    uri: str, client: modelkeep.Client, model: str
) -> None:
    with following(uri, "--json", "--since", "1h", "--model", model) as process:
        assert json.loads(read_line(process))["kind"] == "model.created"

        client.set_registered_model_tag(model, "a", "b")

        event = json.loads(read_line(process))
        assert (event["kind"], event["payload"]["value"]) == ("model.tag_set", "b")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err.strip()) == (130, "", "")


def test_following_begins_with_what_happens_next(uri: str, client: modelkeep.Client, model: str) -> None:
    with following(uri, "--limit", "1") as process:
        number = 0
        while process.poll() is None:
            number += 1
            client.set_registered_model_tag(model, "n", str(number))
        out, err = process.communicate(timeout=SECONDS)

    assert (process.returncode, err) == (0, "")
    position, _, sentence = out.rstrip("\n").split("\t")
    assert f"tag n of {model} was set to" in sentence
    assert int(position) > min(event.position for event in client.events(model=model))


def test_following_outlasts_a_restart_of_the_server(tmp_path: Path) -> None:
    port = free_port()
    with start_server(tmp_path / "data", port=port) as server:
        modelkeep.connect(server.url).create_registered_model("before")
        process = started(server.url, "--after", "1", "--limit", "2")
        assert "before was created" in read_line(process)
    with ended_at_last(process):
        assert process.stderr is not None
        assert "Following goes on" in process.stderr.readline()
        with start_server(tmp_path / "data", port=port) as server:
            modelkeep.connect(server.url).create_registered_model("after")

            assert "after was created" in read_line(process)
            assert process.wait(SECONDS) == 0


def test_a_server_that_is_not_there_is_not_waited_for() -> None:
    with following(f"http://127.0.0.1:{free_port()}", "--after", "1") as process:
        assert process.wait(SECONDS) == 4


def test_it_ends_with_0_when_nobody_reads_it_any_more(uri: str, model: str) -> None:
    with following(uri, "--since", "1h", "--model", model) as process:
        assert "was created" in read_line(process)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()

        assert process.wait(SECONDS) == 0
        assert process.stderr.read() == ""


@pytest.mark.skipif(not os.path.exists("/bin/sh"), reason="it needs a shell")
def test_a_pipe_that_is_closed_early_is_no_error(uri: str, client: modelkeep.Client, model: str) -> None:
    for number in range(300):
        client.set_registered_model_tag(model, "n", str(number) + "x" * 500)
    command = " ".join([*modelkeep_command(), "events", "--uri", uri])

    ended = subprocess.run(
        ["/bin/sh", "-c", f"{{ {command}; echo $? >&2; }} | head -n 1"],
        capture_output=True, text=True, timeout=SECONDS, check=True,
    )  # fmt: skip

    assert ended.stdout.count("\n") == 1
    assert ended.stderr == "0\n"

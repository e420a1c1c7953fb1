"""Over connections that break."""

import os
import re
from pathlib import Path

import pytest

import modelkeep
from modelkeep.client import connections, environment
from modelkeep.client.http import HttpTransport
from modelkeep.exceptions import Unavailable
from tests.support.flaky import FlakyRelay


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr("modelkeep.client.http.BACKOFF_SECONDS", 0.0)


class Times:
    """Says yes a number of times, to what is past a count of bytes."""

    def __init__(self, times, past=0):
        self.left = times
        self.past = past

    def __call__(self, carried):
        if self.left and carried >= self.past:
            self.left -= 1
            return True
        return False


@pytest.fixture
def uri(server):
    """What breaks here are connections to a server."""
    return server.url


@pytest.fixture
def relay(server):
    """A function that starts a relay to the server and gives a client that goes through it."""
    relays = []

    def start(**breaks):
        relay = FlakyRelay(server.url, **breaks)
        relays.append(relay)
        return relay, modelkeep.connect(relay.url)

    yield start
    for each in relays:
        connections.open_transport(each.url).close()
        each.__exit__()


def keys(relay):
    return re.findall(rb"Idempotency-Key: (\w+)", b"".join(relay.requests))


def test_a_create_whose_answer_was_lost_is_done_once(relay, server, model):
    lost, client = relay(breaks_down=Times(2))

    version = client.create_model_version(model, "s3://bucket/model")

    assert version.version == "1"
    assert [each.version for each in modelkeep.connect(server.url).search_model_versions(f"name='{model}'")] == ["1"]
    assert lost.broken == 2
    assert len(keys(lost)) == 3 and len(set(keys(lost))) == 1


def test_every_create_has_a_key_of_its_own(relay, model, experiment_id):
    straight, client = relay()
    client.create_model_version(model, "s3://bucket/model")
    client.create_model_version(model, "s3://bucket/model")
    client.create_registered_model(f"{model}-second")
    client.create_experiment(f"{model}-experiment")
    run_id = client.create_run("0").info.run_id
    client.create_logged_model("0", "tree", run_id)
    client.set_tag(run_id, "a", "b")

    assert len(set(keys(straight))) == 6 == len(keys(straight))


def test_a_read_is_sent_again(relay, model):
    lost, client = relay(breaks_up=Times(1), breaks_down=Times(1))
    assert client.get_registered_model(model).name == model
    assert lost.broken == 2


def test_a_server_that_never_answers_is_an_error_with_its_address(relay):
    _, client = relay(breaks_up=Times(1000))
    with pytest.raises(Unavailable, match=f"The server at {client.tracking_uri} does not answer"):
        client.search_registered_models()


def test_an_upload_that_breaks_goes_on_where_it_stopped(relay, server, run_id, tmp_path):
    data = os.urandom(24 * 1024 * 1024)
    (tmp_path / "big.bin").write_bytes(data)
    broken, client = relay(breaks_up=Times(3, past=5 * 1024 * 1024))

    client.log_artifact(run_id, str(tmp_path / "big.bin"))

    assert broken.broken == 3
    offsets = [int(each) for each in re.findall(rb"PUT \S+offset=(\d+)", b"\n".join(broken.requests))]
    assert offsets[0] == 0 and offsets == sorted(offsets) and len(set(offsets)) >= 3
    path = modelkeep.connect(server.url).download_artifacts(run_id, "big.bin")
    assert Path(path).read_bytes() == data
    assert not list((environment.cache() / "uploads").iterdir())


def test_an_upload_goes_on_in_another_program(server, run_id, tmp_path, monkeypatch):
    data = os.urandom(24 * 1024 * 1024)
    (tmp_path / "big.bin").write_bytes(data)
    monkeypatch.setenv("MODELKEEP_RETRIES", "0")
    breaks = Times(1, past=5 * 1024 * 1024)
    with FlakyRelay(server.url, breaks_up=breaks) as broken:
        first, second = HttpTransport(broken.url), HttpTransport(broken.url)
        client = modelkeep.connect(server.url)
        for transport in (first, second):
            monkeypatch.setattr(client, "transport", transport)
            if transport is first:
                with pytest.raises(Unavailable):
                    client.log_artifact(run_id, str(tmp_path / "big.bin"))
            else:
                client.log_artifact(run_id, str(tmp_path / "big.bin"))
            transport.close()
        offsets = [int(each) for each in re.findall(rb"PUT \S+offset=(\d+)", b"\n".join(broken.requests))]
    monkeypatch.undo()

    assert len(offsets) == 2 and offsets[0] == 0 < offsets[1]
    assert Path(modelkeep.connect(server.url).download_artifacts(run_id, "big.bin")).read_bytes() == data


def test_a_download_that_breaks_goes_on_where_it_stopped(relay, server, run_id, tmp_path):
    data = os.urandom(8 * 1024 * 1024)
    (tmp_path / "big.bin").write_bytes(data)
    modelkeep.connect(server.url).log_artifact(run_id, str(tmp_path / "big.bin"))
    broken, client = relay(breaks_down=Times(2, past=1024 * 1024))

    path = client.download_artifacts(run_id, "big.bin")

    assert Path(path).read_bytes() == data
    assert broken.broken == 2
    starts = [int(each) for each in re.findall(rb"Range: bytes=(\d+)-", b"".join(broken.requests))]
    assert len(starts) == 2 and 0 < starts[0] < starts[1]

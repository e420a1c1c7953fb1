"""kill -9 at random moments: what was acknowledged is there after a start, and nothing half-made is visible.

A kill leaves what the operating system has been handed, so this is about the order of steps and about recovery;
`test_syncs.py` and `test_faults.py` are about the disk.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.durability.ledger import API, SHARED, Client, Told, assert_kept, assert_shared_numbers, read_file, walk
from tests.support.servers import RunningServer, start_server
from tests.support.wire import Wire

SHARDS = 6
ROUNDS = 100 if os.environ.get("MODELKEEP_SOAK") else 5
CLIENTS = 4
LONGEST_SECONDS = 0.3
SET_UP_SECONDS = 120.0


@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, shard: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # shown when the test fails
    chance = random.Random(seed)
    data = tmp_path / "data"
    everyone: list[Told] = []
    acknowledged = 0
    for round_number in range(ROUNDS):
        processes = 1 + (shard + round_number) % 2
        with start_server(data, "--processes", str(processes)) as server:
            _check(server, everyone, everyone[-CLIENTS:])
            clients = _clients(server, round_number, chance)
            _kill_at_random(server, clients, chance, is_early=round_number > 0 and chance.random() < 0.3)
        for client in clients:
            client.thread.join()
            if client.error is not None:
                raise client.error
        told = [client.told for client in clients]
        acknowledged += sum(len(one.files) + len(one.tags) + len(one.shared) + len(one.batches) for one in told)
        everyone += told
    with start_server(data) as server:
        _check(server, everyone, everyone)
        wire = Wire(server.url)
        for path in walk(wire, ""):
            read_file(wire, path)
    assert acknowledged


def _clients(server: RunningServer, round_number: int, chance: random.Random) -> list[Client]:
    return [
        Client(server.url, Told(f"model-{round_number}-{number}"), random.Random(chance.random()))
        for number in range(CLIENTS)
    ]


def _kill_at_random(server: RunningServer, clients: list[Client], chance: random.Random, is_early: bool) -> None:
    Wire(server.url).post(f"{API}/registered-models/create", name=SHARED)  # it is there from the second round on
    for client in clients:
        client.thread.start()
    if not is_early:  # on a busy machine all of them might still be setting up
        assert clients[0].is_set_up.wait(SET_UP_SECONDS)
    clients[0].thread.join(chance.uniform(0, LONGEST_SECONDS))  # it ends only when the server does
    server.kill()


def _check(server: RunningServer, everyone: list[Told], some: list[Told]) -> None:
    wire = Wire(server.url)
    assert list((server.data / "blobs" / "incoming").iterdir()) == []
    for told in some:
        assert_kept(wire, told)
    if everyone:
        assert_shared_numbers(wire, everyone)

"""The scrub, on real files."""

from __future__ import annotations

import threading
import time

import pytest

from modelkeep.blobs.hashing import Stopped
from modelkeep.registry import events
from modelkeep.registry.handle import Registry
from modelkeep.worker.scrubbing import scrub
from tests.registry.storing import HOUR, WRITER, all_rows, store
from tests.support.damage import flip

FAST = 10**12


def run(registry: Registry) -> int:
    return scrub(registry, FAST, threading.Event())


def test_bytes_are_read_again_after_a_day(registry: Registry) -> None:
    now = [1_000_000_000_000]
    registry.clock = lambda: now[0]
    store(registry, "a", b"hello")

    now[0] += 23 * HOUR
    assert run(registry) == 0
    now[0] += 2 * HOUR
    assert run(registry) == 1
    assert run(registry) == 0
    assert all_rows(registry, "SELECT verified_timestamp FROM blobs") == [(now[0],)]


def test_every_damaged_blob_is_quarantined(registry: Registry) -> None:
    now = [1_000_000_000_000]
    registry.clock = lambda: now[0]
    digests = [store(registry, f"{number}", b"content %d" % number) for number in range(300)]
    for digest in digests[::7]:
        flip(registry.blobs.path(digest), 3)
    registry.blobs.path(digests[1]).unlink()
    now[0] += 25 * HOUR

    assert run(registry) == 300

    found = {row[0] for row in all_rows(registry, "SELECT digest FROM blobs WHERE quarantined_timestamp IS NOT NULL")}
    assert found == {*digests[::7], digests[1]}
    assert {event.kind for event in events.page(WRITER, registry, kinds=["blob"])} == {"blob.quarantined"}


def test_those_not_read_for_longest_come_first(registry: Registry) -> None:
    now = [1_000_000_000_000]
    registry.clock = lambda: now[0]
    first, second = store(registry, "a", b"first"), store(registry, "b", b"second")
    for digest in (first, second):
        flip(registry.blobs.path(digest))
    with registry.database.write() as tx:
        tx.run("UPDATE blobs SET verified_timestamp = 5 WHERE digest = :digest", {"digest": second})
    now[0] += 25 * HOUR

    run(registry)

    found = events.page(WRITER, registry, kinds=["blob"])
    assert [event.payload["digest"] for event in found] == [second, first]


def test_the_rate_is_kept(registry: Registry) -> None:
    store(registry, "a", b"x" * 3_000_000)
    with registry.database.write() as tx:
        tx.run("UPDATE blobs SET verified_timestamp = NULL", {})
    started = time.monotonic()

    assert scrub(registry, 10_000_000, threading.Event()) == 1

    assert time.monotonic() - started >= 0.3


class StopAfterSome(threading.Event):
    """Is set when it has been waited for a number of times."""

    def __init__(self, left: int):
        super().__init__()
        self.left = left

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        if self.left == 0:
            self.set()
        return super().wait(timeout)


def test_it_stops_in_the_middle_of_a_file(registry: Registry) -> None:
    store(registry, "a", b"x" * 3_000_000)
    with registry.database.write() as tx:
        tx.run("UPDATE blobs SET verified_timestamp = NULL", {})
    stopping = StopAfterSome(3)

    with pytest.raises(Stopped):
        scrub(registry, FAST, stopping)

    assert stopping.left == 0
    assert all_rows(registry, "SELECT verified_timestamp FROM blobs") == [(None,)]

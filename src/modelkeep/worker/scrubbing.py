"""The scrub: reads every blob again at a set rate, so that damage is found before somebody needs the bytes."""

from __future__ import annotations

import logging
import math
import threading
import time

from modelkeep.blobs.hashing import Stopped
from modelkeep.domain.blobs import Blob
from modelkeep.domain.errors import Unavailable
from modelkeep.registry import blobs
from modelkeep.registry.handle import Registry

log = logging.getLogger("modelkeep.worker")

# A blob is read once in this time at most, however few there are.
REST_MILLISECONDS = 24 * 60 * 60 * 1000
_BATCH = 256
_BATCH_SECONDS = 10.0
# What opening a file costs, as bytes: many small ones must not run away from the rate.
_COST_OF_A_FILE = 64 * 1024


def scrub(
    registry: Registry,
    rate: float,
    stopping: threading.Event,
    rest_milliseconds: int = REST_MILLISECONDS,
    seconds: float = math.inf,
) -> int:
    """Read what nobody has read for a while, longest ago first, and quarantine what is wrong.

    Args:
        rate: bytes a second.
        stopping: ends it with Stopped.
        rest_milliseconds: what was read since is left alone.
        seconds: after which to leave off; what is next will be first the next time.
    Returns:
        How many blobs were read.
    Events: blob.quarantined
    """
    pace = _Pace(rate, stopping)
    failed: set[str] = set()
    read = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = registry.clock() - rest_milliseconds
        found = blobs.least_recently_verified(blobs.background_actor(), registry, before, _BATCH + len(failed))
        batch = [blob for blob in found if blob.digest not in failed]
        if not batch:
            break
        read += _scrub_batch(registry, batch, pace, failed)
    return read


def look_again(registry: Registry, rate: float, stopping: threading.Event) -> None:
    """Read what is quarantined: its file may have been put back by hand.

    Events: blob.mended
    """
    blobs.examine_quarantined(blobs.background_actor(), registry, _Pace(rate, stopping))


def _scrub_batch(registry: Registry, batch: list[Blob], pace: _Pace, failed: set[str]) -> int:
    """Look at a batch, or at what of it can be done in ten seconds, and note what was right."""
    right: list[str] = []
    looked = 0
    deadline = time.monotonic() + _BATCH_SECONDS
    try:
        for blob in batch:
            looked += 1
            if _is_right(registry, blob, pace, failed):
                right.append(blob.digest)
            else:
                failed.add(blob.digest)
            if time.monotonic() > deadline:
                break
    finally:
        if right:
            blobs.set_verified(blobs.background_actor(), registry, right)
    return looked


def _is_right(registry: Registry, blob: Blob, pace: _Pace, failed: set[str]) -> bool:
    pace(_COST_OF_A_FILE)
    try:
        return blobs.examine(blobs.background_actor(), registry, blob, pace, from_disk=True)
    except (OSError, Unavailable) as error:
        # The disk may be failing as a whole: to quarantine everything on it would help nobody.
        log.error("the blob %s could not be read: %s", blob.digest, error)
        return False


class _Pace:
    """Waits as long as it takes to stay below a rate."""

    def __init__(self, rate: float, stopping: threading.Event):
        self._rate = rate
        self._stopping = stopping
        self._due = time.monotonic()

    def __call__(self, length: int) -> None:
        now = time.monotonic()
        # What was not used is not saved up: a pause is no licence to rush.
        self._due = max(self._due, now) + length / self._rate
        if self._stopping.wait(self._due - now):
            raise Stopped

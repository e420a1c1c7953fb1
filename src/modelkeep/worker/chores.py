"""Everything that is done in the background, and how often."""

from __future__ import annotations

import logging
import threading

from modelkeep.registry import blobs
from modelkeep.registry.handle import Registry
from modelkeep.worker.running import Background, Chore
from modelkeep.worker.scrubbing import look_again, scrub

log = logging.getLogger("modelkeep.worker")

COLLECT_SECONDS = 3600.0
SCRUB_PAUSE_SECONDS = 60.0
# The other chores wait for it.
SCRUB_SECONDS = 600.0
_MEGABYTE = 1_000_000
_HOUR_MILLISECONDS = 3_600_000


def start(registry: Registry, scrub_mb_per_second: int, collect_grace_hours: int) -> Background:
    """Start the background work on a registry that may be written.

    Args:
        scrub_mb_per_second: 0 for no scrub.
    """

    def collect(stopping: threading.Event) -> None:
        actor = blobs.background_actor()
        found = blobs.collect(actor, registry, collect_grace_hours * _HOUR_MILLISECONDS, stopping.is_set)
        if found.blobs:
            log.info("collected %d unused blobs, %d bytes", found.blobs, found.bytes)

    chores = [Chore("the collection of unused files", collect, COLLECT_SECONDS)]
    if rate := scrub_mb_per_second * _MEGABYTE:
        chores += [
            Chore("the scrub", lambda stopping: _scrub(registry, rate, stopping), SCRUB_PAUSE_SECONDS),
            Chore("the second look", lambda stopping: look_again(registry, rate, stopping), COLLECT_SECONDS),
        ]
    return Background(registry.database.claim_chores, chores)


def _scrub(registry: Registry, rate: float, stopping: threading.Event) -> None:
    scrub(registry, rate, stopping, seconds=SCRUB_SECONDS)

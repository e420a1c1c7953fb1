"""The registry handle: what every verb works on. It has fields and no methods."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from modelkeep.blobs.local import LocalBlobs
from modelkeep.domain.governance import Governance
from modelkeep.storage.database import Database


def now_milliseconds() -> int:
    """The wall clock, in UTC milliseconds."""
    return time.time_ns() // 1_000_000


def _change_ids() -> Iterator[str]:
    # Random once, not at each change: that took a fiftieth of a small one.
    prefix = os.urandom(9).hex()
    return (f"{prefix}{number:06x}" for number in itertools.count(1))


@dataclass(slots=True)
class Registry:
    """An open registry.

    Attributes:
        folder: the data folder.
        database: where the rows are.
        blobs: where the bytes are.
        clock: returns UTC milliseconds.
        read_only: refuse every change.
        change_ids: the ids of its changes to come, unique among all processes.
        governance: the policies and stages as they were looked up last: see `registry.governing`.
    """

    folder: Path
    database: Database
    blobs: LocalBlobs
    clock: Callable[[], int] = field(default=now_milliseconds)
    read_only: bool = False
    change_ids: Iterator[str] = field(default_factory=_change_ids)
    governance: Governance = field(default_factory=Governance)

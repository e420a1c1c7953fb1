"""What a handler needs to call verbs from an event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from modelkeep.http.reading import Reads
from modelkeep.http.writing import Writes
from modelkeep.registry.handle import Registry


@dataclass(frozen=True, slots=True)
class Access:
    """A registry, and where its verbs run: every one of them that asks the database goes through one of the two."""

    registry: Registry
    reads: Reads
    writes: Writes


def access_to(registry: Registry) -> Access:
    """Access to a registry from the running event loop."""
    loop = asyncio.get_running_loop()
    return Access(registry, Reads(registry, loop), Writes(registry, loop))

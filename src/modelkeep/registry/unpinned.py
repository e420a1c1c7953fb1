"""Which of some blobs no manifest holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from modelkeep.registry.handle import Registry
from modelkeep.storage import manifests
from modelkeep.storage.database import Transaction

# Read before others get their turn.
_FILES = 10_000


class Unpinned:
    """Digests, less those that a manifest turns out to hold.

    No index leads from a digest to its manifests, so these are read, a slice at a time in the order of their ids. It is
    the order of their commits: on both databases one writes at a time and takes the next id in its turn. A manifest has
    all its files from its commit on, and keeps them. So whoever has read the manifests before has only those to read in
    the turn to write that have come since.

    Attributes:
        left: the digests that no manifest has which was read so far.
    """

    def __init__(self, registry: Registry, digests: Iterable[str]):
        self.left = set(digests)
        self._registry = registry
        self._last_read = 0

    def read(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Read the manifests that are committed by now, without holding up writers."""
        while self.left and not stopped():
            with self._registry.database.read() as tx:
                last = self._take_out(tx, self._last_read)
            if last is None:
                break
            self._last_read = last

    def finish(self, tx: Transaction) -> set[str]:
        """What is left when no manifest is unread, for the turn to write."""
        last: int | None = self._last_read
        # Not noted as read: should the transaction be undone, another manifest may get the id of one made in it.
        while self.left and last is not None:
            last = self._take_out(tx, last)
        return self.left

    def _take_out(self, tx: Transaction, last_read: int) -> int | None:
        found = manifests.digests_above(tx, last_read, _FILES)
        if found is None:
            return None
        self.left.difference_update(found[1])
        return found[0]

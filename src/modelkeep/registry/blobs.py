"""Blobs: what the store does with bytes that nothing uses, with bytes that are damaged, and what it all takes up."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from modelkeep.blobs.hashing import Pace, forget_cached
from modelkeep.domain import actors, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.blobs import Blob, Collected, Usage
from modelkeep.domain.errors import Gone, Invalid, NotFound
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.registry.unpinned import Unpinned
from modelkeep.storage import blobs as rows

log = logging.getLogger("modelkeep.blobs")

GRACE_MILLISECONDS = 24 * 60 * 60 * 1000
# Rows looked at, or files taken out, before others get their turn.
_READ_BATCH = 500
_WRITE_BATCH = 500
_DELETE_BATCH = 64
# Digests for which the manifests are read once: to be condemned, in 15 MB of memory, and to be deleted.
_UNUSED_AT_ONCE = 100_000
_DUE_AT_ONCE = 10_000
MODELS_DEFAULT = 1000
MODELS_MAXIMUM = 10_000


def _never() -> bool:
    return False


def background_actor() -> Actor:
    """Who does what nobody asked for: a new one each time, since it gathers the ids of its changes."""
    return Actor("modelkeep", "admin", False, "background")


def collect(
    actor: Actor,
    registry: Registry,
    grace_milliseconds: int = GRACE_MILLISECONDS,
    stopped: Callable[[], bool] = _never,
) -> Collected:
    """Delete what nothing has used for a grace, and note since when nothing uses the rest.

    In use is what a path, a manifest or a lease names. Works in small batches, so that others can write in between.

    Args:
        stopped: asked between batches; true ends the collection early.
    """
    actors.require(actor, "administer", "stored bytes")
    with registry.database.read() as tx:
        has_expired = rows.expired_leases(tx, registry.clock())
    if has_expired:
        with Change(actor, registry) as change:
            rows.delete_expired_leases(change.tx, change.now)
    for step in (_absolve, _condemn):
        step(actor, registry, stopped)
    collected = Collected()
    _delete(actor, registry, grace_milliseconds, collected, stopped)
    if not stopped():
        _delete_set_aside(actor, registry)
    return collected


def _absolve(actor: Actor, registry: Registry, stopped: Callable[[], bool]) -> None:
    while not stopped():
        with registry.database.read() as tx:
            found = rows.wrongly_condemned(tx, registry.clock(), _WRITE_BATCH)
        if not found:
            return
        with Change(actor, registry) as change:
            rows.absolve(change.tx, found)


def _condemn(actor: Actor, registry: Registry, stopped: Callable[[], bool]) -> None:
    """Looks for unused digests without holding up writers, and looks at those again while it writes."""
    after: str | None = ""
    while after is not None and not stopped():
        found: list[str] = []
        while after is not None and len(found) < _UNUSED_AT_ONCE and not stopped():
            with registry.database.read() as tx:
                more, after = rows.unused(tx, after, _READ_BATCH)
            found += more
        unpinned = Unpinned(registry, found)
        for batch in _unpinned_batches(unpinned, found, _WRITE_BATCH, stopped):
            with Change(actor, registry) as change:
                rows.condemn(change.tx, unpinned.finish(change.tx).intersection(batch), change.now)


def _unpinned_batches(
    unpinned: Unpinned, digests: list[str], size: int, stopped: Callable[[], bool]
) -> Iterator[list[str]]:
    """Those of the digests that no manifest holds, with few manifests to read before each batch's turn to write."""
    unpinned.read(stopped)
    for batch in _batches([digest for digest in digests if digest in unpinned.left], size):
        unpinned.read(stopped)
        if stopped():
            return
        yield batch


def _batches(digests: list[str], size: int) -> Iterator[list[str]]:
    return (digests[start : start + size] for start in range(0, len(digests), size))


def _delete(actor: Actor, registry: Registry, grace: int, collected: Collected, stopped: Callable[[], bool]) -> None:
    """Delete what was condemned a grace ago, and take back that something was which a manifest holds after all."""
    while not stopped():
        until = registry.clock() - grace
        with registry.database.read() as tx:
            due = rows.due(tx, until, _DUE_AT_ONCE)
        if not due:
            return
        unpinned = Unpinned(registry, due)
        for batch in _unpinned_batches(unpinned, due, _DELETE_BATCH, stopped):
            _delete_some(actor, registry, unpinned, batch, until, collected)
        if stopped():
            return
        for batch in _batches([digest for digest in due if digest not in unpinned.left], _WRITE_BATCH):
            with Change(actor, registry) as change:
                rows.absolve(change.tx, batch)


def _delete_some(
    actor: Actor, registry: Registry, unpinned: Unpinned, digests: Iterable[str], until: int, collected: Collected
) -> None:
    """Delete those of some digests that nothing uses.

    The file goes first and the row with the commit, all within one turn to write. An upload commits its row and lease
    before it places its file. If that commit came before this turn, the lease is seen here and the blob stays; if it
    comes after, the file is placed after this one has gone. So no row that someone is about to use ends without its
    file. Dying before the commit leaves a row without a file that nothing refers to, which the next upload of those
    bytes fills, and which the next collection deletes. Were the row to go first, the file of an upload in between
    would be deleted after it.

    A manifest is made of what paths point at in the same turn. If that turn came before this one, the manifest is read
    here at the latest; after it there is no path to the blob left, or the blob has stayed.
    """
    taken: list[Path] = []
    freed = Collected()
    try:
        with Change(actor, registry) as change:
            for digest in unpinned.finish(change.tx).intersection(digests):
                size = rows.delete_unused(change.tx, digest, until)
                if size is not None and (path := registry.blobs.take_out(digest)) is not None:
                    taken.append(path)
                    freed.bytes += size
                freed.blobs += size is not None
    finally:
        # Outside of the turn: the disk may take long to free a large file. If the commit failed they go all the same.
        for path in taken:
            registry.blobs.unlink(path)
    collected.blobs += freed.blobs
    collected.bytes += freed.bytes


def _delete_set_aside(actor: Actor, registry: Registry) -> None:
    """Delete damaged files whose bytes are whole again, or needed no more."""
    for digest, path in registry.blobs.quarantined():
        with registry.database.read() as tx:
            blob = rows.find(tx, digest)
        if blob is None or not blob.is_quarantined:
            registry.blobs.unlink(path)


def quarantine(actor: Actor, registry: Registry, digest: str, why: str, file: io.FileIO | None = None) -> bool:
    """Have nobody get a digest's bytes until they are uploaded again, and move its file aside.

    Args:
        why: what is wrong, as the end of a sentence.
        file: the damaged file, still open; None when there is none.
    Returns:
        False when another file is in its place by now, which may be right: nothing was done.
    Events: blob.quarantined
    """
    actors.require(actor, "administer", "stored bytes")
    # What an upload has announced and not placed yet is missing too. Asked before the turn to write, because it may take
    # reading all manifests: what a path or a manifest points at by then only has been placed.
    is_needed = file is not None or is_referenced(registry, digest)
    with Change(actor, registry) as change:
        # Looked at in the turn to write: an upload replaces the file first and says so in a later commit, `mend`.
        if not registry.blobs.holds(digest, file):
            return False
        blob = rows.find(change.tx, digest)
        if blob is not None and is_needed and not blob.is_quarantined:
            rows.quarantine(change.tx, digest, change.now)
            change.record("blob.quarantined", digest=digest, why=why)
            log.error("the bytes %s are quarantined: %s", digest, why)
    if file is not None:
        registry.blobs.set_aside(digest, file)
    return True


def is_referenced(registry: Registry, digest: str) -> bool:
    """Whether a path or a manifest points at the digest; manifests are read if no path does."""
    with registry.database.read() as tx:
        if rows.has_path(tx, digest):
            return True
    unpinned = Unpinned(registry, [digest])
    unpinned.read()
    return not unpinned.left


def mend(change: Change, digest: str) -> None:
    """Note that the right bytes of a digest are in place again; for verbs that have just placed them.

    Events: blob.mended
    """
    if rows.mend(change.tx, digest, change.now):
        change.record("blob.mended", digest=digest)


def is_quarantined(actor: Actor, registry: Registry, digest: str) -> bool:
    """Whether a digest's bytes are known to be damaged."""
    actors.require(actor, "read", "stored bytes")
    with registry.database.read() as tx:
        blob = rows.find(tx, digest)
    return blob is not None and blob.is_quarantined


def gone(path: str) -> Gone:
    """What the caller hears who asks for damaged bytes."""
    return Gone(
        f"The bytes of '{path}' are damaged or missing in the store, so they are not given out. "
        "Upload the same file again, to any path, or restore it from a backup."
    )


def examine(actor: Actor, registry: Registry, blob: Blob, pace: Pace | None = None, from_disk: bool = False) -> bool:
    """Read a blob and note what is wrong with it, if anything is; whether its bytes are right.

    Args:
        from_disk: read what is on the disk, even if it is in memory.
    Raises:
        OSError: the disk cannot read it.
    Events: blob.quarantined; blob.mended when a quarantined one has the right file again.
    """
    actors.require(actor, "administer", "stored bytes")
    while True:
        try:
            file = registry.blobs.open(blob.digest)
        except NotFound:
            if quarantine(actor, registry, blob.digest, "its file is missing"):
                return False
            continue
        with file:
            if from_disk:
                forget_cached(file)
            why = registry.blobs.verifier.read(file, blob.digest, blob.size, pace)
            if why is None:
                if blob.is_quarantined:
                    with Change(actor, registry) as change:
                        mend(change, blob.digest)
                return True
            if quarantine(actor, registry, blob.digest, why, file):
                return False


def examine_quarantined(actor: Actor, registry: Registry, pace: Pace | None = None) -> None:
    """Look again at every quarantined blob: its file may have been put back by hand.

    Events: blob.mended
    """
    after: str | None = ""
    while after is not None:
        with registry.database.read() as tx:
            found = rows.quarantined(tx, after, _WRITE_BATCH)
        for blob in found:
            if registry.blobs.size(blob.digest) is not None:
                examine(actor, registry, blob, pace)
        after = found[-1].digest if found else None


def least_recently_verified(actor: Actor, registry: Registry, before: int, limit: int) -> list[Blob]:
    """Blobs that no collection has found unused and nobody has read since a time, longest ago first."""
    actors.require(actor, "administer", "stored bytes")
    with registry.database.read() as tx:
        return rows.least_recently_verified(tx, before, limit)


def set_verified(actor: Actor, registry: Registry, digests: Iterable[str]) -> None:
    """Note that bytes were read just now and found right."""
    actors.require(actor, "administer", "stored bytes")
    with Change(actor, registry) as change:
        rows.set_verified(change.tx, digests, change.now)


def usage(actor: Actor, registry: Registry, limit: int | None = None) -> Usage:
    """What the store takes up, and which registered models take up most of it.

    Args:
        limit: how many models, 1 to 10,000, by default 1,000.
    Raises:
        Invalid: the limit is out of range.
    """
    actors.require(actor, "read", "storage use")
    limit = texts.integer(MODELS_DEFAULT if limit is None else limit, "limit", 1)
    if limit > MODELS_MAXIMUM:
        raise Invalid(f"Parameter 'limit' must be at most {MODELS_MAXIMUM:,}, got {limit}.")
    with registry.database.read() as tx:
        found = rows.usage(tx)
        found.models = rows.usage_of_models(tx, limit)
    return found

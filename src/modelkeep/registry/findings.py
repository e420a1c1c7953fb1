"""Findings: what an inspection of every stored byte turns up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelkeep.blobs.hashing import forget_cached
from modelkeep.blobs.surveying import SHARDS, strays_beside, survey
from modelkeep.domain import actors
from modelkeep.domain.actors import Actor
from modelkeep.domain.blobs import Blob, Finding, Kind, Progress
from modelkeep.domain.errors import NotFound, Unavailable
from modelkeep.registry import blobs
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import blobs as rows

NEEDED_BY_AT_MOST = 10


def inspect(
    actor: Actor,
    registry: Registry,
    repair: bool = False,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[Finding]:
    """Read every stored file from the disk and say what is wrong, as it is found. Others may use the store meanwhile.

    Memory grows with a 256th of the number of blobs. A row without a file that nothing refers to is no damage: an
    upload is about to fill it, or a collection to delete it.

    Args:
        repair: delete orphaned files, quarantine damaged blobs, and mend quarantined ones whose file is right again.
            Without it nothing is written.
        tell: told how far the inspection is.
    Events: with `repair`: blob.quarantined, blob.mended
    """
    actors.require(actor, "administer", "stored bytes")
    progress = Progress()
    with registry.database.read() as tx:
        progress.all_blobs, progress.all_bytes = rows.totals(tx)
    folder = registry.blobs.folder
    for stray in strays_beside(folder):
        yield Finding("permissions" if stray.is_exposed else "stray", stray.path, _sentence(stray.what))
    for number, shard in enumerate(SHARDS):
        # Files first: the row of a file was there before it, so a file that has none by now is an orphan.
        digests, strays = survey(folder, shard)
        for stray in strays:
            yield Finding("permissions" if stray.is_exposed else "stray", stray.path, _sentence(stray.what))
        high = SHARDS[number + 1] if number + 1 < len(SHARDS) else "g"
        with registry.database.read() as tx:
            known = rows.between(tx, shard, high)
        for blob in known:
            digests.discard(blob.digest)
            yield from _inspect(actor, registry, blob, repair, progress, tell)
            progress.blobs += 1
            tell(progress)
        for digest in sorted(digests):
            yield from _orphan(actor, registry, digest, repair)


def _inspect(
    actor: Actor,
    registry: Registry,
    blob: Blob,
    repair: bool,
    progress: Progress,
    tell: Callable[[Progress], None],
) -> Iterator[Finding]:
    def pace(length: int) -> None:
        progress.bytes += length
        tell(progress)

    try:
        file = registry.blobs.open(blob.digest)
    except NotFound:
        if _is_missing(registry, blob.digest):
            done = repair and not blob.is_quarantined
            if done:
                done = blobs.quarantine(actor, registry, blob.digest, "its file is missing")
            kind: Kind = "quarantined" if blob.is_quarantined else "missing"
            what = "Its bytes were found damaged and set aside." if blob.is_quarantined else "Its file is missing."
            yield Finding(kind, blob.digest, what, _needed_by(registry, blob.digest), done)
        return
    except Unavailable:
        yield _unreadable(registry, blob.digest)
        return
    with file:
        try:
            forget_cached(file)
            why = registry.blobs.verifier.read(file, blob.digest, blob.size, pace)
        except OSError:
            yield _unreadable(registry, blob.digest)
            return
        if why is None:
            if blob.is_quarantined:
                if repair:
                    with Change(actor, registry) as change:
                        blobs.mend(change, blob.digest)
                what = "It is marked as damaged, and its bytes are right."
                yield Finding("quarantined", blob.digest, what, _needed_by(registry, blob.digest), repair)
        elif registry.blobs.holds(blob.digest, file):  # else it was deleted or replaced while it was read
            done = repair and blobs.quarantine(actor, registry, blob.digest, why, file)
            yield Finding("corrupt", blob.digest, _sentence(why), _needed_by(registry, blob.digest), done)


def _is_missing(registry: Registry, digest: str) -> bool:
    """Whether something refers to it, and it was not stored anew since its row was read."""
    return blobs.is_referenced(registry, digest) and registry.blobs.size(digest) is None


def _unreadable(registry: Registry, digest: str) -> Finding:
    return Finding("unreadable", digest, "The disk cannot read its file.", _needed_by(registry, digest))


def _needed_by(registry: Registry, digest: str) -> tuple[str, ...]:
    with registry.database.read() as tx:
        versions = rows.versions_of(tx, digest, NEEDED_BY_AT_MOST)
        paths = rows.paths_of(tx, digest, NEEDED_BY_AT_MOST)
    return (*(f"models:/{name}/{number}" for name, number in versions), *paths)


def _orphan(actor: Actor, registry: Registry, digest: str, repair: bool) -> Iterator[Finding]:
    with registry.database.read() as tx:
        if rows.find(tx, digest) is not None or registry.blobs.size(digest) is None:
            return  # stored or collected since
    deleted = False
    if repair:
        # In the turn to write, so that nobody announces these bytes between the look and the deed.
        with Change(actor, registry) as change:
            taken = registry.blobs.take_out(digest) if rows.find(change.tx, digest) is None else None
        if taken is not None:
            registry.blobs.unlink(taken)
            deleted = True
    yield Finding("orphaned", digest, "A file that nothing knows of.", (), deleted)


def _sentence(what: str) -> str:
    return f"{what[0].upper()}{what[1:]}."

"""Uploads that outlast a connection, and files that are here already. As artifacts they record no event.

A resumable upload is begun, sent in as many requests as it takes, and completed. A byte counts as received when it is
synced and its offset committed: at the end of each request, however it ended, and every 64 MiB within one. That offset
survives a killed server and a power cut; bytes after it are sent again.
"""

from __future__ import annotations

import os
from typing import cast

from modelkeep.blobs import pieces
from modelkeep.blobs.local import Upload
from modelkeep.blobs.pieces import Whole
from modelkeep.domain import actors, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import Artifact
from modelkeep.domain.errors import Conflict, Invalid, PermissionDenied
from modelkeep.domain.uploads import LINKS_LIMIT, Link, Linked, OpenUpload, check_digest, closed, not_found
from modelkeep.registry import artifacts
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import artifacts as artifact_rows
from modelkeep.storage import uploads as rows
from modelkeep.storage.database import Transaction

KEPT_MILLISECONDS = 24 * 60 * 60 * 1000
COMPLETED_MILLISECONDS = 60 * 60 * 1000
OPEN_LIMIT = 1_000
# Each may have 10,000 parts, whose rows go with it.
_EXPIRED_AT_ONCE = 5


def create(
    actor: Actor, registry: Registry, path: str, size: int | None = None, digest: str | None = None
) -> OpenUpload:
    """Begin a resumable upload of the file at a path. It ends by itself 24 hours after its last byte.

    Args:
        size: how many bytes it will have, if that is known; it cannot be completed with any other number.
        digest: their SHA-256, if it is known; it cannot be completed with any other.
    Raises:
        Invalid: the path is not allowed, is a folder or leads through a file; or the size or digest is not one.
        Conflict: too many uploads are open.
    """
    checked = artifacts.check_upload(actor, registry, path)
    if size is not None:
        texts.integer(size, "size", at_least=0)
    if digest is not None:
        check_digest(digest)
    return begin(actor, registry, checked, size=size, digest=digest)


def begin(
    actor: Actor,
    registry: Registry,
    path: str,
    *,
    size: int | None = None,
    digest: str | None = None,
    num_parts: int | None = None,
) -> OpenUpload:
    """Begin an upload of either kind to a checked path, after those whose time is over were ended."""
    actors.require(actor, "write", "uploads")
    with Change(actor, registry) as change:
        rows.delete_expired(change.tx, change.now, _EXPIRED_AT_ONCE)
        if rows.count_open(change.tx) >= OPEN_LIMIT:
            raise Conflict(
                f"{OPEN_LIMIT:,} uploads are open already. Complete or abort some; one that stands still ends by itself "
                "after 24 hours."
            )
        expires = change.now + KEPT_MILLISECONDS
        secret = os.urandom(32)
        upload_id = os.urandom(16).hex()
        upload = OpenUpload(
            upload_id, actor.name, path, size, digest, 0, num_parts, None, secret, None, None, change.now, expires
        )
        rows.insert(change.tx, upload)
    _drop_unlisted(registry)
    return upload


def sweep(registry: Registry) -> None:
    """End every upload whose time is over, and delete the files that belong to none."""
    background = Actor("modelkeep", "admin", True, "background")
    ended = True
    while ended:
        with Change(background, registry) as change:
            ended = rows.delete_expired(change.tx, change.now, _EXPIRED_AT_ONCE) > 0
    _drop_unlisted(registry)


def _drop_unlisted(registry: Registry) -> None:
    # The files first: one that is made meanwhile belongs to an upload whose row was there before it.
    names = pieces.names(registry.blobs)
    with registry.database.read() as tx:
        listed = rows.open_ids(tx) if names else set()
    for name in names:
        if name not in listed:
            pieces.drop(registry.blobs, name)


def get(actor: Actor, registry: Registry, upload_id: str) -> OpenUpload:
    """A resumable upload with how far it came.

    Raises:
        NotFound: there is none, or its time is over.
        PermissionDenied: somebody else began it.
    """
    actors.require(actor, "read", "uploads")
    with registry.database.read_statement() as tx:
        return find(tx, actor, registry, upload_id, in_parts=False)


def find(tx: Transaction, actor: Actor, registry: Registry, upload_id: str, *, in_parts: bool) -> OpenUpload:
    """An upload of one kind that belongs to the actor. Raises as `get`."""
    upload = rows.find(tx, texts.required(upload_id, "upload_id"))
    if upload is None or upload.expires_timestamp <= registry.clock() or (upload.num_parts is not None) != in_parts:
        raise not_found(upload_id)
    if upload.actor != actor.name:
        raise PermissionDenied(f"The upload '{upload_id}' was begun by somebody else. Begin one of your own.")
    return upload


def check_append(
    actor: Actor, registry: Registry, upload_id: str, offset: int, length: int | None = None
) -> OpenUpload:
    """Raise what stands against appending bytes to a resumable upload, and return it.

    Args:
        offset: where the bytes begin.
        length: how many there are, if that is known.
    Raises:
        Conflict: the upload continues at another offset, or is completed.
        Invalid: it would become longer than announced.
        NotFound: there is none, or its time is over.
        PermissionDenied: somebody else began it.
    """
    actors.require(actor, "write", "uploads")
    Change(actor, registry)  # raises on a read-only registry
    with registry.database.read_statement() as tx:
        upload = find(tx, actor, registry, upload_id, in_parts=False)
    texts.integer(offset, "offset", at_least=0)
    if upload.is_closed:
        raise closed(upload_id)
    if offset != upload.received:
        raise Conflict(
            f"The upload '{upload_id}' continues at offset {upload.received}, not {offset}. Send the bytes from there on."
        )
    if upload.size is not None and length is not None and offset + length > upload.size:
        raise Invalid(
            f"The upload '{upload_id}' was announced with {upload.size:,} bytes, and these would make it "
            f"{offset + length:,}. Nothing of this request was kept."
        )
    return upload


def record(actor: Actor, registry: Registry, upload_id: str, received: int) -> OpenUpload:
    """Record how many bytes of a resumable upload are on the disk, and return it.

    Raises:
        NotFound: there is none any longer.
        PermissionDenied: somebody else began it.
    """
    actors.require(actor, "write", "uploads")
    with Change(actor, registry) as change:
        upload = find(change.tx, actor, registry, upload_id, in_parts=False)
        expires = change.now + KEPT_MILLISECONDS
        if not rows.set_received(change.tx, upload_id, received, expires):
            raise not_found(upload_id)
        upload.received, upload.expires_timestamp = received, expires
        return upload


def complete(actor: Actor, registry: Registry, upload_id: str, digest: str | None = None) -> Artifact:
    """Store a resumable upload at its path, replacing what was there. Repeating it gives the same answer for an hour.

    Args:
        digest: the SHA-256 that its bytes must have.
    Raises:
        Invalid: the bytes have another digest, and are deleted; or the path became a folder or leads through a file.
        Conflict: bytes are missing, or another request is writing or completing it.
        NotFound: there is no such upload.
        PermissionDenied: somebody else began it.
        OutOfSpace: the disk is full.
    """
    actors.require(actor, "write", "uploads")
    if digest is not None:
        check_digest(digest)
    Change(actor, registry)  # raises on a read-only registry
    with registry.database.read() as tx:
        upload = find(tx, actor, registry, upload_id, in_parts=False)
    if upload.completed_timestamp is not None:
        return _again(upload, digest)
    artifacts.check_upload(actor, registry, upload.path)
    whole = pieces.whole(registry.blobs, upload_id, upload.received)
    try:
        # A request that was writing until a moment ago may have come further.
        with registry.database.read() as tx:
            latest = find(tx, actor, registry, upload_id, in_parts=False)
        if latest.received != upload.received:
            raise Conflict(f"The upload '{upload_id}' was still being written. Complete it again.")
        if upload.size is not None and upload.size != upload.received:
            raise Conflict(
                f"The upload '{upload_id}' has {upload.received:,} of the {upload.size:,} bytes that were announced. "
                "Send the rest first."
            )
        return store(actor, registry, upload, whole, upload.received, digest)
    finally:
        if whole is not None:
            whole.abort()


def _again(upload: OpenUpload, digest: str | None) -> Artifact:
    assert upload.assembled_digest is not None and upload.completed_timestamp is not None
    if digest not in (None, upload.assembled_digest):
        raise Conflict(f"The upload '{upload.id}' was completed with the digest {upload.assembled_digest}.")
    return Artifact(upload.path, upload.assembled_digest, upload.received, upload.completed_timestamp)


class _Kept:
    """Bytes that an earlier attempt put into the store already."""

    def __init__(self, digest: str, size: int):
        self.digest = digest
        self.size = size


def store(
    actor: Actor, registry: Registry, upload: OpenUpload, whole: Whole | None, size: int, digest: str | None
) -> Artifact:
    """Make an upload's bytes a blob, and point its path at it: lease, keep, commit, as `artifacts.store`.

    Args:
        whole: its bytes; None when an earlier attempt took them and did not come to the end.
        digest: what the caller says they are.
    """
    actors.require(actor, "write", "uploads")
    if whole is None:
        return _store_again(actor, registry, upload, size)
    whole.read()
    found, _ = whole.finish()
    for expected in (digest, upload.digest):
        if expected is not None and expected != found:
            _end(actor, registry, upload)
            raise Invalid(
                f"The bytes have the digest {found}, not {expected}, so nothing was kept. Send the file again."
            )
    with Change(actor, registry) as change:
        lease = artifacts.reserve(actor, registry, upload.path, whole)
        rows.set_assembled(change.tx, upload.id, found)
    whole.keep()
    return _commit(actor, registry, upload, whole, lease)


def _store_again(actor: Actor, registry: Registry, upload: OpenUpload, size: int) -> Artifact:
    found = upload.assembled_digest
    if found is not None:
        kept = cast(Upload, _Kept(found, size))
        lease = artifacts.reserve(actor, registry, upload.path, kept)
        if registry.blobs.size(found) == size:
            return _commit(actor, registry, upload, kept, lease)
    _end(actor, registry, upload)
    raise not_found(upload.id)


def _commit(actor: Actor, registry: Registry, upload: OpenUpload, kept: Upload, lease: int) -> Artifact:
    with Change(actor, registry) as change:
        artifact = artifacts.commit(actor, registry, upload.path, kept, lease)
        expires = change.now + COMPLETED_MILLISECONDS
        if not rows.complete(change.tx, upload.id, artifact.size, artifact.last_updated_timestamp, expires):
            raise not_found(upload.id)
        return artifact


def abort(actor: Actor, registry: Registry, upload_id: str) -> None:
    """Delete a resumable upload with everything it received; one that is completed stays as it is.

    Raises:
        NotFound: there is no such upload.
        PermissionDenied: somebody else began it.
    """
    actors.require(actor, "write", "uploads")
    with registry.database.read() as tx:
        upload = find(tx, actor, registry, upload_id, in_parts=False)
    end(actor, registry, upload)


def end(actor: Actor, registry: Registry, upload: OpenUpload) -> None:
    """Delete an upload of either kind that is not completed."""
    if upload.completed_timestamp is None:
        _end(actor, registry, upload)


def _end(actor: Actor, registry: Registry, upload: OpenUpload) -> None:
    with Change(actor, registry) as change:
        rows.delete(change.tx, upload.id)
    pieces.drop(registry.blobs, upload.id)


def link(actor: Actor, registry: Registry, files: list[Link]) -> Linked:
    """Point paths at bytes that are here already: of the others only the digests are told, to be uploaded.

    All or nothing when a file is refused. As permission is by role only, whoever may read artifacts may refer to any
    of them; bytes that are known to be damaged count as missing.

    Args:
        files: at most 1,000.
    Raises:
        Invalid: a path is not allowed, is a folder or leads through a file; a digest is not one, or has another size.
    """
    actors.require(actor, "read", "artifacts")
    actors.require(actor, "write", "artifacts")
    if not isinstance(files, list) or not files:
        raise Invalid("Missing value for required parameter 'files': name at least one file.")
    if len(files) > LINKS_LIMIT:
        raise Invalid(f"Parameter 'files' has {len(files):,} files; at most {LINKS_LIMIT:,} are allowed in a call.")
    linked, missing = [], []
    with Change(actor, registry) as change:
        for number, file in enumerate(files):
            field = f"files[{number}]"
            digest = check_digest(file.digest, f"{field}.digest")
            size = texts.integer(file.size, f"{field}.size", at_least=0)
            path = artifacts.check_upload(actor, registry, texts.required(file.path, f"{field}.path", 2**20))
            known = rows.find_blob(change.tx, digest)
            # A row comes before its bytes, so only the bytes prove that they are here.
            if known is None or registry.blobs.size(digest) != known:
                missing.append(digest)
                continue
            if known != size:
                raise Invalid(
                    f"Parameter '{field}.size': the bytes with the digest {digest} are {known:,}, not {size:,}."
                )
            rows.keep_blob(change.tx, digest)
            artifact_rows.upsert(change.tx, Artifact(path, digest, size, change.now))
            linked.append(path)
    return Linked(linked, list(dict.fromkeys(missing)))

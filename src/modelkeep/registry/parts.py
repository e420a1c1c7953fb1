"""Uploads in parts, as the `mlflow` client sends large files: parts go to signed addresses, several at a time.

Every part but the last has one size, so each has its place in one file from the start, and completing an upload is one
sequential read. An address holds a signature and needs no token; it ends with its upload, 24 hours after the start.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelkeep.blobs import pieces
from modelkeep.domain import actors, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import Artifact, check_folder, check_path, join
from modelkeep.domain.errors import Invalid, NotImplementedHere, PermissionDenied
from modelkeep.domain.uploads import PART_SIZE_LIMIT, PARTS_LIMIT, OpenUpload, Part, closed, is_signed, not_found
from modelkeep.registry import artifacts, uploads
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import uploads as rows

PATH_CHARACTERS = 32_768


def create(actor: Actor, registry: Registry, folder: str, path: str, num_parts: int | None = None) -> OpenUpload:
    """Begin an upload in parts, numbered from 1.

    Args:
        path: of the file on the client's own disk; only its last name counts, in `folder`.
        num_parts: how many parts there will be, 1 to 10,000; one by default, as in MLflow.
    Raises:
        Invalid: the path is not allowed, is a folder or leads through a file; or the number of parts is out of range.
        Conflict: too many uploads are open.
        NotImplementedHere: the operating system lacks what it needs; stock clients then send the file in one piece.
    """
    actors.require(actor, "write", "uploads")
    target = artifacts.check_upload(actor, registry, _target(folder, path))
    count = 1 if num_parts is None else texts.integer(num_parts, "num_parts")
    if not 1 <= count <= PARTS_LIMIT:
        raise Invalid(
            f"Parameter 'num_parts' must be between 1 and {PARTS_LIMIT:,}, got {count}. "
            "Larger parts (MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE) make fewer of them."
        )
    if not pieces.HAS_RANGE_LOCKS:
        raise NotImplementedHere(
            "Multipart upload is not supported for the current artifact repository, on this operating system. Use PUT."
        )
    return uploads.begin(actor, registry, target, num_parts=count)


def _target(folder: str, path: str) -> str:
    # A client on Windows sends its own kind of path.
    name = re.split(r"[\\/]", texts.required(path, "path", PATH_CHARACTERS))[-1]
    return check_path(join(check_folder(folder, "folder"), texts.required(name, "path", PATH_CHARACTERS)))


def identify(registry: Registry, upload_id: str, number: int, expires_timestamp: int, signature: str) -> OpenUpload:
    """The upload for one of whose parts an address was made.

    Raises:
        PermissionDenied: the signature is of something else, or the address is too old.
        Conflict: the upload is completed.
        NotFound: it was aborted.
    """
    with registry.database.read_statement() as tx:
        upload = rows.find(tx, upload_id)
    if upload is None or upload.num_parts is None:
        raise not_found(upload_id)
    if not 1 <= number <= upload.num_parts or not is_signed(upload, number, expires_timestamp, signature):
        raise PermissionDenied("The signature in this address is not valid. Use the addresses as they were given out.")
    if expires_timestamp <= registry.clock():
        raise PermissionDenied(
            "This address is no longer valid: it was given out too long ago. Begin the upload again."
        )
    if upload.is_closed:
        raise closed(upload_id)
    return upload


def check_size(upload: OpenUpload, number: int, size: int | None) -> int:
    """Return a part's size when a part may have it.

    Raises:
        Invalid: it is not announced, or out of range, or not that of the other parts.
    """
    if size is None:
        raise Invalid(f"Part {number} came without its length. Send it with a Content-Length.")
    is_last = number == upload.num_parts
    at_least = 0 if upload.num_parts == 1 else 1
    if not at_least <= size <= PART_SIZE_LIMIT:
        raise Invalid(f"Part {number} has {size:,} bytes; a part has {at_least} to {PART_SIZE_LIMIT:,}.")
    others = upload.part_size
    if others is not None and (size > others or (size < others and not is_last)):
        raise Invalid(
            f"Part {number} has {size:,} bytes and the others have {others:,}. "
            "All parts are of one size, but the last, which may be smaller."
        )
    return size


def place(actor: Actor, registry: Registry, upload_id: str, number: int, size: int) -> int | None:
    """Where in the file a part begins; None for the last while the size of the others is not known.

    Raises:
        Invalid: the part has not the size of the others.
        NotFound: the upload is gone.
    """
    actors.require(actor, "write", "uploads")
    with Change(actor, registry) as change:
        upload = uploads.find(change.tx, actor, registry, upload_id, in_parts=True)
        check_size(upload, number, size)
        if number == 1:
            if upload.num_parts != 1:
                rows.set_part_size(change.tx, upload_id, size)
            return 0
        if upload.part_size is None:
            if number == upload.num_parts:
                return None
            rows.set_part_size(change.tx, upload_id, size)
        return (number - 1) * (upload.part_size or size)


def forget(actor: Actor, registry: Registry, upload_id: str, number: int) -> None:
    """Forget a part that is sent again: what is in its place counts no longer.

    Raises:
        Conflict: the upload is completed.
        NotFound: it is gone.
    """
    actors.require(actor, "write", "uploads")
    with registry.database.read() as tx:
        upload = uploads.find(tx, actor, registry, upload_id, in_parts=True)
        is_there = rows.has_part(tx, upload_id, number)
    if upload.is_closed:
        raise closed(upload_id)
    if is_there:
        with Change(actor, registry) as change:
            rows.delete_part(change.tx, upload_id, number)


def record(actor: Actor, registry: Registry, upload_id: str, number: int, size: int, digest: str) -> None:
    """Record that a part's bytes are synced in their place.

    Raises:
        Conflict: the upload is completed.
        NotFound: it is gone.
    """
    actors.require(actor, "write", "uploads")
    with Change(actor, registry) as change:
        upload = uploads.find(change.tx, actor, registry, upload_id, in_parts=True)
        if upload.is_closed:
            raise closed(upload_id)
        rows.insert_part(change.tx, upload_id, number, size, digest)


def complete(
    actor: Actor, registry: Registry, folder: str, path: str, upload_id: str, parts: Sequence[Part]
) -> Artifact:
    """Store an upload at its path, replacing what was there. Repeating it gives the same answer for an hour.

    Args:
        folder, path: as the upload was begun.
        parts: every part, in order, with the ETag that was answered when it was sent.
    Raises:
        Invalid: a part is missing, too much, out of order or has another ETag; or the path is another, became a
            folder, or leads through a file.
        Conflict: a part is still being sent, or another request completes the upload.
        NotFound: there is no such upload.
        PermissionDenied: somebody else began it.
        OutOfSpace: the disk is full.
    """
    actors.require(actor, "write", "uploads")
    Change(actor, registry)  # raises on a read-only registry
    upload = _find(actor, registry, folder, path, upload_id)
    if upload.completed_timestamp is not None and upload.assembled_digest is not None:
        return Artifact(upload.path, upload.assembled_digest, upload.received, upload.completed_timestamp)
    artifacts.check_upload(actor, registry, upload.path)
    size = _check_parts(registry, upload, parts)
    whole = pieces.whole(registry.blobs, upload_id, size)
    try:
        if whole is not None:
            size_now = _check_parts(registry, upload, parts)  # again, now that nobody can replace one
            assert size_now == size
        return uploads.store(actor, registry, upload, whole, size, None)
    finally:
        if whole is not None:
            whole.abort()


def _find(actor: Actor, registry: Registry, folder: str, path: str, upload_id: str) -> OpenUpload:
    target = _target(folder, path)
    with registry.database.read_statement() as tx:
        upload = uploads.find(tx, actor, registry, upload_id, in_parts=True)
    if upload.path != target:
        raise Invalid(f"The upload '{upload_id}' was begun for '{upload.path}', not for '{target}'.")
    return upload


def _check_parts(registry: Registry, upload: OpenUpload, parts: Sequence[Part]) -> int:
    """The size of all parts together, when they are named completely, in order and rightly."""
    assert upload.num_parts is not None
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise Invalid("Missing value for required parameter 'parts': name every part with its ETag.")
    numbers = [part.part_number for part in parts]
    if numbers != list(range(1, upload.num_parts + 1)):
        wrong = next((n for n, number in enumerate(numbers, 1) if n != number), len(numbers) + 1)
        raise Invalid(
            f"Parameter 'parts' must name the parts 1 to {upload.num_parts} once each and in order; "
            f"the entry for part {wrong} is missing or another, among {len(numbers):,} entries."
        )
    with registry.database.read_statement() as tx:
        known = {number: (size, digest) for number, size, digest in rows.parts(tx, upload.id)}
    for part in parts:
        assert part.part_number is not None
        if part.part_number not in known:
            raise Invalid(
                f"Part {part.part_number} was not received. Send it to its address, then complete the upload."
            )
        etag = texts.required(part.etag, "etag").strip('"')
        if etag != known[part.part_number][1]:
            raise Invalid(
                f'Part {part.part_number} has the ETag "{known[part.part_number][1]}", not {part.etag!r:.100}. '
                "Send the part again, or complete the upload with the ETags that were answered."
            )
    return sum(size for size, _ in known.values())


def abort(actor: Actor, registry: Registry, folder: str, path: str, upload_id: str) -> None:
    """Delete an upload with all its parts; one that is completed stays as it is.

    Raises:
        Invalid: the path is another than the upload's.
        NotFound: there is no such upload.
        PermissionDenied: somebody else began it.
    """
    actors.require(actor, "write", "uploads")
    uploads.end(actor, registry, _find(actor, registry, folder, path, upload_id))

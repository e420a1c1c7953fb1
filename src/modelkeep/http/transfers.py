"""Receiving bodies of uploads that outlast a request: a part, or what follows the bytes that are there."""

from __future__ import annotations

import asyncio
from functools import partial

from modelkeep.blobs import pieces
from modelkeep.blobs.pieces import Tail
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid, ModelkeepError
from modelkeep.domain.uploads import OpenUpload
from modelkeep.http.access import Access
from modelkeep.http.responding import Receive
from modelkeep.http.uploads import UploadThread, receive_into
from modelkeep.registry import parts, uploads

# How much is sent again at most after a crash.
DURABLE_BYTES = 64 * 1024 * 1024
# Parts come at once, and the last may overtake the others, whose size says where it belongs.
LAST_PART_SECONDS = 15.0
POLL_SECONDS = 0.25


async def receive_part(access: Access, upload: OpenUpload, number: int, length: int | None, receive: Receive) -> str:
    """Write a request's body to its place in an upload's file; return its ETag when it is durable.

    Args:
        upload: as its signed address led to it; the part is sent on behalf of whoever began it.
        length: as the request announced it, if it did.
    Raises:
        Invalid: the body ended early or stood still, or has not the size of the other parts.
        Conflict: the part is being sent by another request, or the upload is completed.
        NotFound: it was aborted.
        OutOfSpace: the disk is full.
    """
    actor = Actor(upload.actor, "writer", False, "http")
    size = parts.check_size(upload, number, length)
    start = await _place(access, actor, upload, number, size)
    thread = UploadThread(lambda: pieces.write_part(access.registry.blobs, upload.id, start, size))
    try:
        await thread.run(lambda piece: None)  # once the place is locked
        await access.writes.submit(actor, lambda: parts.forget(actor, access.registry, upload.id, number))
        await receive_into(thread, receive)
        digest, _ = await thread.run(lambda piece: piece.finish())
        await access.writes.submit(actor, lambda: parts.record(actor, access.registry, upload.id, number, size, digest))
    finally:
        await thread.stop()
    return digest


async def _place(access: Access, actor: Actor, upload: OpenUpload, number: int, size: int) -> int:
    deadline = asyncio.get_running_loop().time() + LAST_PART_SECONDS
    while True:
        start = await access.writes.submit(actor, lambda: parts.place(actor, access.registry, upload.id, number, size))
        if start is not None:
            return start
        if asyncio.get_running_loop().time() > deadline:
            raise Conflict(f"Part {number} is the last, and no other part has come yet. Send another one first.")
        await access.writes.wait_for_one(POLL_SECONDS)


async def receive_more(
    access: Access,
    actor: Actor,
    upload_id: str,
    offset: int,
    length: int | None,
    receive: Receive,
) -> OpenUpload:
    """Append a request's body to a resumable upload; what came of it is durable however the request ends.

    Args:
        offset: where the body begins.
        length: as the request announced it, if it did.
    Raises:
        Invalid: the body ended early or stood still, or makes the upload longer than announced.
        Conflict: the upload continues at another offset, is completed, or another request is writing to it.
        NotFound: there is none.
        PermissionDenied: somebody else began it.
        OutOfSpace: the disk is full.
    """
    check = partial(uploads.check_append, actor, access.registry, upload_id, offset, length)
    upload = await access.reads.point(check)
    most = length if length is not None or upload.size is None else upload.size - offset
    thread = UploadThread(lambda: pieces.append(access.registry.blobs, upload_id, offset, most))
    recorded = offset

    async def settle() -> OpenUpload:
        nonlocal recorded
        recorded = await thread.run(Tail.settle)
        return await access.writes.submit(actor, lambda: uploads.record(actor, access.registry, upload_id, recorded))

    async def settle_when_much(received: int) -> None:
        if offset + received - recorded >= DURABLE_BYTES:
            await settle()

    try:
        await thread.run(lambda tail: None)  # once the file is locked
        await access.reads.point(check)
        try:
            await receive_into(thread, receive, None, settle_when_much)
            recorded_upload = await settle()
            await thread.run(Tail.remember)
            return recorded_upload
        except ModelkeepError as error:
            raise await _keep_what_came(thread, access, actor, upload_id, error) from None
    finally:
        await thread.stop()


async def _keep_what_came(
    thread: UploadThread, access: Access, actor: Actor, upload_id: str, error: ModelkeepError
) -> ModelkeepError:
    """Record what arrived before a body went wrong, and return the error that says how to go on."""
    received = await thread.run(Tail.settle, anyway=True)
    await access.writes.submit(actor, lambda: uploads.record(actor, access.registry, upload_id, received))
    await thread.run(Tail.remember, anyway=True)
    if isinstance(error, Invalid):
        return Invalid(
            "The body was cut short, stood still, or had more bytes than announced. "
            f"The upload '{upload_id}' continues at offset {received}: send the bytes from there on."
        )
    return error

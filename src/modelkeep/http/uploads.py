"""Receiving a body into the blob store with bounded memory.

The event loop hands chunks to one thread per upload, which hashes and writes them. Measured with 512 MiB: 790 MB/s,
against 460 when every batch goes through a pool and 600 when the loop itself hashes and writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import Artifact
from modelkeep.domain.errors import Invalid, Unavailable
from modelkeep.http.access import Access
from modelkeep.http.priority import yield_to_calls
from modelkeep.http.receiving import next_message
from modelkeep.http.responding import Receive
from modelkeep.registry import artifacts

if TYPE_CHECKING:
    from modelkeep.blobs.local import Upload

CHUNK_SECONDS = 60.0
UPLOADS_LIMIT = 256
# Memory for chunks that wait to be written: of one upload, of all uploads of the process, and what each has anyway.
ROOM_OF_ONE = 8 * 1024 * 1024
ROOM_OF_ALL = 32 * 1024 * 1024
ROOM_AT_LEAST = 512 * 1024


async def receive_artifact(
    access: Access,
    actor: Actor,
    path: str,
    length: int | None,
    receive: Receive,
    limit: int | None = None,
) -> Artifact:
    """Store a request's body as the file at a path; durable when it returns.

    Args:
        length: as the request announced it, if it did.
        limit: the most bytes that are taken.
    Raises:
        Invalid: the body ended early, stood still for CHUNK_SECONDS, or is over the limit; or the path is wrong.
        OutOfSpace: the disk is full.
        Unavailable: too many uploads are under way, or the disk failed.
    """
    registry, writes = access.registry, access.writes
    await access.reads.point(lambda: artifacts.check_upload(actor, registry, path))
    thread = UploadThread(lambda: registry.blobs.begin(length))
    try:
        if length is not None and length > ROOM_AT_LEAST:
            await thread.run(lambda upload: None)  # once it is begun; what does not fit is refused unsent
        await receive_into(thread, receive, limit)
        await thread.run(lambda upload: upload.finish())
        lease = await writes.submit(actor, lambda: artifacts.reserve(actor, registry, path, thread.upload))
        await thread.run(lambda upload: upload.keep())
        stored = await writes.submit(actor, lambda: artifacts.commit(actor, registry, path, thread.upload, lease))
    except BaseException:
        # Awaited, so that nothing is left on the disk by the time the caller hears of it.
        await thread.stop()
        raise
    thread.stop()
    return stored


async def receive_into(
    thread: UploadThread,
    receive: Receive,
    limit: int | None = None,
    pause: Callable[[int], Awaitable[None]] | None = None,
) -> None:
    """Hand a request's body to a thread.

    Args:
        limit: the most bytes that are taken.
        pause: awaited after each chunk, with the number of bytes so far.
    Raises:
        Invalid: the body ended early, stood still for CHUNK_SECONDS, or is over the limit.
    """
    received = 0
    more = True
    while more:
        message = await next_message(receive, CHUNK_SECONDS, ", so nothing was kept")
        if message["type"] == "http.disconnect":
            raise Invalid("The request's body ended before it was complete, so nothing was kept. Send it again.")
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        if chunk:
            received += len(chunk)
            if limit is not None and received > limit:
                raise too_large(limit)
            await thread.write(chunk)
            if pause is not None:
                await pause(received)


def too_large(limit: int) -> Invalid:
    """MLflow's own refusal of a file that is too large for a route."""
    return Invalid(f"Artifact size is too large. Max size is {limit // 1024 // 1024}MB.")


class UploadThread:
    """A thread with one upload, fed from the event loop that made it.

    Args:
        begin: begins the upload, in the thread.
    Raises:
        Unavailable: too many uploads are under way.
    Attributes:
        upload: what is written; set once the thread has begun it.
    """

    upload: Upload

    def __init__(self, begin: Callable[[], Upload]):
        if len(_threads) >= UPLOADS_LIMIT:
            raise Unavailable(f"{UPLOADS_LIMIT} uploads are under way already. Try again shortly.")
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._jobs: SimpleQueue[bytes | _Step | None] = SimpleQueue()
        self._error: Exception | None = None
        self._stopping = False
        # Each is changed by one side only, so neither needs a lock.
        self._given = 0
        self._taken = 0
        self._waiter: asyncio.Future[None] | None = None
        threading.Thread(target=self._work, name="modelkeep-upload", daemon=True).start()
        _threads.add(self)

    async def write(self, chunk: bytes) -> None:
        """Queue a chunk, and wait while too much is queued. Raises what went wrong with an earlier one."""
        if self._error is not None:
            raise self._error
        self._given += len(chunk)
        self._jobs.put(chunk)
        while not self._has_room():
            self._waiter = self._loop.create_future()
            if not self._has_room():  # still not, now that the thread can see the waiter
                await self._waiter
            self._waiter = None

    def _has_room(self) -> bool:
        # Whoever waits here has chunks of its own to write, and is woken by each of them.
        queued = self._given - self._taken
        if queued <= ROOM_AT_LEAST:
            return True
        return queued <= ROOM_OF_ONE and sum(thread._given - thread._taken for thread in _threads) <= ROOM_OF_ALL

    def run(self, work: Callable[[Any], Any], *, anyway: bool = False) -> asyncio.Future[Any]:
        """Queue `work` behind the chunks; the future has its result, or what went wrong with a chunk.

        Args:
            anyway: do it although something went wrong with a chunk.
        """
        future = self._loop.create_future()
        self._jobs.put(_Step(work, future, anyway))
        return future

    def stop(self) -> asyncio.Future[None]:
        """End the thread; what was not kept is deleted by the time the future is resolved."""
        _threads.discard(self)
        self._stopping = True
        self._jobs.put(None)
        return self._stopped

    def _work(self) -> None:
        yield_to_calls()
        upload = None
        try:
            upload = self.upload = self._begin()
        except Exception as error:
            self._error = error
        while (job := self._jobs.get()) is not None:
            if isinstance(job, bytes):
                self._write(upload, job)
            else:
                self._run(upload, job)
        if upload is not None:
            upload.abort()
        self._tell(self._stopped, None, None)

    def _write(self, upload: Upload | None, chunk: bytes) -> None:
        if upload is not None and self._error is None and not self._stopping:
            try:
                upload.write(chunk)
            except Exception as error:
                self._error = error
        self._taken += len(chunk)
        if (waiter := self._waiter) is not None:
            self._tell(waiter, None, None)

    def _run(self, upload: Upload | None, step: _Step) -> None:
        result, error = None, self._error
        if upload is not None and (error is None or step.anyway):
            error = None
            try:
                result = step.work(upload)
            except Exception as raised:
                error = raised
        self._tell(step.future, result, error)

    def _tell(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        # A closed loop refuses this: the server has stopped and nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_resolve, future, result, error)


# Of the process, as its memory is.
_threads: set[UploadThread] = set()


@dataclass(slots=True)
class _Step:
    work: Callable[[Any], Any]
    future: asyncio.Future[Any]
    anyway: bool


def _resolve(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)

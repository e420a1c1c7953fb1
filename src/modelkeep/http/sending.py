"""Sending a file into a connection without bringing its bytes into the interpreter.

Threads call `sendfile` on the socket, which never waits, until the socket is full; the event loop waits until it has room
again. So a client that reads slowly keeps no thread, and a disk that answers slowly does not hold up the loop.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor, wait

from modelkeep.http.priority import yield_to_calls

# Enough to keep the cores and one slow disk busy.
THREADS = 4
# After this many bytes another download has its turn.
TURN_BYTES = 8 * 1024 * 1024
FLUSH_POLL_SECONDS = 0.002

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="modelkeep-sender", initializer=yield_to_calls)


async def send_file(transport: asyncio.Transport, file: int, start: int, count: int) -> bool:
    """Send `count` bytes of an open file from `start` on; False when the connection went away before the end.

    Nothing else may write to the transport meanwhile.

    Args:
        file: a file descriptor; it has to stay open until this returns.
    Raises:
        OSError: the file could not be read, or is shorter.
    """
    await _flush(transport)
    if transport.is_closing():
        return False
    # A number of its own: that of the transport may belong to another connection once the transport is closed.
    target = os.dup(transport.get_extra_info("socket").fileno())
    try:
        while count:
            if transport.is_closing():
                return False
            try:
                sent, is_full = await _in_thread(target, file, start, count)
            except (BrokenPipeError, ConnectionResetError):
                return False
            start += sent
            count -= sent
            if is_full:
                await _writable(target)
    finally:
        os.close(target)
    return True


async def _flush(transport: asyncio.Transport) -> None:
    """Wait until what was written to the transport has left it."""
    delay = 0.0
    while transport.get_write_buffer_size() and not transport.is_closing():
        await asyncio.sleep(delay)
        delay = FLUSH_POLL_SECONDS


async def _in_thread(target: int, file: int, start: int, count: int) -> tuple[int, bool]:
    sending = _threads.submit(_send, target, file, start, count)
    try:
        return await asyncio.wrap_future(sending)
    except asyncio.CancelledError:
        # The thread may be using the descriptors, which are closed next. It does not wait for the client.
        if not sending.cancel():
            wait((sending,))
        raise


def _send(target: int, file: int, start: int, count: int) -> tuple[int, bool]:
    """Send until the socket is full or it is another's turn; the bytes sent, and whether it is full."""
    total, most = 0, min(count, TURN_BYTES)
    while total < most:
        try:
            sent = os.sendfile(target, file, start + total, most - total)
        except BlockingIOError:
            return total, True
        if sent == 0:
            raise OSError(f"the file ends at {start + total}, not at {start + count}")
        total += sent
    return total, False


async def _writable(target: int) -> None:
    loop = asyncio.get_running_loop()
    waiting = loop.create_future()

    def found() -> None:
        if not waiting.done():
            waiting.set_result(None)

    loop.add_writer(target, found)
    try:
        await waiting
    finally:
        loop.remove_writer(target)

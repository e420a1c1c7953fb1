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
FLUSH_POLL_SECONDS = 0.001
LONGEST_POLL_SECONDS = 0.1
# A client that takes nothing for so long is given up.
STALLED_SECONDS = 300

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="modelkeep-sender", initializer=yield_to_calls)


async def send_file(transport: asyncio.Transport, file: int, start: int, count: int) -> bool:
    """Send `count` bytes of an open file from `start` on; False when the connection went away before the end.

    Nothing else may write to the transport meanwhile.

    Args:
        file: a file descriptor; it has to stay open until this returns.
    Raises:
        OSError: the file could not be read, or is shorter.
    """
    try:
        await _flush(transport)
    except TimeoutError:
        return False
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
                if is_full and sent < count:
                    await _writable(target)
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                return False
            start += sent
            count -= sent
    finally:
        os.close(target)
    return True


async def _flush(transport: asyncio.Transport) -> None:
    """Wait until what was written to the transport has left it."""
    delay = 0.0
    async with asyncio.timeout(STALLED_SECONDS):
        while transport.get_write_buffer_size() and not transport.is_closing():
            await asyncio.sleep(delay)
            delay = min(delay * 2 or FLUSH_POLL_SECONDS, LONGEST_POLL_SECONDS)


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
        async with asyncio.timeout(STALLED_SECONDS):
            await waiting
    finally:
        loop.remove_writer(target)

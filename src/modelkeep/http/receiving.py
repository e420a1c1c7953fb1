"""Waiting for a request's body."""

from __future__ import annotations

import asyncio
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.http.responding import Receive


async def next_message(receive: Receive, seconds: float, consequence: str = "") -> dict[str, Any]:
    """What the client sends next, or that it is gone.

    Args:
        seconds: how long it may take.
        consequence: what has become of what came before, as in `, so nothing was kept`.
    Raises:
        Invalid: it took longer.
    """
    try:
        async with asyncio.timeout(seconds):
            return await receive()
    except TimeoutError:
        raise Invalid(f"No byte of the body arrived for {seconds:g} seconds{consequence}. Send it again.") from None

"""Threads that move files let those go first that answer calls."""

from __future__ import annotations

import os
import sys
import threading

# As `nice` counts: a tenth of the processor time of another thread that wants it, and all that nobody wants.
NICE = 10


def yield_to_calls() -> None:
    """Lower the priority of the thread that calls, for good. Only Linux knows a priority of single threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)

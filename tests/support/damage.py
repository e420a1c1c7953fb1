"""Damaging stored files the way disks and people do."""

from __future__ import annotations

import os
from pathlib import Path


def flip(path: Path, bit: int = 0, restore_times: bool = False) -> None:
    """Flip one bit of a file in place; `restore_times`: set its times back to what they were."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))
    if restore_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

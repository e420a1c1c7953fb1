"""Notes of uploads under way, in the cache folder: a program that is started again goes on with them."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from modelkeep.client import environment


def note(address: str, path: str, digest: str) -> Path:
    """Where the upload of these bytes to this path of a server is noted."""
    name = hashlib.sha256(f"{address}\n{path}\n{digest}".encode()).hexdigest()
    return environment.cache() / "uploads" / name


def read(place: Path) -> str | None:
    """The id of the upload noted there, if any."""
    try:
        return place.read_text().strip() or None
    except OSError:
        return None


def write(place: Path, upload_id: str) -> None:
    """Note an upload. Where there is no room for notes it cannot be resumed by another program, and that is all."""
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(upload_id)


def forget(place: Path) -> None:
    """Drop a note."""
    with contextlib.suppress(OSError):
        place.unlink(missing_ok=True)

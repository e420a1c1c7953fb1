"""The few files that pages use, published under names that change with their content, so that they may be kept."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def published_name(file: str) -> str:
    """`style.css` as `style.1a2b3c4d5e6f.css`."""
    stem, dot, ending = file.rpartition(".")
    return f"{stem}.{hashlib.sha256(_read(file)).hexdigest()[:12]}{dot}{ending}"


def find(published: str) -> tuple[bytes, str] | None:
    """The content and type of a published file, or None."""
    return _published().get(published)


@cache
def _published() -> dict[str, tuple[bytes, str]]:
    return {
        published_name(path.name): (_read(path.name), _TYPES[path.suffix])
        for path in _FOLDER.iterdir()
        if path.suffix in _TYPES
    }


@cache
def script() -> str:
    """The one script, which stands in the page itself."""
    return _read("fragments.js").decode()


@cache
def script_hash() -> str:
    """The script as a Content-Security-Policy source."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()


@cache
def _read(file: str) -> bytes:
    return (_FOLDER / file).read_bytes()

"""Uploads that last longer than a request: resumable ones, those in parts, and files named by their digest."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from modelkeep.domain.errors import Conflict, Invalid, NotFound

PARTS_LIMIT = 10_000
PART_SIZE_LIMIT = 5 * 1024**3
LINKS_LIMIT = 1_000

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class OpenUpload:
    """An upload that somebody began.

    Attributes:
        actor: the name of whoever began it, and to whom it belongs.
        path: where its bytes will be found.
        size, digest: as announced, if they were.
        received: how many bytes a resumable upload has on the disk.
        num_parts: how many parts it comes in; None for a resumable upload.
        part_size: of every part but the last; None while only the last is known.
        secret: signs the addresses of its parts.
        assembled_digest: of all its bytes, once they were read.
        completed_timestamp: since when its path points at its bytes.
    """

    id: str
    actor: str
    path: str
    size: int | None
    digest: str | None
    received: int
    num_parts: int | None
    part_size: int | None
    secret: bytes
    assembled_digest: str | None
    completed_timestamp: int | None
    creation_timestamp: int
    expires_timestamp: int

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more bytes: they were on their way into the store, or are there."""
        return self.assembled_digest is not None


@dataclass(slots=True)
class Part:
    """A part as the one who completes an upload names it: `etag` is what the server answered when it was sent."""

    part_number: int | None = None
    etag: str | None = None
    url: str | None = None


@dataclass(slots=True)
class Link:
    """A file that should be at `path`, whose `size` bytes have the SHA-256 `digest`."""

    path: str | None = None
    digest: str | None = None
    size: int | None = None


@dataclass(slots=True)
class Linked:
    """Which paths now point at bytes that were here, and the digests of those that were not."""

    linked: list[str]
    missing: list[str]


def sign(upload: OpenUpload, number: int, expires_timestamp: int) -> str:
    """The proof that whoever has it may send a part of an upload until a time."""
    message = f"{upload.id}/{number}/{expires_timestamp}".encode()
    return hmac.new(upload.secret, message, hashlib.sha256).hexdigest()


def is_signed(upload: OpenUpload, number: int, expires_timestamp: int, signature: str) -> bool:
    """Whether `signature` was made for this part and this time."""
    return hmac.compare_digest(sign(upload, number, expires_timestamp).encode(), signature.encode())


def check_digest(digest: object, field: str = "digest") -> str:
    """Return `digest` when it is a SHA-256 in lower-case hexadecimal.

    Raises:
        Invalid: it is anything else.
    """
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Invalid(
            f"Parameter '{field}' must be a SHA-256 of 64 lower-case hexadecimal digits, got {digest!r:.100}."
        )
    return digest


def closed(upload_id: str) -> Conflict:
    """The error for bytes that come too late."""
    return Conflict(f"The upload '{upload_id}' takes no more bytes: it was completed. Begin another one.")


def not_found(upload_id: str) -> NotFound:
    """The error for an upload that is not there, or no longer."""
    return NotFound(
        f"There is no upload '{upload_id[:100]}'. It was aborted, or nothing happened to it for too long. Begin again."
    )

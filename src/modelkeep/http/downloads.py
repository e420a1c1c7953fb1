"""Sending a file, whole or a range of it: what is asked for, and whether the bytes are right.

Of RFC 9110 (HTTP Semantics): one byte range (14.2), If-None-Match (13.1.2), If-Range with the ETag (13.1.5). A Range
that is malformed or asks for several ranges is ignored, as 14.2 allows.

Bytes that were not read and found right lately are read first, or, when they are many, at the same time; see
`modelkeep.blobs.verifying`. What is wrong is quarantined, so it is given out once at most.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import io
import logging
import mimetypes
import os
import re
from email.utils import formatdate
from urllib.parse import quote

from modelkeep.api import errors
from modelkeep.blobs.verifying import SMALL_BYTES, identity
from modelkeep.domain.artifacts import Artifact
from modelkeep.domain.errors import Invalid, NotFound, Unavailable
from modelkeep.http.access import Access
from modelkeep.http.responding import Headers, Scope, Send, send_json
from modelkeep.registry import blobs
from modelkeep.registry.handle import Registry

log = logging.getLogger("modelkeep.http")

# How often a file may be replaced while it is looked at.
_OPENINGS = 5
# Only what Python ships with, so that the answer does not depend on the files of the machine.
_TYPES = mimetypes.MimeTypes()
_PLAIN = frozenset({".cfg", ".conf", ".ini", ".log", ".md", ".mlmodel", ".py", ".toml", ".txt", ".yaml", ".yml"})
_RANGE = re.compile(r"bytes=([0-9]{0,4000})-([0-9]{0,4000})", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?"[^"]*"')


async def send_artifact(access: Access, artifact: Artifact, scope: Scope, send: Send) -> None:
    """Answer a GET or HEAD with a file, always as an attachment: opened in a browser it could run as this server's.

    Raises:
        Gone: the bytes are damaged or missing in the store.
        Unavailable: the disk failed, or the server is stopping.
    """
    request = dict(scope["headers"])
    headers = _headers(artifact)
    if _is_known(request.get(b"if-none-match"), artifact):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    span = _span(request, artifact)
    if span is not None and span[0] >= span[1]:
        await _refuse_range(artifact, send)
        return
    with await _open_intact(access, artifact, scope["method"] != "HEAD") as file:
        start, end = span or (0, artifact.size)
        if span is not None:
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, artifact.size)))
        headers += _body_headers(artifact, end - start)
        await send({"type": "http.response.start", "status": 206 if span else 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.zerocopysend", "file": file, "offset": start, "count": end - start})


async def _open_intact(access: Access, artifact: Artifact, is_sent: bool) -> io.FileIO:
    """The file of an artifact, right by all that is known; `is_sent`: more than its length will be given out."""
    registry, digest, size = access.registry, artifact.digest, artifact.size
    verifier = registry.blobs.verifier
    is_quarantined = functools.partial(blobs.is_quarantined, blobs.background_actor(), registry, digest)
    on_wrong = functools.partial(_quarantine, registry, digest)
    right = None
    for _ in range(_OPENINGS):
        file = _open(registry, digest)
        alone = False
        if file is not None:
            found = os.fstat(file.fileno())
            if found.st_size == size and (not is_sent or identity(found) == right or verifier.is_known(digest, found)):
                return file
            may_accompany = size > SMALL_BYTES and found.st_size == size
            if may_accompany and not await access.reads.point(is_quarantined):
                result, alone = verifier.accompany(digest, size, on_wrong)
                if alone:
                    return file
            else:
                result = verifier.check(digest, size, on_wrong)
            file.close()
        else:
            result = verifier.check(digest, size, on_wrong)
        # Shielded: the result is for others too.
        right = await asyncio.shield(asyncio.wrap_future(result))
        if right is None:
            raise blobs.gone(artifact.path)
    raise Unavailable(f"'{artifact.path}' is being replaced all the time. Try again shortly.")


def _open(registry: Registry, digest: str) -> io.FileIO | None:
    try:
        return registry.blobs.open(digest)
    except NotFound:
        return None


def _quarantine(registry: Registry, digest: str, why: str, file: io.FileIO | None) -> bool:
    if registry.read_only:
        log.error("the bytes %s are damaged: %s", digest, why)
        return True
    return blobs.quarantine(blobs.background_actor(), registry, digest, why, file)


def _headers(artifact: Artifact) -> Headers:
    return [
        (b"etag", _etag(artifact)),
        # RFC 9530: of the whole file, also when a part of it is sent.
        (b"repr-digest", b"sha-256=:%s:" % base64.b64encode(bytes.fromhex(artifact.digest))),
        (b"last-modified", formatdate(artifact.last_updated_timestamp / 1000, usegmt=True).encode()),
        (b"cache-control", b"no-cache"),
        (b"accept-ranges", b"bytes"),
    ]


def _etag(artifact: Artifact) -> bytes:
    return b'"%s"' % artifact.digest.encode()


def _body_headers(artifact: Artifact, length: int) -> Headers:
    name = artifact.path.rpartition("/")[2]
    return [
        (b"content-length", b"%d" % length),
        (b"content-type", content_type(name).encode()),
        (b"content-disposition", b"attachment; filename*=UTF-8''" + quote(name, safe="").encode()),
        (b"content-security-policy", b"sandbox"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN"),
    ]


def content_type(name: str) -> str:
    """The media type of a file's name."""
    if name == "MLmodel" or os.path.splitext(name)[1].lower() in _PLAIN:
        return "text/plain; charset=utf-8"
    kind, encoding = _TYPES.guess_type(name)
    return "application/octet-stream" if kind is None or encoding is not None else kind


def _is_known(if_none_match: bytes | None, artifact: Artifact) -> bool:
    if if_none_match is None:
        return False
    text = if_none_match.decode("latin-1").strip()
    # The comparison is the weak one here: W/ before the tag does not matter.
    return text == "*" or _etag(artifact).decode() in (tag.removeprefix("W/") for tag in _ETAG.findall(text))


def _span(request: dict[bytes, bytes], artifact: Artifact) -> tuple[int, int] | None:
    """The bytes asked for, from start to before end; None for all; start not below end if there are none such."""
    header, size = request.get(b"range"), artifact.size
    match = _RANGE.fullmatch(header.decode("latin-1").strip()) if header is not None else None
    if match is None or not (match[1] or match[2]):
        return None
    if_range = request.get(b"if-range")
    if if_range is not None and if_range.strip() != _etag(artifact):
        return None
    if not match[1]:
        length = int(match[2])
        return None if length and not size else (max(0, size - length), size)
    start = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < start:
        return None  # malformed by 14.1.2
    return start, min(last + 1, size)


async def _refuse_range(artifact: Artifact, send: Send) -> None:
    error = Invalid(f"The range is not inside '{artifact.path}', which has {artifact.size:,} bytes.")
    await send_json(send, 416, errors.encode(error), [(b"content-range", b"bytes */%d" % artifact.size)])

"""Uploads that last longer than a request. Their bytes are streamed: see `modelkeep.http.transfers`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.domain.artifacts import Artifact
from modelkeep.domain.uploads import Link, Linked, OpenUpload, Part, sign

PARTS_PATH = "/api/2.0/modelkeep/uploads/parts"


class UploadReply(Reply):
    """A resumable upload: its next byte is the one at `offset`. `expires_timestamp` is UTC milliseconds."""

    upload_id: str
    path: str
    offset: int
    expires_timestamp: int
    size: int | None = None


def upload_reply(upload: OpenUpload) -> UploadReply:
    """A resumable upload as its owner sees it."""
    return UploadReply(upload.id, upload.path, upload.received, upload.expires_timestamp, upload.size)


class StoredReply(Reply):
    """A file that is now at its path."""

    path: str
    digest: str
    size: int
    last_updated_timestamp: int


def stored_reply(artifact: Artifact) -> StoredReply:
    return StoredReply(artifact.path, artifact.digest, artifact.size, artifact.last_updated_timestamp)


class LinkedReply(Reply):
    """The paths that point at their bytes now, and the digests of the bytes that have to be sent."""

    linked: list[str]
    missing: list[str]


def linked_reply(linked: Linked) -> LinkedReply:
    return LinkedReply(linked.linked, linked.missing)


class CredentialShape(Reply):
    """Where a part is sent to, with PUT and no token."""

    url: str
    part_number: int
    headers: dict[str, str]


class PartsReply(Reply):
    upload_id: str
    credentials: list[CredentialShape]


def parts_reply(upload: OpenUpload, address: str) -> PartsReply:
    """An upload in parts with the address of each."""
    expires = upload.expires_timestamp
    credentials = [
        CredentialShape(
            f"{address}{PARTS_PATH}/{upload.id}/{number}?expires={expires}&signature={sign(upload, number, expires)}",
            number,
            {},
        )
        for number in range(1, (upload.num_parts or 0) + 1)
    ]
    return PartsReply(upload.id, credentials)


class Create(Request):
    path: str | None = None
    size: Int64 | None = None
    digest: str | None = None


class OfUpload(Request):
    upload_id: str | None = None


class Complete(Request):
    upload_id: str | None = None
    digest: str | None = None


class LinkFiles(Request):
    files: list[Link] | None = None


class CreateInParts(Request):
    folder: str | None = None
    path: str | None = None
    num_parts: Int64 | None = None


class CompleteParts(Request):
    folder: str | None = None
    path: str | None = None
    upload_id: str | None = None
    parts: list[Part] | None = None


class AbortParts(Request):
    folder: str | None = None
    path: str | None = None
    upload_id: str | None = None


_UPLOAD = "upload"

CALLS = (
    Call(
        "POST", "modelkeep/uploads/create", Create, "uploads.create", "write", _UPLOAD,
        "Begin an upload that outlasts its connection.", upload_reply, UploadReply, ("path",), is_detached=True,
    ),
    Call(
        "GET", "modelkeep/uploads/get", OfUpload, "uploads.get", "read", _UPLOAD,
        "How far an upload came.", upload_reply, UploadReply, ("upload_id",), cost="point",
    ),
    Call(
        "POST", "modelkeep/uploads/complete", Complete, "uploads.complete", "write", _UPLOAD,
        "Store an upload at its path.", stored_reply, StoredReply, ("upload_id",), is_detached=True,
    ),
    Call(
        "POST", "modelkeep/uploads/abort", OfUpload, "uploads.abort", "write", _UPLOAD,
        "Delete an upload with what it received.", required=("upload_id",), is_detached=True,
    ),
    Call(
        "POST", "modelkeep/uploads/link", LinkFiles, "uploads.link", "write", "artifact",
        "Point paths at bytes that are here already, and tell which have to be sent.", linked_reply, LinkedReply,
        is_long=True,
    ),
    Call(
        "POST", "mlflow-artifacts/mpu/create/{folder}", CreateInParts, "parts.create", "write", _UPLOAD,
        "Begin an upload in parts, each of which has an address of its own.", parts_reply, PartsReply, ("path",),
        is_detached=True, is_addressed=True,
    ),
    Call(
        "POST", "mlflow-artifacts/mpu/complete/{folder}", CompleteParts, "parts.complete", "write", _UPLOAD,
        "Store an upload in parts at its path.", required=("path", "upload_id"), is_detached=True,
    ),
    Call(
        "POST", "mlflow-artifacts/mpu/abort/{folder}", AbortParts, "parts.abort", "write", _UPLOAD,
        "Delete an upload in parts with what it received.", required=("path", "upload_id"), is_detached=True,
    ),
)  # fmt: skip

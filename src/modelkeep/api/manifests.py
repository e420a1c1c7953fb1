"""What a version is pinned to, on the wire: `/api/2.0/modelkeep/versions/{manifest,files,pin}`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply
from modelkeep.api.versions import Named, VersionReply, version_reply
from modelkeep.domain.manifests import Manifest, ManifestFile
from modelkeep.domain.paging import Page


class ManifestShape(Reply):
    """`digest` is the SHA-256 of `text`, which has a line `sha256 SP size SP path LF` for each file. Sizes in bytes."""

    digest: str
    file_count: int
    size: int
    text: str


class ManifestReply(Reply):
    manifest: ManifestShape


def manifest_reply(manifest: Manifest) -> ManifestReply:
    return ManifestReply(ManifestShape(manifest.digest, len(manifest.files), manifest.size, manifest.text))


class PinnedFileShape(Reply):
    """`digest` is the SHA-256 of the file's `size` bytes."""

    path: str
    digest: str
    size: int


class PinnedFilesReply(Reply):
    files: list[PinnedFileShape] = []
    next_page_token: str | None = None


def files_reply(page: Page[ManifestFile]) -> PinnedFilesReply:
    return PinnedFilesReply(
        [PinnedFileShape(file.path, file.digest, file.size) for file in page.items], page.next_page_token
    )


class Files(Named):
    max_results: Int64 | None = None
    page_token: str | None = None


_VERSION = "model version"
_NAMED = ("name", "version")

CALLS = (
    Call(
        "GET", "modelkeep/versions/manifest", Named, "manifests.get", "read", _VERSION,
        "The files a version is pinned to, as the one text that its digest names.", manifest_reply, ManifestReply,
        _NAMED,
    ),
    Call(
        "GET", "modelkeep/versions/files", Files, "manifests.files", "read", _VERSION,
        "The files a version is pinned to, by path.", files_reply, PinnedFilesReply, _NAMED,
    ),
    Call(
        "POST", "modelkeep/versions/pin", Named, "manifests.pin", "write", _VERSION,
        "Pin a version that was registered before its files arrived to what is at its source now.",
        version_reply, VersionReply, _NAMED,
    ),
)  # fmt: skip

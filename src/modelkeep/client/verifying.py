"""Reading a version's files again, and comparing what comes with what its manifest says. Nothing is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from modelkeep.client.artifacts import root
from modelkeep.client.entities import ModelVersion, PinnedFile
from modelkeep.client.progress import watching
from modelkeep.domain import manifests
from modelkeep.domain.artifacts import join
from modelkeep.domain.errors import DigestMismatch, Gone, Invalid, NotFound
from modelkeep.domain.manifests import ManifestFile

if TYPE_CHECKING:
    from modelkeep.client.client import Client


@dataclass(frozen=True, slots=True)
class Verified:
    """A file that was read: `problem` says in a sentence what is wrong, None when nothing is."""

    file: PinnedFile
    problem: str | None


def verify(client: Client, version: ModelVersion) -> Iterator[Verified]:
    """Read every file of a version from the registry and compare its bytes with the manifest.

    Raises:
        Invalid: the version is not pinned, so there is nothing to compare with.
        DigestMismatch: the manifest itself is not what its digest names.
    """
    try:
        files = client.list_model_version_files(version.name, version.version)
        manifest = client.get_model_version_manifest(version.name, version.version)
    except NotFound as error:
        raise Invalid(error.message) from None
    listed = manifests.canonical([ManifestFile(file.path, file.digest, file.size) for file in files])
    if hashlib.sha256(manifest.text.encode()).hexdigest() != manifest.digest or listed != manifest.text:
        raise DigestMismatch(
            f"The list of files of {_title(version)} is not the one that its digest {manifest.digest} names. Somebody changed "
            "the registry's database: restore a backup of it."
        )
    place = root(client.get_model_version_download_uri(version.name, version.version), _title(version))
    with watching("Verifying", manifest.size) as progress:
        for file in files:
            sink = _Hashed()
            try:
                client.transport.fetch(join(place, file.path), cast(IO[bytes], sink), progress, file.digest)
            except (Gone, NotFound) as error:
                yield Verified(file, error.message)
            else:
                yield Verified(file, _difference(file, sink))


def _title(version: ModelVersion) -> str:
    return f"version {version.version} of '{version.name}'"


def _difference(file: PinnedFile, sink: _Hashed) -> str | None:
    if sink.digest == file.digest:
        return None
    return f"Its {sink.size:,} bytes have the SHA-256 {sink.digest}; the manifest says {file.size:,} and {file.digest}."


class _Hashed:
    """What a transport writes a file to, of which only the hash is kept."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> int:
        self._hash.update(chunk)
        self.size += len(chunk)
        return len(chunk)

    def tell(self) -> int:
        return self.size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        assert offset == 0 and whence == os.SEEK_SET
        return 0

    def truncate(self, size: int | None = None) -> int:
        self._hash = hashlib.sha256()
        self.size = 0
        return 0

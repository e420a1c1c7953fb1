"""Manifests: the files a version stands for, fixed for ever, and the one digest that names all of them."""

from __future__ import annotations

import hashlib
import itertools
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from modelkeep.domain.errors import Invalid

# A model is a few files, a partitioned one some thousands. What has more is a data set, or an attack.
FILES_LIMIT = 20_000


class ManifestFile(NamedTuple):
    """A file: `digest` is the SHA-256 of its `size` bytes in hexadecimal, `path` is relative and in NFC."""

    path: str
    digest: str
    size: int


@dataclass(slots=True)
class Found:
    """What is at a source.

    Attributes:
        files: in the order of their paths; at least one.
        damaged: the path of the first one whose bytes are damaged, if one's are.
        is_file: the source is the one file, and not the folder it lies in.
    """

    files: list[ManifestFile]
    damaged: str | None
    is_file: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files in the order of the UTF-8 bytes of their paths, their total size in bytes, and the digest of all that."""

    files: tuple[ManifestFile, ...]
    size: int
    digest: str

    @property
    def text(self) -> str:
        """What `digest` is the SHA-256 of: a line for each file."""
        return canonical(self.files)


def build(files: Iterable[ManifestFile]) -> Manifest:
    """The manifest of some files, whose paths may come in any normal form and order.

    Raises:
        Invalid: there are too many, or two paths differ only in case or in how a character is composed, so that one of
            them would overwrite the other on some of the disks they are downloaded to.
    """
    ordered = list(itertools.islice(files, FILES_LIMIT + 1))
    if len(ordered) > FILES_LIMIT:
        raise Invalid(
            f"There are more than {FILES_LIMIT:,} files at the source. Pack them into an archive, or register a "
            "smaller folder."
        )
    if not "".join([path for path, _, _ in ordered]).isascii():
        ordered = [file._replace(path=unicodedata.normalize("NFC", file.path)) for file in ordered]
    # Unicode text sorts by code point in Python, which is the order of its UTF-8 bytes.
    ordered.sort()
    if len({path.casefold() for path, _, _ in ordered}) < len(ordered):
        raise _twins(ordered)
    text = canonical(ordered)
    return Manifest(tuple(ordered), sum([size for _, _, size in ordered]), hashlib.sha256(text.encode()).hexdigest())


def _twins(files: list[ManifestFile]) -> Invalid:
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(file.path.casefold(), file.path)
        if other is not file.path:
            break
    return Invalid(
        f"The files '{other}' and '{file.path}' have names that some file systems cannot tell apart. "
        "Rename one of them and register again."
    )


def canonical(files: Iterable[ManifestFile]) -> str:
    """The text that is hashed: `sha256 SP size SP path LF` for each file."""
    return "".join([f"{digest} {size} {path}\n" for path, digest, size in files])


@dataclass(frozen=True, slots=True)
class Pin:
    """Which files a version is pinned to, as its row says: the manifest's id and digest, how many files, bytes."""

    manifest_id: int
    digest: str
    files: int
    size: int

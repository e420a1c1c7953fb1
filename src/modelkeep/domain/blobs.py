"""Blobs: stored bytes by digest, what can be wrong with them, and what they take up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["missing", "corrupt", "unreadable", "quarantined", "orphaned", "stray", "permissions"]


@dataclass(frozen=True, slots=True)
class Blob:
    """A row of the store: `size` bytes whose SHA-256 is `digest`."""

    digest: str
    size: int
    is_quarantined: bool = False


@dataclass(slots=True)
class Collected:
    """What a collection did: how many blobs it deleted, and the bytes that freed."""

    blobs: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in the store.

    Attributes:
        kind: `missing` (no file where one is needed), `corrupt` (wrong bytes), `unreadable` (the disk refuses),
            `quarantined` (known to be damaged and not mended), `orphaned` (a file that no row knows), `stray`
            (something that is no blob's file), `permissions` (others may read or change it).
        place: the digest, or the path inside the store for what has none.
        what: a sentence.
        needed_by: paths and versions that need the bytes, some of them when there are many.
        repaired: whether something was done about it.
    """

    kind: Kind
    place: str
    what: str
    needed_by: tuple[str, ...] = ()
    repaired: bool = False


@dataclass(slots=True)
class Progress:
    """How far an inspection is: blobs and bytes looked at, of how many there were when it began."""

    blobs: int = 0
    bytes: int = 0
    all_blobs: int = 0
    all_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What one registered model's pinned versions take up, deleted versions included: they can be restored.

    Attributes:
        bytes: of all their files, each digest once.
        shared_bytes: the part of it that other registered models refer to as well.
    """

    model_id: int
    name: str
    is_deleted: bool
    files: int
    bytes: int
    shared_bytes: int


@dataclass(slots=True)
class Usage:
    """What the store takes up, in bytes; every digest is counted once.

    Attributes:
        blobs, bytes: everything stored.
        pinned_bytes: what versions refer to.
        artifact_bytes: what only files of runs and logged models refer to.
        condemned_bytes: what nothing refers to, waiting to be deleted.
        quarantined_bytes: what is known to be damaged.
        models: the registered models that take up most.
    """

    blobs: int
    bytes: int
    pinned_bytes: int
    artifact_bytes: int
    condemned_bytes: int
    quarantined_bytes: int
    models: list[ModelUsage] = field(default_factory=list)

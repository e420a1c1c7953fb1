"""Backups: snapshots of a registry, and how a copy of files by digest went."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

FORMAT = 1
_NAME = re.compile(r"\d{1,19}-\d{8}T\d{9}Z")


@dataclass(slots=True)
class Snapshot:
    """What `snapshot.json` says of the database beside it.

    Attributes:
        format: of the file itself.
        position: of the newest event in it.
        schema: number of the database's schema.
        version: of the Modelkeep that made it.
        created_timestamp: when, in UTC milliseconds.
        database_digest: SHA-256 of the database file in hexadecimal.
        database_size: its bytes.
        files: how many files it refers to, each digest counted once.
        size: the bytes of those files.
        missing: digests of files that were not in the registry's store when it was made, and not in the backup before.
        damaged: as `missing`, of files whose bytes in the registry's store did not have their digest.
    """

    format: int
    position: int
    schema: int
    version: str
    created_timestamp: int
    database_digest: str
    database_size: int
    files: int
    size: int
    missing: list[str]
    damaged: list[str]

    @property
    def name(self) -> str:
        """The name of its folder: position and time."""
        moment = datetime.fromtimestamp(self.created_timestamp / 1000, UTC)
        return f"{self.position}-{moment:%Y%m%dT%H%M%S}{self.created_timestamp % 1000:03d}Z"


def is_snapshot_name(name: str) -> bool:
    """Whether a folder's name is that of a finished snapshot."""
    return _NAME.fullmatch(name) is not None


@dataclass(slots=True)
class Copy:
    """How copying files by digest went, so far or in the end.

    Attributes:
        expected_files: how many there are to copy or to find present, and `expected_bytes` in them.
        copied_files: how many were copied, and `copied_bytes` in them.
        present_files: how many were there already, and `present_bytes` in them.
        missing: digests that are not in the source.
        damaged: digests whose bytes in the source are others.
    """

    expected_files: int = 0
    expected_bytes: int = 0
    copied_files: int = 0
    copied_bytes: int = 0
    present_files: int = 0
    present_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing or damaged."""
        return not self.missing and not self.damaged

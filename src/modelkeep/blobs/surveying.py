"""Walking through a store's folder: every blob's file, and whatever else lies there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What stands beside the folders `00` to `ff`.
FOLDERS = ("incoming", "open", "quarantine")
SHARDS = tuple(f"{number:02x}" for number in range(256))
_REST_OF_DIGEST = re.compile(r"[0-9a-f]{62}")


@dataclass(frozen=True, slots=True)
class Stray:
    """Something that should not be as it is: its path inside the store, and what is wrong, as a sentence.

    Attributes:
        is_exposed: only its permissions are wrong.
    """

    path: str
    what: str
    is_exposed: bool = False


def strays_beside(folder: Path) -> Iterator[Stray]:
    """What is wrong with a store outside of the folders of its blobs."""
    yield from _exposed(folder, ".", folder)
    for entry in sorted(_scan(folder), key=lambda entry: entry.name):
        if entry.name not in FOLDERS and entry.name not in SHARDS:
            yield Stray(entry.name, f"{_kind(entry)} that does not belong into the store")
        elif not entry.is_dir(follow_symlinks=False):
            yield Stray(entry.name, f"{_kind(entry)} where a folder belongs")
        else:
            yield from _exposed(folder, entry.name, Path(entry.path))
            if entry.name in FOLDERS:
                for inner in _scan(Path(entry.path)):
                    if not inner.is_file(follow_symlinks=False):
                        path = f"{entry.name}/{inner.name}"
                        yield Stray(path, f"{_kind(inner)} that does not belong into the store")


def survey(folder: Path, shard: str) -> tuple[set[str], list[Stray]]:
    """The digests that have a file in one of SHARDS, and what else is there."""
    digests: set[str] = set()
    strays: list[Stray] = []
    place = folder / shard
    if place.is_symlink() or not place.is_dir():
        return digests, strays
    try:
        entries = _scan(place)
    except OSError as error:
        return digests, [Stray(shard, f"a folder that cannot be read ({error.strerror})")]
    for entry in entries:
        path = f"{shard}/{entry.name}"
        if not _REST_OF_DIGEST.fullmatch(entry.name):
            strays.append(Stray(path, f"{_kind(entry)} whose name is not the rest of a digest"))
        elif not entry.is_file(follow_symlinks=False):
            strays.append(Stray(path, f"{_kind(entry)} where a blob's file belongs"))
        else:
            digests.add(shard + entry.name)
            strays += _exposed(folder, path, Path(entry.path))
    return digests, strays


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a symbolic link"
    if entry.is_dir(follow_symlinks=False):
        return "a folder"
    return "a file" if entry.is_file(follow_symlinks=False) else "a special file"


def _exposed(folder: Path, path: str, place: Path) -> list[Stray]:
    try:
        mode = stat.S_IMODE(os.stat(place, follow_symlinks=False).st_mode)
    except FileNotFoundError:  # gone since it was listed
        return []
    return [Stray(path, f"its mode is {mode:04o}, so others than the owner may use it", True)] if mode & 0o077 else []

"""Sending files: hashed first, so that only bytes are sent that the registry does not have yet, several at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from modelkeep.client.calls import Progress, Transport
from modelkeep.client.progress import watching
from modelkeep.domain.artifacts import join
from modelkeep.domain.errors import Invalid, NotImplementedHere
from modelkeep.domain.uploads import LINKS_LIMIT

THREADS = 4
# Asking whether the bytes are there takes as long as sending them.
TINY_BYTES = 64 * 1024


@dataclass(slots=True)
class Outgoing:
    """A file on its way: `path` is where it will be, below the artifact root."""

    file: Path
    path: str
    digest: str
    size: int


def send_folder(transport: Transport, folder: Path, to: str) -> None:
    """Send everything in a folder.

    Raises:
        Invalid: there is no such folder.
    """
    if not folder.is_dir():
        raise Invalid(f"There is no folder '{folder}' to send. Give one that exists.")
    found: list[tuple[Path, str]] = []
    for name, _, files in os.walk(folder):
        inside = Path(name).relative_to(folder).as_posix()
        found += [(Path(name) / file, join(to, file if inside == "." else f"{inside}/{file}")) for file in files]
    send_files(transport, sorted(found))


def send_files(transport: Transport, files: list[tuple[Path, str]]) -> None:
    """Send files to their paths below the artifact root. Those that were sent before an error stay.

    Raises:
        Invalid: one does not exist, or a path is not allowed.
    """
    for file, _ in files:
        if not file.is_file():
            raise Invalid(f"There is no file '{file}' to send. Give one that exists.")
    with ThreadPoolExecutor(THREADS, thread_name_prefix="modelkeep-upload") as threads:
        outgoing = list(threads.map(_prepared, files)) if len(files) > 1 else [_prepared(each) for each in files]
        is_tiny = len(outgoing) == 1 and outgoing[0].size <= TINY_BYTES
        missing = outgoing if is_tiny else _link(transport, outgoing)
        # Equal files are sent once, and the others pointed at the same bytes.
        firsts = list({each.digest: each for each in reversed(missing)}.values())
        with watching("Sending", sum(each.size for each in firsts)) as progress:
            _send_all(threads, transport, firsts, progress)
        again = [each for each in missing if all(each is not first for first in firsts)]
        for each in _link(transport, again) if again else ():
            transport.send(each.path, each.file, each.digest, each.size, _unseen)


def _unseen(count: int) -> None:
    pass


def _prepared(given: tuple[Path, str]) -> Outgoing:
    file, path = given
    with file.open("rb", buffering=0) as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return Outgoing(file, path, digest, os.fstat(opened.fileno()).st_size)


def _link(transport: Transport, outgoing: list[Outgoing]) -> list[Outgoing]:
    """Point paths at bytes that the registry has, and return the files that have to be sent."""
    missing: list[Outgoing] = []
    for start in range(0, len(outgoing), LINKS_LIMIT):
        batch = outgoing[start : start + LINKS_LIMIT]
        files = [{"path": each.path, "digest": each.digest, "size": each.size} for each in batch]
        try:
            digests = set(transport.call("uploads.link", {"files": files}).missing)
        except NotImplementedHere:  # MLflow's own server
            return outgoing
        missing += [each for each in batch if each.digest in digests]
    return missing


def _send_all(
    threads: ThreadPoolExecutor, transport: Transport, outgoing: Iterable[Outgoing], progress: Progress
) -> None:
    def send(each: Outgoing) -> None:
        transport.send(each.path, each.file, each.digest, each.size, progress)

    files = list(outgoing)
    if len(files) == 1:
        send(files[0])
        return
    sending = [threads.submit(send, each) for each in files]
    try:
        for each in sending:
            each.result()
    finally:
        for each in sending:
            each.cancel()

"""Bringing files: what lies on this machine is sent from there, anything else fetched first; nothing is sent twice."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from modelkeep.client import uploads
from modelkeep.domain import imports
from modelkeep.domain.artifacts import check_path, join, root_of
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.importing import sources
from modelkeep.importing.reports import Problem
from modelkeep.importing.sources import Place, SourceFile

if TYPE_CHECKING:
    from modelkeep.importing.bringing import Brought

THREADS = 4
# Places are brought together up to this many files and bytes, so that small ones cost no call each.
MOST_FILES = 500
MOST_BYTES = 64 * 1024 * 1024
# In a place with more than this it is worth asking which files an interrupted import has brought already.
LARGE_BYTES = 8 * 1024 * 1024

Listed = tuple[Place, str, list[SourceFile], str]


def bring_files(brought: Brought, places: list[tuple[Place, str]], *, must_exist: bool = False) -> None:
    """Bring the files of places to their addresses here, unless they are as they were at the last import.

    Args:
        must_exist: say so when a place has no files.
    """
    known = brought.known[imports.FILES]
    waiting: list[Listed] = []
    count = size = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="modelkeep-import") as threads:
        for (place, root), listed in zip(
            places, threads.map(lambda each: _list(brought, each[0]), places), strict=True
        ):
            if isinstance(listed, NotFound):
                brought.report.problems.append(Problem("files", _key(place), f"No files came: {listed.message}"))
                continue
            if must_exist and not listed:
                brought.report.problems.append(Problem("files", _key(place), f"There are no files at '{place.uri}'."))
            mark = sources.fingerprint_of_files(listed)
            if not listed or known.get(_key(place)) == mark:
                continue
            waiting.append((place, root, listed, mark))
            count, size = count + len(listed), size + sum(file.size for file in listed)
            if count >= MOST_FILES or size >= MOST_BYTES:
                _bring(brought, threads, waiting)
                waiting, count, size = [], 0, 0
        if waiting:
            _bring(brought, threads, waiting)


def _key(place: Place) -> str:
    return f"{place.kind}/{place.id}"


def _list(brought: Brought, place: Place) -> list[SourceFile] | NotFound:
    try:
        return brought.source.files(place)
    except NotFound as error:
        return error


def _bring(brought: Brought, threads: ThreadPoolExecutor, listed: list[Listed]) -> None:
    marks = []
    with tempfile.TemporaryDirectory(prefix="modelkeep-import-") as folder:
        outgoing: list[tuple[Path, str]] = []
        fetching: list[tuple[Future[Problem | None], Path, str, Place]] = []
        for place, root, files, mark in listed:
            here = _here(brought, root, files)
            for file in files:
                to = _checked(brought, place, root, file)
                if to is None or here.get(to) == file.size:
                    continue
                if file.local is not None:
                    outgoing.append((file.local, to))
                else:
                    temporary = Path(folder) / str(len(fetching))
                    fetching.append((threads.submit(_fetch, brought, place, file, temporary), temporary, to, place))
            marks.append((place, mark, files))
        missing: set[str] = set()
        for future, temporary, to, place in fetching:
            problem = future.result()
            if problem is None:
                outgoing.append((temporary, to))
            else:
                missing.add(_key(place))
                brought.report.problems.append(problem)
        if outgoing:
            brought.tell(f"{len(outgoing):,} files")
            uploads.send_files(brought.target, outgoing)
    complete = [(place, mark, files) for place, mark, files in marks if _key(place) not in missing]
    for start in range(0, len(complete), imports.BATCH_LIMIT):
        noted = [
            {"id": _key(place), "fingerprint": mark} for place, mark, _ in complete[start : start + imports.BATCH_LIMIT]
        ]
        brought.call("imports.files", files=noted)
    brought.report.files += sum(len(files) for _, _, files in complete)
    brought.report.bytes += sum(file.size for _, _, files in complete for file in files)


def _checked(brought: Brought, place: Place, root: str, file: SourceFile) -> str | None:
    """The path of a file below our artifact root, None when it cannot have one."""
    folder = root_of(root)
    assert folder is not None
    path = join(folder, file.path)
    try:
        if check_path(path) == path:
            return path
        why = "'%' in it means something else here"
    except Invalid as error:
        why = error.message
    brought.report.problems.append(Problem("files", _key(place), f"The file '{file.path}' was left out: {why}"))
    return None


def _here(brought: Brought, root: str, files: list[SourceFile]) -> dict[str, int]:
    """The sizes of the files that are at a place here by now, if it is worth asking."""
    if all(file.local is not None for file in files) or sum(file.size for file in files) < LARGE_BYTES:
        return {}
    found: dict[str, int] = {}
    folders = [root_of(root) or ""]
    while folders:
        folder = folders.pop()
        for shape in brought.target.call("artifacts.list", {"path": folder}).files:
            path = join(folder, shape.path.rpartition("/")[2])
            if shape.is_dir:
                folders.append(path)
            else:
                found[path] = shape.file_size or 0
    return found


def _fetch(brought: Brought, place: Place, file: SourceFile, to: Path) -> Problem | None:
    try:
        brought.source.fetch(place, file, to)
    except NotFound as error:
        return Problem("files", _key(place), f"The file '{file.path}' is missing there: {error.message}")
    return None

"""The files of a run, a version or a logged model, as one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from modelkeep.domain import artifacts as paths
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.versions import Version
from modelkeep.registry import artifacts, runs, versions
from modelkeep.ui.visits import Visit

SHOWN_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class File:
    """A file: where it is below the root, its bytes, and the address to download it from."""

    folder: str
    name: str
    size: int | None
    link: str


@dataclass(slots=True)
class Tree:
    """Files below a root.

    Attributes:
        location: the root's address.
        here: whether this server keeps the files.
        cut: whether there are more than are listed.
    """

    location: str
    here: bool = True
    files: list[File] = field(default_factory=list)
    cut: bool = False

    @property
    def size(self) -> int:
        """Of all that are listed, in bytes."""
        return sum(file.size or 0 for file in self.files)


def below(visit: Visit, location: str, link: Callable[[str], str]) -> Tree:
    """The files below an address, each with the link that `link` makes of its path."""
    tree = Tree(location)
    try:
        root = paths.root_of(location)
    except Invalid:
        root = None
    if root is None:
        tree.here = False
        return tree
    folders = [root]
    start = len(root) + 1 if root else 0
    while folders and not tree.cut:
        folder = folders.pop()  # the deepest first: every folder has a file somewhere below it
        for entry in artifacts.list(visit.actor, visit.registry, folder).entries:
            path = paths.join(folder, entry.path)
            if entry.is_dir:
                folders.append(path)
            elif len(tree.files) == SHOWN_AT_MOST:
                tree.cut = True
                break
            else:
                shown = path[start:]
                above, slash, name = shown.rpartition("/")
                tree.files.append(File(above + slash, name, entry.file_size, link(shown)))
    tree.files.sort(key=lambda file: (file.folder, file.name))
    return tree


def of_version(visit: Visit, version: Version) -> Tree:
    """The files that a version stands for."""
    location = versions.download_location(visit.actor, visit.registry, version.name, version.number)
    shown = location
    if location.startswith("runs:/"):
        location = _in_run(visit, location.removeprefix("runs:/")) or location
    tree = below(visit, location, lambda path: visit.links.version_file(version.name, version.number, path))
    if not tree.here:
        tree.location = shown
    return tree


def _in_run(visit: Visit, address: str) -> str | None:
    """The address of a run's folder, None when the run is not known here."""
    run_id, _, folder = address.partition("/")
    try:
        uri = runs.get(visit.actor, visit.registry, run_id).artifact_uri
    except (Invalid, NotFound):
        return None
    return f"{uri}/{folder}"

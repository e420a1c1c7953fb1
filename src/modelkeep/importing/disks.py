"""Files of a source that lie on this machine: from an address to a path, and what is below it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from modelkeep.domain.errors import NotFound
from modelkeep.importing.sources import SourceFile, scheme_of

PROXIED = "mlflow-artifacts"


@dataclass(slots=True)
class Disk:
    """Where addresses lead on this machine.

    Attributes:
        base: the folder that relative paths start from.
        artifacts: the folder that is behind `mlflow-artifacts:/`, if it is known.
        moved: folders that are elsewhere now than addresses say, as when they were copied to this machine.
    """

    base: Path
    artifacts: Path | None
    moved: dict[Path, Path] = field(default_factory=dict)

    def learn(self, location: str | None, folder: Path) -> None:
        """Note that an experiment's files are not where its address says, but in a folder of that name inside another.

        Args:
            location: the experiment's address, which ends with a name of its own.
            folder: where to look for that name.
        """
        if location is None or scheme_of(location) != "file":
            return
        told = self.path(location)
        here = folder / told.name
        # Of this experiment alone: a deleted one is in a folder `.trash`, and those beside it are where they were.
        if told != here and here.is_dir():
            self.moved[told] = here

    def path(self, uri: str) -> Path:
        """Where an address leads.

        Raises:
            NotFound: nowhere on this machine, as far as is known.
        """
        scheme = scheme_of(uri)
        if scheme == PROXIED:
            if self.artifacts is None:
                raise NotFound(
                    f"'{uri}' is served from a folder that is not known. Name it with --artifacts, or import from the "
                    "server instead."
                )
            # A host may be named before the path.
            inside = re.sub(r"^//[^/]*", "", unquote(uri.removeprefix(f"{PROXIED}:"))).strip("/")
            if ".." in inside.split("/"):
                raise NotFound(f"'{uri}' leads out of the folder of artifacts.")
            return self.artifacts / inside
        if scheme != "file":
            raise NotFound(f"'{uri}' is not on this machine.")
        text = uri
        if uri.startswith("file:"):
            text = unquote(re.sub(r"^file:(//[^/]*)?", "", uri))
        path = self.base / text
        for before in (path, *path.parents):
            if before in self.moved:
                return self.moved[before] / path.relative_to(before)
        return path

    def files(self, uri: str) -> list[SourceFile]:
        """The files at an address.

        Raises:
            NotFound: there is nothing.
        """
        path = self.path(uri)
        if path.is_file():
            return [_file(path, path.name)]
        if not path.is_dir():
            raise NotFound(f"There is no '{path}' on this machine.")
        return below(path)


def below(folder: Path) -> list[SourceFile]:
    """The files below a folder, by path."""
    found = []
    for name, _, files in os.walk(folder):
        for file in files:
            path = Path(name) / file
            if path.is_file():
                found.append(_file(path, path.relative_to(folder).as_posix()))
    return sorted(found, key=lambda file: file.path)


def _file(path: Path, name: str) -> SourceFile:
    about = path.stat()
    return SourceFile(name, about.st_size, str(about.st_mtime_ns), path)

"""The git repository around a folder, read from its files (gitrepository-layout(5)), also in a worktree or a submodule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_BRANCHES = "refs/heads/"
# git-config(1): a section with a name of its own, and a value that may be in quotes.
_SECTION = re.compile(r'\[\s*(\w+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_URL = re.compile(r'\s*url\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^#;\n]*))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What is checked out.

    Attributes:
        branch: None where a commit is checked out by itself.
        url: of the first remote, without a user and a password.
    """

    commit: str
    branch: str | None
    url: str | None


def checkout(folder: Path) -> Checkout | None:
    """What is checked out in the repository around a folder; None when there is none or it has no commit."""
    try:
        place = _repository(folder.resolve())
        if place is None:
            return None
        common = place / "commondir"
        shared = (place / common.read_text().strip()).resolve() if common.is_file() else place
        head = (place / "HEAD").read_text().strip()
        name = head.removeprefix("ref: ") if head.startswith("ref: ") else None
        commit = head if name is None else _reference(place, shared, name)
        if not commit:
            return None
        is_branch = name is not None and name.startswith(_BRANCHES)
        return Checkout(commit, name.removeprefix(_BRANCHES) if name and is_branch else None, _url(shared / "config"))
    except (OSError, UnicodeDecodeError):
        return None


def _repository(folder: Path) -> Path | None:
    for each in (folder, *folder.parents):
        found = each / ".git"
        if found.is_dir():
            return found
        if found.is_file():
            target = found.read_text().strip().removeprefix("gitdir: ")
            return (each / target).resolve()
    return None


def _reference(place: Path, shared: Path, name: str) -> str | None:
    for folder in (place, shared):
        if (folder / name).is_file():
            return (folder / name).read_text().strip() or None
    packed = shared / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            commit, _, reference = line.partition(" ")
            if reference == name:
                return commit
    return None


def _url(config: Path) -> str | None:
    if not config.is_file():
        return None
    section = ""
    for line in config.read_text().splitlines():
        if found := _SECTION.match(line.strip()):
            section = found[1].lower() if found[2] is not None else ""
        elif section == "remote" and (url := _URL.match(line)):
            return _without_credentials((url[1] or url[2] or "").strip()) or None
    return None


def _without_credentials(url: str) -> str:
    """An address that may be shown: a remote can hold a token, as in `https://user:token@host/path`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if not parts.scheme or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

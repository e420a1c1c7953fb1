"""Where a run comes from: the tags that MLflow's clients set by themselves, found without starting a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from modelkeep.client import environment

USER_TAG = "mlflow.user"
SOURCE_NAME_TAG = "mlflow.source.name"
SOURCE_TYPE_TAG = "mlflow.source.type"
COMMIT_TAG = "mlflow.source.git.commit"


def tags() -> dict[str, str]:
    """The user, the program, and the git commit of the program's folder, as far as they are known."""
    known = environment.authorization()
    user = (known[0] if known else "") or user_name()
    name, kind, folder = _source()
    commit = None if folder is None else git_commit(folder)
    found = {USER_TAG: user, SOURCE_NAME_TAG: name, SOURCE_TYPE_TAG: kind}
    return found | ({COMMIT_TAG: commit} if commit else {})


def _source() -> tuple[str, str, Path | None]:
    """The program's name and kind, and the folder that its code is in."""
    name = (sys.argv[0] if sys.argv else "") or "<console>"
    if "ipykernel" in sys.modules:
        return os.environ.get("JPY_SESSION_NAME") or name, "NOTEBOOK", Path.cwd()
    if not os.path.isfile(name):
        return name, "LOCAL", None
    folder = Path(name).resolve().parent
    # A tool in an environment that lies in somebody's repository, such as pytest, is not that repository's code.
    return name, "LOCAL", None if folder.is_relative_to(sys.prefix) else folder


def user_name() -> str:
    """The name of the user of the operating system, or the number where there is no name."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if name := os.environ.get(variable):
            return name
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return f"user {os.getuid()}"


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out in the repository around a folder, None when there is none or it has no commit.

    Read from the repository's files (gitrepository-layout(5)), also in a worktree or a submodule.
    """
    try:
        place = _repository(folder.resolve())
        if place is None:
            return None
        head = (place / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head or None
        return _reference(place, head.removeprefix("ref: "))
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


def _reference(place: Path, name: str) -> str | None:
    common = place / "commondir"
    shared = (place / common.read_text().strip()).resolve() if common.is_file() else place
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

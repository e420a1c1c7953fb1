"""Where a run comes from: the tags that MLflow's clients set by themselves, found without starting a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from modelkeep.client import environment, repositories

USER_TAG = "mlflow.user"
SOURCE_NAME_TAG = "mlflow.source.name"
SOURCE_TYPE_TAG = "mlflow.source.type"
COMMIT_TAG = "mlflow.source.git.commit"
BRANCH_TAG = "mlflow.source.git.branch"
URL_TAG = "mlflow.source.git.repoURL"


def tags() -> dict[str, str]:
    """The user, the program, and what git has checked out in the program's folder, as far as they are known."""
    known = environment.authorization()
    user = (known[0] if known else "") or user_name()
    name, kind, folder = _source()
    found = {USER_TAG: user, SOURCE_NAME_TAG: name, SOURCE_TYPE_TAG: kind}
    git = None if folder is None else repositories.checkout(folder)
    if git is not None:
        of_git = {COMMIT_TAG: git.commit, BRANCH_TAG: git.branch, URL_TAG: git.url}
        found |= {tag: value for tag, value in of_git.items() if value}
    return found


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

"""A virtual environment for each client, with exactly the packages of its list."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LISTS = Path(__file__).parent / "clients"
FOLDER = ROOT / ".venv-compat"
# The oldest client's pins have wheels for these only.
PYTHONS = ((3, 11), (3, 12))


class EnvironmentFailed(RuntimeError):
    """A client could not be installed; the message says why."""


def releases() -> list[str]:
    """The clients that there are lists for, oldest first."""
    names = [file.stem for file in LISTS.glob("*.txt")]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def python_of(release: str) -> Path:
    """The Python of a client's environment, made when it is not there or its list has changed.

    Raises:
        EnvironmentFailed: pip did not install it, or this Python is not one that the pins are for.
    """
    pins = LISTS / f"{release}.txt"
    folder = FOLDER / release
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    if sys.version_info[:2] not in PYTHONS:
        known = " and ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        raise EnvironmentFailed(
            f"The clients' packages are pinned for Python {known}; this is {sys.version.split()[0]}. "
            "Run `make compat PYTHON=python3.11 VENV=.venv311`."
        )
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    # The list is complete, so nothing is resolved, and nothing that is newer comes in.
    _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(pins)])
    _run([str(python), "-m", "pip", "check"])
    stamp.write_text(digest)
    return python


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise EnvironmentFailed(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")

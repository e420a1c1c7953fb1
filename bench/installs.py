"""What installing takes: of ours into an empty environment, of MLflow in the one that this runs in."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Install:
    """What was installed, in MB of 10^6 bytes, with the bytecode that pip compiles."""

    megabytes: float
    distributions: int


def installed(extra: str) -> Install:
    """Build the wheel and install it, with an extra if one is named, where nothing is installed.

    Raises RuntimeError, with what pip said, when that does not work.
    """
    with tempfile.TemporaryDirectory(prefix="bench-install-") as temporary:
        folder = Path(temporary)
        # A copy: setuptools leaves folders behind, and takes what is in them the next time.
        shutil.copytree(ROOT / "src" / "modelkeep", folder / "source" / "src" / "modelkeep")
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / "source")
        _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "source")
        wheel = next(folder.glob("*.whl"))
        _run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
        pip = [sys.executable, "-m", "pip", "--python", folder / "venv" / "bin" / "python"]
        _run(
            *pip,
            "install",
            "--quiet",
            "--constraint",
            ROOT / "constraints.txt",
            f"{wheel}[{extra}]" if extra else wheel,
        )
        packages = next((folder / "venv" / "lib").glob("python3*")) / "site-packages"
        files = sum(file.lstat().st_size for file in packages.rglob("*") if not file.is_dir())
        return Install(files / 1e6, len(list(packages.glob("*.dist-info"))))


def _run(*command: object) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")


def present(name: str) -> Install:
    """What a distribution of this environment takes, with all that it needs."""
    found: dict[str, float] = {}
    waiting = [Requirement(name)]
    while waiting:
        wanted = waiting.pop()
        key = canonicalize_name(wanted.name)
        if key in found:
            continue
        try:
            have = distribution(wanted.name)
        except PackageNotFoundError:
            continue  # for another system
        places = (file.locate() for file in have.files or [])
        found[key] = sum(Path(place).stat().st_size for place in places if Path(place).is_file())
        needed = map(Requirement, have.requires or [])
        waiting += [each for each in needed if _applies(each, wanted.extras)]
    return Install(sum(found.values()) / 1e6, len(found))


def _applies(needed: Requirement, extras: set[str]) -> bool:
    return needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in (*extras, ""))

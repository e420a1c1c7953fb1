"""From the address of a model to a folder on this disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from modelkeep.domain.errors import Invalid
from modelkeep.flavors.errors import NotAModel

_REMOTE = ("models:/", "runs:/", "mlflow-artifacts:/")


@contextlib.contextmanager
def opened(
    uri: str | os.PathLike[str], dst_path: str | None = None, at: int | str | datetime | None = None
) -> Iterator[Path]:
    """The folder of a model, for as long as it is being loaded.

    Args:
        uri: a folder, `models:/…`, `runs:/…` or `mlflow-artifacts:/…`. The files of a registered version are checked
            against its manifest before they can be seen here.
        dst_path: keep what is downloaded in this folder.
        at: a moment, for the version that a stage or an alias named then; see `Client.target_at`.
    """
    folder, is_temporary = fetch(uri, dst_path, at)
    try:
        yield folder
    finally:
        # Code that came with the model may be imported at any time.
        if is_temporary and not any(Path(each).is_relative_to(_top(folder)) for each in sys.path):
            delete(folder)


def _as_of(address: str, at: int | str | datetime) -> str:
    """The address of the version that a stage or an alias named at a moment."""
    from modelkeep.client import active, addresses

    named = addresses.of_version(address)
    if named is None or named.number is not None or (named.alias is None and named.stage is None):
        raise Invalid(
            f"'{address}' names the same at any time: 'at' goes with models:/<name>@<alias> or models:/<name>/<stage>."
        )
    target = f"@{named.alias}" if named.alias is not None else str(named.stage)
    found = active.client().target_at(named.name, target, at)
    return f"models:/{found.name}/{found.version}"


def fetch(
    uri: str | os.PathLike[str], dst_path: str | None = None, at: int | str | datetime | None = None
) -> tuple[Path, bool]:
    """The folder of a model, and whether it is a copy that the caller deletes; the arguments as in `opened`."""
    address = os.fspath(uri) if at is None else _as_of(os.fspath(uri), at)
    if not address.startswith(_REMOTE):
        return _local(address), False
    from modelkeep.client import active

    if dst_path is not None:
        return active.client().download_uri(address, dst_path), False
    temporary = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        return active.client().download_uri(address, str(temporary)), True
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


_PREFIX = "modelkeep-model-"


def _top(folder: Path) -> Path:
    """The temporary folder that what was downloaded is in."""
    return next((each for each in (folder, *folder.parents) if each.name.startswith(_PREFIX)), folder)


def delete(folder: Path) -> None:
    """Delete a copy that `fetch` made."""
    shutil.rmtree(_top(folder), ignore_errors=True)


def _local(address: str) -> Path:
    scheme, colon, rest = address.partition(":")
    if colon and scheme == "file":
        from urllib.parse import unquote, urlsplit

        return _local(unquote(urlsplit(address).path))
    if colon and len(scheme) > 1 and rest.startswith("/") and not Path(address).exists():
        raise Invalid(
            f"'{address}' is not an address of a model: use a folder, models:/<name>/<version>, models:/<name>@<alias>, "
            "runs:/<run id>/<path> or mlflow-artifacts:/…."
        )
    folder = Path(address).expanduser()
    if not folder.is_dir():
        raise NotAModel(f"There is no folder '{folder}'. Give the folder that a model was saved in.")
    return folder


def inside(folder: Path, name: object) -> Path:
    """A file or folder of a model, by the path that its MLmodel file gives.

    Raises:
        NotAModel: the path leads out of the model's folder, or to nothing.
    """
    if not isinstance(name, str) or not name:
        raise NotAModel(f"The MLmodel file in '{folder}' does not say where the model's data is.")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise NotAModel(f"The MLmodel file in '{folder}' names '{name}', which is not in the model's folder.")
    if not path.exists():
        raise NotAModel(f"The model in '{folder}' has no '{name}', though its MLmodel file says so.")
    return path

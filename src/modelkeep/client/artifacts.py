"""Files of runs, logged models and versions, by the addresses that people write.

What moves files is imported when it is used: threads, digests and temporary folders take as long as the rest of the SDK.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from modelkeep.client import addresses, logged_models
from modelkeep.client.entities import FileInfo, LoggedModel, file_info
from modelkeep.client.versions import resolve
from modelkeep.domain.artifacts import join, root_of
from modelkeep.domain.errors import Invalid, NotImplementedHere

if TYPE_CHECKING:
    from modelkeep.client.client import Client


def log_artifact(client: Client, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
    """Send a file, or a folder with everything in it, to a folder of a run."""
    _send(client, _root_of_run(client, run_id), local_path, artifact_path)


def log_artifacts(client: Client, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
    """Send everything in a folder to a folder of a run."""
    _send_inside(client, _root_of_run(client, run_id), local_dir, artifact_path)


def log_model_artifact(client: Client, model_id: str, local_path: str, artifact_path: str | None = None) -> None:
    """Send a file, or a folder with everything in it, to a folder of a logged model."""
    _send(client, _root_of_logged_model(client, model_id), local_path, artifact_path)


def log_model_artifacts(client: Client, model_id: str, local_dir: str, artifact_path: str | None = None) -> None:
    """Send everything in a folder to a folder of a logged model."""
    _send_inside(client, _root_of_logged_model(client, model_id), local_dir, artifact_path)


def _send(client: Client, root: str, local_path: Any, artifact_path: str | None) -> None:
    from modelkeep.client import uploads

    path = Path(local_path)
    folder = join(root, artifact_path or "")
    if path.is_dir():
        uploads.send_folder(client.transport, path, join(folder, path.name))
    else:
        uploads.send_files(client.transport, [(path, join(folder, path.name))])


def _send_inside(client: Client, root: str, local_dir: Any, artifact_path: str | None) -> None:
    from modelkeep.client import uploads

    uploads.send_folder(client.transport, Path(local_dir), join(root, artifact_path or ""))


def _root_of_run(client: Client, run_id: str) -> str:
    return root(client.get_run(run_id).info.artifact_uri or "", f"run '{run_id}'")


def _root_of_logged_model(client: Client, model_id: str) -> str:
    return root(client.get_logged_model(model_id).artifact_location, f"logged model '{model_id}'")


def root(uri: str, owner: str) -> str:
    """The folder below the registry's artifact root that an address names.

    Raises:
        NotImplementedHere: the files are in another store.
    """
    found = root_of(uri)
    if found is None:
        raise NotImplementedHere(
            f"The files of {owner} are at '{uri}', which the registry does not pass on. Read and write them there; for "
            "MLflow's own server, start it with --serve-artifacts and make a new experiment."
        )
    return found


def log_text(client: Client, run_id: str, text: str, artifact_file: str) -> None:
    """Store a text as a file of a run."""
    with _new_file(client, run_id, artifact_file) as path:
        path.write_text(text, encoding="utf-8")


def log_dict(client: Client, run_id: str, dictionary: dict[str, Any], artifact_file: str) -> None:
    """Store a dict as a file of a run: as YAML when the name ends in `.yml` or `.yaml`, otherwise as JSON.

    The bytes are those that MLflow writes, so that the digest is the same.
    """
    with _new_file(client, run_id, artifact_file) as path:
        if path.suffix in (".yml", ".yaml"):
            import yaml

            path.write_text(yaml.dump(dictionary, indent=2, default_flow_style=False), encoding="utf-8")
        else:
            path.write_text(json.dumps(dictionary, indent=2, default=str), encoding="utf-8")


def log_figure(
    client: Client, run_id: str, figure: Any, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None
) -> None:
    """Store a figure as a file of a run: anything with `savefig`, or plotly's with `write_html` and `write_image`."""
    with _new_file(client, run_id, artifact_file) as path:
        if hasattr(figure, "savefig"):
            figure.savefig(path, **(save_kwargs or {}))
        elif path.suffix == ".html" and hasattr(figure, "write_html"):
            figure.write_html(path, **(save_kwargs or {"include_plotlyjs": "cdn", "auto_open": False}))
        elif hasattr(figure, "write_image"):
            figure.write_image(path, **(save_kwargs or {}))
        else:
            raise Invalid(
                f"A {type(figure).__name__} is not a figure: it has neither 'savefig' nor 'write_html' nor 'write_image'."
            )


def log_stream(client: Client, run_id: str, stream: IO[bytes], artifact_file: str) -> None:
    """Store what a binary stream has left as a file of a run."""
    with _new_file(client, run_id, artifact_file) as path, path.open("wb") as file:
        while chunk := stream.read(1024 * 1024):
            file.write(chunk)


@contextlib.contextmanager
def _new_file(client: Client, run_id: str, artifact_file: str) -> Iterator[Path]:
    """A file to be written, sent to a run's file of this path on leaving."""
    import tempfile

    folder, name = posixpath.split(artifact_file)
    if not name:
        raise Invalid(f"'{artifact_file}' names a folder. Name a file, as in 'plots/roc.png'.")
    with tempfile.TemporaryDirectory(prefix="modelkeep-") as temporary:
        path = Path(temporary) / name
        yield path
        log_artifact(client, run_id, str(path), folder or None)


# Reading ----------------------------------------------------------------------------------------------------


def list_artifacts(client: Client, run_id: str, path: str | None = None) -> list[FileInfo]:
    """What is directly in a folder of a run."""
    return [file_info(shape) for shape in client.call("artifacts.list_of_run", run_id=run_id, path=path).files]


def list_logged_model_artifacts(client: Client, model_id: str, path: str | None = None) -> list[FileInfo]:
    """What is directly in a folder of a logged model."""
    reply = client.call("artifacts.list_of_logged_model", model_id=model_id, artifact_directory_path=path)
    return [file_info(shape) for shape in reply.files]


def download_artifacts(client: Client, run_id: str, path: str, dst_path: str | None = None) -> str:
    """Copy a file or folder of a run to the local disk and return where it is.

    Args:
        dst_path: an existing folder; a new temporary one by default.
    """
    return str(download(client, addresses.OfRun(run_id, path), dst_path))


def download_uri(client: Client, uri: str, dst_path: str | None = None) -> Path:
    """Copy what an address names to the local disk and return where it is.

    The files of a registered version are checked against its manifest.

    Args:
        uri: `models:/…`, `runs:/…` or `mlflow-artifacts:/…`.
        dst_path: an existing folder; a new temporary one by default.
    Raises:
        NotFound: there is nothing at the address.
        DigestMismatch: the bytes are not those that the manifest names.
        Invalid: it is no such address.
    """
    from modelkeep.client import downloads

    named = addresses.of_version(uri) or addresses.of_run(uri)
    if named is not None:
        return download(client, named, dst_path)
    model_id = addresses.of_logged_model(uri)
    if model_id is not None:
        found = client.get_logged_model(model_id)
        return downloads.fetch(client.transport, _root(found), "", dst_path)
    if uri.startswith("mlflow-artifacts:"):
        return downloads.fetch(client.transport, root(uri, f"'{uri}'"), "", dst_path)
    raise Invalid(f"'{uri}' is not an address of files here: use models:/…, runs:/… or mlflow-artifacts:/….")


def _root(model: LoggedModel) -> str:
    return root(model.artifact_location, f"logged model '{model.model_id}'")


def download(
    client: Client, named: addresses.OfVersion | addresses.OfRun, dst_path: str | None = None, path: str = ""
) -> Path:
    """Copy a version's or a run's files to the local disk and return where they are.

    Args:
        path: a file or folder inside them.
    """
    from modelkeep.client import downloads

    if isinstance(named, addresses.OfVersion):
        return _download_version(client, resolve(client, named), dst_path, path)
    run = client.get_run(named.run_id)
    place = root(run.info.artifact_uri or "", f"run '{named.run_id}'")
    wanted = join(named.path, path)
    try:
        return downloads.fetch(client.transport, place, wanted, dst_path)
    except downloads.Missing:
        # Since MLflow 3 a model is written beside its run, and read under the run's address too.
        found = logged_models.find_of_run(client, named.run_id, wanted.partition("/")[0]) if wanted else None
        if found is None:
            raise
        return downloads.fetch(client.transport, _root(found), wanted.partition("/")[2], dst_path)


def _download_version(client: Client, version: Any, dst_path: str | None, path: str) -> Path:
    from modelkeep.client import downloads

    uri = client.get_model_version_download_uri(version.name, version.version)
    if uri.startswith("runs:/"):  # registered before its run was known here
        named = addresses.of_run(uri)
        assert named is not None
        return download(client, named, dst_path, path)
    place = root(uri, f"version {version.version} of '{version.name}'")
    if downloads.is_pinned(place):
        files = client.list_model_version_files(version.name, version.version)
        return downloads.fetch_pinned(client.transport, place, files, dst_path, path)
    return downloads.fetch(client.transport, place, path, dst_path)

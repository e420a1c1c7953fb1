"""Artifacts: files by path, stored once by digest. They are run data, so changing them records no event."""

from __future__ import annotations

from modelkeep.blobs.local import Upload
from modelkeep.domain import actors, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import (
    Artifact,
    Listing,
    check_folder,
    check_path,
    is_of_versions,
    join,
    not_found,
    of_version,
    root_of,
)
from modelkeep.domain.errors import Invalid, PermissionDenied, Unavailable
from modelkeep.domain.runs import check_id as check_run_id
from modelkeep.registry import blobs, versions
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import artifacts as rows
from modelkeep.storage import logged_models, manifests, runs
from modelkeep.storage.database import Transaction

# Between the two transactions of a store lie a rename and a sync: seconds on the slowest disk.
LEASE_MILLISECONDS = 15 * 60 * 1000


def store(actor: Actor, registry: Registry, path: str, upload: Upload) -> Artifact:
    """Keep a written upload as the file at a path, replacing what was there. The upload is over either way.

    Two transactions, because a lease protects nothing before it is committed: once it is, whoever collects unused
    blobs leaves this digest alone, so the bytes found or put in place are still there when the path points at them.
    The three steps are verbs of their own for callers that must not wait for a disk between them.

    Raises:
        Invalid: the path is not allowed, is a folder, or leads through a file.
        PermissionDenied: it is among the files of registered versions.
        OutOfSpace: the disk is full.
    """
    try:
        check_upload(actor, registry, path)
        upload.finish()
        lease = reserve(actor, registry, path, upload)
        upload.keep()
        return commit(actor, registry, path, upload, lease)
    finally:
        upload.abort()


def check_upload(actor: Actor, registry: Registry, path: str) -> str:
    """Raise what `store` would raise of itself, before any byte is sent; return the path as it will be stored."""
    actors.require(actor, "write", "artifacts")
    checked = _writable(check_path(path))
    Change(actor, registry)  # raises on a read-only registry
    with registry.database.read() as tx:
        _check_free(tx, checked)
    return checked


def _writable(path: str) -> str:
    """Return a checked path, unless it is among the files of registered versions."""
    if is_of_versions(path):
        raise PermissionDenied(
            f"'{path}' is among the files of registered versions, which never change. Log the file to a run and "
            "register a new version."
        )
    return path


def _check_free(tx: Transaction, path: str) -> None:
    if rows.is_folder(tx, path):
        raise Invalid(f"'{path}' is a folder, so no file can be stored there. Choose another name, or delete it first.")
    above = rows.file_above(tx, path)
    if above is not None:
        raise Invalid(f"'{above}' is a file, so '{path}' cannot be stored below it. Choose another name.")


def reserve(actor: Actor, registry: Registry, path: str, upload: Upload) -> int:
    """Lease the digest of a finished upload and return the lease; `upload.keep()` and `commit` follow.

    The blob's row comes before its file, so that no file is ever unknown to whoever collects unused ones.
    """
    actors.require(actor, "write", "artifacts")
    _writable(check_path(path))
    with Change(actor, registry) as change:
        rows.insert_blob(change.tx, upload.digest, upload.size, change.now)
        return rows.insert_lease(change.tx, upload.digest, change.now + LEASE_MILLISECONDS)


def commit(actor: Actor, registry: Registry, path: str, upload: Upload, lease: int) -> Artifact:
    """Point a path at a kept upload.

    Raises:
        Invalid: the path became a folder, or leads through a file now.
        Unavailable: the lease ran out.
    Events: blob.mended, when the bytes that were stored before were damaged
    """
    actors.require(actor, "write", "artifacts")
    checked = _writable(check_path(path))
    with Change(actor, registry) as change:
        artifact = Artifact(checked, upload.digest, upload.size, change.now)
        if not rows.delete_lease(change.tx, lease):
            raise Unavailable(f"Storing '{checked}' took too long, so it was given up. Send the file again.")
        _check_free(change.tx, checked)
        rows.upsert(change.tx, artifact)
        blobs.mend(change, artifact.digest)
        return artifact


def find(actor: Actor, registry: Registry, path: str) -> Artifact:
    """The file at a path.

    Raises:
        Invalid: the path is not allowed, or is a folder.
        NotFound: there is none.
    """
    actors.require(actor, "read", "artifacts")
    with registry.database.read() as tx:
        return _find(tx, check_path(path))


def _find(tx: Transaction, path: str) -> Artifact:
    place = of_version(path)
    if place is not None:
        found = manifests.find_file(tx, place.model_id, place.number, place.path)
        manifest_id = None if found else manifests.find_live(tx, place.model_id, place.number)
        is_folder = manifest_id is not None and (not place.path or manifests.is_folder(tx, manifest_id, place.path))
    else:
        found = rows.find(tx, path)
        is_folder = found is None and rows.is_folder(tx, path)
    if is_folder:
        raise Invalid(f"'{path}' is a folder, and only files can be downloaded. List it to see what is in it.")
    if found is None:
        raise not_found(path)
    return found


def find_of_run(actor: Actor, registry: Registry, run_id: str, path: str) -> Artifact:
    """The file at a path of a run.

    Raises:
        Invalid: the path is not allowed or is a folder, or the run's files are not kept here.
        NotFound: there is no such run or file.
    """
    actors.require(actor, "read", "artifacts")
    with registry.database.read() as tx:
        return _find(tx, _in_run(tx, run_id, check_path(path)))


def path_in_run(actor: Actor, registry: Registry, run_id: str, path: str) -> str:
    """The whole path of a run's file, which need not exist.

    Raises:
        Invalid: the path is not allowed, or the run's files are not kept here.
        NotFound: there is no such run.
    """
    actors.require(actor, "read", "artifacts")
    with registry.database.read() as tx:
        return _in_run(tx, run_id, check_path(path))


def _in_run(tx: Transaction, run_id: str, path: str) -> str:
    uri = runs.get(tx, check_run_id(run_id)).artifact_uri
    return check_path(join(_root(uri, f"run '{run_id}'"), path))


def _root(uri: str, owner: str) -> str:
    root = root_of(uri)
    if root is None:
        raise Invalid(f"The files of {owner} are at {uri}, which this server does not keep. Read them from there.")
    return root


def find_of_version(actor: Actor, registry: Registry, name: str, version: str | int, path: str) -> Artifact:
    """The file at a path of a model version.

    Raises:
        Invalid: the path is not allowed or is a folder, or the version's files are not kept here.
        NotFound: there is no such version or file.
    """
    checked = check_path(path)
    uri = versions.download_location(actor, registry, name, version)
    with registry.database.read() as tx:
        if uri.startswith("runs:/"):  # registered before its run was known here
            run_id, _, folder = uri.removeprefix("runs:/").partition("/")
            return _find(tx, _in_run(tx, run_id, join(check_folder(folder), checked)))
        root = _root(uri, f"version {version} of '{name}'")
        return _find(tx, check_path(join(root, checked)))


def find_of_logged_model(actor: Actor, registry: Registry, model_id: str, path: str) -> Artifact:
    """The file at a path of a logged model.

    Raises:
        Invalid: the path is not allowed or is a folder, or the logged model's files are not kept here.
        NotFound: there is no such logged model or file.
    """
    actors.require(actor, "read", "artifacts")
    checked = check_path(path, "artifact_file_path")
    with registry.database.read() as tx:
        uri = logged_models.get(tx, texts.required(model_id, "model_id")).artifact_location
        return _find(tx, check_path(join(_root(uri, f"logged model '{model_id}'"), checked)))


def list(actor: Actor, registry: Registry, path: str | None = None) -> Listing:
    """What is directly in a folder, by name; nothing for a file or a folder that does not exist, as in MLflow.

    Raises:
        Invalid: the path is not allowed.
    """
    actors.require(actor, "read", "artifacts")
    folder = check_folder(path)
    with registry.database.read() as tx:
        return _relative(tx, folder, folder)


def _relative(tx: Transaction, folder: str, start: str, root_uri: str | None = None) -> Listing:
    """The listing of a folder, its paths told from `start`."""
    place = of_version(folder)
    if place is None:
        entries = rows.children(tx, folder)
        skip = len(start) + 1 if start else 0
    else:
        manifest_id = manifests.find_live(tx, place.model_id, place.number)
        entries = [] if manifest_id is None else manifests.children(tx, manifest_id, place.path)
        inside = of_version(start)
        skip = len(inside.path) + 1 if inside is not None and inside.path else 0
    for entry in entries:
        entry.path = entry.path[skip:]
    return Listing(entries, root_uri)


def list_of_run(
    actor: Actor,
    registry: Registry,
    run_id: str | None = None,
    path: str | None = None,
    run_uuid: str | None = None,
    page_token: str | None = None,
) -> Listing:
    """What is directly in a folder of a run, by name, with paths from the run's root.

    Args:
        run_uuid: another name for `run_id`.
        page_token: none is ever given out, since a listing is whole.
    Raises:
        Invalid: the path is not allowed, or the run's files are not kept here.
        NotFound: there is no such run.
    """
    actors.require(actor, "read", "artifacts")
    folder = check_folder(path)
    run_id = check_run_id(run_id, run_uuid)
    if page_token:
        raise Invalid(
            f"Invalid page_token {str(page_token)[:100]!r}: a listing of artifacts has one page. Leave it out."
        )
    with registry.database.read() as tx:
        uri = runs.get(tx, run_id).artifact_uri
        root = _root(uri, f"run '{run_id}'")
        return _relative(tx, join(root, folder), root, uri)


def list_of_logged_model(
    actor: Actor, registry: Registry, model_id: str, artifact_directory_path: str | None = None
) -> Listing:
    """What is directly in a folder of a logged model, by name, with paths from the logged model's root.

    Raises:
        Invalid: the path is not allowed, or the logged model's files are not kept here.
        NotFound: there is no such logged model.
    """
    actors.require(actor, "read", "artifacts")
    folder = check_folder(artifact_directory_path, "artifact_directory_path")
    with registry.database.read() as tx:
        uri = logged_models.get(tx, texts.required(model_id, "model_id")).artifact_location
        root = _root(uri, f"logged model '{model_id}'")
        return _relative(tx, join(root, folder), root, uri)


def delete(actor: Actor, registry: Registry, path: str) -> None:
    """Delete a file, or a folder with everything in it; a missing one is no error, as in MLflow.

    Raises:
        Invalid: the path is not allowed, or is the root.
        PermissionDenied: it is among the files of registered versions.
    """
    actors.require(actor, "write", "artifacts")
    folder = check_folder(path)
    if not folder:
        raise Invalid("Invalid path '': the root of all files cannot be deleted. Name a file or a folder.")
    _writable(folder)
    with Change(actor, registry) as change:
        rows.delete(change.tx, folder)


def presign_upload(
    actor: Actor,
    registry: Registry,
    path: str,
    run_id: str | None = None,
    model_id: str | None = None,
    expiration: int | None = None,
) -> None:
    """Refuse to give out an address of an object store: the files of this server are sent through it.

    Raises:
        Invalid: always; what is wrong with the request itself comes first.
        NotFound: there is no such run or logged model.
    """
    actors.require(actor, "write", "artifacts")
    check_path(path)
    if bool(run_id) == bool(model_id):
        raise Invalid("Exactly one of run_id and model_id must be provided.")
    with registry.database.read() as tx:
        if run_id:
            uri = runs.get(tx, check_run_id(run_id)).artifact_uri
        else:
            uri = logged_models.get(tx, texts.required(model_id, "model_id")).artifact_location
    raise Invalid(f"Presigned upload is not supported for files at {uri}. {_presigned_advice(uri, 'PUT')}")


def presign_download(actor: Actor, registry: Registry, run_id: str, path: str, expiration: int | None = None) -> None:
    """Refuse to give out an address of an object store: the files of this server are sent through it.

    Args:
        expiration: seconds, 1 to 604,800.
    Raises:
        Invalid: always; what is wrong with the request itself comes first.
        NotFound: there is no such run.
    """
    actors.require(actor, "read", "artifacts")
    check_path(path)
    if expiration is not None and not 1 <= texts.integer(expiration, "expiration") <= 604_800:
        raise Invalid(f"expiration must be between 1 and 604800 seconds (got {expiration}).")
    with registry.database.read() as tx:
        uri = runs.get(tx, check_run_id(run_id)).artifact_uri
    raise Invalid(f"Presigned download is not supported for files at {uri}. {_presigned_advice(uri, 'GET')}")


def _presigned_advice(uri: str, method: str) -> str:
    if root_of(uri) is None:
        return "Use the credentials of that store."
    return f"Use {method} /api/2.0/mlflow-artifacts/artifacts/<path>."

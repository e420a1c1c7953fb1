"""Model versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelkeep.client import addresses
from modelkeep.client.entities import (
    Manifest,
    ModelVersion,
    PagedList,
    PinnedFile,
    RegisteredModel,
    model_version,
)
from modelkeep.client.values import tag_list, text, version_text
from modelkeep.domain.errors import AlreadyExists, Invalid, NotFound

if TYPE_CHECKING:
    from modelkeep.client.client import Client


def create(
    client: Client,
    name: str,
    source: str,
    run_id: str | None = None,
    tags: dict[str, Any] | None = None,
    run_link: str | None = None,
    description: str | None = None,
    await_creation_for: int = 300,
    model_id: str | None = None,
) -> ModelVersion:
    """Register the files at a source as the model's next version.

    Args:
        await_creation_for: not needed: a version is ready when it is made.
        model_id: of the logged model it comes from.
    Raises:
        NotFound: there is no such model, or what the source names does not exist.
        Invalid: the source is not allowed.
    """
    reply = client.call(
        "versions.register",
        name=name,
        source=source,
        run_id=run_id,
        tags=tag_list(tags),
        run_link=run_link,
        description=description,
        model_id=model_id,
    )
    return model_version(reply.model_version)


def get(client: Client, name: str, version: str | int) -> ModelVersion:
    """A model version; its number may be given as text or as a number.

    Raises:
        NotFound: there is none.
    """
    if type(version) is not str:
        version = version_text(version) or ""
    return model_version(client.transport.call("versions.get", {"name": name, "version": version}).model_version)


def update(client: Client, name: str, version: str | int, description: str | None = None) -> ModelVersion:
    """Replace a version's description; None erases it."""
    reply = client.call("versions.update", name=name, version=version_text(version), description=description)
    return model_version(reply.model_version)


def delete(client: Client, name: str, version: str | int) -> None:
    """Delete a version; its number is not used again. `restore_model_version` brings it back."""
    client.call("versions.delete", name=name, version=version_text(version))


def restore(client: Client, name: str, version: str | int) -> ModelVersion:
    """Bring back a deleted version, in stage None. MLflow has no such call."""
    return model_version(client.call("versions.restore", name=name, version=version_text(version)).model_version)


def transition(
    client: Client, name: str, version: str | int, stage: str, archive_existing_versions: bool = False
) -> ModelVersion:
    """Move a version to a stage.

    Args:
        archive_existing_versions: move every other version of that stage to Archived.
    """
    reply = client.call(
        "promotions.transition",
        name=name,
        version=version_text(version),
        stage=stage,
        archive_existing_versions=archive_existing_versions,
    )
    return model_version(reply.model_version)


def search(
    client: Client,
    filter_string: str | None = None,
    max_results: int = 10_000,
    order_by: list[str] | None = None,
    page_token: str | None = None,
) -> PagedList[ModelVersion]:
    """Versions that meet a filter, the last updated first."""
    reply = client.call(
        "versions.search",
        filter=filter_string or None,
        max_results=max_results,
        order_by=order_by,
        page_token=page_token,
    )
    return PagedList([model_version(shape) for shape in reply.model_versions], reply.next_page_token)


def get_download_uri(client: Client, name: str, version: str | int) -> str:
    """Where a version's files are."""
    return client.call("versions.download_location", name=name, version=version_text(version)).artifact_uri


def get_stages(client: Client, name: str, version: str | int) -> list[str]:
    """The stages that a version can be in."""
    return client.get_stages().stages


def set_tag(
    client: Client,
    name: str,
    version: str | int | None = None,
    key: str | None = None,
    value: Any = None,
    stage: str | None = None,
) -> None:
    """Set a tag of a version, named by its number or as the newest of a stage."""
    number = _number(client, name, version, stage)
    client.call("versions.set_tag", name=name, version=number, key=key, value=None if value is None else text(value))


def delete_tag(
    client: Client, name: str, version: str | int | None = None, key: str | None = None, stage: str | None = None
) -> None:
    """Delete a tag of a version, named by its number or as the newest of a stage; a missing tag is no error."""
    client.call("versions.delete_tag", name=name, version=_number(client, name, version, stage), key=key)


def _number(client: Client, name: str, version: str | int | None, stage: str | None) -> str | None:
    if (version is None) == (stage is None):
        raise Invalid("Give either the version or the stage of the model version, and not both.")
    if stage is None:
        return version_text(version)
    found = client.get_latest_versions(name, [stage])
    if not found:
        raise NotFound(f"Registered model '{name}' has no version in stage {stage}.")
    return found[0].version


def copy(client: Client, src_model_uri: str, dst_name: str) -> ModelVersion:
    """Register a version's files as the next version of another model, which is created when it does not exist.

    Args:
        src_model_uri: `models:/<name>/<version>`, or with a stage or an alias.
    """
    named = addresses.of_version(src_model_uri)
    if named is None:
        raise Invalid(f"Unsupported source model URI: '{src_model_uri}'. Write it as 'models:/<name>/<version>'.")
    found = resolve(client, named)
    ensure_model(client, dst_name)
    reply = client.call(
        "versions.register",
        name=dst_name,
        source=f"models:/{found.name}/{found.version}",
        run_id=found.run_id,
        tags=tag_list(found.tags),
        description=found.description,
    )
    return model_version(reply.model_version)


def ensure_model(client: Client, name: str) -> RegisteredModel | None:
    """Create a registered model unless it is there already; the new one, or None."""
    try:
        return client.create_registered_model(name)
    except AlreadyExists:
        return None


def resolve(client: Client, named: addresses.OfVersion) -> ModelVersion:
    """The version that an address names now.

    Raises:
        NotFound: it names none.
    """
    if named.alias is not None:
        if named.alias.lower() != "latest":
            return client.get_model_version_by_alias(named.name, named.alias)
        return _newest(client, named)
    if named.number is not None:
        return client.get_model_version(named.name, named.number)
    return _newest(client, named)


def _newest(client: Client, named: addresses.OfVersion) -> ModelVersion:
    found = client.get_latest_versions(named.name, [named.stage] if named.stage else None)
    if not found:
        where = f" in stage {named.stage}" if named.stage else ""
        raise NotFound(f"Registered model '{named.name}' has no version{where}.")
    return max(found, key=lambda each: int(each.version))


def manifest(client: Client, name: str, version: str | int) -> Manifest:
    """The files a version is pinned to, as one text and its digest. MLflow has no such call."""
    shape = client.call("manifests.get", name=name, version=version_text(version)).manifest
    return Manifest(shape.digest, shape.file_count, shape.size, shape.text)


def files(client: Client, name: str, version: str | int) -> list[PinnedFile]:
    """The files a version is pinned to, by path. MLflow has no such call."""
    found: list[PinnedFile] = []
    token: str | None = None
    while True:
        reply = client.call("manifests.files", name=name, version=version_text(version), page_token=token)
        found += [PinnedFile(shape.path, shape.digest, shape.size or 0) for shape in reply.files]
        token = reply.next_page_token
        if not token:
            return found


def pin(client: Client, name: str, version: str | int) -> ModelVersion:
    """Pin a version that was registered before its files arrived. MLflow has no such call."""
    return model_version(client.call("manifests.pin", name=name, version=version_text(version)).model_version)

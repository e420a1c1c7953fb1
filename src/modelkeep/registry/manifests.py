"""Manifests: pinning a version to its files, and telling what they are.

A pinned version has an address of its own, below which its files can be read and nothing can be written: whatever
happens to the run or the logged model they came from changes nothing there.
"""

from __future__ import annotations

from modelkeep.domain import actors, manifests, names, pages, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import root_of, version_location
from modelkeep.domain.errors import Conflict, Gone, Invalid, NotFound
from modelkeep.domain.manifests import FILES_LIMIT, Found, Manifest, ManifestFile, Pin
from modelkeep.domain.paging import Page
from modelkeep.domain.versions import Version
from modelkeep.registry import carrying, evidence, sources
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.registry.sources import Resolved
from modelkeep.storage import artifacts
from modelkeep.storage import manifests as rows
from modelkeep.storage import versions as version_rows
from modelkeep.storage.database import Transaction

PAGE_LIMIT = 1000


def fix(change: Change, resolved: Resolved) -> tuple[Pin, bool] | None:
    """Keep the manifest of what a source names, and say whether that is a single file; None when no files are there.

    Raises:
        Invalid: there are too many files, or two of them cannot be told apart everywhere.
        Gone: the bytes of one of them are damaged.
    """
    if resolved.pin is not None:
        return resolved.pin, resolved.is_file
    found = resolved.found or _find(change, resolved.location)
    if found is None:
        return None
    if found.damaged is not None:
        raise Gone(
            f"The bytes of '{found.damaged}' at the source are damaged in the store, so no version can be made of them. "
            "Upload the file again."
        )
    return rows.keep(change.tx, manifests.build(found.files), change.now), found.is_file


def _find(change: Change, location: str | None) -> Found | None:
    root = None if location is None else root_of(location)
    return artifacts.under(change.tx, root, FILES_LIMIT + 1) if root else None


def location_of(change: Change, owner: int, number: int, pin: Pin, is_file: bool) -> str:
    """The address of a pinned version's files: its own folder, or the one file in it."""
    folder = version_location(owner, number)
    return f"{folder}/{rows.files(change.tx, pin.manifest_id)[0].path}" if is_file else folder


def pin(actor: Actor, registry: Registry, name: str, version: str | int) -> Version:
    """Pin a version that was registered before its files arrived to what is at its source now. It works once.

    The metrics that its run has now are kept as evidence, as when a version with files is registered.

    Raises:
        Invalid: there are no files at its source here, or they are not fit for a manifest.
        NotFound: there is no such version, or what its source names is gone.
        Conflict: it is pinned already, or holds a target that a policy guards.
        Gone: the bytes of a file are damaged.
    Events: version.pinned
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    with Change(actor, registry) as change:
        found = version_rows.get(change.tx, name, number)
        if rows.find_pin(change.tx, found.model_id, number) is not None:
            raise Conflict(
                f"Version {number} of '{name}' is pinned already, and a pinned version never changes. "
                "Register a new version for other files."
            )
        carrying.check_pin(change, found)
        resolved = sources.resolve(
            change.tx, found.source, found.run_id, found.logged_model_id, is_prompt=version_rows.is_prompt(found)
        )
        fixed = fix(change, resolved)
        if fixed is None:
            raise Invalid(
                f"There are no files of version {number} of '{name}' here: its source is '{found.source}'. Log them to "
                "that place first. Files in another store cannot be pinned."
            )
        location = location_of(change, found.model_id, number, *fixed)
        version_rows.pin(change.tx, found.model_id, number, change.now, fixed[0].manifest_id, location)
        change.record(
            "version.pinned",
            found.model_id,
            model=name,
            version=number,
            storage_location=location,
            evidence=evidence.of_run(change, resolved, fixed[0], found.run_id),
            **about(fixed[0]),
        )
        return version_rows.get(change.tx, name, number)


def about(pin: Pin | None) -> dict[str, str | int | None]:
    """What an event says of the files a version is pinned to."""
    if pin is None:
        return {"digest": None, "files": None, "size": None}
    return {"digest": pin.digest, "files": pin.files, "size": pin.size}


def get(actor: Actor, registry: Registry, name: str, version: str | int) -> Manifest:
    """The manifest of a pinned version, whole.

    Raises:
        NotFound: there is no such version, or it is not pinned.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    with registry.database.read() as tx:
        pin = _pin(tx, name, number)
        return Manifest(tuple(rows.files(tx, pin.manifest_id)), pin.size, pin.digest)


def find_pin(actor: Actor, registry: Registry, version: Version) -> Pin | None:
    """What a version is pinned to, None when it is not."""
    actors.require(actor, "read", f"registered model '{version.name}'")
    with registry.database.read() as tx:
        return rows.find_pin(tx, version.model_id, version.number)


def _pin(tx: Transaction, name: str, number: int) -> Pin:
    pin = rows.find_pin(tx, version_rows.get_owner(tx, name, number), number)
    if pin is None:
        raise NotFound(
            f"Version {number} of '{name}' is not pinned: no files were at its source when it was registered. "
            "POST /api/2.0/modelkeep/versions/pin pins it to what is there now."
        )
    return pin


def files(
    actor: Actor,
    registry: Registry,
    name: str,
    version: str | int,
    max_results: int | None = None,
    page_token: str | None = None,
) -> Page[ManifestFile]:
    """The files of a pinned version by path.

    Args:
        max_results: 1 to 1,000, which is the default.
    Raises:
        Invalid: the page size or token is wrong.
        NotFound: there is no such version, or it is not pinned.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    size = PAGE_LIMIT if max_results is None else texts.integer(max_results, "max_results", 1, PAGE_LIMIT)
    with registry.database.read() as tx:
        pin = _pin(tx, name, number)
        binding = pages.bind("manifest", pin.digest)
        found = rows.files(tx, pin.manifest_id, pages.place(page_token, binding, ""), size + 1)
    if len(found) <= size:
        return Page(found)
    return Page(found[:size], pages.encode([found[size - 1].path], binding))
